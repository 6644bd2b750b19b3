//! One transaction from MAIL to the reply to the final dot: what is sent next, which reply belongs
//! to what, what became of each recipient.
//!
//! Replies are matched to commands by counting alone (RFC 2920 §3.1), and read by their code alone
//! (RFC 5321 §4.2).

use std::collections::VecDeque;
use std::io::Write;

use mail::{BodyType, Reply, Severity, Topic};

use super::{Extensions, Lost, Outcome, RecipientResult, Step, Transaction};

/// Commands of a group at most, so that neither side writes into full buffers while the other
/// does (RFC 2920 §3.1).
const GROUP_MAX: usize = 102;

/// A command whose reply has not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Awaited {
    Mail,
    Recipient(usize),
    Data,
}

/// What the replies so far make of the transaction.
#[derive(Debug)]
pub(super) enum Verdict {
    /// More replies of this group are to come.
    Await,
    /// The group is answered: send the next.
    NextGroup,
    /// 354: send the content.
    Content,
    /// 354, although nobody was accepted: send no content, but the dot (RFC 2920 §3.1).
    LoneDot,
    /// Nothing more can come of it.
    Over,
    /// The reply is none to this command.
    Nonsense(Reply),
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Progress {
    transaction: Transaction,
    /// What became of each recipient; `None` as long as that is open.
    results: Vec<Option<RecipientResult>>,
    /// Recipients the server took; they are open as well.
    accepted: usize,
    /// Recipients whose RCPT was sent.
    named: usize,
    mail_sent: bool,
    mail_taken: bool,
    awaited: VecDeque<Awaited>,
}

impl Progress {
    pub(super) fn new(transaction: Transaction) -> Self {
        Self {
            results: vec![None; transaction.recipients.len()],
            transaction,
            accepted: 0,
            named: 0,
            mail_sent: false,
            mail_taken: false,
            awaited: VecDeque::new(),
        }
    }

    /// Why nothing can be sent, if so.
    pub(super) fn unsuitable(&self, extensions: &Extensions) -> Option<RecipientResult> {
        let Transaction { size, body, .. } = self.transaction;
        match extensions.size_limit() {
            Some(limit) if size > limit => return Some(RecipientResult::TooLarge(limit)),
            _ => {}
        }
        (body == BodyType::EightBitMime && !extensions.eight_bit_mime())
            .then_some(RecipientResult::Unsuitable("8BITMIME"))
    }

    /// The next commands: as many as may go at once with PIPELINING, else one. Asked for only
    /// while there is somebody who could get the message.
    pub(super) fn next_group(&mut self, extensions: &Extensions) -> Vec<u8> {
        let most = if extensions.pipelining() { GROUP_MAX } else { 1 };
        let mut group = Vec::new();
        while self.awaited.len() < most {
            let next = self.next_command();
            self.write(next, extensions, &mut group);
            self.awaited.push_back(next);
            if next == Awaited::Data {
                // The last of its group (RFC 2920 §3.1).
                break;
            }
        }
        group
    }

    fn next_command(&mut self) -> Awaited {
        if !self.mail_sent {
            self.mail_sent = true;
            return Awaited::Mail;
        }
        if self.named < self.results.len() {
            self.named += 1;
            return Awaited::Recipient(self.named - 1);
        }
        // In a group DATA goes out in the hope that one will be accepted; in lock-step one was, or
        // the transaction were over.
        Awaited::Data
    }

    fn write(&self, command: Awaited, extensions: &Extensions, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = match command {
            Awaited::Mail => self.write_mail(extensions, out),
            Awaited::Recipient(place) => match self.transaction.recipients.get(place) {
                Some(path) => write!(out, "RCPT TO:{path}\r\n"),
                None => Ok(()),
            },
            Awaited::Data => out.write_all(b"DATA\r\n"),
        };
    }

    /// Only parameters of what was offered (RFC 5321 §4.1.1.3).
    fn write_mail(&self, extensions: &Extensions, out: &mut Vec<u8>) -> std::io::Result<()> {
        write!(out, "MAIL FROM:{}", self.transaction.reverse_path)?;
        if extensions.size() {
            write!(out, " SIZE={}", self.transaction.size)?;
        }
        if extensions.eight_bit_mime() && self.transaction.body == BodyType::EightBitMime {
            out.write_all(b" BODY=8BITMIME")?;
        }
        out.write_all(b"\r\n")
    }

    /// The step the next reply belongs to.
    pub(super) fn step(&self) -> Step {
        match self.awaited.front() {
            Some(Awaited::Mail) | None => Step::Mail,
            Some(Awaited::Recipient(_)) => Step::Recipient,
            Some(Awaited::Data) => Step::Data,
        }
    }

    /// Takes the next reply of the group.
    pub(super) fn replied(&mut self, reply: Reply) -> Verdict {
        use Severity::{Intermediate, Permanent, Success, Transient};
        let Some(awaited) = self.awaited.pop_front() else { return Verdict::Nonsense(reply) };
        match (awaited, reply.severity()) {
            (Awaited::Mail, Success) => self.mail_taken = true,
            (Awaited::Mail, Transient | Permanent) => self.refuse_open(Step::Mail, &reply),
            (Awaited::Recipient(_), Success) => self.accepted += 1,
            (Awaited::Recipient(place), Transient | Permanent) => {
                self.refuse_recipient(place, reply);
            }
            (Awaited::Data, Intermediate) if self.is_hopeless() => return Verdict::LoneDot,
            (Awaited::Data, Intermediate) => return Verdict::Content,
            (Awaited::Data, Transient | Permanent) => {
                self.refuse_open(Step::Data, &reply);
                return Verdict::Over;
            }
            (Awaited::Mail | Awaited::Recipient(_), Intermediate) | (Awaited::Data, Success) => {
                return Verdict::Nonsense(reply);
            }
        }
        match self.awaited.is_empty() {
            false => Verdict::Await,
            true if self.is_hopeless() && self.is_named() => Verdict::Over,
            true if !self.mail_taken => Verdict::Over,
            true => Verdict::NextGroup,
        }
    }

    /// Whether nobody is left who could get the message.
    pub(super) fn is_hopeless(&self) -> bool {
        self.results.iter().all(Option::is_some)
    }

    fn is_named(&self) -> bool {
        self.named == self.results.len()
    }

    fn refuse_recipient(&mut self, place: usize, reply: Reply) {
        let Some(result @ None) = self.results.get_mut(place) else { return };
        *result = Some(if is_too_many(&reply, self.accepted) {
            RecipientResult::Later(reply)
        } else {
            RecipientResult::Refused(Step::Recipient, reply)
        });
    }

    /// All that are open were refused by this reply.
    pub(super) fn refuse_open(&mut self, step: Step, reply: &Reply) {
        self.settle_open(&RecipientResult::Refused(step, reply.clone()));
    }

    /// All that are open were taken by this reply.
    pub(super) fn take_open(&mut self, reply: Reply) {
        self.settle_open(&RecipientResult::Taken(reply));
    }

    /// All that are open were lost.
    pub(super) fn lose_open(&mut self, step: Step, lost: Lost) {
        self.settle_open(&RecipientResult::Lost(step, lost));
    }

    /// This becomes of all that are open.
    pub(super) fn settle_open(&mut self, result: &RecipientResult) {
        for open in self.results.iter_mut().filter(|open| open.is_none()) {
            *open = Some(result.clone());
        }
    }

    /// The end; what is still open by then was cut by us.
    pub(super) fn into_outcome(mut self) -> Outcome {
        self.lose_open(Step::Idle, Lost::Aborted);
        Outcome { recipients: self.results.into_iter().flatten().collect() }
    }
}

/// Whether a reply to RCPT says that the transaction is full, not that the recipient is bad
/// (RFC 5321 §4.5.3.1.10). The enhanced status decides, as 452 and 552 tell of a full or too small
/// mailbox as well (RFC 1870 §6.4). Without it, the server must have taken somebody before.
fn is_too_many(reply: &Reply, accepted: usize) -> bool {
    let topic = reply.status().map(|status| status.topic());
    matches!(reply.code().get(), 452 | 552)
        && match topic {
            Some(topic) => topic == Topic(5, 3) && (accepted > 0 || reply.is_permanent()),
            None => accepted > 0,
        }
}
