use super::*;

/// Dates as they are met, seconds and offset. Register: 1123-5.2.14-c, 5322-4.3-a, 5322-4.3-b,
/// 5322-4.3-c, 5322-4-b, 5322-3.3-c.
#[test]
fn dates() {
    const AT: i64 = 880_127_706;
    let rows: &[(&str, i64, Option<i32>)] = &[
        ("Fri, 21 Nov 1997 09:55:06 -0600", AT, Some(-360)),
        ("21 Nov 1997 09:55:06 -0600", AT, Some(-360)),
        ("21 Nov 97 09:55:06 -0600", AT, Some(-360)),
        ("Fri, 21 Nov 97 09(comment):   55  :  06 -0600", AT, Some(-360)),
        ("Fri,21 Nov 1997 09:55:06 CST", AT, Some(-360)),
        ("Fri, 21 Nov 097 09:55:06 CST", AT, Some(-360)),
        ("Fri, 21-Nov-97 15:55:06 GMT", AT, Some(0)),
        ("Fri, 21 Nov 1997 15:55:06 UT", AT, Some(0)),
        ("Fri, 21 Nov 1997 15:55:06 Z", AT, Some(0)),
        ("Fri, 21 Nov 1997 10:55:06 EST", AT, Some(-300)),
        ("Fri, 21 Nov 1997 11:55:06 EDT", AT, Some(-240)),
        ("Fri, 21 Nov 1997 10:55:06 CDT", AT, Some(-300)),
        ("Fri, 21 Nov 1997 08:55:06 MST", AT, Some(-420)),
        ("Fri, 21 Nov 1997 09:55:06 MDT", AT, Some(-360)),
        ("Fri, 21 Nov 1997 07:55:06 PST", AT, Some(-480)),
        ("Fri, 21 Nov 1997 08:55:06 PDT", AT, Some(-420)),
        ("Fri, 21 Nov 1997 15:55:06 -0000", AT, None),
        ("Fri, 21 Nov 1997 15:55:06 A", AT, None),
        ("Fri, 21 Nov 1997 15:55:06 MESZ", AT, None),
        ("Fri, 21 Nov 1997 15:55:06", AT, None),
        ("Fri, 21 Nov 1997 15:55 GMT", AT - 6, Some(0)),
        ("Mon, 21 Nov 1997 15:55:06 +0000", AT, Some(0)),
        ("Fri Nov 21 15:55:06 1997", AT, None),
        ("Fri Nov 21 09:55:06 CST 1997", AT, Some(-360)),
        ("Fri, 21 Nov 1997 15.55.06 +0000", AT, Some(0)),
        ("Fri, 21 November 1997 15:55:06 +0000", AT, Some(0)),
        ("Friday, 21-Nov-97 15:55:06 GMT", AT, Some(0)),
        ("fri, 21 nov 1997 15:55:06 gmt", AT, Some(0)),
        ("Fri, 21 Nov 1997 15:55:06 +0000 (UTC)", AT, Some(0)),
        ("Fri, 21 Nov 1997 21:25:06 +0530", AT, Some(330)),
        ("Fri, 21 Nov 1997 21:25:06 +05:30", AT, Some(330)),
        ("1 Jan 49 00:00:00 +0000", 2_493_072_000, Some(0)),
        ("1 Jan 50 00:00:00 +0000", -631_152_000, Some(0)),
        ("1 Jan 1900 00:00:00 +0000", -2_208_988_800, Some(0)),
        ("29 Feb 2000 00:00:00 +0000", 951_782_400, Some(0)),
        ("31 Dec 2016 23:59:60 +0000", 1_483_228_800, Some(0)),
    ];
    for (text, seconds, offset) in rows {
        let want = DateTime { seconds: *seconds, offset_minutes: *offset };
        assert_eq!(DateTime::read(text), Some(want), "{text}");
    }
    for none in [
        "",
        "yesterday",
        "29 Feb 1900 00:00:00 +0000",
        "0 Jan 2000 00:00:00 +0000",
        "32 Jan 2000 00:00:00 +0000",
        "1 Foo 2000 00:00:00 +0000",
        "1 Jan 2000 24:00:00 +0000",
        "1 Jan 2000 00:60:00 +0000",
        "1 Jan 99999999 00:00:00 +0000",
        "1 Jan",
        "::::",
    ] {
        assert_eq!(DateTime::read(none), None, "{none}");
    }
}

#[test]
fn moments() {
    let before = DateTime { seconds: -1, offset_minutes: Some(0) };
    assert_eq!(before.time(), UNIX_EPOCH - Duration::from_secs(1));
    assert_eq!(DateTime::new(before.time(), 0), before);
    let unknown = DateTime { seconds: 1_751_364_000, offset_minutes: None };
    assert_eq!(unknown.to_string(), "Tue, 01 Jul 2025 10:00:00 -0000");
    assert_eq!(DateTime::read(&unknown.to_string()), Some(unknown));
}

proptest::proptest! {
    /// What is written is valid and reads back. Register: 5322-3.3-d, 5322-3.3-e, 5322-3.3-f,
    /// 5322-3.3-g, 5322-3.3-a, 1123-5.2.14-a, 1123-5.2.14-b.
    #[test]
    fn written_reads_back(seconds in 86_400_i64..253_402_200_000, offset in -1439_i32..1440) {
        let date = DateTime { seconds, offset_minutes: Some(offset) };
        let text = date.to_string();
        proptest::prop_assert_eq!(DateTime::read(&text), Some(date), "{}", text);
        proptest::prop_assert_eq!(text.len(), 31);
        proptest::prop_assert!(!text.contains("  "));
        // A calendar written by others agrees, weekday and all; it has no minutes of a zone.
        let parsed = jiff::fmt::rfc2822::parse(&text).unwrap();
        proptest::prop_assert_eq!(parsed.timestamp().as_second(), seconds);
    }

    #[test]
    fn anything(text: String) {
        DateTime::read(&text);
    }
}
