//! Names of messages and jobs: unique over nodes, sorted by age.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// 48 bits of milliseconds since 1970, 16 bits of node, 64 bits of sequence.
///
/// Its text is the queue id that people and `Received` fields see: ten base-32 digits of time (it
/// sorts by age), then the sequence without leading zeros, then `-` and the node when that is not 0.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(pub u128);

/// The digits: no `i`, `l`, `o` or `u`, so that an id survives being read aloud.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TIME_DIGITS: usize = 10;

impl MessageId {
    /// The id made at `time` by `node` with `sequence`.
    pub fn new(time: SystemTime, node: u16, sequence: u64) -> Self {
        let millis = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let millis = millis & ((1 << 48) - 1);
        Self(millis << 80 | u128::from(node) << 64 | u128::from(sequence))
    }

    /// When it was made, to the millisecond.
    pub fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis((self.0 >> 80) as u64)
    }

    /// Who made it.
    pub fn node(self) -> u16 {
        (self.0 >> 64) as u16
    }

    /// The rest.
    pub fn sequence(self) -> u64 {
        self.0 as u64
    }
}

fn digits(mut value: u64, least: usize, out: &mut String) {
    let mut text = [b'0'; 13];
    let mut start = text.len();
    while value > 0 || text.len() - start < least {
        start -= 1;
        text[start] = DIGITS[(value & 31) as usize];
        value >>= 5;
    }
    out.extend(text[start..].iter().map(|&digit| char::from(digit)));
}

fn value(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 13 {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text.bytes() {
        let digit = DIGITS.iter().position(|&digit| digit == byte.to_ascii_lowercase())?;
        value = value.checked_mul(32)?.checked_add(digit as u64)?;
    }
    Some(value)
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        digits((self.0 >> 80) as u64, TIME_DIGITS, &mut text);
        digits(self.sequence(), 1, &mut text);
        if self.node() != 0 {
            text.push('-');
            digits(u64::from(self.node()), 1, &mut text);
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not the text of a [`MessageId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a queue id is at least eleven base-32 digits")]
pub struct ParseIdError;

impl FromStr for MessageId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let (text, node) = text.split_once('-').unwrap_or((text, "0"));
        let (time, sequence) = text.split_at_checked(TIME_DIGITS).ok_or(ParseIdError)?;
        let time = value(time).filter(|&time| time < 1 << 48).ok_or(ParseIdError)?;
        let sequence = value(sequence).ok_or(ParseIdError)?;
        let node = value(node).and_then(|node| u16::try_from(node).ok()).ok_or(ParseIdError)?;
        Ok(Self(u128::from(time) << 80 | u128::from(node) << 64 | u128::from(sequence)))
    }
}

/// The part of one message that goes to one queue: the unit that is claimed, tried and finished.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JobId {
    /// The message.
    pub message: MessageId,
    /// The place of the job in it, from 0.
    pub n: u32,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.message, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        for id in [0, 1, 31, 32, u128::MAX, 1 << 64, 5 << 80, (7 << 80) | (3 << 64) | 99] {
            let id = MessageId(id);
            assert_eq!(id.to_string().parse(), Ok(id), "{id}");
        }
        for text in
            ["", "0123456789", "zzzzzzzzzzz", "0000000000u", "00000000001-", "00000000001-zzzz"]
        {
            assert_eq!(text.parse::<MessageId>(), Err(ParseIdError), "{text}");
        }
    }

    #[test]
    fn text_sorts_by_age() {
        let early = MessageId::new(SystemTime::UNIX_EPOCH + Duration::from_millis(5), 0, 9);
        let late = MessageId::new(SystemTime::UNIX_EPOCH + Duration::from_millis(6), 0, 1);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
