//! What a recipient was called by its author, in the forms in which it travels: the `ORCPT` parameter
//! and the Original-Recipient field of a report (RFC 3461 §4.2, RFC 6533 §3).
//!
//! The parameter is kept and passed on as it came. Of the address type `utf-8` it has three forms:
//! the address itself, `unitext` with `\x{…}` for the few ASCII characters that a parameter cannot
//! have, and a form in ASCII with `\x{…}` for all that is beyond it.

use std::fmt::Write;

use crate::address::Mailbox;
use crate::envelope::OriginalRecipient;
use crate::xtext::Xtext;

/// The address type of addresses beyond ASCII.
const UTF8: &str = "utf-8";

impl OriginalRecipient {
    /// Whether the address is of the type `utf-8`.
    pub fn is_utf8(&self) -> bool {
        self.address_type.eq_ignore_ascii_case(UTF8)
    }

    /// For a server without `SMTPUTF8`: characters beyond ASCII written as `\x{…}`; all else goes as
    /// it came.
    #[must_use]
    pub fn to_ascii(&self) -> Self {
        if self.address.is_ascii() {
            return self.clone();
        }
        Self { address_type: self.address_type.clone(), address: beyond_ascii(&self.address) }
    }

    /// `type;address` for `message/delivery-status`, in ASCII: xtext decoded, `utf-8` in its form in
    /// ASCII.
    pub fn shown_ascii(&self) -> String {
        let address = match self.is_utf8() {
            true => self.to_ascii().address,
            false => self.decoded(),
        };
        format!("{};{address}", self.address_type)
    }

    /// `type;address` for `message/global-delivery-status`: the address itself where it is one, else
    /// what came, unaltered.
    pub fn shown_utf8(&self) -> String {
        let address = match self.is_utf8() {
            true => decoded_unitext(&self.address).filter(|address| is_address(address)),
            false => Some(self.decoded()),
        };
        format!("{};{}", self.address_type, address.as_deref().unwrap_or(&self.address))
    }

    /// The address out of xtext; what is no xtext stays as it is.
    fn decoded(&self) -> String {
        match self.address.parse::<Xtext>() {
            Ok(xtext) => xtext.decode_lossy(),
            Err(_) => self.address.clone(),
        }
    }
}

fn is_address(text: &str) -> bool {
    Mailbox::parse_utf8(text).is_ok()
}

/// An address as `utf-8` in ASCII, for the fields of a report: the form `utf-8-addr-xtext`.
pub fn address_in_ascii(address: &str) -> String {
    let mut out = String::with_capacity(address.len() * 2);
    for character in address.chars() {
        match character {
            '\\' | '+' | '=' => escape(&mut out, character),
            '!'..='~' => out.push(character),
            _ => escape(&mut out, character),
        }
    }
    out
}

/// Characters beyond ASCII as `\x{…}`, all others as they are.
fn beyond_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        match character.is_ascii() {
            true => out.push(character),
            false => escape(&mut out, character),
        }
    }
    out
}

fn escape(out: &mut String, character: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{{{:02X}}}", u32::from(character));
}

/// What `unitext` stands for; none where it is not well-formed (RFC 6533 §3).
fn decoded_unitext(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..)?;
        match character {
            '\\' => {
                let (digits, after) = rest.strip_prefix("x{")?.split_once('}')?;
                out.push(code_point(digits)?);
                rest = after;
            }
            '+' | '=' | ' ' => return None,
            _ if character.is_ascii_control() => return None,
            _ => out.push(character),
        }
    }
    Some(out)
}

/// HEXPOINT: two to six upper-case digits without needless zeros, of a character that must or may be
/// written so.
fn code_point(digits: &str) -> Option<char> {
    let hex = |octet: u8| matches!(octet, b'0'..=b'9' | b'A'..=b'F');
    let right = (2..=6).contains(&digits.len())
        && digits.bytes().all(hex)
        && (digits.len() == 2 || !digits.starts_with('0'));
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| right)?)?;
    let needless = character.is_ascii_graphic() && !matches!(character, '\\' | '+' | '=');
    (!needless).then_some(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn original(kind: &str, address: &str) -> OriginalRecipient {
        OriginalRecipient { address_type: kind.to_owned(), address: address.to_owned() }
    }

    /// What came, and what a report in ASCII and one in UTF-8 show of it.
    ///
    /// Register: 3461-6.3-m, 3461-6.3-d, 6533-3-c, 6533-3-d, 6533-3-e, 6533-3-i, 6533-4.1-c.
    #[test]
    fn in_reports() {
        let rows = [
            ("rfc822", "a+2Bb@x.example", "rfc822;a+b@x.example", "rfc822;a+b@x.example"),
            ("RFC822", "Ann@x.example", "RFC822;Ann@x.example", "RFC822;Ann@x.example"),
            ("rfc822", "a+2bb", "rfc822;a+2bb", "rfc822;a+2bb"),
            ("x400", "/S=a/", "x400;/S=a/", "x400;/S=a/"),
            (
                "utf-8",
                "用@例え.example",
                "utf-8;\\x{7528}@\\x{4F8B}\\x{3048}.example",
                "utf-8;用@例え.example",
            ),
            ("UTF-8", "\\x{7528}@x.example", "UTF-8;\\x{7528}@x.example", "UTF-8;用@x.example"),
            ("utf-8", "a\\x{2B}b@x.example", "utf-8;a\\x{2B}b@x.example", "utf-8;a+b@x.example"),
            // What is not what it says it is goes unaltered.
            ("utf-8", "a+2Bb@x.example", "utf-8;a+2Bb@x.example", "utf-8;a+2Bb@x.example"),
            ("utf-8", "\\x{D800}@x", "utf-8;\\x{D800}@x", "utf-8;\\x{D800}@x"),
            ("utf-8", "\\x{41}@x", "utf-8;\\x{41}@x", "utf-8;\\x{41}@x"),
            ("utf-8", "\\x{7528@x", "utf-8;\\x{7528@x", "utf-8;\\x{7528@x"),
            ("utf-8", "no address", "utf-8;no address", "utf-8;no address"),
        ];
        for (kind, address, ascii, utf8) in rows {
            let original = original(kind, address);
            assert_eq!(original.shown_ascii(), ascii);
            assert_eq!(original.shown_utf8(), utf8);
        }
    }

    /// What goes on in a parameter. Register: 6533-3-b, 6533-3-f, 6533-3-g, 3461-5.2.1-g.
    #[test]
    fn in_parameters() {
        let came = original("utf-8", "u\\x{2B}ü@bücher.example");
        let ascii = came.to_ascii();
        assert_eq!(ascii.address, "u\\x{2B}\\x{FC}@b\\x{FC}cher.example");
        assert_eq!(ascii.to_ascii(), ascii);
        let plain = original("Rfc822", "Ann+40X.example");
        assert_eq!(plain.to_ascii(), plain);
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read(address in "[!-~ü語\\\\+= ]{0,20}@x\\.example") {
            let ascii = address_in_ascii(&address);
            prop_assert!(ascii.is_ascii() && !ascii.contains([' ', '+', '=']));
            prop_assert_eq!(decoded_unitext(&ascii), Some(address));
        }

        #[test]
        fn nothing_breaks_the_reader(text in "[\\\\x{}0-9A-F+=ü@. ]{0,40}") {
            let _ = original("utf-8", &text).shown_utf8();
            prop_assert!(original("utf-8", &text).shown_ascii().is_ascii());
        }
    }
}
