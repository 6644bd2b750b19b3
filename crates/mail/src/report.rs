//! Reports about mail that failed or is late: a `multipart/report` with a part for people, one for
//! programs and the message or its header section (RFC 3461 §6, RFC 3464, RFC 6522).
//!
//! The report is written in two pieces, [`Report::head`] and [`Report::tail`]; the caller streams the
//! returned octets between them, so no message is ever held whole. Who gets a report, and whether
//! anyone does, is decided elsewhere: never for a null reverse-path (RFC 5321 §6.1). The envelope is
//! the caller's too: from `<>`, to [`Report::to`], nobody else.

mod status;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write;
use std::time::SystemTime;

use bytes::Bytes;

use crate::address::{DomainName, ForwardPath, Mailbox};
use crate::date;
use crate::reply::{EnhancedStatus, Reply};

/// A failed message up to this many octets is returned whole (RFC 6522 §3), a larger one as its
/// header section: it has crossed the net once already, and its author has it.
pub const RETURN_WHOLE_MAX: u64 = 100 * 1024;
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
    /// All of it, as `message/rfc822`.
    Full,
    /// Its header section, as `text/rfc822-headers`.
    Headers,
}

impl Returned {
    /// What to return of a message of `len` octets: all of a failed one that is small, else the
    /// header section (RFC 3461 §6.2).
    pub fn choose(kind: Kind, len: u64) -> Self {
        match kind {
            Kind::Failed if len <= RETURN_WHOLE_MAX => Self::Full,
            Kind::Failed | Kind::Delayed => Self::Headers,
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
    /// `rfc822;address` out of an ORCPT parameter, decoded; never made up (RFC 3461 §6.3).
    pub original_recipient: Option<String>,
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
    /// Failure or delay.
    pub kind: Kind,
    /// This host.
    pub reporting_mta: DomainName,
    /// Who speaks: the postmaster of this host.
    pub from: Mailbox,
    /// The mailbox of the reverse-path.
    pub to: Mailbox,
    /// The ENVID parameter of the message, decoded; never made up (RFC 3461 §6.3).
    pub envelope_id: Option<String>,
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
    /// `Headers` its `eight_bit_head`. The report must then go as `BODY=8BITMIME`.
    pub eight_bit: bool,
}

impl Report {
    /// All up to the returned octets.
    pub fn head(&self) -> Bytes {
        let mut out = String::with_capacity(2048 + 512 * self.recipients.len());
        self.fields(&mut out);
        self.open_part(&mut out, "text/plain; charset=us-ascii", false);
        words::write(self, &mut out);
        self.open_part(&mut out, "message/delivery-status", false);
        status::write(self, &mut out);
        let part = match self.returned {
            Returned::Full => "message/rfc822",
            Returned::Headers => "text/rfc822-headers",
        };
        self.open_part(&mut out, part, self.eight_bit);
        Bytes::from(out)
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
        };
        line(out, format_args!("From: Mail Delivery System <{}>", self.from));
        line(out, format_args!("To: <{}>", self.to));
        line(out, format_args!("Subject: {subject}"));
        line(out, format_args!("Date: {}", self.date(self.now)));
        line(out, format_args!("Message-ID: <{}>", plain(&self.message_id, 200)));
        line(out, format_args!("Auto-Submitted: auto-replied"));
        line(out, format_args!("MIME-Version: 1.0"));
        if self.eight_bit {
            line(out, format_args!("Content-Transfer-Encoding: 8bit"));
        }
        line(out, format_args!("Content-Type: multipart/report; report-type=delivery-status;"));
        line(out, format_args!(" boundary=\"{}\"", self.boundary()));
        line(out, format_args!(""));
        line(out, format_args!("This is a message in MIME format, a report about your mail."));
    }

    /// The boundary and the fields of a part.
    fn open_part(&self, out: &mut String, kind: &str, eight_bit: bool) {
        line(out, format_args!("\r\n--{}", self.boundary()));
        line(out, format_args!("Content-Type: {kind}"));
        if eight_bit {
            line(out, format_args!("Content-Transfer-Encoding: 8bit"));
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

/// Appends `text` word by word, in lines of `width` with `first` before the first one and `rest`
/// before the others. A word longer than a line stands alone and is cut at 900.
fn wrap(out: &mut String, text: &str, first: &str, rest: &str, width: usize) {
    let mut start = out.len();
    let mut empty = true;
    out.push_str(first);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word = word.get(..900).unwrap_or(word);
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
