//! What lives as long as the socket: octets not yet read, octets not yet written, the clock.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::BytesMut;
use mail::Reply;

use super::{Output, replies};
use crate::line::{LineError, Lines};

/// Octets of a MAIL or RCPT line at most: 512, and what all extensions add to it
/// (RFC 5321 §4.5.3.1.4; 1036 for RCPT with DSN alone, RFC 3461 §5.1).
const ENVELOPE_LINE_MAX: usize = 2048;
/// Octets of any other command line at most; RFC 5321 §4.5.3.1.4 wants 512.
const LINE_MAX: usize = 1024;
/// Octets of a line of AUTH at most (RFC 4954 §4).
const AUTH_LINE_MAX: usize = 12_288;
/// Octets that wait behind a question before the caller leaves them in the socket.
pub(super) const INBOX_MAX: usize = 64 * 1024;

/// Octets of replies that are gathered before they must go out.
const OUTBOX_MAX: usize = 16 * 1024;

/// The wire, seen from the session.
pub(super) struct Connection {
    pub(super) inbox: BytesMut,
    lines: Lines,
    outputs: VecDeque<Output>,
    replies: Vec<u8>,
    /// Whether a reply waits that must not wait for others (RFC 2920 §3.2).
    prompt: bool,
    /// Until when the peer may take its time.
    pub(super) deadline: Instant,
    /// Whether this host is going down.
    pub(super) stopping: bool,
    closed: bool,
}

impl Connection {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            inbox: BytesMut::new(),
            lines: Lines::default(),
            outputs: VecDeque::new(),
            replies: Vec::new(),
            prompt: false,
            deadline,
            stopping: false,
            closed: false,
        }
    }

    /// The next command line.
    pub(super) fn next_line(&mut self) -> Option<Result<BytesMut, LineError>> {
        self.lines.next(&mut self.inbox, |line| match line.get(..4) {
            Some(verb) if verb.eq_ignore_ascii_case(b"MAIL") => ENVELOPE_LINE_MAX,
            Some(verb) if verb.eq_ignore_ascii_case(b"RCPT") => ENVELOPE_LINE_MAX,
            Some(verb) if verb.eq_ignore_ascii_case(b"AUTH") => AUTH_LINE_MAX,
            _ => LINE_MAX,
        })
    }

    /// The next line that answers a challenge.
    pub(super) fn next_response(&mut self) -> Option<Result<BytesMut, LineError>> {
        self.lines.next(&mut self.inbox, |_| AUTH_LINE_MAX)
    }

    /// Says one line of ours: code, status and text, without CR LF.
    pub(super) fn say(&mut self, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    /// Says what the engine answered, in ASCII: only the two below may say more (RFC 6531 §3.7.4).
    pub(super) fn say_reply(&mut self, reply: &Reply) {
        let start = self.replies.len();
        reply.write_to(&mut self.replies);
        let said = self.replies.get_mut(start..).unwrap_or_default();
        if !said.is_ascii() {
            said.iter_mut().filter(|octet| !octet.is_ascii()).for_each(|octet| *octet = b'?');
        }
    }

    /// Says the answer to VRFY or EXPN. Where that cannot be said in ASCII and nothing else may be
    /// said, it is said so (RFC 6531 §3.7.4.2).
    pub(super) fn say_lookup(&mut self, reply: &Reply, utf8: bool) {
        if reply.text().iter().all(|line| line.is_ascii()) {
            self.say_reply(reply);
        } else if utf8 {
            reply.write_to(&mut self.replies);
        } else if reply.is_success() {
            self.say(replies::NEEDS_UTF8);
        } else {
            self.say(replies::NEEDS_UTF8_REFUSED);
        }
    }

    /// Says the answer to RCPT, an address that it shows in UTF-8 only if the transaction is.
    pub(super) fn say_moved(&mut self, reply: &Reply, utf8: bool) {
        let shows = matches!(reply.code().get(), 251 | 551);
        match (shows && !reply.text().iter().all(|line| line.is_ascii()), utf8) {
            (false, _) => self.say_reply(reply),
            (true, true) => reply.write_to(&mut self.replies),
            (true, false) if reply.is_success() => self.say(replies::WILL_FORWARD),
            (true, false) => self.say(replies::MOVED),
        }
    }

    /// The last reply may not be held back behind a question.
    pub(super) fn promptly(&mut self) {
        self.prompt = true;
    }

    /// Gives `output` after all that was given before.
    pub(super) fn give(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Lets the replies go before what is given next.
    pub(super) fn flush(&mut self) {
        self.prompt = false;
        if !self.replies.is_empty() {
            let replies = std::mem::take(&mut self.replies);
            self.outputs.push_back(Output::Send(replies));
        }
    }

    /// Lets the replies go if one of them is not to wait.
    pub(super) fn flush_prompt(&mut self) {
        if self.prompt {
            self.flush();
        }
    }

    /// Reads no more; what was said still goes out.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.inbox = BytesMut::new();
    }

    /// Nobody is there to hear what was said.
    pub(super) fn forget_replies(&mut self) {
        self.replies = Vec::new();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether so much is to be said that nothing more is read before.
    pub(super) fn is_full(&self) -> bool {
        self.replies.len() >= OUTBOX_MAX
    }

    /// Whether all that was given has been taken.
    pub(super) fn is_drained(&self) -> bool {
        self.outputs.is_empty() && self.replies.is_empty()
    }

    /// The next thing to do.
    pub(super) fn poll(&mut self) -> Output {
        if self.outputs.is_empty() {
            self.flush();
        }
        match self.outputs.pop_front() {
            Some(output) => output,
            None if self.closed => Output::Close,
            None => Output::Wait(self.deadline),
        }
    }
}
