//! From octets in some charset to text, the one place that knows charsets (RFC 2046 §4.1.2).
//!
//! The tables are those of `encoding_rs`: the charsets of the web under all their labels. Added here
//! is what old mail has and the web refuses: UTF-7, ISO-2022-KR and HZ, and UTF-32. Labels lie: `us-ascii` with octets above 127
//! is read as UTF-8 where it is that, else as windows-1252, and so is an unknown charset; both are
//! reported. Text goes out in `us-ascii` or, failing that, `utf-8` (RFC 2046 §4.1.2).

mod seven;

use std::borrow::Cow;

use encoding_rs::{EUC_KR, Encoding, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::defect::Defect;

/// A charset we can read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Ascii,
    Table(&'static Encoding),
    Utf7,
    Iso2022Kr,
    Hz,
    Utf32 { big: bool },
}

/// The charset of a label, case and blanks aside.
fn known(label: &str) -> Option<Known> {
    let label = label.trim_matches([' ', '\t', '"', '\'']);
    let is = |names: &[&str]| names.iter().any(|name| label.eq_ignore_ascii_case(name));
    if is(&["us-ascii", "ascii", "us", "ansi_x3.4-1968", "iso646-us", "646", "iso-ir-6", "cp367"]) {
        return Some(Known::Ascii);
    }
    if is(&["utf-7", "utf7", "unicode-1-1-utf-7", "csutf7"]) {
        return Some(Known::Utf7);
    }
    if is(&["iso-2022-kr", "csiso2022kr"]) {
        return Some(Known::Iso2022Kr);
    }
    if is(&["hz-gb-2312", "hz", "hz-gb"]) {
        return Some(Known::Hz);
    }
    if is(&["utf-32", "utf-32be", "ucs-4", "iso-10646-ucs-4"]) {
        return Some(Known::Utf32 { big: true });
    }
    if is(&["utf-32le"]) {
        return Some(Known::Utf32 { big: false });
    }
    // RFC 2781 §4.3: without a mark the octets are big-endian.
    if is(&["utf-16"]) {
        return Some(Known::Table(UTF_16BE));
    }
    let table = Encoding::for_label(label.as_bytes()).or_else(|| other_name(label));
    table.filter(|table| *table != encoding_rs::REPLACEMENT).map(Known::Table)
}

/// Names of mail that the web does not have.
fn other_name(label: &str) -> Option<&'static Encoding> {
    let lower = label.to_ascii_lowercase();
    let lower = lower.strip_prefix("x-").unwrap_or(&lower);
    let name = match lower {
        "utf_8" | "utf8mb4" | "unicode-2-0-utf-8" => "utf-8",
        "cp936" | "ms936" | "windows-936" | "euc-cn" => "gbk",
        "cp949" | "ms949" | "windows-949" | "ks_c_5601" | "ksc5601" => "euc-kr",
        "cp932" | "windows-932" | "mskanji" | "sjis-win" => "shift_jis",
        "cp950" | "windows-950" | "big5-eten" => "big5",
        "eucjp" | "ujis" | "eucjp-win" => "euc-jp",
        "cp50220" | "cp50221" | "iso-2022-jp-1" | "iso-2022-jp-2" | "iso-2022-jp-ms" => {
            "iso-2022-jp"
        }
        "8859-1" | "iso8859_1" | "iso_8859_1" | "latin-1" => "iso-8859-1",
        "latin-9" | "latin9" => "iso-8859-15",
        "cp1250" | "cp1251" | "cp1252" | "cp1253" | "cp1254" | "cp1255" | "cp1256" | "cp1257"
        | "cp1258" | "tis620" => return Encoding::for_label(lower.as_bytes()),
        _ => {
            // `win-1251`, `windows1251`, `iso_8859-2:1987`, `iso88592`: one spelling more each.
            let digits: String = lower.chars().filter(char::is_ascii_digit).take(6).collect();
            let name = match () {
                () if lower.starts_with("win") => format!("windows-{digits}"),
                () if lower.starts_with("iso") && digits.starts_with("8859") => {
                    let (_, number) = digits.split_at_checked(4)?;
                    format!("iso-8859-{number}")
                }
                () => return None,
            };
            return Encoding::for_label(name.as_bytes());
        }
    };
    Encoding::for_label(name.as_bytes())
}

/// Whether text in the charset `label` can be read.
pub fn is_known(label: &str) -> bool {
    known(label).is_some()
}

/// The text of `octets`, which claim to be in the charset `label`, and what was wrong with that.
///
/// ```
/// use mail::content::charset;
///
/// assert_eq!(charset::decode("iso-8859-1", b"Keld J\xf8rn").0, "Keld Jørn");
/// assert_eq!(charset::decode("us-ascii", "Jørn".as_bytes()).0, "Jørn");
/// ```
pub fn decode<'a>(label: &str, octets: &'a [u8]) -> (Cow<'a, str>, Option<Defect>) {
    match known(label) {
        None if octets.is_ascii() && !octets.contains(&0x1b) => guess(octets, None),
        None => guess(octets, Some(Defect::UnknownCharset)),
        Some(Known::Ascii) => guess(octets, (!octets.is_ascii()).then_some(Defect::EightBit)),
        Some(Known::Table(table)) => {
            let (table, octets) = marked(table, octets);
            let (text, bad) = table.decode_without_bom_handling(octets);
            (text, bad.then_some(Defect::BadCharset))
        }
        Some(Known::Utf7) => owned(seven::utf7(octets)),
        Some(Known::Iso2022Kr) => through(EUC_KR, &seven::iso2022kr(octets)),
        Some(Known::Hz) => through(GBK, &seven::hz(octets)),
        Some(Known::Utf32 { big }) => owned(seven::utf32(octets, big)),
    }
}

/// A mark at the start is taken away, and obeyed where it is of the family that was named.
fn marked<'a>(table: &'static Encoding, octets: &'a [u8]) -> (&'static Encoding, &'a [u8]) {
    match Encoding::for_bom(octets) {
        Some((found, len)) if found == table || (is_utf16(found) && is_utf16(table)) => {
            (found, octets.get(len..).unwrap_or_default())
        }
        _ => (table, octets),
    }
}

fn is_utf16(table: &'static Encoding) -> bool {
    table == UTF_16BE || table == UTF_16LE
}

fn owned((text, bad): (String, bool)) -> (Cow<'static, str>, Option<Defect>) {
    (Cow::Owned(text), bad.then_some(Defect::BadCharset))
}

fn through(table: &'static Encoding, octets: &[u8]) -> (Cow<'static, str>, Option<Defect>) {
    let (text, bad) = table.decode_without_bom_handling(octets);
    (Cow::Owned(text.into_owned()), bad.then_some(Defect::BadCharset))
}

/// Text of which nobody said the charset: UTF-8 if it is that, ISO-2022-JP if it has its escapes,
/// else windows-1252, in which every octet is something.
pub fn guess(octets: &[u8], defect: Option<Defect>) -> (Cow<'_, str>, Option<Defect>) {
    if octets.is_ascii() && memchr::memmem::find(octets, b"\x1b$").is_some() {
        let (text, bad) = encoding_rs::ISO_2022_JP.decode_without_bom_handling(octets);
        if !bad {
            return (text, defect);
        }
    }
    match std::str::from_utf8(octets) {
        Ok(text) => (Cow::Borrowed(text), defect),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(octets).0, defect),
    }
}

/// Text of a header field: UTF-8 (RFC 6532 §3), and where it is not, guessed and reported.
pub(super) fn head_text(octets: &[u8]) -> (Cow<'_, str>, Option<Defect>) {
    let (text, bad) = UTF_8.decode_without_bom_handling(octets);
    if bad {
        guess(octets, Some(Defect::BadUtf8InHead))
    } else if octets.contains(&0x1b) {
        guess(octets, None)
    } else {
        (text, None)
    }
}

/// The smallest charset that has all of `text`: `us-ascii` or `utf-8` (RFC 2046 §4.1.2).
pub fn smallest(text: &str) -> &'static str {
    if text.is_ascii() { "us-ascii" } else { "utf-8" }
}

#[cfg(test)]
mod tests;
