use super::*;
use crate::content::{AddressList, Defect};

/// The table of RFC 2047 §8, each row as a comment and as unstructured text. Register: 2047-6.2-a,
/// 2047-6.1-a, 2047-2-c, 2047-4-a.
#[test]
fn examples_of_the_standard() {
    let rows = [
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=     =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
    ];
    for (encoded, shown) in rows {
        let inner = &encoded[1..encoded.len() - 1];
        assert_eq!(format!("({})", decode_comment(inner)), shown);
        // In a field that is not structured, a parenthesis is no delimiter: a word next to one is
        // none.
        let strict = decode(encoded).text;
        assert!(strict.starts_with("(=?ISO-8859-1?Q?a"), "{strict}");
    }
}

/// The headers of RFC 1522 §4 and RFC 2047 §8.
#[test]
fn classic_headers() {
    let names: &[(&str, &str)] = &[
        ("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (
            "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>",
            "Keld Jørn Simonsen <keld@dkuug.dk>",
        ),
        (
            "=?ISO-8859-1?Q?Andr=E9_?= Pirard <PIRARD@vm1.ulg.ac.be>",
            "\"André  Pirard\" <PIRARD@vm1.ulg.ac.be>",
        ),
        (
            "=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>",
            "André Pirard <PIRARD@vm1.ulg.ac.be>",
        ),
        (
            "=?ISO-8859-1?Q?Olle_J=E4rnefors?= <ojarnef@admin.kth.se>",
            "Olle Järnefors <ojarnef@admin.kth.se>",
        ),
        (
            "=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?= <paf@nada.kth.se>",
            "Patrik Fältström <paf@nada.kth.se>",
        ),
        (
            "Nathaniel Borenstein <nsb@thumper.bellcore.com>\t (=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)",
            "Nathaniel Borenstein <nsb@thumper.bellcore.com>",
        ),
        (
            "nsb@thumper.bellcore.com (=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)",
            "םולש ןב ילטפנ <nsb@thumper.bellcore.com>",
        ),
        (
            "Greg Vaudreuil <gvaudre@NRI.Reston.VA.US>, Ned Freed   <ned@innosoft.com>, Keith Moore <moore@cs.utk.edu>",
            "Greg Vaudreuil <gvaudre@NRI.Reston.VA.US>, Ned Freed <ned@innosoft.com>, Keith Moore <moore@cs.utk.edu>",
        ),
    ];
    for (field, want) in names {
        let list = AddressList::read(field);
        assert_eq!(list.to_string(), *want);
        assert!(list.defects.is_empty());
    }
    let subject = "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=   =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=";
    assert_eq!(decode(subject), "If you can read this you understand the example.");
}

/// Text and what it reads. Register: 2047-4.2-a, 2047-6.3-a, 2047-7-b, 2231-5-a, 2047-6.1-b.
#[test]
fn unstructured() {
    let rows = [
        ("plain", "plain"),
        ("", ""),
        ("  two  blanks ", "  two  blanks "),
        ("=?utf-8?q?J=C3=B8rn?=", "Jørn"),
        ("=?UTF-8?B?SsO4cm4=?=", "Jørn"),
        ("=?us-ascii*en?q?x_y?=", "x y"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("a =?utf-8?q?b?=  =?utf-8?q?_c?= d", "a b c d"),
        ("=?utf-8?q?a?= ", "a "),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        // A character cut in two by its writer.
        ("=?utf-8?q?J=C3?= =?utf-8?q?=B8rn?=", "Jørn"),
        ("=?utf-8?B?SsM=?= =?UTF-8?B?uHJu?=", "Jørn"),
        // The end of a word is no end of a line.
        ("=?us-ascii?q?a_?=", "a "),
        ("=?us-ascii?q?a=20?= =?us-ascii?q?b?=", "a b"),
        ("=?us-ascii?q??=", ""),
        // Not quite words: shown as they came.
        ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        ("=?utf-8?q?a b?=", "=?utf-8?q?a b?="),
        ("=?utf-8?q?abc", "=?utf-8?q?abc"),
        ("=??q?abc?=", "=??q?abc?="),
        ("=?utf-8?q?a?b?=", "=?utf-8?q?a?b?="),
        ("x=?utf-8?q?a?=", "x=?utf-8?q?a?="),
        ("=?utf-8?q?a?=x", "=?utf-8?q?a?=x"),
        ("=?=", "=?="),
        ("=?", "=?"),
        ("\"=?utf-8?q?a?=\"", "\"=?utf-8?q?a?=\""),
    ];
    for (encoded, shown) in rows {
        assert_eq!(decode(encoded), shown, "{encoded}");
    }
    let odd = decode("=?nowhere?q?=E9?= =?utf-8?b?%%%?= =?utf-8?q?=GG?=");
    assert_eq!(odd, "é=GG");
    assert!(odd.defects.has(Defect::UnknownCharset) && odd.defects.has(Defect::BadBase64));
}

/// Register: 2047-6.2-b, 2047-6.1-a.
#[test]
fn decoding_comes_after_parsing() {
    let rows = [
        ("=?utf-8?Q?a=40b=3E?= <c@d.example>", "a@b>", "c@d.example"),
        ("=?utf-8?Q?a,_b?= <c@d.example>", "a, b", "c@d.example"),
        ("\"x =?utf-8?Q?a?=\" <c@d.example>", "x =?utf-8?Q?a?=", "c@d.example"),
        ("=?utf-8?Q?a?= \"b\" <c@d.example>", "a b", "c@d.example"),
        ("=?utf-8?Q?a?= =?utf-8?Q?b?= c <c@d.example>", "ab c", "c@d.example"),
        ("=?utf-8?Q?a?=<c@d.example>", "a", "c@d.example"),
        ("x=?utf-8?Q?a?= <c@d.example>", "x=?utf-8?Q?a?=", "c@d.example"),
        ("<=?utf-8?Q?a?=@d.example>", "", "=?utf-8?Q?a?=@d.example"),
    ];
    for (field, name, address) in rows {
        let list = AddressList::read(field);
        let mailbox = list.mailboxes().next().unwrap();
        assert_eq!(mailbox.name.as_deref().unwrap_or(""), name, "{field}");
        assert_eq!(mailbox.address.to_string(), address, "{field}");
    }
}

/// What no standard allows and many writers do: read as they mean it, and told.
#[test]
fn words_in_quotes() {
    let rows = [
        ("\"=?utf-8?Q?J=C3=B8rn?=\" <c@d.example>", "Jørn"),
        ("\"=?utf-8?Q?a?= =?utf-8?Q?b?=\" <c@d.example>", "ab"),
        ("\"=?utf-8?Q?a?=\" \"b\" <c@d.example>", "a b"),
        ("\"=?utf-8?Q?a=40b=3E?=\" <c@d.example>", "a@b>"),
    ];
    for (field, name) in rows {
        let list = AddressList::read(field);
        let mailbox = list.mailboxes().next().unwrap();
        assert_eq!((mailbox.name.as_deref(), mailbox.address.domain()), (Some(name), "d.example"));
        assert!(list.defects.has(Defect::MisplacedWord), "{field}");
    }
    let local = AddressList::read("\"=?utf-8?Q?a?=\"@d.example");
    assert_eq!(local.mailboxes().next().unwrap().address.local(), "=?utf-8?Q?a?=");
}

/// Register: 2047-2-a, 2047-4.2-a, 2047-4.2-b, 2047-5-h, 2047-5-i, 2047-5-b, 2047-5-c, 2047-3-a.
#[test]
fn words_written() {
    let texts = [
        "é".to_owned(),
        "Keld Jørn Simonsen".to_owned(),
        "日本語のとても長い件名です。".repeat(8),
        "😀".repeat(60),
        "a(b)c\\d\"e=?_ é".to_owned(),
        "x".repeat(300),
    ];
    for text in &texts {
        for place in [Place::Text, Place::Phrase] {
            for first in [10, 60, 75] {
                let words = encode(text, place, first);
                for word in &words {
                    assert!(word.len() <= WORD_MAX && is_word(word), "{word}");
                    assert!(word.bytes().all(|octet| octet.is_ascii_graphic()));
                    let parsed = parse(word).unwrap();
                    // Each stands alone: whole octets of whole characters.
                    let (octets, defects) = parsed.octets();
                    assert!(defects.is_empty() && std::str::from_utf8(&octets).is_ok());
                    if parsed.encoding == b'B' {
                        assert_eq!(parsed.text.len() % 4, 0);
                    } else if place == Place::Phrase {
                        let allowed =
                            |one: char| one.is_ascii_alphanumeric() || "!*+-/=_".contains(one);
                        assert!(parsed.text.chars().all(allowed), "{word}");
                    }
                }
                assert_eq!(decode(&words.join(" ")), text.as_str());
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn what_is_written_reads_the_same(text in "\\PC{1,200}", first in 0_usize..80) {
        for place in [Place::Text, Place::Phrase] {
            let words = encode(&text, place, first);
            let read = decode(&words.join(" "));
            proptest::prop_assert_eq!(&read.text, &text);
            proptest::prop_assert!(read.defects.is_empty());
        }
    }

    #[test]
    fn anything_reads(text: String) {
        let read = decode(&text);
        if !text.contains("=?") {
            proptest::prop_assert_eq!(read.text, text.clone());
        }
        decode_comment(&text);
        AddressList::read(&text);
    }
}
