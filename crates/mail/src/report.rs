//! Reports about mail that failed, is late or has arrived: a `multipart/report` with a part for people, one for
//! programs and the message or its header section (RFC 3461 §6, RFC 3464, RFC 6522).
//!
//! A report is in ASCII as far as it can be: then it reaches its reader over any hosts, with what is
//! beyond ASCII encoded. Only where the sender's own mailbox is beyond ASCII does it take the forms
//! of RFC 6533, since it needs `SMTPUTF8` all the way then.
//!
//! The report is written in two pieces, [`Report::head`] and [`Report::tail`]; the caller streams the
//! returned octets between them, so no message is ever held whole. Who gets a report, and whether
//! anyone does, is decided elsewhere: never for a null reverse-path (RFC 5321 §6.1). The envelope is
//! the caller's too: from `<>`, to [`Report::to`], nobody else.

mod enclosed;
mod status;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write;
use std::time::SystemTime;

use bytes::Bytes;

use crate::address::{DomainName, ForwardPath, Mailbox};
use crate::date;
use crate::envelope::{Hold, OriginalRecipient, Return};
use crate::reply::{EnhancedStatus, Reply};

pub use enclosed::Enclosed;

/// A failed message up to this many octets is returned whole (RFC 6522 §3), a larger one as its
/// header section: it has crossed the net once already, and its author has it.
pub const RETURN_WHOLE_MAX: u64 = 100 * 1024;
/// The same where its author asked for all of it (`RET=FULL`).
pub const RETURN_ASKED_MAX: u64 = 10 * 1024 * 1024;
/// Octets of a header section that are returned, see [`cut_headers`].
pub const RETURN_HEADERS_MAX: usize = 64 * 1024;
/// Recipients named one by one in the part for people; the part for programs has them all.
pub const NAMED_MAX: usize = 50;

/// The part of a header section that is returned: whole lines, at most [`RETURN_HEADERS_MAX`]
/// octets.
pub fn cut_headers(head: &[u8]) -> &[u8] {
    let Some(first) = head.get(..RETURN_HEADERS_MAX) else { return head };
    let end = memchr::memrchr(b'\n', first).map_or(0, |last| last + 1);
    first.get(..end).unwrap_or_default()
}

/// What a report tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The mail will not be delivered.
    Failed,
    /// The mail has not been delivered yet and is still being tried.
    Delayed,
    /// The mail is where it was sent to, or on its way beyond the reach of reports, and its author
    /// asked to be told.
    Done,
}

/// What became of one recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// It will not be delivered.
    Failed,
    /// It is still being tried.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// It went to a host that sends no reports.
    Relayed,
    /// It went to several others.
    Expanded,
}

/// What of the message comes with the report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Returned {
    /// All of it, as `message/rfc822` or `message/global`.
    Full,
    /// Its header section, as `text/rfc822-headers` or `message/global-headers`.
    Headers,
}

impl Returned {
    /// What to return of a message of `len` octets, when its author asked for `ret`: all of a failed
    /// one that is small enough, else the header section (RFC 3461 §6.2).
    pub fn choose(kind: Kind, len: u64, ret: Option<Return>) -> Self {
        let most = match ret {
            None => RETURN_WHOLE_MAX,
            Some(Return::Full) => RETURN_ASKED_MAX,
            Some(Return::Headers) => return Self::Headers,
        };
        match kind {
            Kind::Failed if len <= most => Self::Full,
            Kind::Failed | Kind::Delayed | Kind::Done => Self::Headers,
        }
    }
}

/// What the other side, or this host, said about a recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Diagnostic {
    /// A reply of SMTP.
    Smtp(Reply),
    /// A text of this host.
    Text(String),
}

/// One recipient of a report.
#[derive(Clone, Debug)]
pub struct ReportedRecipient {
    /// The address as it came to us, case and all (RFC 3464 §2.3.2).
    pub final_recipient: ForwardPath,
    /// The ORCPT parameter that came; never made up (RFC 3461 §6.3).
    pub original_recipient: Option<OriginalRecipient>,
    /// Its enhanced status.
    pub status: EnhancedStatus,
    /// What became of it.
    pub action: Action,
    /// The host that answered; none where no other host was involved (RFC 3464 §2.3.5).
    pub remote_mta: Option<String>,
    /// What was said.
    pub diagnostic: Option<Diagnostic>,
    /// When it was last tried, if it was.
    pub last_attempt: Option<SystemTime>,
    /// Until when it is tried; only shown in delay reports (RFC 3464 §2.3.9).
    pub will_retry_until: Option<SystemTime>,
    /// What happened, for people: whole sentences.
    pub explanation: String,
}

/// A report about one message to its sender.
#[derive(Clone, Debug)]
pub struct Report {
    /// Failure, delay or success.
    pub kind: Kind,
    /// This host.
    pub reporting_mta: DomainName,
    /// Who speaks: the postmaster of this host.
    pub from: Mailbox,
    /// The mailbox of the reverse-path.
    pub to: Mailbox,
    /// The ENVID parameter of the message, decoded; never made up (RFC 3461 §6.3).
    pub envelope_id: Option<String>,
    /// The host the message came from, as it called itself, and its address.
    pub received_from: Option<String>,
    /// Until when the message was to be held (RFC 4865 §5.1.2).
    pub hold: Option<Hold>,
    /// When the message came.
    pub arrival: SystemTime,
    /// When the report is written.
    pub now: SystemTime,
    /// The zone its dates are in, minutes east of Greenwich.
    pub offset_minutes: i32,
    /// The Message-ID of the report, without brackets.
    pub message_id: String,
    /// Chance, taken after the content was received: what makes the boundary one that the content
    /// cannot hold.
    pub boundary_seed: u64,
    /// At least one.
    pub recipients: Vec<ReportedRecipient>,
    /// What the caller will stream between head and tail.
    pub returned: Returned,
    /// The returned octets hold some above 127. The caller knows from the scanner that watched the
    /// message ([`HeaderScanner`](crate::content::HeaderScanner)): for `Full` its `eight_bit`, for
    /// `Headers` its `eight_bit_head`.
    pub eight_bit: bool,
    /// The header section of the message is in UTF-8: it came with `SMTPUTF8` and needs it.
    pub global: bool,
}

impl Report {
    /// All up to the returned octets.
    pub fn head(&self) -> Bytes {
        let mut out = String::with_capacity(2048 + 512 * self.recipients.len());
        self.fields(&mut out);
        match self.names_beyond_ascii() {
            true => self.open_part(&mut out, "text/plain; charset=utf-8", Some("8bit")),
            false => self.open_part(&mut out, "text/plain; charset=us-ascii", None),
        }
        words::write(self, &mut out);
        match self.needs_utf8() {
            true => self.open_part(&mut out, "message/global-delivery-status", Some("8bit")),
            false => self.open_part(&mut out, "message/delivery-status", None),
        }
        status::write(self, &mut out);
        let part = match (self.returned, self.global) {
            (Returned::Full, false) => "message/rfc822",
            (Returned::Headers, false) => "text/rfc822-headers",
            (Returned::Full, true) => "message/global",
            (Returned::Headers, true) => "message/global-headers",
        };
        self.open_part(&mut out, part, self.encoding_of_returned());
        Bytes::from(out)
    }

    /// Whether the report can only go with `SMTPUTF8`: its own recipient is beyond ASCII.
    pub fn needs_utf8(&self) -> bool {
        !self.to.is_ascii()
    }

    /// Whether it has octets above 127, so that it must go as `BODY=8BITMIME`.
    pub fn is_eight_bit(&self) -> bool {
        self.names_beyond_ascii() || self.encoding_of_returned() == Some("8bit")
    }

    /// What the returned octets go through on their way into the report.
    pub fn enclosed(&self) -> Enclosed {
        Enclosed::new(self.encoding_of_returned() == Some("base64"))
    }

    /// A header section beyond ASCII may pass hosts that take none (RFC 6533 §4.5), unless the
    /// report itself cannot.
    fn encoding_of_returned(&self) -> Option<&'static str> {
        match (self.global, self.needs_utf8()) {
            (true, false) => Some("base64"),
            (true, true) => Some("8bit"),
            (false, _) => self.eight_bit.then_some("8bit"),
        }
    }

    /// Whether the part for people has names that ASCII cannot show.
    fn names_beyond_ascii(&self) -> bool {
        let beyond = |one: &ReportedRecipient| !one.final_recipient.is_ascii();
        self.needs_utf8() || self.recipients.iter().any(beyond)
    }

    /// Text of others made safe for a line of the part for people.
    fn words_of_others(&self, text: &str, max: usize) -> String {
        if self.names_beyond_ascii() { printable(text, max) } else { plain(text, max) }
    }

    /// All after them. The line end before the boundary belongs to the boundary, so what was
    /// returned stays octet for octet what it was.
    pub fn tail(&self) -> Bytes {
        Bytes::from(format!("\r\n--{}--\r\n", self.boundary()))
    }

    /// Where in [`head`](Self::head) nothing can be hit by the content: `=_` stands in no line of
    /// quoted-printable or base64, and the rest is not to be guessed by who wrote the content.
    fn boundary(&self) -> String {
        let id = self.message_id.bytes().filter(u8::is_ascii_alphanumeric).take(24);
        let id: String = id.map(char::from).collect();
        format!("=_{id}_{:016x}", self.boundary_seed)
    }

    fn fields(&self, out: &mut String) {
        let subject = match self.kind {
            Kind::Failed => "Your message could not be delivered",
            Kind::Delayed => "Your message is delayed (we keep trying)",
            Kind::Done if self.recipients.iter().all(|one| one.action == Action::Delivered) => {
                "Your message has been delivered"
            }
            Kind::Done => "Your message is on its way",
        };
        line(out, format_args!("From: Mail Delivery System <{}>", self.from));
        line(out, format_args!("To: <{}>", self.to));
        line(out, format_args!("Subject: {subject}"));
        line(out, format_args!("Date: {}", self.date(self.now)));
        line(out, format_args!("Message-ID: <{}>", plain(&self.message_id, 200)));
        line(out, format_args!("Auto-Submitted: auto-replied"));
        line(out, format_args!("MIME-Version: 1.0"));
        if self.is_eight_bit() {
            line(out, format_args!("Content-Transfer-Encoding: 8bit"));
        }
        line(out, format_args!("Content-Type: multipart/report; report-type=delivery-status;"));
        line(out, format_args!(" boundary=\"{}\"", self.boundary()));
        line(out, format_args!(""));
        line(out, format_args!("This is a message in MIME format, a report about your mail."));
    }

    /// The boundary and the fields of a part.
    fn open_part(&self, out: &mut String, kind: &str, encoding: Option<&str>) {
        line(out, format_args!("\r\n--{}", self.boundary()));
        line(out, format_args!("Content-Type: {kind}"));
        if let Some(encoding) = encoding {
            line(out, format_args!("Content-Transfer-Encoding: {encoding}"));
        }
        line(out, format_args!(""));
    }

    fn date(&self, time: SystemTime) -> String {
        date::rfc5322(time, self.offset_minutes)
    }
}

/// A line with its line end.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
    out.push_str("\r\n");
}

/// A forward-path without brackets.
fn bare(path: &ForwardPath) -> String {
    match path {
        ForwardPath::Postmaster => "postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => mailbox.to_string(),
    }
}

/// Text of others made safe for a line of a report: at most `max` printable ASCII characters and
/// blanks, everything else becomes `?`.
fn plain(text: &str, max: usize) -> String {
    let safe = |octet: char| if matches!(octet, ' '..='~') { octet } else { '?' };
    text.chars().take(max).map(safe).collect()
}

/// The same where letters beyond ASCII can be shown.
fn printable(text: &str, max: usize) -> String {
    let safe = |character: char| match character {
        '\u{2028}' | '\u{2029}' => '?',
        _ if character.is_control() => '?',
        _ => character,
    };
    text.chars().take(max).map(safe).collect()
}

/// Appends `text` word by word, in lines of `width` with `first` before the first one and `rest`
/// before the others. A word longer than a line stands alone and is cut at 900.
fn wrap(out: &mut String, text: &str, first: &str, rest: &str, width: usize) {
    let mut start = out.len();
    let mut empty = true;
    out.push_str(first);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let end = (0..=word.len().min(900)).rev().find(|&end| word.is_char_boundary(end));
        let word = word.get(..end.unwrap_or_default()).unwrap_or_default();
        if !empty && out.len() - start + 1 + word.len() > width {
            out.push_str("\r\n");
            start = out.len();
            out.push_str(rest);
            empty = true;
        }
        if !empty {
            out.push(' ');
        }
        out.push_str(word);
        empty = false;
    }
    out.push_str("\r\n");
}
