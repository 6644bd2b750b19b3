//! What the history tells of letters, of attempts and of those who were turned away.

use queue::history::{Chunks, Entry, Event, Part};
use spool::RecipientOutcome;

use super::receive::{connect, converse, listening};
use super::relay::{BYE, ONE, PIPELINED};
use super::world::{Scene, options, play};

/// All entries, one line each: what was done, as far as a clock has no part in it.
fn told(scene: &Scene) -> Vec<String> {
    let all = scene.history.all();
    all.iter().map(|octets| line(&Entry::decode(octets).unwrap().unwrap())).collect()
}

fn line(entry: &Entry<'_>) -> String {
    match &entry.event {
        Event::Accepted(accepted) => {
            let stored = queue::Stored::decode(&accepted.envelope).unwrap();
            format!("accepted from {} for {}", stored.reverse_path, stored.recipients.len())
        }
        Event::Refused(refused) => {
            let (step, reply) = (&refused.step, &refused.reply);
            let path = refused.recipient.as_ref().or(refused.from.as_ref());
            let reason = refused.reason.as_deref().unwrap_or("no reason");
            format!("refused {step} {}: {reply}; {reason}", path.map_or("-", |path| path))
        }
        Event::Attempted(attempted) => {
            let count =
                |wanted| attempted.results.iter().filter(|result| result.outcome == wanted).count();
            let (done, failed) =
                (count(RecipientOutcome::Delivered), count(RecipientOutcome::Failed));
            let (attempt, queue) = (attempted.attempt, &attempted.queue);
            let deferred = count(RecipientOutcome::Deferred);
            format!("attempt {attempt} by {queue}: {done} done, {failed} failed, {deferred} wait")
        }
        Event::Reported(reported) => format!("reported {} to {}", reported.kind, reported.to),
        other => format!("{other:?}"),
    }
}

/// Every line of the dialogue of the first attempt that has one.
fn dialogue(scene: &Scene) -> Vec<String> {
    let dialogue = scene.history.all().iter().find_map(|octets| {
        match Entry::decode(octets).unwrap().unwrap().event {
            Event::Attempted(attempted) if !attempted.dialogue.is_empty() => {
                Some(attempted.dialogue.into_owned())
            }
            _ => None,
        }
    });
    let mut lines = Vec::new();
    for chunk in Chunks::over(&dialogue.unwrap_or_default()) {
        let chunk = chunk.unwrap();
        let mark = match chunk.part {
            Part::Ours => ">",
            Part::Theirs => "<",
            Part::Names => "dns",
            Part::Done => "-",
            Part::Content => {
                lines.push(format!("{} octets", chunk.count));
                continue;
            }
            Part::LeftOut => panic!("it is short"),
        };
        let text = String::from_utf8_lossy(chunk.octets).into_owned();
        lines.extend(text.lines().map(|line| format!("{mark} {line}")));
    }
    lines
}

#[test]
fn a_letter_that_is_put_off_and_returned() {
    play(async {
        let scene = Scene::started();
        scene.zone.exchangers("far.example", &["192.0.2.1"]);
        let end = "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 450 4.2.1 busy\nS: 503 no\nC: RSET\nS: 250 ok";
        scene.net.peer("192.0.2.1", &[PIPELINED, end, BYE].join("\n"));
        scene.net.peer("192.0.2.1", &[PIPELINED, ONE, BYE].join("\n"));
        scene
            .letter("ada@here.example", &["x@far.example"], "Subject: x\r\n\r\nhello\r\n")
            .await
            .unwrap();
        scene.pass(3600).await;
        let wanted = [
            "accepted from <ada@here.example> for 1",
            "attempt 1 by mx:far.example: 0 done, 0 failed, 1 wait",
            "attempt 2 by mx:far.example: 1 done, 0 failed, 0 wait",
        ];
        assert_eq!(told(&scene), wanted);
        let lines = dialogue(&scene);
        let wanted = [
            "dns MX far.example: 10 mx1.far.example",
            "dns A mx1.far.example: 192.0.2.1",
            "- connecting to mx1.far.example [192.0.2.1]",
            "< 220 mx ESMTP",
            "> EHLO here.example",
            "> MAIL FROM:<ada@here.example>",
            "> RCPT TO:<x@far.example>",
            "< 450 4.2.1 busy",
        ];
        for line in wanted {
            assert!(lines.iter().any(|had| had.starts_with(line)), "{line} in {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.contains("hello")), "{lines:#?}");
    });
}

#[test]
fn a_letter_that_fails_for_good() {
    play(async {
        let scene = Scene::started();
        let to = ["y@gone.example", "bob@here.example"];
        scene.letter("ada@here.example", &to, "Subject: x\r\n\r\nhello\r\n").await.unwrap();
        scene.pass(60).await;
        let mut had = told(&scene);
        had.sort();
        let wanted = [
            "accepted from <> for 1",
            "accepted from <ada@here.example> for 2",
            "attempt 1 by local: 1 done, 0 failed, 0 wait",
            "attempt 1 by local: 1 done, 0 failed, 0 wait",
            "attempt 1 by mx:gone.example: 0 done, 1 failed, 0 wait",
            "reported failed to <ada@here.example>",
        ];
        assert_eq!(had, wanted);
    });
}

/// What is refused is told with its reason, also what the session refuses by itself, and once only.
#[test]
fn mail_that_is_turned_away() {
    play(async {
        let (scene, sender) = listening(options());
        let mut client = connect(&sender).await;
        converse(
            "refusals",
            "S: 220
             C: EHLO you.example
             S: 250
             C: MAIL FROM:<eve@you.example>
             S: 250
             C: RCPT TO:<x@far.example>
             S: 550
             C: RCPT TO:<nobody@here.example>
             S: 550
             C: MAIL
             S: 50
             C: QUIT
             S: 221",
            &scene,
            &mut client,
        )
        .await;
        let had = told(&scene);
        assert_eq!(had.len(), 3, "{had:#?}");
        assert!(had[0].starts_with("refused RCPT <x@far.example>: 550 5.7.1"), "{had:#?}");
        assert!(had[1].starts_with("refused RCPT <nobody@here.example>: 550 5.1.1"), "{had:#?}");
        assert!(had[2].starts_with("refused command"), "{had:#?}");
        assert!(!had[1].contains("no reason"), "{had:#?}");
    });
}
