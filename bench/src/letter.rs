//! The letter that is sent: one template, in which only the number changes.
//!
//! The number stands in `X-Bench` (and in the Message-ID), so that the sink can tell which letter
//! has come, whatever the server put before it.

use memchr::memmem;

/// Before the number.
const MARK: &[u8] = b"X-Bench: ";
/// Run and sequence, each in eight hexadecimal digits.
const NUMBER_LEN: usize = 16;

/// Which letter of which run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Number {
    /// Differs from run to run, so that a late letter of an older run is known for what it is.
    pub run: u32,
    /// Counts from 0.
    pub sequence: u32,
}

impl Number {
    fn digits(self) -> [u8; NUMBER_LEN] {
        let value = (u64::from(self.run) << 32) | u64::from(self.sequence);
        let mut digits = [b'0'; NUMBER_LEN];
        for (place, digit) in digits.iter_mut().rev().enumerate() {
            let nibble = (value >> (4 * place)) & 0xf;
            *digit = b"0123456789abcdef".get(nibble as usize).copied().unwrap_or(b'0');
        }
        digits
    }

    /// The number in `content`, if it stands there.
    #[must_use]
    pub fn find(content: &[u8]) -> Option<Self> {
        let start = memmem::find(content, MARK)? + MARK.len();
        let digits = content.get(start..start + NUMBER_LEN)?;
        let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        Some(Self { run: (value >> 32) as u32, sequence: value as u32 })
    }
}

/// A letter ready for the wire: its content with the dot that ends it.
pub struct Template {
    octets: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    /// A letter of about `size` octets, but never less than its header section.
    #[must_use]
    pub fn new(sender: &str, recipient: &str, size: usize) -> Self {
        let blank = Number { run: 0, sequence: 0 }.digits();
        let blank = String::from_utf8_lossy(&blank);
        let mut text = format!(
            "From: Load Generator <{sender}>\r\nTo: <{recipient}>\r\n\
             Subject: A letter among many\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n\
             Message-ID: <{blank}@bench.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\nX-Bench: {blank}\r\n\r\n"
        );
        let line = "The quick brown fox jumps over the lazy dog; pack my box with five dozen jugs.";
        while text.len() + 2 < size {
            let room = (size - text.len()).saturating_sub(2).min(line.len());
            text.push_str(line.get(..room).unwrap_or(line));
            text.push_str("\r\n");
        }
        text.push_str(".\r\n");
        let octets = text.into_bytes();
        let places = memmem::find_iter(&octets, blank.as_bytes()).collect();
        Self { octets, places }
    }

    /// Octets of the content, without the ending dot.
    #[must_use]
    pub fn size(&self) -> usize {
        self.octets.len().saturating_sub(3)
    }

    /// Appends the letter with that number to `out`.
    pub fn write(&self, number: Number, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.octets);
        let digits = number.digits();
        for place in &self.places {
            if let Some(hole) = out.get_mut(start + place..start + place + NUMBER_LEN) {
                hole.copy_from_slice(&digits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_comes_back() {
        let template = Template::new("a@one.example", "b@two.example", 4096);
        assert_eq!(template.size(), 4096);
        for (run, sequence) in [(0, 0), (1, 2), (u32::MAX, u32::MAX), (0xdead_beef, 999_999)] {
            let number = Number { run, sequence };
            let mut out = b"Received: from elsewhere\r\n".to_vec();
            template.write(number, &mut out);
            assert_eq!(Number::find(&out), Some(number));
            assert!(out.ends_with(b"\r\n.\r\n"));
        }
    }

    #[test]
    fn no_number_is_none() {
        for content in ["", "X-Bench: ", "X-Bench: 0123", "X-Bench: 0123456789abcdeg"] {
            assert_eq!(Number::find(content.as_bytes()), None, "{content}");
        }
    }
}
