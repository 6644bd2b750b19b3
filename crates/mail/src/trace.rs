//! The fields a host adds to a message that passes through it (RFC 5321 §4.4).
//!
//! They are put before the content; nothing in the content is changed, moved or removed. A line is
//! folded before a clause that would take it past 78 octets; a clause is never cut.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use crate::address::{ForwardPath, Literal, Mailbox, ReversePath};
use crate::date;

/// Where a line is folded, CR LF not counted (RFC 5322 §2.1.1).
const LINE_MAX: usize = 78;
/// Octets shown of a name that was given to us: more than any domain has.
const NAME_MAX: usize = 255;

/// The peer of a connection, as a Received field shows it.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    /// The argument of EHLO or HELO, unverified.
    pub hello: &'a str,
    /// The peer of the connection.
    pub address: IpAddr,
    /// The name its address has in DNS, if it is known.
    pub reverse_name: Option<&'a str>,
}

/// How a message came.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// Over a connection.
    Wire {
        /// From whom.
        from: From<'a>,
        /// The registered word: `SMTP`, `ESMTP`, `ESMTPS`, … (RFC 3848).
        with: &'a str,
    },
    /// From a program on this host.
    Local {
        /// The user it ran as.
        uid: Option<u32>,
    },
}

/// A Received field.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// How it came.
    pub way: Way<'a>,
    /// The name of this host.
    pub by: &'a str,
    /// Our id of the message.
    pub id: &'a str,
    /// The recipients of the transaction. One is shown; several are not, since each would learn of
    /// the others (RFC 5321 §7.6).
    pub recipients: &'a [ForwardPath],
    /// When.
    pub date: SystemTime,
    /// The zone the date is written in, minutes east of Greenwich.
    pub offset_minutes: i32,
}

impl Received<'_> {
    /// The field with its line ends.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Folder::new("Received:");
        match &self.way {
            Way::Wire { from, with } => {
                out.words(|out| from_clause(out, from));
                out.words(|out| by_clause(out, self.by));
                out.words(|out| {
                    out.push_str("with ");
                    push_safe(out, with);
                });
            }
            Way::Local { uid } => {
                out.words(|out| by_clause(out, self.by));
                if let Some(uid) = uid {
                    out.words(|out| put(out, format_args!("(uid {uid})")));
                }
            }
        }
        out.words(|out| {
            out.push_str("id ");
            push_safe(out, self.id);
        });
        if let [path] = self.recipients {
            out.words(|out| put(out, format_args!("for {path}")));
        }
        out.text.push(';');
        out.words(|out| date::write_rfc5322(out, self.date, self.offset_minutes));
        out.finish()
    }
}

fn by_clause(out: &mut String, by: &str) {
    out.push_str("by ");
    push_safe(out, by);
}

/// `from hello (reverse [address])`.
fn from_clause(out: &mut String, from: &From<'_>) {
    out.push_str("from ");
    push_safe(out, from.hello);
    out.push_str(" (");
    if let Some(name) = from.reverse_name {
        push_safe(out, name);
        out.push(' ');
    }
    put(out, format_args!("{})", Literal::Ip(from.address.to_canonical())));
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

/// A name as it was given, without what could end the clause, the line or the field: blanks,
/// controls, parentheses, quotes, semicolons and octets above 127 become `?`.
fn push_safe(out: &mut String, name: &str) {
    let start = out.len();
    for octet in name.chars().take(NAME_MAX) {
        let safe = octet.is_ascii_graphic()
            && !matches!(octet, '(' | ')' | '\\' | '"' | ';' | '<' | '>' | ',');
        out.push(if safe { octet } else { '?' });
    }
    if out.len() == start {
        out.push('?');
    }
}

/// Writes clauses, a line end before each that would not fit.
struct Folder {
    text: String,
    line: usize,
}

impl Folder {
    fn new(name: &str) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str(name);
        Self { text, line: 0 }
    }

    /// A blank and what `write` writes, on a new line where it does not fit on this one.
    fn words(&mut self, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        self.text.push(' ');
        write(&mut self.text);
        // One more for the semicolon that may follow.
        if self.text.len() - self.line + 1 > LINE_MAX && start > self.line {
            self.text.insert_str(start, "\r\n");
            self.line = start + 2;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.text.push_str("\r\n");
        self.text.into_bytes()
    }
}

/// The Return-Path field of final delivery (RFC 5321 §4.4): above all other fields.
pub fn return_path(path: &ReversePath) -> Vec<u8> {
    format!("Return-Path: {path}\r\n").into_bytes()
}

/// The Delivered-To field: a mark by which a message that comes round to the same mailbox is known.
pub fn delivered_to(mailbox: &Mailbox) -> Vec<u8> {
    format!("Delivered-To: {mailbox}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn path(text: &str) -> ForwardPath {
        text.parse().unwrap()
    }

    /// Register: 5321-4.4-b, 5321-4.4-c, 5321-4.4-e, 5321-4.4-z, 5321-7.6-a, 1123-5.2.8-b,
    /// 5321-4.4-aa.
    #[test]
    fn received_fields() {
        let one = [path("<user@dest.example>")];
        let two = [path("<user@dest.example>"), path("<other@dest.example>")];
        let long = "x".repeat(400);
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let wire = |hello, address, reverse_name, with| Way::Wire {
            from: From { hello, address, reverse_name },
            with,
        };
        let rows: &[(Way<'_>, &[ForwardPath], &str)] = &[
            (
                wire("ehlo.example", v4, Some("rdns.example"), "ESMTP"),
                &one,
                "Received: from ehlo.example (rdns.example [192.0.2.1]) by our.example\r\n \
                 with ESMTP id 4Zk9x1 for <user@dest.example>;\r\n \
                 Tue, 01 Jul 2025 12:00:00 +0200\r\n",
            ),
            (
                wire("ehlo.example", v6, None, "SMTP"),
                &two,
                "Received: from ehlo.example ([IPv6:2001:db8::1]) by our.example with SMTP\r\n \
                 id 4Zk9x1; Tue, 01 Jul 2025 12:00:00 +0200\r\n",
            ),
            (
                wire("a\r\nX: (b) c\u{e9}\0", mapped, None, "SMTP"),
                &[],
                "Received: from a??X:??b??c?? ([192.0.2.1]) by our.example with SMTP id 4Zk9x1;\r\n \
                 Tue, 01 Jul 2025 12:00:00 +0200\r\n",
            ),
            (
                wire("", v4, None, "SMTP"),
                &[],
                "Received: from ? ([192.0.2.1]) by our.example with SMTP id 4Zk9x1;\r\n \
                 Tue, 01 Jul 2025 12:00:00 +0200\r\n",
            ),
            (
                Way::Local { uid: Some(1000) },
                &[],
                "Received: by our.example (uid 1000) id 4Zk9x1;\r\n \
                 Tue, 01 Jul 2025 12:00:00 +0200\r\n",
            ),
        ];
        let received = |way, recipients| Received {
            way,
            by: "our.example",
            id: "4Zk9x1",
            recipients,
            date: UNIX_EPOCH + Duration::from_secs(1_751_364_000),
            offset_minutes: 120,
        };
        for (way, recipients, want) in rows {
            let field = received(*way, recipients).to_bytes();
            assert_eq!(String::from_utf8_lossy(&field), *want);
        }
        let field = received(wire(&long, v4, Some(&long), "ESMTP"), &one).to_bytes();
        let text = String::from_utf8_lossy(&field).into_owned();
        assert!(text.lines().all(|line| line.len() < 998), "{text}");
    }

    /// Register: 5321-4.4-l, 5321-4.4-m, 1123-5.2.13-a.
    #[test]
    fn fields_of_delivery() {
        assert_eq!(return_path(&ReversePath::Null), b"Return-Path: <>\r\n");
        let path = "<\"a b\"@x.example>".parse().unwrap();
        assert_eq!(return_path(&path), b"Return-Path: <\"a b\"@x.example>\r\n");
        assert_eq!(delivered_to(&"a@x.example".parse().unwrap()), b"Delivered-To: a@x.example\r\n");
    }
}
