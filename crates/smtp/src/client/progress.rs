//! One transaction from MAIL to the replies to its end: what is sent next, which reply belongs to
//! what, what became of each recipient.
//!
//! Replies are matched to commands by counting alone (RFC 2920 §3.1), and read by their code alone
//! (RFC 5321 §4.2).

use std::collections::VecDeque;

use mail::{BodyType, Reply, Severity, Topic};

use super::chunks::{Chunks, WINDOW};
use super::envelope::{self, Standing};
use super::limits::Used;
use super::stuffing::Stuffing;
use super::{Extensions, Lost, Outcome, RecipientResult, Step, Transaction};

/// Commands of a group at most, so that neither side writes into full buffers while the other
/// does (RFC 2920 §3.1).
pub(super) const GROUP_MAX: usize = 102;

/// How content goes out, and how it is answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Way {
    /// By BDAT, not by DATA.
    pub(super) chunks: bool,
    /// With one reply for each recipient that was accepted (RFC 2033 §4.2).
    pub(super) each: bool,
}

/// A command whose reply has not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Awaited {
    Mail,
    Recipient(usize),
    Data,
    /// A chunk that was not the last.
    Chunk,
    /// The dot, or the last chunk.
    End,
    /// The same, for this recipient.
    EndFor(usize),
}

/// What the replies so far make of the transaction.
#[derive(Debug)]
pub(super) enum Verdict {
    /// More replies are to come.
    Await,
    /// The group is answered: send the next.
    NextGroup,
    /// Somebody may get it: send the content.
    Content,
    /// Go on with the content.
    More,
    /// 354, although nobody was accepted: send no content, but the dot (RFC 2920 §3.1).
    LoneDot,
    /// Nothing more can come of it, and the server may hold a part of it.
    Over,
    /// The message was taken or not, and the server is ready for another.
    Finished,
    /// The server does not know BDAT, and takes what it was sent for commands.
    Unchunked,
    /// The reply is none to this command.
    Nonsense(Reply),
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Progress {
    transaction: Transaction,
    way: Way,
    /// What became of each recipient; `None` as long as that is open.
    results: Vec<Option<RecipientResult>>,
    /// Recipients the server took; they are open as well.
    accepted: usize,
    /// Places before this one are settled or named.
    named: usize,
    mail_sent: bool,
    mail_taken: bool,
    awaited: VecDeque<Awaited>,
    /// A chunk was sent.
    begun: bool,
    /// All of the content was sent.
    complete: bool,
    pub(super) stuffing: Stuffing,
    pub(super) chunks: Chunks,
}

impl Progress {
    pub(super) fn new(transaction: Transaction, way: Way) -> Self {
        let is_binary = transaction.parameters.body == BodyType::Binary;
        let size = if way.chunks { transaction.size } else { 0 };
        Self {
            results: vec![None; transaction.recipients.len()],
            transaction,
            way,
            accepted: 0,
            named: 0,
            mail_sent: false,
            mail_taken: false,
            awaited: VecDeque::new(),
            begun: false,
            complete: false,
            stuffing: Stuffing::new(),
            chunks: Chunks::new(is_binary, size),
        }
    }

    /// Settles those who cannot get the message by this session, before anything is sent.
    pub(super) fn sift(&mut self, extensions: &Extensions, standing: Standing, used: &mut Used) {
        match extensions.size_limit() {
            Some(limit) if self.transaction.size > limit => {
                return self.settle_open(&RecipientResult::TooLarge(limit));
            }
            _ => {}
        }
        if let Some(lack) = envelope::lack(&self.transaction, extensions, standing) {
            return self.settle_open(&RecipientResult::Unsuitable(lack));
        }
        let mut named = 0;
        for (recipient, result) in self.transaction.recipients.iter().zip(&mut self.results) {
            *result = match envelope::lack_for(recipient, extensions) {
                Some(lack) => Some(RecipientResult::Unsuitable(lack)),
                None if !used.may_name(&recipient.path, named) => Some(RecipientResult::Excess),
                None => {
                    named += 1;
                    None
                }
            };
        }
    }

    /// Whether a further session could do better: all are left for the limits of this one.
    pub(super) fn is_all_excess(&self) -> bool {
        let excess = |result: &Option<_>| matches!(result, Some(RecipientResult::Excess));
        self.results.iter().any(excess) && self.is_hopeless()
    }

    /// Whether envelope and content may go out in one group.
    pub(super) fn fits_one_group(&self) -> bool {
        self.results.len() + 2 <= GROUP_MAX && self.transaction.size <= super::chunks::EAGER_MAX
    }

    /// The next commands: as many as may go at once with PIPELINING, else one. Asked for only
    /// while there is somebody who could get the message.
    pub(super) fn next_group(&mut self, extensions: &Extensions, standing: Standing) -> Vec<u8> {
        let most = if extensions.pipelining() { GROUP_MAX } else { 1 };
        let mut group = Vec::new();
        while self.awaited.len() < most {
            let Some(next) = self.next_command() else { break };
            self.write(next, extensions, standing, &mut group);
            self.awaited.push_back(next);
            if next == Awaited::Data {
                // The last of its group (RFC 2920 §3.1).
                break;
            }
        }
        group
    }

    fn next_command(&mut self) -> Option<Awaited> {
        if !self.mail_sent {
            self.mail_sent = true;
            return Some(Awaited::Mail);
        }
        let open = self.results.iter().skip(self.named).position(Option::is_none);
        if let Some(open) = open {
            self.named += open + 1;
            return Some(Awaited::Recipient(self.named - 1));
        }
        self.named = self.results.len();
        // In a group DATA goes out in the hope that one will be accepted; in lock-step one was, or
        // the transaction were over.
        (!self.way.chunks).then_some(Awaited::Data)
    }

    fn write(
        &self,
        command: Awaited,
        extensions: &Extensions,
        standing: Standing,
        out: &mut Vec<u8>,
    ) {
        let transaction = &self.transaction;
        // Writing to a Vec cannot fail.
        let _ = match command {
            Awaited::Mail => {
                let utf8 = self.has_utf8_address();
                envelope::write_mail(transaction, utf8, extensions, standing, out)
            }
            Awaited::Recipient(place) => match transaction.recipients.get(place) {
                Some(recipient) => envelope::write_recipient(recipient, extensions, out),
                None => Ok(()),
            },
            Awaited::Data => {
                out.extend_from_slice(b"DATA\r\n");
                Ok(())
            }
            Awaited::Chunk | Awaited::End | Awaited::EndFor(_) => Ok(()),
        };
    }

    fn has_utf8_address(&self) -> bool {
        let open = self.transaction.recipients.iter().zip(&self.results);
        !self.transaction.reverse_path.is_ascii()
            || open.into_iter().any(|(one, result)| result.is_none() && !one.path.is_ascii())
    }

    /// A chunk went out.
    pub(super) fn chunk_sent(&mut self, last: bool) {
        self.begun = true;
        self.complete = last;
        self.awaited.push_back(if last { Awaited::End } else { Awaited::Chunk });
    }

    /// The dot went out.
    pub(super) fn dot_sent(&mut self) {
        self.complete = true;
        self.awaited.push_back(Awaited::End);
    }

    /// Whether another chunk may go out before a reply comes.
    pub(super) fn wants_chunk(&self) -> bool {
        // In LMTP the last one goes out only when all others were taken (RFC 2033 §4.3).
        let window = if self.way.each { 1 } else { WINDOW };
        !self.complete && self.awaited.len() < window && !self.is_hopeless()
    }

    /// The step the next reply belongs to.
    pub(super) fn step(&self) -> Step {
        match self.awaited.front() {
            Some(Awaited::Mail) | None => Step::Mail,
            Some(Awaited::Recipient(_)) => Step::Recipient,
            Some(Awaited::Data) => Step::Data,
            Some(Awaited::Chunk) => Step::Content,
            Some(Awaited::End | Awaited::EndFor(_)) => Step::Dot,
        }
    }

    /// The step at which a connection is lost that was at `step`: once all was sent, the message may
    /// have been taken, however few replies have come.
    pub(super) fn step_lost_at(&self, step: Step) -> Step {
        if self.complete { Step::Dot } else { step }
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.way.chunks
    }

    /// Takes the next reply.
    pub(super) fn replied(&mut self, reply: Reply) -> Verdict {
        use Severity::{Intermediate, Permanent, Success, Transient};
        self.expect_each();
        let Some(awaited) = self.awaited.pop_front() else { return Verdict::Nonsense(reply) };
        match (awaited, reply.severity()) {
            (Awaited::Data, Intermediate) if self.is_hopeless() => return Verdict::LoneDot,
            (Awaited::Data, Intermediate) => return Verdict::Content,
            (_, Intermediate) | (Awaited::Data, Success) => return Verdict::Nonsense(reply),
            (Awaited::Mail, Success) => self.mail_taken = true,
            (Awaited::Mail, Transient | Permanent) => self.refuse_open(Step::Mail, &reply),
            (Awaited::Recipient(_), Success) => self.accepted += 1,
            (Awaited::Recipient(place), Transient | Permanent) => {
                self.refuse_recipient(place, reply);
            }
            (Awaited::Data, Transient | Permanent) => {
                self.refuse_open(Step::Data, &reply);
                return Verdict::Over;
            }
            (Awaited::Chunk, Success) => {}
            (Awaited::Chunk | Awaited::End, Permanent)
                if self.way.chunks && is_unknown(&reply) && !self.is_hopeless() =>
            {
                return Verdict::Unchunked;
            }
            (Awaited::Chunk, Transient | Permanent) => self.refuse_open(Step::Content, &reply),
            (Awaited::End, _) => return self.ended(reply),
            (Awaited::EndFor(place), _) => return self.ended_for(place, reply),
        }
        self.next()
    }

    /// What is to be done after a reply that ended nothing.
    fn next(&self) -> Verdict {
        let named = self.named == self.results.len() || self.is_hopeless();
        match (self.awaited.is_empty(), self.is_hopeless()) {
            (false, false) if self.begun && !self.complete => Verdict::More,
            (false, _) => Verdict::Await,
            (true, true) if named => Verdict::Over,
            (true, _) if !self.mail_taken => Verdict::Over,
            (true, _) if self.begun => Verdict::More,
            (true, _) if named && self.way.chunks && self.mail_sent => Verdict::Content,
            (true, _) => Verdict::NextGroup,
        }
    }

    /// Once the end is reached, each recipient that was accepted has its own reply (RFC 2033 §4.2).
    /// Where there is none, the one that comes is a refusal.
    fn expect_each(&mut self) {
        if !self.way.each || self.awaited.front() != Some(&Awaited::End) || self.is_hopeless() {
            return;
        }
        self.awaited.pop_front();
        let open = self.results.iter().enumerate().filter(|(_, result)| result.is_none());
        self.awaited.extend(open.map(|(place, _)| Awaited::EndFor(place)));
    }

    /// The reply to the end, for all recipients.
    fn ended(&mut self, reply: Reply) -> Verdict {
        let was_in_vain = self.is_hopeless();
        match reply.severity() {
            Severity::Success => self.settle_open(&RecipientResult::Taken(reply)),
            _ => {
                self.refuse_open(Step::Dot, &reply);
                // After a chunk that failed the next command is RSET (RFC 3030 §2).
                return if self.way.chunks { Verdict::Over } else { Verdict::Finished };
            }
        }
        if was_in_vain { Verdict::Over } else { Verdict::Finished }
    }

    /// The reply to the end, for one recipient.
    fn ended_for(&mut self, place: usize, reply: Reply) -> Verdict {
        let result = match reply.severity() {
            Severity::Success => RecipientResult::Taken(reply),
            _ => RecipientResult::Refused(Step::Dot, reply),
        };
        if let Some(open @ None) = self.results.get_mut(place) {
            *open = Some(result);
        }
        if self.awaited.is_empty() { Verdict::Finished } else { Verdict::Await }
    }

    /// Whether nobody is left who could get the message.
    pub(super) fn is_hopeless(&self) -> bool {
        self.results.iter().all(Option::is_some)
    }

    /// Whether anything of it has gone out.
    pub(super) fn has_spoken(&self) -> bool {
        self.mail_sent
    }

    pub(super) fn is_seven_bit_to(&self, extensions: &Extensions) -> bool {
        !extensions.eight_bit_mime() && self.transaction.parameters.body != BodyType::Binary
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

/// Whether the server does not know the command.
fn is_unknown(reply: &Reply) -> bool {
    matches!(reply.code().get(), 500 | 502)
}
