//! The fields that a host puts before a message: `Received` at each reception, `Return-Path` and
//! `Delivered-To` at final delivery (RFC 5321 §4.4).

use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use bytes::Bytes;

use crate::address::{ForwardPath, Literal, ReversePath};
use crate::date::rfc5322;

/// What a `Received` field says.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The argument of EHLO as the client gave it; none for a program of this host.
    pub hello: Option<&'a str>,
    /// The address that the connection shows.
    pub client: Option<IpAddr>,
    /// The name that the address has, if it was looked up and confirmed.
    pub reverse_name: Option<&'a str>,
    /// This host.
    pub by: &'a str,
    /// `SMTP`, `ESMTP`, … (RFC 3848); `local` for a program of this host.
    pub with: &'a str,
    /// The user who ran that program.
    pub uid: Option<u32>,
    /// The queue id.
    pub id: &'a str,
    /// The recipient, only where it is the only one, so that no blind copy shows.
    pub recipient: Option<&'a ForwardPath>,
    /// When it came.
    pub time: SystemTime,
    /// Minutes east of Greenwich.
    pub zone: i32,
}

impl Received<'_> {
    /// The field with its CR LF, folded where lines would be long.
    pub fn to_bytes(&self) -> Bytes {
        let mut field = String::with_capacity(256);
        field.push_str("Received: ");
        // Writing to a String cannot fail; the results below carry nothing.
        let _ = self.write_from(&mut field);
        let _ = write!(field, "by {}", self.by);
        match (self.client, self.uid) {
            (None, Some(uid)) => {
                let _ = write!(field, " (uid {uid})");
            }
            (None, None) => {}
            (Some(_), _) => {
                let _ = write!(field, " with {}", self.with);
            }
        }
        let _ = write!(field, " id {}", self.id);
        if let Some(recipient) = self.recipient {
            let _ = write!(field, "\r\n for {recipient}");
        }
        let _ = write!(field, ";\r\n {}\r\n", rfc5322(self.time, self.zone));
        field.into()
    }

    fn write_from(&self, field: &mut String) -> std::fmt::Result {
        let Some(client) = self.client else { return Ok(()) };
        let literal = Literal::Ip(client);
        match self.hello {
            Some(hello) => write!(field, "from {} (", safe(hello))?,
            None => write!(field, "from {literal} (")?,
        }
        match self.reverse_name {
            Some(name) => write!(field, "{} {literal})\r\n ", safe(name)),
            None => write!(field, "{literal})\r\n "),
        }
    }
}

/// A name that the other side gave, fit to stand in a field: what could end the comment, the field or
/// the line becomes `?`.
fn safe(name: &str) -> String {
    let fit = |octet: char| match octet {
        '!'..='~' if !matches!(octet, '(' | ')' | '<' | '>' | ';' | ',' | '\\' | '"') => octet,
        _ => '?',
    };
    if name.is_empty() { "?".to_owned() } else { name.chars().take(255).map(fit).collect() }
}

/// `Return-Path: <…>`, put above all else at final delivery (RFC 5321 §4.4).
pub fn return_path(path: &ReversePath) -> Bytes {
    format!("Return-Path: {path}\r\n").into()
}

/// `Delivered-To: …`, so that a message that comes back to the same mailbox is known again.
pub fn delivered_to(path: &ForwardPath) -> Bytes {
    let path = path.to_string();
    let bare = path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(&path);
    format!("Delivered-To: {bare}\r\n").into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample<'a>() -> Received<'a> {
        Received {
            hello: Some("ehlo.example"),
            client: Some(IpAddr::from([192, 0, 2, 1])),
            reverse_name: None,
            by: "our.example",
            with: "ESMTP",
            uid: None,
            id: "4Zk9x1",
            recipient: None,
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_751_364_000),
            zone: 120,
        }
    }

    fn text(received: Received<'_>) -> String {
        String::from_utf8(received.to_bytes().to_vec()).unwrap()
    }

    /// Register: 5321-4.4-b, 5321-4.4-c, 5321-4.4-e, 5321-4.4-z.
    #[test]
    fn forms() {
        let dest: ForwardPath = "<user@dest.example>".parse().unwrap();
        let single = text(Received { recipient: Some(&dest), ..sample() });
        assert_eq!(
            single,
            "Received: from ehlo.example ([192.0.2.1])\r\n by our.example with ESMTP id 4Zk9x1\r\n \
             for <user@dest.example>;\r\n Tue, 01 Jul 2025 12:00:00 +0200\r\n"
        );
        let named = text(Received { reverse_name: Some("rdns.example"), ..sample() });
        assert!(named.starts_with("Received: from ehlo.example (rdns.example [192.0.2.1])\r\n"));
        assert!(!named.contains(" for "));
        let local = Received { hello: None, client: None, uid: Some(1000), with: "local", ..sample() };
        assert!(text(local).starts_with("Received: by our.example (uid 1000) id 4Zk9x1;\r\n"));
    }

    #[test]
    fn a_name_cannot_break_out() {
        let evil = "a) by x; (\r\nBcc: you\u{e9}";
        let field = text(Received { hello: Some(evil), ..sample() });
        assert!(field.starts_with("Received: from a??by?x?????Bcc:?you? ([192.0.2.1])\r\n"), "{field}");
        assert!(field.lines().skip(1).all(|line| line.starts_with(' ')));
    }
}
