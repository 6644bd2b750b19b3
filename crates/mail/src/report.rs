//! Reports about deliveries: delivery status notifications (RFC 3464) as multipart/report messages
//! (RFC 6522). The original message stands between [`Report::head`] and [`Report::tail`] and is
//! streamed by the caller, so that it is never whole in memory here.

use std::fmt::Write;
use std::time::SystemTime;

use bytes::Bytes;

use crate::address::{ForwardPath, Mailbox};
use crate::date::rfc5322;
use crate::reply::{EnhancedStatus, Reply};

/// Octets of a message that a report returns whole; of a larger one it returns the header section. A
/// reader wants to know which letter it was, not to get 50 MB back.
pub const FULL_MAX: u64 = 100 * 1024;

/// What a report tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Delivery has failed for good.
    Failed,
    /// Delivery has failed so far, and is tried on.
    Delayed,
}

/// How much of the original the report returns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Returned {
    /// All of it.
    Full,
    /// Its header section.
    Headers,
}

/// One recipient that the report tells of.
#[derive(Clone, Debug)]
pub struct ReportedRecipient {
    /// As the envelope has it.
    pub recipient: ForwardPath,
    /// `5.1.1`; after expiry still `4.y.z`.
    pub status: EnhancedStatus,
    /// The host that said so.
    pub remote_mta: Option<String>,
    /// What it said.
    pub diagnostic: Option<Reply>,
    /// When it was tried last.
    pub last_attempt: SystemTime,
    /// Tries go on until then; none when they have ended.
    pub will_retry_until: Option<SystemTime>,
    /// What happened, for people.
    pub explanation: String,
}

/// A report to be written.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it tells.
    pub kind: Kind,
    /// The host that writes it.
    pub reporting_mta: String,
    /// Its author: the postmaster of that host.
    pub from: Mailbox,
    /// The sender of the original.
    pub to: Mailbox,
    /// When the original came.
    pub arrival: SystemTime,
    /// When the report is written.
    pub time: SystemTime,
    /// Minutes east of Greenwich.
    pub zone: i32,
    /// The queue id of the report: it makes the Message-ID and the boundary unique.
    pub id: String,
    /// At least one.
    pub recipients: Vec<ReportedRecipient>,
    /// What follows [`head`](Self::head).
    pub returned: Returned,
    /// What is returned has octets above 127: the message so labels itself 8-bit.
    pub eight_bit: bool,
}

/// Columns of text for people.
const COLUMNS: usize = 72;

impl Report {
    fn boundary(&self) -> String {
        // `_` and `=` together stand in no quoted-printable or base64 line, and the id is new.
        format!("=_report_{}", self.id)
    }

    /// All that stands before the original message.
    pub fn head(&self) -> Bytes {
        let mut out = String::with_capacity(2048);
        // Writing to a String cannot fail.
        let _ = self.write_header(&mut out);
        let _ = self.write_for_people(&mut out);
        let _ = self.write_status(&mut out);
        let _ = self.write_returned(&mut out);
        out.into()
    }

    /// All that stands after it.
    pub fn tail(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary()).into()
    }

    fn write_header(&self, out: &mut String) -> std::fmt::Result {
        let subject = match self.kind {
            Kind::Failed => "Your mail could not be delivered",
            Kind::Delayed => "Your mail is delayed",
        };
        let encoding = if self.eight_bit { "8bit" } else { "7bit" };
        write!(
            out,
            "Date: {}\r\nFrom: Mail Delivery System <{}>\r\nTo: <{}>\r\nSubject: {subject}\r\n\
             Message-ID: <report.{}@{}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{}\"\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n",
            rfc5322(self.time, self.zone),
            self.from,
            self.to,
            self.id,
            self.reporting_mta,
            self.boundary(),
        )
    }

    fn write_for_people(&self, out: &mut String) -> std::fmt::Result {
        write!(
            out,
            "--{}\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\n",
            self.boundary()
        )?;
        let arrival = rfc5322(self.arrival, self.zone);
        let host = &self.reporting_mta;
        match self.kind {
            Kind::Failed => wrap(out, "", &format!(
                "This is the mail system at {host}. The message that you sent on {arrival} could not be \
                 delivered to the recipients below. It will not be tried again."
            ))?,
            Kind::Delayed => wrap(out, "", &format!(
                "This is the mail system at {host}. The message that you sent on {arrival} has not been \
                 delivered yet to the recipients below. You need not do anything: it is tried again until \
                 the time given, and you will be told if it fails for good."
            ))?,
        }
        for recipient in &self.recipients {
            write!(out, "\r\n{}\r\n", ascii(&recipient.recipient.to_string()))?;
            wrap(out, "    ", &recipient.explanation)?;
            if let Some(reply) = &recipient.diagnostic {
                wrap(out, "    ", &format!("The other side said: {reply}"))?;
            }
            if let Some(until) = recipient.will_retry_until {
                wrap(out, "    ", &format!("Tried until: {}", rfc5322(until, self.zone)))?;
            }
        }
        if self.kind == Kind::Failed {
            out.push_str("\r\n");
            wrap(out, "", &format!(
                "Check the addresses for mistakes before you send it again. If you need help, ask {} and \
                 include this message.",
                self.from
            ))?;
        }
        out.push_str("\r\n");
        Ok(())
    }

    fn write_status(&self, out: &mut String) -> std::fmt::Result {
        write!(
            out,
            "--{}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {}\r\nArrival-Date: {}\r\n",
            self.boundary(),
            self.reporting_mta,
            rfc5322(self.arrival, self.zone),
        )?;
        let action = match self.kind {
            Kind::Failed => "failed",
            Kind::Delayed => "delayed",
        };
        for recipient in &self.recipients {
            let address = recipient.recipient.to_string();
            let address = address.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(&address);
            write!(
                out,
                "\r\nFinal-Recipient: rfc822;{}\r\nAction: {action}\r\nStatus: {}\r\n",
                ascii(address),
                recipient.status,
            )?;
            if let Some(host) = &recipient.remote_mta {
                write!(out, "Remote-MTA: dns; {}\r\n", ascii(host))?;
            }
            if let Some(reply) = &recipient.diagnostic {
                diagnostic(out, reply)?;
            }
            write!(out, "Last-Attempt-Date: {}\r\n", rfc5322(recipient.last_attempt, self.zone))?;
            if let Some(until) = recipient.will_retry_until {
                write!(out, "Will-Retry-Until: {}\r\n", rfc5322(until, self.zone))?;
            }
        }
        out.push_str("\r\n");
        Ok(())
    }

    fn write_returned(&self, out: &mut String) -> std::fmt::Result {
        let kind = match self.returned {
            Returned::Full => "message/rfc822",
            Returned::Headers => "text/rfc822-headers",
        };
        let encoding = if self.eight_bit { "8bit" } else { "7bit" };
        write!(
            out,
            "--{}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n",
            self.boundary()
        )
    }
}

/// `Diagnostic-Code`, one line for each line of the reply (RFC 3464 §2.3.6).
fn diagnostic(out: &mut String, reply: &Reply) -> std::fmt::Result {
    let status = reply.status().map(|status| format!(" {status}")).unwrap_or_default();
    let mut before = "Diagnostic-Code: smtp;".to_owned();
    for line in reply.text() {
        let line: String = ascii(line).chars().take(900).collect();
        write!(out, "{before} {}{status} {line}\r\n", reply.code())?;
        before.clear();
    }
    Ok(())
}

/// Only printable ASCII: what a peer said must not break a report that calls itself 7-bit.
fn ascii(text: &str) -> String {
    text.chars().map(|octet| if matches!(octet, ' '..='~') { octet } else { '?' }).collect()
}

/// Text in lines of at most [`COLUMNS`], each after `indent`; a longer word stands alone.
fn wrap(out: &mut String, indent: &str, text: &str) -> std::fmt::Result {
    let mut line = String::new();
    for word in ascii(text).split_whitespace() {
        let word: String = word.chars().take(900).collect();
        if !line.is_empty() && indent.len() + line.len() + 1 + word.len() > COLUMNS {
            write!(out, "{indent}{line}\r\n")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if line.is_empty() { Ok(()) } else { write!(out, "{indent}{line}\r\n") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reply::{ReplyCode, Topic};

    fn report(kind: Kind, returned: Returned) -> Report {
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_751_364_000 + seconds);
        let reply = Reply::received(
            ReplyCode::new(550).unwrap(),
            Some(Topic(1, 1)),
            vec!["no such user".into(), "really, d\u{e9}sol\u{e9}".into()],
        );
        let recipient = |path: &str, diagnostic| ReportedRecipient {
            recipient: path.parse().unwrap(),
            status: EnhancedStatus::permanent(Topic(1, 1)),
            remote_mta: Some("mx.dest.example".into()),
            diagnostic,
            last_attempt: at(60),
            will_retry_until: (kind == Kind::Delayed).then(|| at(432_000)),
            explanation: "mx.dest.example refused the recipient".into(),
        };
        Report {
            kind,
            reporting_mta: "our.example".into(),
            from: "postmaster@our.example".parse().unwrap(),
            to: "Sender@home.example".parse().unwrap(),
            arrival: at(0),
            time: at(90),
            zone: 0,
            id: "01abc".into(),
            recipients: vec![recipient("<Gone@dest.example>", Some(reply)), recipient("<b@dest.example>", None)],
            returned,
            eight_bit: false,
        }
    }

    /// Register: 3464-2.1-a, 3464-2.1-b, 3464-2.3.2-a, 3464-2.3.2-d, 3464-2.3.3-a, 3464-2.3.4-a,
    /// 3464-2.3.6-a, 3464-2.3.7-b, 3464-2.3.9-a, 6522-3-a, 6522-3-b, 6522-3-c.
    #[test]
    fn a_failure_is_a_whole_multipart_report() {
        let report = report(Kind::Failed, Returned::Full);
        let text = [report.head(), "Subject: x\r\n\r\nbody\r\n".into(), report.tail()].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "only CR LF ends a line");
        assert_eq!(text.matches("--=_report_01abc\r\n").count(), 3);
        assert!(text.ends_with("\r\n--=_report_01abc--\r\n"));
        for part in [
            "Content-Type: multipart/report; report-type=delivery-status;\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "\r\n\r\nReporting-MTA: dns; our.example\r\n",
            "\r\n\r\nFinal-Recipient: rfc822;Gone@dest.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
             Remote-MTA: dns; mx.dest.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n \
             550 5.1.1 really, d?sol?\r\n",
            "\r\n\r\nFinal-Recipient: rfc822;b@dest.example\r\n",
            "Content-Type: message/rfc822\r\n",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
        assert!(!text.contains("Will-Retry-Until") && !text.contains("Original-Recipient"));
    }

    #[test]
    fn a_delay_says_until_when() {
        let text = String::from_utf8(report(Kind::Delayed, Returned::Headers).head().to_vec()).unwrap();
        for part in ["Action: delayed\r\n", "Will-Retry-Until: Sun, 06 Jul 2025 10:00:00 +0000", "text/rfc822-headers", "You need not do anything"] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }
}
