use super::*;

/// Register: 5322-3.6.4-f, 5322-4-b.
#[test]
fn read_and_written() {
    let rows: &[(&str, &[&str])] = &[
        ("<1@x.example>", &["1@x.example"]),
        ("<1@x.example><2@y.example>", &["1@x.example", "2@y.example"]),
        ("<1@x.example>,\r\n <2@y.example>", &["1@x.example", "2@y.example"]),
        ("< 1 @ x . example >", &["1@x.example"]),
        ("<1(comment)@x.example> (<no@id.example>)", &["1@x.example"]),
        ("<\"a b\"@x.example>", &[]),
        ("<\"a>b\"@x>", &[]),
        ("<\"ab\"@x>", &["\"ab\"@x"]),
        ("<1@[x]>", &["1@[x]"]),
        ("<noat>", &["noat"]),
        ("Your letter of Monday", &[]),
        ("1@x.example", &[]),
        ("<1@x.example", &[]),
        ("<>", &[]),
        ("<a<1@x.example>", &["1@x.example"]),
        ("<1@x:y;z,w>", &["1@x:y;z,w"]),
        ("<ü@x.example>", &["ü@x.example"]),
    ];
    for (value, want) in rows {
        let ids = MessageId::read_list(value);
        let got: Vec<_> = ids.iter().map(MessageId::as_str).collect();
        assert_eq!(got, *want, "{value}");
    }
    for good in ["1@x", "a.b@c.d", "1@[192.0.2.1]", "a=b@x"] {
        assert_eq!(MessageId::new(good).unwrap().to_string(), format!("<{good}>"));
    }
    let long = format!("{}@x", "a".repeat(1000));
    for bad in ["", "1", "@x", "1@", "a b@x", "\"a\"@x", "1@x>", "ü@x", "a..b@x", "1@x\r\n", &long]
    {
        assert!(MessageId::new(bad).is_none(), "{bad}");
    }
}

/// A thread without end keeps its end.
#[test]
fn bounds() {
    let many: String = (0..IDS_MAX + 5).map(|n| format!("<{n}@x>\r\n ")).collect();
    let ids = MessageId::read_list(&many);
    assert_eq!((ids.len(), ids[0].as_str()), (IDS_MAX, "5@x"));
    assert!(MessageId::read_list(&format!("<{}@x>", "a".repeat(2000))).is_empty());
}
