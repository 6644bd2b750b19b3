//! Aliases and lists on their way through the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use queue::access::Forwarding;
use queue::expansion::{Aliases, Answer, ForwardFile};

use super::world::{Scene, options, play};
use crate::doors::{Doing, Forwards};
use crate::{Options, Refusal};

/// What users say in their `.forward`.
#[derive(Clone, Default)]
struct FixedForwards(Arc<Mutex<BTreeMap<String, Answer>>>);

impl Forwards for FixedForwards {
    fn read<'a>(&'a self, user: &'a str) -> Doing<'a, Answer> {
        let answer = self.0.lock().get(user).cloned().unwrap_or(Answer::Nothing);
        Box::pin(async move { answer })
    }
}

const LETTER: &str = "Subject: x\r\n\r\nhello\r\n";

fn with(aliases: &str) -> Options {
    let read = Aliases::parse(aliases, "aliases", &mut |_| Err("none".to_owned())).unwrap();
    let mut options = options();
    options.access.aliases = Arc::new(read);
    options
}

/// The members of a list get the letter from the list's owner, with nothing else changed; those of an
/// alias from its author. Failures of members go to the owner, not to the author.
///
/// Register: 5321-3.9-b, 5321-3.9-c, 5321-3.9.1-a, 5321-3.9.2-a, 3461-5.2.7.1-c.
#[test]
fn members_get_it_under_the_right_sender() {
    play(async {
        let aliases = "staff: bob, eve\nlist: ada, eve, gone\nowner-list: bob\n";
        let scene = Scene::new(with(aliases));
        scene.engine.start();
        let to = ["staff@here.example", "list@here.example"];
        scene.letter("ada@here.example", &to, LETTER).await.unwrap();
        scene.pass(60).await;
        let senders = |user: &str| -> Vec<String> {
            let first = |letter: &String| letter.lines().next().unwrap().to_owned();
            scene.boxes.of(user).iter().map(first).collect()
        };
        let (author, owner) =
            ("Return-Path: <ada@here.example>", "Return-Path: <owner-list@here.example>");
        assert_eq!(senders("eve"), [author, owner]);
        assert_eq!(senders("ada"), [owner]);
        // Bob gets his copy, and the report about the member that is no mailbox.
        assert_eq!(senders("bob"), [author, "Return-Path: <>"]);
        assert!(scene.boxes.of("bob")[1].contains("Final-Recipient: rfc822; gone@here.example"));
        for letter in scene.boxes.of("eve") {
            assert!(letter.ends_with(LETTER), "{letter}");
        }
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// Register: 5321-4.1.1.4-h.
#[test]
fn an_alias_that_leads_nowhere_is_told_in_the_session() {
    play(async {
        let mut bomb = "a: b\nb: a\n".to_owned();
        for level in 0..25 {
            bomb.push_str(&format!("l{level}: l{}\n", level + 1));
        }
        let scene = Scene::new(with(&bomb));
        scene.engine.start();
        for (to, code) in [("a@here.example", "5.4.6"), ("l0@here.example", "5.2.4")] {
            let to = ["eve@here.example", to];
            let refused = scene.letter("ada@here.example", &to, LETTER).await;
            // The loop alone leaves nobody; with others beside it they get the letter.
            match (refused, code) {
                (Ok(_), "5.4.6") => {}
                (Err(Refusal::Refused(reply)), "5.2.4") => {
                    assert_eq!(reply.status().unwrap().to_string(), code);
                }
                (other, _) => panic!("{to:?}: {other:?}"),
            }
        }
        let alone = scene.letter("ada@here.example", &["b@here.example"], LETTER).await;
        let Err(Refusal::Refused(reply)) = alone else { panic!("{alone:?}") };
        assert_eq!(reply.status().unwrap().to_string(), "5.4.6");
        scene.pass(60).await;
        assert_eq!(scene.boxes.of("eve").len(), 1);
        // Who was left out beside eve is told of.
        let report = &scene.boxes.of("ada")[0];
        assert!(report.contains("Final-Recipient: rfc822; a@here.example"), "{report}");
        assert!(report.contains("Status: 5.4.6"), "{report}");
        assert_eq!(scene.queue().await.len(), 0);
    });
}

/// The letter goes where a `.forward` says, with the mark of the address it leaves by; when it comes
/// back it stays. A disk that fails costs nothing but time.
#[test]
fn a_forward_is_followed_once() {
    play(async {
        let mut options = with("");
        options.access.forwarding = Some(Forwarding::default());
        let files = FixedForwards::default();
        let say = |answer| files.0.lock().insert("bob".to_owned(), answer);
        let text = "\\bob, eve\n".to_owned();
        let file = ForwardFile { file: "/home/bob/.forward".into(), text };
        say(Answer::Forward(file));
        let scene = Scene::with_world(options, |world| world.forwards = Arc::new(files.clone()));
        scene.engine.start();
        scene.letter("ada@here.example", &["bob@here.example"], LETTER).await.unwrap();
        scene.pass(10).await;
        assert_eq!((scene.boxes.of("bob").len(), scene.boxes.of("eve").len()), (1, 1));
        let back = format!("Delivered-To: bob@here.example\r\n{LETTER}");
        scene.letter("ada@here.example", &["bob@here.example"], &back).await.unwrap();
        scene.pass(10).await;
        assert_eq!((scene.boxes.of("bob").len(), scene.boxes.of("eve").len()), (2, 1));
        say(Answer::NotNow { why: "the disk fails".to_owned() });
        let refused = scene.letter("ada@here.example", &["bob@here.example"], LETTER).await;
        let Err(Refusal::Refused(reply)) = refused else { panic!("{refused:?}") };
        assert_eq!(reply.status().unwrap().to_string(), "4.4.3");
        say(Answer::Unsafe { file: "f".into(), why: "others can write it".to_owned() });
        scene.letter("ada@here.example", &["bob@here.example"], LETTER).await.unwrap();
        scene.pass(10).await;
        assert_eq!((scene.boxes.of("bob").len(), scene.boxes.of("eve").len()), (3, 1));
        assert_eq!(scene.queue().await.len(), 0);
    });
}
