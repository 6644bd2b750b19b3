//! What an attempt comes to by itself, before clock and patience are asked: whether it may be tried
//! again, the status that says so (RFC 3463), and the same in words for people.

use mail::reply::{EnhancedStatus, Reply, Severity, Topic};

use super::Said;

/// What an attempt comes to, before the clock is asked.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) status: EnhancedStatus,
    pub(super) step: Option<String>,
    pub(super) reply: Option<Reply>,
    pub(super) explanation: String,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Outcome {
    Done,
    Later,
    Never,
}

pub(super) fn judge(said: &Said) -> Verdict {
    let plain = |outcome, status, explanation: String| Verdict {
        outcome,
        status,
        step: None,
        reply: None,
        explanation,
    };
    let later = |topic, text| plain(Outcome::Later, EnhancedStatus::transient(topic), text);
    let never = |topic, text| plain(Outcome::Never, EnhancedStatus::permanent(topic), text);
    match said {
        Said::Taken { reply, .. } => Verdict {
            outcome: Outcome::Done,
            status: reply.status().unwrap_or(EnhancedStatus::success(Topic(0, 0))),
            step: Some("end of data".to_owned()),
            reply: Some(reply.clone()),
            explanation: "The next host has taken the message.".to_owned(),
        },
        Said::StoredBy { reply } => Verdict {
            outcome: Outcome::Done,
            status: reply.status().unwrap_or(EnhancedStatus::success(Topic(0, 0))),
            step: Some("end of data".to_owned()),
            reply: Some(reply.clone()),
            explanation: "The message is in the mailbox.".to_owned(),
        },
        Said::Stored => {
            let status = EnhancedStatus::success(Topic(0, 0));
            plain(Outcome::Done, status, "The message is in the mailbox.".to_owned())
        }
        Said::Expanded { is_list } => {
            let whom = if *is_list { "the members of the list" } else { "those it stands for" };
            let status = EnhancedStatus::success(Topic(0, 0));
            plain(Outcome::Done, status, format!("The message went on to {whom}."))
        }
        Said::Settled => {
            let status = EnhancedStatus::success(Topic(0, 0));
            plain(Outcome::Done, status, "The message is done with already.".to_owned())
        }
        Said::Refused { step, reply } => refused(step, reply),
        Said::Lost { step, what } => Verdict {
            step: Some(step.clone()),
            ..later(Topic(4, 2), format!("The connection was lost at {step}: {what}."))
        },
        Said::NoRoute(failure) => Verdict {
            outcome: if failure.permanent { Outcome::Never } else { Outcome::Later },
            status: failure.status,
            step: None,
            reply: None,
            explanation: sentence(&failure.explanation),
        },
        Said::Unreachable { tried: 0, what } => later(Topic(4, 1), sentence(what)),
        Said::Unreachable { tried, what } => {
            let text = format!("No host could be reached ({tried} addresses tried): {what}.");
            later(Topic(4, 1), text)
        }
        Said::Unsendable { topic, what } => never(*topic, sentence(what)),
        // It may be an attack, or a host that is being mended: the mail waits.
        Said::Insecure { topic, what } => later(*topic, sentence(what)),
        // The operator's to mend: no sender can do anything about it (RFC 4954 §6).
        Said::NoLogin { topic, what } => later(*topic, sentence(what)),
        Said::Overdue => never(
            Topic(4, 7),
            "The moment has passed by which the message was to be delivered.".to_owned(),
        ),
        Said::Given { status, what } => {
            let outcome = match status.class() {
                2 => Outcome::Done,
                5 => Outcome::Never,
                _ => Outcome::Later,
            };
            plain(outcome, *status, sentence(what))
        }
        Said::Discarded(why) => {
            let status = EnhancedStatus::success(Topic(0, 0));
            plain(Outcome::Done, status, format!("The message was thrown away: {why}."))
        }
        Said::Suspended { what } => {
            later(Topic(3, 0), format!("The operator of this host has suspended mail for {what}."))
        }
        Said::GivenUp => never(
            Topic(4, 7),
            "The operator of this host has given the message up before its time.".to_owned(),
        ),
        Said::MailboxUnknown { user } => {
            never(Topic(1, 1), format!("There is no mailbox \"{user}\" here."))
        }
        Said::LeadsNowhere { why } => {
            never(Topic(4, 6), format!("The address leads to nobody: {why}."))
        }
        Said::MailboxFull(what) => later(Topic(2, 2), format!("The mailbox is full: {what}.")),
        Said::MailboxOver(what) => never(Topic(2, 2), format!("The mailbox is full: {what}.")),
        Said::MailboxUnavailable(what) => {
            later(Topic(2, 0), format!("The mailbox cannot take mail now: {what}."))
        }
        Said::MailboxBroken(what) => {
            later(Topic(3, 5), format!("The mailbox cannot be written: {what}."))
        }
        Said::Ours(what) => later(Topic(3, 0), format!("A fault of this host: {what}.")),
    }
}

fn refused(step: &str, reply: &Reply) -> Verdict {
    let (outcome, status) = match reply.severity() {
        Severity::Permanent if is_too_many(step, reply) => {
            (Outcome::Later, EnhancedStatus::transient(Topic(5, 3)))
        }
        Severity::Permanent => (Outcome::Never, status_of(reply, 5)),
        Severity::Transient => (Outcome::Later, status_of(reply, 4)),
        // A yes in the wrong place: the transaction is over, and the other side is confused.
        Severity::Success | Severity::Intermediate => {
            (Outcome::Later, EnhancedStatus::transient(Topic(5, 0)))
        }
    };
    Verdict {
        outcome,
        status,
        step: Some(step.to_owned()),
        reply: Some(reply.clone()),
        explanation: refusal(step, outcome).to_owned(),
    }
}

/// A refusal for people; the reply itself stands beside it.
fn refusal(step: &str, outcome: Outcome) -> &'static str {
    let now = outcome == Outcome::Later;
    match step.to_ascii_uppercase().as_str() {
        "RCPT" if now => "The other mail system does not accept mail for this address now.",
        "RCPT" => "The other mail system does not accept mail for this address.",
        "MAIL" if now => "The other mail system does not accept mail from you now.",
        "MAIL" => "The other mail system does not accept mail from you.",
        "DATA" | "CONTENT" | "END OF DATA" if now => {
            "The other mail system did not take the message now."
        }
        "DATA" | "CONTENT" | "END OF DATA" => "The other mail system refused the message.",
        _ if now => "The other mail system does not work with us now.",
        _ => "The other mail system refuses to work with us.",
    }
}

/// The status the other side gave, or that only the class is known (RFC 3463 §3.1).
fn status_of(reply: &Reply, class: u8) -> EnhancedStatus {
    let given = reply.status().filter(|status| status.class() == class);
    let unknown = Topic(0, 0);
    given.or(EnhancedStatus::new(class, unknown)).unwrap_or(EnhancedStatus::permanent(unknown))
}

/// A 552 to `RCPT` is how old hosts say "too many recipients"; it is taken as 452
/// (RFC 5321 §4.5.3.1.10), unless its status says that it is about size (RFC 1870 §6.4).
fn is_too_many(step: &str, reply: &Reply) -> bool {
    let topic = reply.status().map(EnhancedStatus::topic);
    step.eq_ignore_ascii_case("RCPT")
        && reply.code().get() == 552
        && topic.is_none_or(|topic| topic == Topic(5, 3))
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String =
        letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}
