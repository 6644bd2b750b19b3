//! Preparation of names and passwords, and base64.

use super::super::wire::{decode, decode_initial, encode_initial};
use super::super::{PrepareError, prepare};

/// RFC 4013 §3, and more.
///
/// Register: 4954-4-p, 4954-4-q, 4954-4-r.
#[test]
fn preparation() {
    let rows = [
        ("I\u{ad}X", Ok("IX")),
        ("user", Ok("user")),
        ("USER", Ok("USER")),
        ("\u{aa}", Ok("a")),
        ("\u{2168}", Ok("IX")),
        ("\u{7}", Err(PrepareError::Prohibited)),
        ("\u{627}1", Err(PrepareError::Bidirectional)),
        ("\u{627}1\u{628}", Ok("\u{627}1\u{628}")),
        ("\u{627}a\u{628}", Err(PrepareError::Bidirectional)),
        ("a\u{a0}b", Ok("a b")),
        ("e\u{301}", Ok("\u{e9}")),
        ("", Err(PrepareError::Empty)),
        ("\u{ad}\u{200b}", Err(PrepareError::Empty)),
        ("a\0b", Err(PrepareError::Prohibited)),
        ("a\u{7f}", Err(PrepareError::Prohibited)),
        ("\u{e000}", Err(PrepareError::Prohibited)),
        // Assigned after Unicode 3.2.
        ("\u{1f40e}", Ok("\u{1f40e}")),
    ];
    for (text, want) in rows {
        assert_eq!(prepare(text).as_deref(), want.as_ref().map(|t| &**t), "{text:?}");
    }
    assert_eq!(prepare(&"a".repeat(256)), Err(PrepareError::TooLong));
    // NFKC makes it longer than it may be.
    assert_eq!(prepare(&"\u{fdfa}".repeat(85)), Err(PrepareError::TooLong));
}

/// Register: 4954-4-k, 4954-4-m, 4954-4-i.
#[test]
fn base64() {
    let rows = [
        ("", Some(&b""[..])),
        ("AA==", Some(&b"\0"[..])),
        ("YW5u", Some(&b"ann"[..])),
        ("=AAA", None),
        ("AAA=BBB", None),
        ("AA=", None),
        ("AA", None),
        ("AB==", None),
        ("A===", None),
        ("YW 5u", None),
        ("YW5u ", None),
        (" ", None),
        ("YW5u\r", None),
        ("YW-_", None),
        ("!!!!", None),
        ("=", None),
        ("*", None),
        ("AAAA====", None),
    ];
    for (text, want) in rows {
        assert_eq!(decode(text.as_bytes()).ok().as_deref(), want, "{text:?}");
    }
    assert_eq!(decode_initial(b"=").as_deref(), Ok(&b""[..]));
    assert_eq!(encode_initial(b""), "=");
    assert_eq!(encode_initial(b"ann"), "YW5u");
}
