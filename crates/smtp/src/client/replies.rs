//! Reads the replies of a server (RFC 5321 §4.2), strictly in form and with charity in text.
//!
//! Three digits from 2yz to 5yz on each line, the same on all, then a blank, a hyphen or nothing;
//! CR LF at the end. Everything is bounded: a server that talks without end talks nonsense.

use bytes::BytesMut;
use mail::{EnhancedStatus, Reply, ReplyCode, Severity, Topic};

/// Octets of a reply line at most; RFC 5321 §4.5.3.1.5 wants 512, and a challenge has up to 12,288
/// (RFC 4954 §4).
const LINE_MAX: usize = 12_300;
/// Lines of a reply at most.
const LINES_MAX: usize = 256;
/// Octets of a whole reply at most.
const REPLY_MAX: usize = 64 * 1024;
/// Octets kept of what is no reply.
const NONSENSE_MAX: usize = 200;

/// Octets that make no reply: their beginning, fit to be shown.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Nonsense(pub(super) String);

/// Octets on their way to becoming replies.
#[derive(Debug, Default)]
pub(super) struct Replies {
    inbox: BytesMut,
    code: Option<ReplyCode>,
    lines: Vec<String>,
    octets: usize,
}

impl Replies {
    /// Takes octets as they came.
    pub(super) fn extend(&mut self, octets: &[u8]) {
        self.inbox.extend_from_slice(octets);
    }

    /// Whether octets are left that no reply has used.
    pub(super) fn has_more(&self) -> bool {
        !self.inbox.is_empty() || self.code.is_some()
    }

    /// The next complete reply.
    pub(super) fn next(&mut self) -> Option<Result<Reply, Nonsense>> {
        loop {
            let Some(end) = memchr::memchr(b'\n', &self.inbox) else {
                let endless = self.inbox.len() >= LINE_MAX;
                return endless.then(|| Err(nonsense(&self.inbox)));
            };
            let mut line = self.inbox.split_to(end + 1);
            if line.len() > LINE_MAX || !line.ends_with(b"\r\n") {
                return Some(Err(nonsense(&line)));
            }
            line.truncate(line.len() - 2);
            match self.line(&line) {
                Ok(false) => {}
                Ok(true) => return self.finish().map(Ok),
                Err(nonsense) => return Some(Err(nonsense)),
            }
        }
    }

    /// Adds one line; true if it is the last of its reply.
    fn line(&mut self, line: &[u8]) -> Result<bool, Nonsense> {
        let (code, last, text) = split(line).ok_or_else(|| nonsense(line))?;
        self.octets += line.len();
        let fits = self.code.is_none_or(|first| first == code)
            && self.lines.len() < LINES_MAX
            && self.octets <= REPLY_MAX;
        if !fits {
            return Err(nonsense(line));
        }
        self.code = Some(code);
        self.lines.push(readable(text));
        Ok(last)
    }

    fn finish(&mut self) -> Option<Reply> {
        self.octets = 0;
        let code = self.code.take()?;
        let mut lines = std::mem::take(&mut self.lines);
        let topic = split_status(code, &mut lines);
        Some(Reply::received(code, topic, lines))
    }
}

/// Code, whether the line is the last, text. The blank may be missing (RFC 5321 §4.2).
fn split(line: &[u8]) -> Option<(ReplyCode, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let code = ReplyCode::new(digits.parse().ok()?)?;
    match rest.split_first() {
        None => Some((code, true, &[])),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

/// Takes the enhanced status off the lines if its class is the code's (RFC 2034 §4); another stays
/// text. The first line that has one decides.
fn split_status(code: ReplyCode, lines: &mut [String]) -> Option<Topic> {
    if code.severity() == Severity::Intermediate {
        return None;
    }
    let mut found: Option<EnhancedStatus> = None;
    for line in lines {
        let word = line.split(' ').next().unwrap_or_default();
        let Some(status) = EnhancedStatus::parse(word) else { continue };
        let fits = u16::from(status.class()) == code.get() / 100;
        if fits && found.is_none_or(|first| first == status) {
            found = Some(status);
            let text = line.get(word.len()..).unwrap_or_default();
            *line = text.trim_start_matches(' ').to_owned();
        }
    }
    found.map(EnhancedStatus::topic)
}

/// Text that can be shown, logged and passed on: no control characters, valid UTF-8.
fn readable(octets: &[u8]) -> String {
    let shown = |character: char| if character.is_control() { '?' } else { character };
    String::from_utf8_lossy(octets).chars().map(shown).collect()
}

fn nonsense(octets: &[u8]) -> Nonsense {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    Nonsense(readable(octets.get(..NONSENSE_MAX).unwrap_or(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], piece: usize) -> Vec<Result<String, Nonsense>> {
        let (mut replies, mut found) = (Replies::default(), Vec::new());
        for piece in input.chunks(piece) {
            replies.extend(piece);
            while let Some(reply) = replies.next() {
                let wrong = reply.is_err();
                found.push(reply.map(|reply| {
                    let status = reply.status().map(|status| format!("{status} "));
                    let status = status.unwrap_or_default();
                    format!("{} {status}{}", reply.code(), reply.text().join("|"))
                }));
                if wrong {
                    return found;
                }
            }
        }
        found
    }

    /// Register: 5321-4.2-c, 5321-4.2-d, 5321-4.2.1-f, 5321-4.2-l, 5321-4.5.3.1.5-b, 2034-4-g,
    /// 2920-3.1-k, 6531-3.7.4.1-a.
    #[test]
    fn replies() {
        let nonsense = |text: &str| Err(Nonsense(text.to_owned()));
        let right = |text: &str| Ok(text.to_owned());
        let long = format!("250 {}\r\n", "x".repeat(4090));
        let endless = "2".repeat(13_000);
        let rows: Vec<(&str, Vec<Result<String, Nonsense>>)> = vec![
            ("250 ok\r\n", vec![right("250 ok")]),
            ("250\r\n250 \r\n", vec![right("250 "), right("250 ")]),
            ("250-a\r\n250\r\n", vec![right("250 a|")]),
            ("250-a\r\n250-b\r\n250 c\r\n354 d\r\n", vec![right("250 a|b|c"), right("354 d")]),
            ("550 5.1.1 no\r\n", vec![right("550 5.1.1 no")]),
            ("550-5.1.1 no\r\n550 5.1.1 one\r\n", vec![right("550 5.1.1 no|one")]),
            ("450 5.1.1 no\r\n", vec![right("450 5.1.1 no")]),
            ("550 5.1.1\r\n", vec![right("550 5.1.1 ")]),
            ("354 3.0.0 go\r\n", vec![right("354 3.0.0 go")]),
            (
                "259 odd\r\n459 odd\r\n599 odd\r\n",
                vec![right("259 odd"), right("459 odd"), right("599 odd")],
            ),
            ("250 a\u{7}\rb\u{e9}\r\n", vec![right("250 a??b\u{e9}")]),
            ("551 5.1.6 try <\u{fc}@x>\r\n", vec![right("551 5.1.6 try <\u{fc}@x>")]),
            ("250-a\r\n", vec![]),
            ("100 no\r\n", vec![nonsense("100 no")]),
            ("650 no\r\n", vec![nonsense("650 no")]),
            ("99\r\n", vec![nonsense("99")]),
            ("abc\r\n", vec![nonsense("abc")]),
            ("250ok\r\n", vec![nonsense("250ok")]),
            ("+50 ok\r\n", vec![nonsense("+50 ok")]),
            ("\r\n", vec![nonsense("")]),
            ("250 ok\n", vec![nonsense("250 ok")]),
            ("250-a\r\n251 b\r\n", vec![nonsense("251 b")]),
            (&endless, vec![nonsense(&"2".repeat(200))]),
            (&long, vec![Ok(long.trim_end().to_owned())]),
        ];
        for (input, expected) in rows {
            for piece in [1, 7, usize::MAX] {
                let found = read(input.as_bytes(), piece);
                assert_eq!(found.len(), expected.len(), "{input:?}");
                for (found, expected) in found.iter().zip(&expected) {
                    match (found, expected) {
                        // However much has come, the beginning is the same.
                        (Err(_), Err(_)) | (Ok(_), Ok(_)) => assert_eq!(found, expected),
                        _ => panic!("{input:?} by {piece}: {found:?}"),
                    }
                }
            }
        }
    }

    /// A status of another class is not the reply's (Register: 2034-4-g).
    #[test]
    fn status_of_another_class() {
        let mut replies = Replies::default();
        replies.extend(b"450 5.1.1 no\r\n");
        let reply = replies.next().unwrap().unwrap();
        assert_eq!((reply.status(), reply.text()), (None, &["5.1.1 no".to_owned()][..]));
    }

    /// Neither lines nor octets without end.
    #[test]
    fn bounds() {
        for line in ["250-a\r\n".to_owned(), format!("250-{}\r\n", "x".repeat(12_000))] {
            let mut replies = Replies::default();
            let ended = (0..1000).any(|_| {
                replies.extend(line.as_bytes());
                matches!(replies.next(), Some(Err(_)))
            });
            assert!(ended);
        }
    }
}
