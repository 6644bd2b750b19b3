//! What becomes of one recipient after an attempt (RFC 5321 §4.5.4.1), which status says so
//! (RFC 3463), what is recorded, and who is told.

mod judge;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use mail::TlsFacts;
use mail::envelope::{DeliverBy, LateMode, MailParameters, Notify, Recipient};
use mail::reply::{EnhancedStatus, Reply, Topic};
use mail::report::{Action, Diagnostic, ReportedRecipient};
use spool::RecipientOutcome;

use crate::notify::{self, Event, Onward};
use crate::reason::Reason;
use crate::record::Attempt;
use crate::schedule::crowd::Went;
use crate::schedule::{self, Hint, Rank, Schedule, hint, words};
use crate::search;
use judge::{Outcome, Verdict, judge};

/// How an attempt ended for one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// The next hop has it: its reply to the end of data.
    Taken {
        /// A 2yz.
        reply: Reply,
        /// The requests that went with it.
        onward: Onward,
    },
    /// It lies in a mailbox of this host.
    Stored,
    /// A mail store has it in the mailbox: its reply to the end of data, for this recipient.
    StoredBy {
        /// A 2yz.
        reply: Reply,
    },
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
    /// The next hop did not let us in.
    NoLogin {
        /// `7.8` or `7.9`, as the host said, `3.5` where we have nothing to show.
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
    /// No host there lets the connection be secured as the operator or a policy wants it.
    Insecure {
        /// `7.10` where TLS is not offered, `7.5` where it fails.
        topic: Topic,
        /// In words.
        what: String,
    },
    /// Those who stand for the address have it; they are the members of a list, or several others.
    Expanded {
        /// For a list that is delivery (RFC 3461 §5.2.7.1).
        is_list: bool,
    },
    /// Done with in an earlier attempt; only the report of that is missing.
    Settled,
    /// It was to be returned if it is late, and it is (RFC 2852 §4.1.3); nothing was tried.
    Overdue,
    /// Whoever answers for the recipient on this host has decided: a program, or a rule of the
    /// operator. A status of class 2 is delivery.
    Given {
        /// What was decided.
        status: EnhancedStatus,
        /// In words.
        what: String,
    },
    /// The operator wants such mail thrown away: why, in words.
    Discarded(String),
    /// The operator lets nothing be tried for this domain or queue; nothing was.
    Suspended {
        /// Which.
        what: String,
    },
    /// The operator gives it up before its time; nothing was tried.
    GivenUp,
    /// There is no such mailbox here.
    MailboxUnknown {
        /// The name looked for.
        user: String,
    },
    /// Those who stand for the address lead to nobody.
    LeadsNowhere {
        /// Why, for the sender.
        why: String,
    },
    /// The mailbox has no room; its owner may make some (RFC 3463 §3.3).
    MailboxFull(String),
    /// The mailbox has as much as its owner may keep, and the operator wants the sender to know at
    /// once.
    MailboxOver(String),
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
            Self::Unreachable { .. } | Self::Insecure { .. } | Self::NoLogin { .. } => true,
            Self::NoRoute(failure) => !failure.permanent,
            Self::Refused { step, reply } => opens_session(step) && !reply.is_permanent(),
            Self::Lost { step, .. } => opens_session(step),
            _ => false,
        }
    }
}

impl Said {
    /// What the end of an attempt says of how much the destination can bear.
    pub fn went(&self) -> Went {
        match self {
            Self::Taken { .. } | Self::StoredBy { .. } | Self::Stored => Went::Well,
            Self::Lost { .. } => Went::Strained,
            Self::Refused { reply, .. } if is_strain(reply) => Went::Strained,
            _ => Went::Neither,
        }
    }

    /// Whether this ends a recipient: it is not tried again.
    pub fn is_final(&self) -> bool {
        judge(self).outcome != Outcome::Later
    }

    /// How long the other side has asked us to wait.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Refused { reply, .. } => hint::read(reply),
            _ => None,
        }
    }
}

/// Whether a host says that it is too much for it: a 421 (RFC 5321 §3.8), a system that takes
/// nothing now (4.3.2) or is congested (4.4.5, RFC 3463 §3.4, §3.5), or a word about connections.
fn is_strain(reply: &Reply) -> bool {
    let topic = reply.status().map(EnhancedStatus::topic);
    let says = |line: &String| {
        let line = line.to_ascii_lowercase();
        line.contains("too many") && (line.contains("connection") || line.contains("session"))
    };
    reply.is_transient()
        && (reply.code().get() == 421
            || matches!(topic, Some(Topic(3, 2) | Topic(4, 5)))
            || reply.text().iter().any(says))
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
    /// What the message is to the schedule.
    pub rank: Rank,
    /// It is a report or a copy of ours, and the operator is told where it cannot be delivered.
    pub is_last_resort: bool,
    /// What the sender wants to hear about this recipient.
    pub notify: Option<Notify>,
    /// By when it wants it there.
    pub deliver_by: Option<DeliverBy>,
    /// Whom we talked to: `mx.example.net [192.0.2.1]:25`.
    pub remote: Option<String>,
    /// How the connection was secured.
    pub tls: Option<TlsFacts>,
    /// Why it was secured so, or was to be.
    pub policy: Option<String>,
    /// The record of the attempt before.
    pub previous: Option<&'a Attempt>,
}

/// What was decided about a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What becomes of it.
    pub fate: Fate,
    /// What the sender is told, now.
    pub tell: Option<Action>,
    /// It is told because the time is over that it gave (RFC 2852 §4.1.3).
    pub is_overdue: bool,
    /// To be stored with it.
    pub attempt: Attempt,
    /// Why.
    pub reason: Reason,
}

impl Decision {
    /// The recipient in the report that [`tell`](Self::tell) asks for; none where it asks for none.
    /// `expire` is when the message is given up.
    pub fn reported(&self, recipient: &Recipient, expire: SystemTime) -> Option<ReportedRecipient> {
        let action = self.tell?;
        let attempt = &self.attempt;
        let unknown = EnhancedStatus::transient(Topic(0, 0));
        let status = match &self.fate {
            Fate::Return { status, .. } => *status,
            // RFC 2852 §4.1.3.
            _ if self.is_overdue => EnhancedStatus::transient(Topic(4, 7)),
            _ => attempt.status.unwrap_or(unknown),
        };
        let explanation = match &self.fate {
            Fate::Return { explanation, .. } => explanation.clone(),
            Fate::Retry { .. } if self.is_overdue => format!(
                "It has not been delivered by the time you asked for. {}",
                attempt.explanation
            ),
            _ => attempt.explanation.clone(),
        };
        let diagnostic = match (&attempt.reply, action) {
            (Some(reply), _) => Some(Diagnostic::Smtp(reply.clone())),
            (None, Action::Failed | Action::Delayed) => Some(Diagnostic::Text(explanation.clone())),
            (None, Action::Delivered | Action::Relayed | Action::Expanded) => None,
        };
        Some(ReportedRecipient {
            final_recipient: recipient.path.clone(),
            original_recipient: recipient.parameters.original.clone(),
            status,
            action,
            remote_mta: attempt.remote_name().map(str::to_owned),
            diagnostic,
            last_attempt: Some(attempt.at),
            will_retry_until: (action == Action::Delayed).then_some(expire),
            explanation,
        })
    }
}

/// Whether nothing may be tried any more at `now` for mail that came at `arrival`
/// (RFC 2852 §4.1.3).
pub fn is_overdue(parameters: &MailParameters, arrival: SystemTime, now: SystemTime) -> bool {
    let late = |by: DeliverBy| by.mode == LateMode::Return && now >= notify::deadline(by, arrival);
    parameters.deliver_by.is_some_and(late)
}

/// What becomes of a recipient after `said`.
pub fn decide(said: &Said, case: &Case<'_>) -> Decision {
    if let (Said::Settled, Some(previous)) = (said, case.previous) {
        return Decision {
            fate: Fate::Delivered,
            tell: previous.owed,
            is_overdue: false,
            attempt: Attempt { owed: None, ..previous.clone() },
            reason: Reason::new("done with before; the report of it was still owed"),
        };
    }
    let mut verdict = judge(said);
    if let (Said::GivenUp, Some(previous)) = (said, case.previous) {
        let last = &previous.explanation;
        verdict.explanation = format!("{} The last attempt: {last}", verdict.explanation);
        verdict.reply.clone_from(&previous.reply);
        verdict.step.clone_from(&previous.step);
    }
    let before = |told: fn(&Attempt) -> bool| case.previous.is_some_and(told);
    let mut decision = Decision {
        fate: Fate::Delivered,
        tell: None,
        is_overdue: false,
        attempt: Attempt {
            at: case.now,
            remote: case.remote.clone(),
            step: verdict.step.clone(),
            reply: verdict.reply.clone(),
            status: Some(verdict.status),
            explanation: verdict.explanation.clone(),
            delay_reported: before(|previous| previous.delay_reported),
            overdue_reported: before(|previous| previous.overdue_reported),
            owed: None,
            tls: case.tls.clone(),
            policy: case.policy.clone(),
        },
        reason: Reason::new(verdict.explanation.clone()),
    };
    match verdict.outcome {
        Outcome::Done => done(said, case, &mut decision),
        Outcome::Never => {
            let explanation = verdict.explanation.clone();
            returned(&verdict, verdict.status, explanation, case, &mut decision);
        }
        Outcome::Later => wait(&verdict, case, &mut decision),
    }
    if let Some(reply) = &verdict.reply {
        let text = format!("{}, after {reply}", decision.reason.text.trim_end_matches('.'));
        decision.reason = Reason::new(text);
    }
    decision
}

/// The report that is due about `event`, or why there is none.
fn due(event: Event, case: &Case<'_>) -> Result<Action, &'static str> {
    if case.null_sender {
        return Err("the reverse-path is null");
    }
    // Once the time is over the sender knows that it is, and relaying is nothing new to tell.
    let ahead = |by: &DeliverBy| by.trace || case.now < notify::deadline(*by, case.arrival);
    notify::due(event, case.notify, case.deliver_by.filter(ahead))
}

fn done(said: &Said, case: &Case<'_>, decision: &mut Decision) {
    let event = match said {
        // Nobody has it, so nobody is told that somebody has.
        Said::Discarded(_) => return,
        Said::Taken { onward, .. } => Event::Relayed(*onward),
        Said::Expanded { is_list: false } => Event::Expanded,
        _ => Event::Delivered,
    };
    decision.tell = due(event, case).ok();
    if decision.tell.is_some() {
        let done = decision.reason.text.trim_end_matches('.');
        decision.reason = Reason::new(format!("{done}; the sender is told"));
    }
}

fn returned(
    verdict: &Verdict,
    status: EnhancedStatus,
    explanation: String,
    case: &Case<'_>,
    decision: &mut Decision,
) {
    let (tell, told) = match due(Event::Failed, case) {
        Ok(action) => (Some(action), String::new()),
        // Nobody else would ever hear of it (RFC 5321 §6.1 leaves that to us).
        Err(_) if case.is_last_resort => (
            Some(Action::Failed),
            "; it is a message of ours, so the postmaster is told".to_owned(),
        ),
        Err(why) => (None, format!("; nobody is told, {why}")),
    };
    decision.tell = tell;
    let before = if told.is_empty() { &explanation } else { explanation.trim_end_matches('.') };
    decision.reason = Reason::new(format!("{before}{told}"));
    let diagnostic = verdict.reply.clone();
    decision.fate = Fate::Return { status, diagnostic, explanation };
}

fn wait(verdict: &Verdict, case: &Case<'_>, decision: &mut Decision) {
    let Case { schedule, arrival, expire, attempts, now, chance, .. } = case;
    let age = now.duration_since(*arrival).unwrap_or_default();
    let last = &verdict.explanation;
    let deadline = case.deliver_by.map(|by| (notify::deadline(by, *arrival), by.mode));
    if let Some((moment, LateMode::Return)) = deadline
        && *now >= moment
    {
        let explanation = format!(
            "Not delivered within {}, the time you gave it. The last attempt: {last}",
            words(age)
        );
        let status = EnhancedStatus::permanent(Topic(4, 7));
        return returned(verdict, status, explanation, case, decision);
    }
    let hint = verdict.reply.as_ref().and_then(hint::read);
    match schedule::next(schedule, *arrival, *expire, *attempts, *now, *chance, hint.as_ref()) {
        schedule::Next::Expired { .. } => {
            let age = words(age);
            let explanation = format!("Not delivered within {age}. The last attempt: {last}");
            returned(verdict, verdict.status, explanation, case, decision);
        }
        schedule::Next::Retry { at, reason } => {
            // At the deadline there is something to say, whether it was tried or not.
            let ahead = deadline.map(|(moment, _)| moment).filter(|moment| moment > now);
            decision.fate = Fate::Retry { at: ahead.map_or(at, |moment| at.min(moment)) };
            let last = last.trim_end_matches('.');
            decision.reason = Reason::new(format!("{last}; {reason}"));
            late(age, deadline, case, decision);
        }
    }
}

/// Whether the sender is told of the delay: once because it takes long, once because the time is
/// over that it gave; both at once where they come together.
fn late(
    age: std::time::Duration,
    deadline: Option<(SystemTime, LateMode)>,
    case: &Case<'_>,
    decision: &mut Decision,
) {
    let Ok(action) = due(Event::Delayed, case) else { return };
    let attempt = &mut decision.attempt;
    let long = case.schedule.notice(case.rank).is_some_and(|notice| age >= notice);
    let overdue = deadline.is_some_and(|(moment, _)| case.now >= moment);
    let tell_overdue = overdue && !attempt.overdue_reported;
    if tell_overdue || (long && !attempt.delay_reported) {
        decision.tell = Some(action);
        decision.is_overdue = tell_overdue;
        attempt.delay_reported |= long || overdue;
        attempt.overdue_reported |= overdue;
    }
}
