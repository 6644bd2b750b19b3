//! What a server says to one command: a code, an enhanced status, text (RFC 5321 §4.2, RFC 2034).

use std::fmt;

/// The three digits of a reply (RFC 5321 §4.2.1), 200 to 599.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReplyCode(u16);

/// The first digit of a reply code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// 2yz: done.
    Success,
    /// 3yz: go on.
    Intermediate,
    /// 4yz: not now.
    Transient,
    /// 5yz: not ever, in this form.
    Permanent,
}

impl ReplyCode {
    /// A code from 200 to 599; `None` for any other number.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 200 && code <= 599 { Some(Self(code)) } else { None }
    }

    /// The three digits as a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The first digit.
    pub const fn severity(self) -> Severity {
        match self.0 / 100 {
            2 => Severity::Success,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Subject and detail of an enhanced status: `Topic(1, 1)` is the `1.1` of `5.1.1` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Topic(pub u16, pub u16);

/// An enhanced status code, `class.subject.detail` (RFC 3463 §2). The class is 2, 4 or 5.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnhancedStatus {
    class: u8,
    topic: Topic,
}

impl EnhancedStatus {
    /// The status of this class and topic; `None` where the class is not 2, 4 or 5.
    pub const fn new(class: u8, topic: Topic) -> Option<Self> {
        match class {
            2 | 4 | 5 => Some(Self { class, topic }),
            _ => None,
        }
    }

    /// `4.topic`.
    pub const fn transient(topic: Topic) -> Self {
        Self { class: 4, topic }
    }

    /// `5.topic`.
    pub const fn permanent(topic: Topic) -> Self {
        Self { class: 5, topic }
    }

    /// `2.topic`.
    pub const fn success(topic: Topic) -> Self {
        Self { class: 2, topic }
    }

    /// 2, 4 or 5.
    pub const fn class(self) -> u8 {
        self.class
    }

    /// Subject and detail.
    pub const fn topic(self) -> Topic {
        self.topic
    }

    /// Reads `c.s.d` with c 2, 4 or 5, s and d one to three digits without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        fn number(text: &str) -> Option<u16> {
            let plain = matches!(text.len(), 1..=3)
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && (text.len() == 1 || !text.starts_with('0'));
            plain.then(|| text.parse().ok()).flatten()
        }
        let mut parts = text.split('.');
        let class = number(parts.next()?)?;
        let topic = Topic(number(parts.next()?)?, number(parts.next()?)?);
        if parts.next().is_some() {
            return None;
        }
        Self::new(u8::try_from(class).ok()?, topic)
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.topic.0, self.topic.1)
    }
}

/// What a server says to one command.
///
/// The class of its status is not stored: it is the first digit of the code, so the two cannot
/// disagree (RFC 2034 §4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    code: ReplyCode,
    topic: Option<Topic>,
    text: Vec<String>,
}

impl Reply {
    /// A reply of our own with an enhanced status. Lines of `text` become lines of the reply.
    ///
    /// # Panics
    /// When `code` is outside 200 to 599: it is a constant of ours, never a peer's number.
    pub fn new(code: u16, topic: Topic, text: impl Into<String>) -> Self {
        let code = ReplyCode::new(code).expect("our own reply codes are valid");
        Self { code, topic: Some(topic), text: lines(text.into()) }
    }

    /// A reply without enhanced status: greeting, HELO, EHLO, 3yz.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn bare(code: u16, text: impl Into<String>) -> Self {
        let code = ReplyCode::new(code).expect("our own reply codes are valid");
        Self { code, topic: None, text: lines(text.into()) }
    }

    /// A reply as a peer sent it, its status already split off its lines.
    pub fn received(code: ReplyCode, topic: Option<Topic>, text: Vec<String>) -> Self {
        let text = if text.is_empty() { vec![String::new()] } else { text };
        Self { code, topic, text }
    }

    /// The three digits.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The first digit.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// 2yz.
    pub fn is_success(&self) -> bool {
        self.severity() == Severity::Success
    }

    /// 4yz.
    pub fn is_transient(&self) -> bool {
        self.severity() == Severity::Transient
    }

    /// 5yz.
    pub fn is_permanent(&self) -> bool {
        self.severity() == Severity::Permanent
    }

    /// The enhanced status; none on greetings, EHLO and 3yz replies.
    pub fn status(&self) -> Option<EnhancedStatus> {
        self.topic.and_then(|topic| EnhancedStatus::new((self.code.0 / 100) as u8, topic))
    }

    /// The lines of text, at least one, without code, status, CR or LF.
    pub fn text(&self) -> &[String] {
        &self.text
    }

    /// Writes the reply as octets for the wire, the status on each line (RFC 2034 §4), each line at
    /// most 512 octets (RFC 5321 §4.5.3.1.5).
    pub fn write_to(&self, out: &mut Vec<u8>) {
        use std::io::Write;
        let last = self.text.len() - 1;
        for (n, line) in self.text.iter().enumerate() {
            let start = out.len();
            let between = if n == last { ' ' } else { '-' };
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{}{between}", self.code);
            if let Some(status) = self.status() {
                let _ = write!(out, "{status} ");
            }
            let room = 510 - (out.len() - start);
            let mut end = line.len().min(room);
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            out.extend(
                line[..end].bytes().map(|byte| if byte.is_ascii_control() { b'?' } else { byte }),
            );
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn lines(text: String) -> Vec<String> {
    if text.contains('\n') { text.lines().map(str::to_owned).collect() } else { vec![text] }
}

/// One line: code, status, the lines of text joined by a blank.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.status() {
            write!(f, " {status}")?;
        }
        self.text.iter().filter(|line| !line.is_empty()).try_for_each(|line| write!(f, " {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 3463-2-a, 3463-2-b.
    #[test]
    fn statuses() {
        for text in ["2.0.0", "5.1.1", "4.7.123"] {
            assert_eq!(EnhancedStatus::parse(text).map(|s| s.to_string()).as_deref(), Some(text));
        }
        for text in ["", "5.1", "3.1.1", "5.01.1", "5.1.1000", "5.1.1.1", "5.-1.1", "+5.1.1"] {
            assert_eq!(EnhancedStatus::parse(text), None, "{text}");
        }
    }

    /// Register: 5321-4.5.3.1.5-a.
    #[test]
    fn wire_form() {
        let mut out = Vec::new();
        Reply::new(550, Topic(1, 1), "no such mailbox\nreally\u{7}").write_to(&mut out);
        Reply::bare(354, "go on").write_to(&mut out);
        let text = "550-5.1.1 no such mailbox\r\n550 5.1.1 really?\r\n354 go on\r\n";
        assert_eq!(String::from_utf8_lossy(&out), text);
        out.clear();
        Reply::new(250, Topic(0, 0), "é".repeat(600)).write_to(&mut out);
        assert!(out.len() <= 512 && out.ends_with(b"\r\n"), "{}", out.len());
        assert!(std::str::from_utf8(&out).is_ok());
    }
}
