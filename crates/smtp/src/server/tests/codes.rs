//! Which codes may answer which command. The transcripts hold every reply the session can give, and
//! are played octet by octet; here what they expect is held against the tables of the standards.

use mail::Topic;

use crate::transcript::{self, Case, Step};

/// Replies to a command (RFC 5321 §4.3.2; 530 by RFC 4954 §6 and RFC 3207 §4, 556 by RFC 7504 §4,
/// 454 and 504 by the extension that owns the parameter).
const CODES: &[(&str, &[u16])] = &[
    ("EHLO", &[250, 504, 550]),
    ("HELO", &[250, 504, 550, 530]),
    ("MAIL", &[250, 552, 451, 452, 550, 553, 503, 455, 555, 530]),
    ("RCPT", &[250, 251, 550, 551, 552, 553, 450, 451, 452, 503, 455, 555, 530, 556]),
    ("DATA", &[354, 503, 554, 451, 530]),
    (".", &[250, 552, 554, 451, 452, 450, 550]),
    ("RSET", &[250, 530]),
    ("VRFY", &[250, 251, 252, 550, 551, 553, 502, 504, 530]),
    ("EXPN", &[250, 252, 550, 502, 504, 530]),
    ("HELP", &[211, 214, 502, 504, 530]),
    ("NOOP", &[250]),
    ("QUIT", &[221]),
];

/// What any command may get: it is too long or unknown, malformed, or the host goes down.
const ANY: [u16; 3] = [500, 501, 421];

/// The highest detail of each subject in the registry (RFC 5248, RFC 3463 and what came later).
const DETAILS: [u16; 8] = [0, 10, 4, 6, 7, 6, 10, 32];

/// Subjects that speak of an address that is wrong for good (RFC 3463 §3.2).
const FOR_GOOD: [&str; 4] = ["1.1", "1.2", "1.3", "1.6"];

/// Commands of a case that are answered before the next line comes, each with its replies.
fn pairs(case: &Case) -> Vec<(&Step, Vec<&Step>)> {
    let mut pairs: Vec<(&Step, Vec<&Step>)> = Vec::new();
    for step in &case.steps {
        match (step.tag.as_str(), pairs.last_mut()) {
            ("C", _) => pairs.push((step, Vec::new())),
            ("S", Some((_, replies))) => replies.push(step),
            // A group, or something that happens beside the dialogue.
            _ => pairs.push((step, Vec::new())),
        }
    }
    pairs.retain(|(command, _)| command.tag == "C");
    pairs
}

/// Register: 5321-4.2-f, 5321-4.3.1-c, 1123-5.2.10-a, 6409-7-i.
#[test]
fn codes_of_the_table() {
    let mut checked = 0;
    for case in transcript::cases("server") {
        // After a greeting that refuses, all but QUIT get 503 (RFC 5321 §3.1).
        if case.steps.iter().any(|step| step.tag == "refused") {
            continue;
        }
        for (command, replies) in pairs(&case) {
            let verb = command.text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let Some((_, codes)) = CODES.iter().find(|(known, _)| *known == verb) else { continue };
            for reply in replies {
                let code: u16 = reply.text[..3].parse().expect("a code");
                let is_listed = codes.contains(&code) || ANY.contains(&code);
                assert!(is_listed, "{}: {code} to {command:?}", case.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 100);
    // 521 says that a host never takes mail, and each of these does.
    for step in transcript::cases("server").iter().flat_map(|case| &case.steps) {
        assert!(step.tag != "S" || !step.text.starts_with("521"), "{step:?}");
    }
}

/// Register: 3463-2-a, 3463-2-b, 3463-2-c, 3463-3.2-a, 3463-3.6-a.
#[test]
fn statuses_of_the_registry() {
    let mut seen = std::collections::BTreeSet::new();
    for case in transcript::cases("server") {
        for step in case.steps.iter().filter(|step| step.tag == "S" && step.text.len() > 4) {
            let word = step.text[4..].split(' ').next().unwrap_or_default();
            let Some((class, topic)) = word.split_once('.') else { continue };
            let Some(status) = mail::EnhancedStatus::parse(word) else { continue };
            let Topic(subject, detail) = status.topic();
            let known = DETAILS.get(usize::from(subject)).is_some_and(|most| detail <= *most);
            assert!(known, "{}: {step:?}", case.name);
            assert!(class != "4" || !FOR_GOOD.contains(&topic), "{}: {step:?}", case.name);
            seen.insert((step.text[..3].to_owned(), topic.to_owned()));
        }
    }
    // Each kind of mistake has its own.
    for (code, topic) in [("503", "5.1"), ("500", "5.2"), ("501", "5.4"), ("452", "5.3")] {
        assert!(seen.contains(&(code.to_owned(), topic.to_owned())), "{code} with {topic}");
    }
}
