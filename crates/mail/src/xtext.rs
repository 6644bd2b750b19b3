//! The encoding of parameter values that may hold any octet (RFC 3461 §4).
//!
//! `!` to `~` without `+` and `=` stand for themselves, everything else is `+` and two upper-case
//! hexadecimal digits. A value that came is kept as it came, since it is passed on byte for byte.

use std::fmt::{self, Write};
use std::str::FromStr;

/// Why a text is no xtext.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum XtextError {
    /// An octet that must be encoded.
    #[error("an octet that must be written as + and two digits")]
    Octet,
    /// `+` without two upper-case hexadecimal digits after it.
    #[error("+ without two upper-case hexadecimal digits")]
    Digits,
}

/// A text in xtext, valid, as it came or as we encoded it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Xtext(Box<str>);

impl Xtext {
    /// Encodes `octets`.
    pub fn encode(octets: &[u8]) -> Self {
        let mut out = String::with_capacity(octets.len());
        for &octet in octets {
            if is_plain(octet) {
                out.push(char::from(octet));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(out, "+{octet:02X}");
            }
        }
        Self(out.into())
    }

    /// As it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The octets it stands for.
    pub fn decode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_bytes();
        while let Some((&octet, after)) = rest.split_first() {
            rest = after;
            if octet != b'+' {
                out.push(octet);
                continue;
            }
            let Some((digits, after)) = rest.split_at_checked(2) else { break };
            rest = after;
            let digit = |place: usize| digits.get(place).and_then(|&octet| hex(octet));
            if let (Some(high), Some(low)) = (digit(0), digit(1)) {
                out.push(high << 4 | low);
            }
        }
        out
    }

    /// The text it stands for, what is no UTF-8 replaced.
    pub fn decode_lossy(&self) -> String {
        String::from_utf8_lossy(&self.decode()).into_owned()
    }
}

fn is_plain(octet: u8) -> bool {
    matches!(octet, 33..=126) && octet != b'+' && octet != b'='
}

fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

impl FromStr for Xtext {
    type Err = XtextError;

    fn from_str(text: &str) -> Result<Self, XtextError> {
        let mut octets = text.bytes();
        while let Some(octet) = octets.next() {
            match octet {
                b'+' => {
                    for _ in 0..2 {
                        octets.next().and_then(hex).ok_or(XtextError::Digits)?;
                    }
                }
                _ if is_plain(octet) => {}
                _ => return Err(XtextError::Octet),
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Xtext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Xtext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Register: 3461-4-a.
    #[test]
    fn forms() {
        for (text, expected) in [
            ("QQ314159", Ok(b"QQ314159".to_vec())),
            ("a+2Bb+3D", Ok(b"a+b=".to_vec())),
            ("+00+FF", Ok(vec![0, 255])),
            ("", Ok(Vec::new())),
            ("a+2bb", Err(XtextError::Digits)),
            ("a+", Err(XtextError::Digits)),
            ("a+4", Err(XtextError::Digits)),
            ("a=b", Err(XtextError::Octet)),
            ("a b", Err(XtextError::Octet)),
            ("a\r\nb", Err(XtextError::Octet)),
            ("é", Err(XtextError::Octet)),
        ] {
            assert_eq!(text.parse::<Xtext>().map(|xtext| xtext.decode()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            let encoded = Xtext::encode(&octets);
            prop_assert_eq!(encoded.as_str().parse::<Xtext>(), Ok(encoded.clone()));
            prop_assert_eq!(encoded.decode(), octets);
        }
    }
}
