//! What becomes of one recipient after an attempt (RFC 5321 §4.5.4.1), which status says so
//! (RFC 3463), what is recorded, and who is told.

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use mail::TlsFacts;
use mail::address::ForwardPath;
use mail::reply::{EnhancedStatus, Reply, Severity, Topic};
use mail::report::{Action, Diagnostic, ReportedRecipient};
use spool::RecipientOutcome;

use crate::reason::Reason;
use crate::record::Attempt;
use crate::schedule::{self, Schedule, words};
use crate::search;

/// How an attempt ended for one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// The next hop has it: its reply to the end of data.
    Taken {
        /// A 2yz.
        reply: Reply,
    },
    /// It lies in a mailbox of this host.
    Stored,
    /// The other side said no, or nothing that means yes.
    Refused {
        /// To what: `greeting`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `end of data`.
        step: String,
        /// What it said.
        reply: Reply,
    },
    /// The connection broke, or the answer did not come in time.
    Lost {
        /// In which step, as above.
        step: String,
        /// How.
        what: String,
    },
    /// The name system gave nobody to talk to.
    NoRoute(search::Failure),
    /// No session could be opened with any host, or the destination is known to be down.
    Unreachable {
        /// Addresses tried.
        tried: usize,
        /// How the last one failed.
        what: String,
    },
    /// No host there lets the connection be secured as the operator or a policy wants it.
    Insecure {
        /// `7.10` where TLS is not offered, `7.5` where it fails.
        topic: Topic,
        /// In words.
        what: String,
    },
    /// What the message needs, no host there can do; found before anything was sent.
    Unsendable {
        /// `6.3` for content that needs 8BITMIME, `3.4` for one over the announced size.
        topic: Topic,
        /// In words.
        what: String,
    },
    /// There is no such mailbox here.
    MailboxUnknown {
        /// The name looked for.
        user: String,
    },
    /// The mailbox did not take it now.
    MailboxUnavailable(String),
    /// The mailbox cannot be written before the operator mends something.
    MailboxBroken(String),
    /// Our own fault, so never a reason to return the mail before its time.
    Ours(String),
}

impl Said {
    /// Whether this speaks of the destination as a whole, so that others need not try: then it is
    /// [`failure`](schedule::Destination::failure). An answer to `MAIL`, `RCPT` or the content is
    /// about this mail only, and a refusal is never remembered beyond it (RFC 5321 §4.5.4.1).
    pub fn is_trouble_of_destination(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Insecure { .. } => true,
            Self::NoRoute(failure) => !failure.permanent,
            Self::Refused { step, reply } => opens_session(step) && !reply.is_permanent(),
            Self::Lost { step, .. } => opens_session(step),
            _ => false,
        }
    }
}

/// What happened, in one sentence, as records and reports tell it.
impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&judge(self).explanation)
    }
}

/// Whether `step` comes before any mail transaction.
fn opens_session(step: &str) -> bool {
    ["greeting", "EHLO", "HELO", "STARTTLS"].iter().any(|known| step.eq_ignore_ascii_case(known))
}

/// What becomes of a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// Done: another host or a mailbox has it.
    Delivered,
    /// Done: it will never work, or not in time. Whoever must know is told.
    Return {
        /// For the report. After expiry the transient one of the last attempt (RFC 3464 §2.3.4).
        status: EnhancedStatus,
        /// What the other side said, for the report.
        diagnostic: Option<Reply>,
        /// For people.
        explanation: String,
    },
    /// To be tried again.
    Retry {
        /// When.
        at: SystemTime,
    },
}

impl Fate {
    /// As the spool calls it.
    pub fn outcome(&self) -> RecipientOutcome {
        match self {
            Self::Delivered => RecipientOutcome::Delivered,
            Self::Return { .. } => RecipientOutcome::Failed,
            Self::Retry { .. } => RecipientOutcome::Deferred,
        }
    }
}

/// Who is told, now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tell {
    /// Nobody.
    Nobody,
    /// The sender, that it failed.
    Failure,
    /// The sender, that it takes longer and is still being tried.
    Delay,
}

/// What must be known beside the end of the attempt.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The plan.
    pub schedule: &'a Schedule,
    /// When the message came.
    pub arrival: SystemTime,
    /// When it is given up.
    pub expire: SystemTime,
    /// Tries, with this one.
    pub attempts: u32,
    /// When this one ended.
    pub now: SystemTime,
    /// For the jitter. Give the recipients of one job the same, so that they stay together.
    pub chance: u64,
    /// The reverse-path is `<>`: nobody is ever told (RFC 5321 §4.5.5, §6.1).
    pub null_sender: bool,
    /// Whom we talked to: `mx.example.net [192.0.2.1]:25`.
    pub remote: Option<String>,
    /// How the connection was secured.
    pub tls: Option<TlsFacts>,
    /// The record of the attempt before.
    pub previous: Option<&'a Attempt>,
}

/// What was decided about a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What becomes of it.
    pub fate: Fate,
    /// Who is told.
    pub tell: Tell,
    /// To be stored with it.
    pub attempt: Attempt,
    /// Why.
    pub reason: Reason,
}

impl Decision {
    /// The recipient `path` in the report that [`tell`](Self::tell) asks for; none where it asks
    /// for none. `expire` is when the message is given up.
    pub fn reported(&self, path: &ForwardPath, expire: SystemTime) -> Option<ReportedRecipient> {
        let attempt = &self.attempt;
        let unknown = EnhancedStatus::transient(Topic(0, 0));
        let (action, status, explanation) = match (self.tell, &self.fate) {
            (Tell::Nobody, _) => return None,
            (Tell::Failure, Fate::Return { status, explanation, .. }) => {
                (Action::Failed, *status, explanation)
            }
            _ => (Action::Delayed, attempt.status.unwrap_or(unknown), &attempt.explanation),
        };
        let diagnostic = match &attempt.reply {
            Some(reply) => Diagnostic::Smtp(reply.clone()),
            None => Diagnostic::Text(explanation.clone()),
        };
        Some(ReportedRecipient {
            final_recipient: path.clone(),
            original_recipient: None,
            status,
            action,
            remote_mta: attempt.remote_name().map(str::to_owned),
            diagnostic: Some(diagnostic),
            last_attempt: Some(attempt.at),
            will_retry_until: (action == Action::Delayed).then_some(expire),
            explanation: explanation.clone(),
        })
    }
}

/// What an attempt comes to, before the clock is asked.
struct Verdict {
    outcome: Outcome,
    status: EnhancedStatus,
    step: Option<String>,
    reply: Option<Reply>,
    explanation: String,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Outcome {
    Done,
    Later,
    Never,
}

/// What becomes of a recipient after `said`.
pub fn decide(said: &Said, case: &Case<'_>) -> Decision {
    let verdict = judge(said);
    let reported = case.previous.is_some_and(|previous| previous.delay_reported);
    let (fate, tell, reason) = match verdict.outcome {
        Outcome::Done => (Fate::Delivered, Tell::Nobody, Reason::new(verdict.explanation.clone())),
        Outcome::Never => {
            let explanation = verdict.explanation.clone();
            returned(&verdict, case, explanation)
        }
        Outcome::Later => wait(&verdict, case, reported),
    };
    let reason = match &verdict.reply {
        Some(reply) => Reason::new(format!("{}, after {reply}", reason.text)),
        None => reason,
    };
    let attempt = Attempt {
        at: case.now,
        remote: case.remote.clone(),
        step: verdict.step,
        reply: verdict.reply,
        status: Some(verdict.status),
        explanation: verdict.explanation,
        delay_reported: reported || tell == Tell::Delay,
        tls: case.tls.clone(),
    };
    Decision { fate, tell, attempt, reason }
}

fn returned(verdict: &Verdict, case: &Case<'_>, explanation: String) -> (Fate, Tell, Reason) {
    let (tell, told) = if case.null_sender {
        (Tell::Nobody, "; nobody is told, the reverse-path is null")
    } else {
        (Tell::Failure, "")
    };
    let reason = Reason::new(format!("{explanation}{told}"));
    let diagnostic = verdict.reply.clone();
    (Fate::Return { status: verdict.status, diagnostic, explanation }, tell, reason)
}

fn wait(verdict: &Verdict, case: &Case<'_>, reported: bool) -> (Fate, Tell, Reason) {
    let Case { schedule, arrival, expire, attempts, now, chance, .. } = case;
    match schedule::next(schedule, *arrival, *expire, *attempts, *now, *chance) {
        schedule::Next::Expired { .. } => {
            let age = words(now.duration_since(*arrival).unwrap_or_default());
            let last = &verdict.explanation;
            let explanation = format!("Not delivered within {age}. The last attempt: {last}");
            returned(verdict, case, explanation)
        }
        schedule::Next::Retry { at, reason } => {
            let age = now.duration_since(*arrival).unwrap_or_default();
            let late = schedule.delay_notice.is_some_and(|notice| age >= notice);
            let tell = late && !reported && !case.null_sender;
            let reason = Reason::new(format!("{}; {reason}", verdict.explanation));
            (Fate::Retry { at }, if tell { Tell::Delay } else { Tell::Nobody }, reason)
        }
    }
}

fn judge(said: &Said) -> Verdict {
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
        Said::Taken { reply } => Verdict {
            outcome: Outcome::Done,
            status: reply.status().unwrap_or(EnhancedStatus::success(Topic(0, 0))),
            step: Some("end of data".to_owned()),
            reply: Some(reply.clone()),
            explanation: "The next host has taken the message.".to_owned(),
        },
        Said::Stored => {
            let status = EnhancedStatus::success(Topic(0, 0));
            plain(Outcome::Done, status, "The message is in the mailbox.".to_owned())
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
        // It may be an attack, or a host that is being mended: the mail waits.
        Said::Insecure { topic, what } => later(*topic, sentence(what)),
        Said::Unsendable { topic, what } => never(*topic, sentence(what)),
        Said::MailboxUnknown { user } => {
            never(Topic(1, 1), format!("There is no mailbox \"{user}\" here."))
        }
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
