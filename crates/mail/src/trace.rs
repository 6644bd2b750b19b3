//! The fields a host adds to a message that passes through it (RFC 5321 §4.4).
//!
//! They are put before the content; nothing in the content is changed, moved or removed. A line is
//! folded before a clause that would take it past 78 octets; a clause is never cut.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use crate::address::{ForwardPath, Literal, Mailbox, ReversePath};
use crate::date;
use crate::tls::TlsFacts;

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

/// Which protocol a message came by, as far as its registered word tells (RFC 3848, RFC 6531 §3.7.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct With {
    /// LMTP instead of SMTP (RFC 2033).
    pub lmtp: bool,
    /// The session began with EHLO (LMTP always has extensions).
    pub extended: bool,
    /// The connection was secured.
    pub tls: bool,
    /// The client authenticated.
    pub auth: bool,
    /// The transaction said `SMTPUTF8`.
    pub utf8: bool,
}

impl With {
    /// The registered word. After HELO there is none for what was secured: it stays `SMTP`.
    pub fn word(self) -> &'static str {
        const SMTP: [&str; 4] = ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"];
        const LMTP: [&str; 4] = ["LMTP", "LMTPA", "LMTPS", "LMTPSA"];
        const UTF8_SMTP: [&str; 4] = ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"];
        const UTF8_LMTP: [&str; 4] = ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"];
        let [plain, auth, tls, both] = match (self.lmtp, self.utf8) {
            (false, false) if !self.extended => return "SMTP",
            (false, false) => SMTP,
            (false, true) => UTF8_SMTP,
            (true, false) => LMTP,
            (true, true) => UTF8_LMTP,
        };
        match (self.tls, self.auth) {
            (false, false) => plain,
            (false, true) => auth,
            (true, false) => tls,
            (true, true) => both,
        }
    }
}

impl std::fmt::Display for With {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// How a message came.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// Over a connection.
    Wire {
        /// From whom.
        from: From<'a>,
        /// The registered word, see [`With`].
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
    /// The transaction said `SMTPUTF8`. Without it the field is in ASCII (RFC 6531 §3.7.3), and a
    /// recipient that is not, as an alias may give one, is not shown.
    pub utf8: bool,
    /// How the connection was secured: its suite and its group are shown (RFC 8314 §4.3).
    pub tls: Option<&'a TlsFacts>,
    /// The priority of the message (RFC 6710 §8).
    pub priority: Option<i8>,
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
        if let [path] = self.recipients
            && (self.utf8 || path.is_ascii())
        {
            out.words(|out| put(out, format_args!("for {path}")));
        }
        if let Some(tls) = self.tls {
            out.words(|out| tls_clause(out, tls));
        }
        if let Some(priority) = self.priority {
            out.words(|out| put(out, format_args!("PRIORITY {priority}")));
        }
        out.text.push(';');
        out.words(|out| date::write_rfc5322(out, self.date, self.offset_minutes));
        out.finish()
    }
}

/// `tls suite group name`.
fn tls_clause(out: &mut String, tls: &TlsFacts) {
    out.push_str("tls ");
    push_safe(out, &tls.cipher);
    if let Some(group) = &tls.group {
        out.push_str(" group ");
        push_safe(out, group);
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
    /// 5321-4.4-aa, 6531-3.7.3-a, 2047-5-f.
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
            utf8: false,
            tls: None,
            priority: None,
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

    /// Register: 3848-1-a, 3848-1-b, 3848-1-c, 3848-1-d, 6531-3.7.3-c, 5321-4.4-aa.
    #[test]
    fn words_of_protocols() {
        let rows = [
            // LMTP, EHLO, SMTPUTF8: plain, AUTH, TLS, both.
            (0b000, ["SMTP", "SMTP", "SMTP", "SMTP"]),
            (0b010, ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"]),
            (0b011, ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"]),
            (0b110, ["LMTP", "LMTPA", "LMTPS", "LMTPSA"]),
            (0b111, ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"]),
        ];
        for (bits, words) in rows {
            for (number, word) in words.into_iter().enumerate() {
                let with = With {
                    lmtp: bits & 4 != 0,
                    extended: bits & 2 != 0,
                    utf8: bits & 1 != 0,
                    auth: number & 1 != 0,
                    tls: number & 2 != 0,
                };
                assert_eq!(with.to_string(), word, "{with:?}");
            }
        }
    }

    /// Clauses beyond RFC 5321, in the order of their registration; none can end the field.
    ///
    /// Register: 6531-3.7.3-b, 6531-3.7-a, 8314-4-i, 8314-4.3-a.
    #[test]
    fn further_clauses() {
        let recipients = [ForwardPath::parse_utf8("<用户@bücher.example>").unwrap()];
        let tls = TlsFacts {
            cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
            group: Some("x25519; x\r\n".to_owned()),
            ..TlsFacts::default()
        };
        let from = From { hello: "h.example", address: [192, 0, 2, 1].into(), reverse_name: None };
        let mut received = Received {
            way: Way::Wire { from, with: "UTF8SMTPS" },
            by: "our.example",
            id: "4Zk9x1",
            recipients: &recipients,
            utf8: true,
            tls: Some(&tls),
            priority: Some(-3),
            date: UNIX_EPOCH + Duration::from_secs(1_751_364_000),
            offset_minutes: 120,
        };
        let text = |received: &Received<'_>| String::from_utf8(received.to_bytes()).unwrap();
        assert_eq!(
            text(&received),
            "Received: from h.example ([192.0.2.1]) by our.example with UTF8SMTPS\r\n \
             id 4Zk9x1 for <用户@bücher.example>\r\n \
             tls TLS_AES_128_GCM_SHA256 group x25519??x?? PRIORITY -3;\r\n \
             Tue, 01 Jul 2025 12:00:00 +0200\r\n"
        );
        received.utf8 = false;
        assert!(text(&received).is_ascii() && !text(&received).contains(" for "));
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
