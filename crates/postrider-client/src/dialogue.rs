//! Who follows the dialogue while it is spoken.

use mail::TlsFacts;

/// Follows the dialogue as it happens. What is shown of a login tells no secret.
pub trait Dialogue {
    /// A connection to this server is tried.
    fn connecting(&mut self, _server: &str) {}
    /// The connection is secured, and the server's certificate is good.
    fn secured(&mut self, _facts: &TlsFacts) {}
    /// A command went out.
    fn command(&mut self, _line: &str) {}
    /// Octets of the content went out.
    fn content(&mut self, _octets: usize) {}
    /// A line came in.
    fn reply(&mut self, _line: &str) {}
}

/// Follows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Dialogue for Silent {}

/// Octets of a reply line shown at once.
const SHOWN_MAX: usize = 512;

/// Puts the octets that come in together to lines.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    pub(crate) fn show<D: Dialogue + ?Sized>(&mut self, octets: &[u8], dialogue: &mut D) {
        for &byte in octets {
            if byte != b'\n' && self.0.len() < SHOWN_MAX {
                self.0.push(byte);
            } else {
                let line = String::from_utf8_lossy(&self.0);
                dialogue.reply(line.trim_end_matches('\r'));
                self.0.clear();
            }
        }
    }
}

/// A line of a login without what it proves: `AUTH PLAIN ...`.
pub(crate) fn without_secret(octets: &[u8]) -> String {
    let line = String::from_utf8_lossy(octets);
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("AUTH"), Some(mechanism), None) => format!("AUTH {mechanism}"),
        (Some("AUTH"), Some(mechanism), Some(_)) => format!("AUTH {mechanism} ..."),
        _ => "...".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let rows = [
            ("AUTH PLAIN AGFubgBvcGVu\r\n", "AUTH PLAIN ..."),
            ("AUTH LOGIN\r\n", "AUTH LOGIN"),
            ("b3BlbiBzZXNhbWU=\r\n", "..."),
            ("*\r\n", "..."),
        ];
        for (line, shown) in rows {
            assert_eq!(without_secret(line.as_bytes()), shown);
        }
    }

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Dialogue for Heard {
        fn reply(&mut self, line: &str) {
            self.0.push(line.to_owned());
        }
    }

    #[test]
    fn lines_come_whole() {
        let (mut lines, mut heard) = (Lines::default(), Heard::default());
        for piece in ["220 he", "re\r", "\n250-a\r\n250 b\r\n3"] {
            lines.show(piece.as_bytes(), &mut heard);
        }
        assert_eq!(heard.0, ["220 here", "250-a", "250 b"]);
    }
}
