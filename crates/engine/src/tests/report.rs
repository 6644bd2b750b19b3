//! Reports: to whom, how many, with what of the original.

use super::relay::{BYE, PIPELINED};
use super::world::{Scene, play};

const FIRST: &str = "192.0.2.1";
const LETTER: &str = "Subject: the original\r\n\r\nits body\r\n";
const REFUSE_TWO: &str = "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no
    S: 550 5.7.1 nor you\nS: 554 no recipients\nC: RSET\nS: 250 ok";

fn far() -> Scene {
    let scene = Scene::started();
    scene.zone.exchangers("far.example", &[FIRST]);
    scene
}

async fn refused(scene: &Scene, from: &str, content: &str) {
    scene.net.peer(FIRST, &[PIPELINED, REFUSE_TWO, BYE].join("\n"));
    scene.letter(from, &["x@far.example", "y@far.example"], content).await.unwrap();
    scene.pass(60).await;
    scene.check_scripts("refused");
    assert_eq!(scene.queue().await.len(), 0);
}

/// Register: 5321-6.1-b, 5321-6.1-c, 5321-6.1-d, 5321-3.6.3-d, 5321-3.6.3-f, 3464-2.2.2-b,
/// 1123-5.3.3-b, 3461-5.2.2-g.
#[test]
fn one_report_for_all_that_failed_together() {
    play(async {
        let scene = far();
        refused(&scene, "ada@here.example", LETTER).await;
        let reports = scene.boxes.of("ada");
        assert_eq!(reports.len(), 1);
        let report = &reports[0];
        assert!(report.starts_with("Return-Path: <>\r\n"), "{report}");
        for part in [
            "rfc822; x@far.example",
            "Status: 5.1.1",
            "Status: 5.7.1",
            "its body",
            "Reporting-MTA: dns; here.example",
            "Remote-MTA: dns; mx1.far.example",
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
    });
}

/// It goes to the reverse-path, without the route that stood before it, whoever the header names; its
/// own reverse-path is null, and nothing of it asks for a report in turn.
///
/// Register: 5321-4.4-s, 5321-4.4-x, 5321-6.1-f, 5321-C-e, 1123-5.3.3-c, 1123-5.3.3-e, 3461-6.1-a,
/// 3461-6.1-b, 3461-6.1-c, 3461-6.1-d, 3464-2-d, 3464-2-e, 3464-2-f.
#[test]
fn to_the_reverse_path_from_nobody() {
    play(async {
        let scene = far();
        scene.zone.exchangers("home.example", &["192.0.2.9"]);
        let dsn = PIPELINED.replace("PIPELINING", "DSN");
        let one = "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<Ann@home.example>\nS: 250 ok\nC: DATA
            S: 354 go\nC: .\nS: 250 taken";
        scene.net.peer("192.0.2.9", &[&dsn, one, BYE].join("\n"));
        let names = ["From", "Sender", "Reply-To", "Errors-To", "Return-Path", "Resent-From"];
        let header: String = names.map(|name| format!("{name}: eve@here.example\r\n")).concat();
        let letter = format!("{header}{LETTER}");
        refused(&scene, "@one.example,@two.example:Ann@home.example", &letter).await;
        for command in scene.net.seen(|seen| seen.commands.clone()) {
            assert!(!command.contains(" RET=") && !command.contains("ORCPT="), "{command}");
            assert!(!command.contains("NOTIFY=") || command.contains("NOTIFY=NEVER"), "{command}");
        }
        let report = scene.letters().pop().unwrap();
        assert!(report.contains("To: <Ann@home.example>\r\n"), "{report}");
        assert_eq!(scene.boxes.of("eve").len(), 0);
    });
}

/// Addresses stand in it as they came, however odd.
///
/// Register: 3464-2.3.2-b, 3461-9.1-a.
#[test]
fn addresses_as_they_came() {
    play(async {
        let scene = far();
        scene.net.peer(FIRST, &[PIPELINED, REFUSE_TWO, BYE].join("\n"));
        let to = ["X%y!Z@Far.Example", "\"a  b\"@far.example"];
        scene.letter("ada@here.example", &to, LETTER).await.unwrap();
        scene.pass(60).await;
        let report = scene.boxes.of("ada").join("");
        for address in to {
            assert!(
                report.contains(&format!("Final-Recipient: rfc822; {address}\r\n")),
                "{report}"
            );
        }
    });
}

/// Register: 5321-6.1-e, 1123-5.3.3-d
#[test]
fn none_for_the_null_sender() {
    play(async {
        let scene = far();
        refused(&scene, "", LETTER).await;
        scene.pass(3600).await;
        assert_eq!(scene.queue().await.len(), 0);
        for user in ["ada", "bob", "eve", "postmaster"] {
            assert_eq!(scene.boxes.of(user).len(), 0, "{user}");
        }
    });
}

#[test]
fn headers_only_of_a_large_message() {
    play(async {
        let scene = far();
        let large = format!("{LETTER}{}", "0123456789\r\n".repeat(20_000));
        refused(&scene, "ada@here.example", &large).await;
        let report = scene.boxes.of("ada").join("");
        assert!(report.contains("text/rfc822-headers"), "{report}");
        assert!(report.contains("Subject: the original") && !report.contains("its body"));
    });
}

/// A report that fails in turn is the end of it.
#[test]
fn a_report_is_never_reported() {
    play(async {
        let scene = far();
        refused(&scene, "z@gone.example", LETTER).await;
        scene.pass(3 * 86_400).await;
        assert_eq!(scene.queue().await.len(), 0);
        assert_eq!(scene.letters().len(), 0);
    });
}

/// Register: 5321-4.5.4.1-e, 3464-2.3.9-a, 5321-4.2.5-d, 3464-2-i, 1123-5.3.1.1-a.
#[test]
fn one_delay_then_the_failure() {
    play(async {
        let scene = far();
        scene.letter("ada@here.example", &["x@far.example"], LETTER).await.unwrap();
        scene.pass(4 * 3600 - 60).await;
        assert_eq!(scene.boxes.of("ada").len(), 0);
        scene.pass(3 * 3600).await;
        assert_eq!(scene.boxes.of("ada").len(), 1);
        scene.pass(4 * 86_400).await;
        let reports = scene.boxes.of("ada");
        assert_eq!(reports.len(), 1, "told once");
        for part in ["Action: delayed", "Will-Retry-Until:", "Status: 4."] {
            assert!(reports[0].contains(part), "{part}: {}", reports[0]);
        }
        scene.pass(86_400).await;
        let reports = scene.boxes.of("ada");
        assert_eq!(reports.len(), 2);
        assert!(reports[1].contains("Action: failed") && !reports[1].contains("Will-Retry"));
        assert!(reports[1].contains("Not delivered within 5 days."), "{}", reports[1]);
        let id = |report: &str| {
            let field = report.lines().find(|line| line.starts_with("Message-ID: "));
            field.map(str::to_owned).unwrap()
        };
        assert_ne!(id(&reports[0]), id(&reports[1]));
        assert_eq!(scene.queue().await.len(), 0);
    });
}
