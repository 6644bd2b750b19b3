use proptest::prelude::*;

use super::*;

const BODY: &str = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n";

fn announced(texts: &[&str]) -> Announced {
    let records = texts.iter().map(|text| Record::Txt(text.as_bytes().to_vec())).collect();
    let security = mail::lookup::Security::Unchecked;
    Announced::of(&Answer::Found { records, ttl: Duration::from_secs(60), security })
}

/// Register: 8461-3.1-a, 8461-3.1-b, 8461-3.2-e.
#[test]
fn txt_records() {
    let yes: &[(&[&str], &str)] = &[
        (&["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (&["v=STSv1;id=a"], "a"),
        (&["v=STSv1; x=y; id=1 ; id=2"], "1"),
        (&["v=STSv1; a.b-c_d=!~; id=7;"], "7"),
        // What does not begin so is not meant for us.
        (&["v=spf1 -all", "v=STSv1; id=1;", "v=STSv12; id=2;", "x v=STSv1; id=3"], "1"),
        (&["v=STSv1; id=12345678901234567890123456789012"], "12345678901234567890123456789012"),
    ];
    for (texts, id) in yes {
        assert_eq!(announced(texts), Announced::Id((*id).into()), "{texts:?}");
    }
    let no: &[&[&str]] = &[
        &[],
        &["v=spf1 -all"],
        &["v=STSv1; id=1;", "v=STSv1; id=1;"],
        &["v=STSv1;"],
        &["v=STSv1"],
        &["V=STSv1; id=1;"],
        &["v=STSv1; id=;"],
        &["v=STSv1; id=1_2;"],
        &["v=STSv1; id=123456789012345678901234567890123;"],
        &["v=STSv1; id=1;;"],
        &["v=STSv1; id=1; nonsense"],
        &["v=STSv1; id=1; =x"],
        &["v=STSv1; id=é"],
        &["id=1; v=STSv1;"],
    ];
    for texts in no {
        assert!(
            matches!(announced(texts), Announced::Nothing(_)),
            "{texts:?}: {:?}",
            announced(texts)
        );
    }
    let failed = Announced::of(&Answer::Failed("SERVFAIL".into()));
    assert_eq!(failed, Announced::Unknown("SERVFAIL".into()));
}

/// Register: 8461-3.2-c, 8461-3.2-d, 8461-3.2-e, 8461-3.2-f.
#[test]
fn policies() {
    let policy = Policy::parse(BODY.as_bytes()).unwrap();
    assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, Duration::from_secs(604_800)));
    assert_eq!(policy.patterns(), ["mail.example.com", "*.example.net"]);
    let good = [
        BODY.replace("\r\n", "\n"),
        BODY.replace(": ", ":"),
        BODY.replace(": ", ": \t "),
        BODY.trim_end().to_owned(),
        format!("x-field: with blanks é\r\n{BODY}"),
        format!("{BODY}mode: none\r\nversion: STSv2\r\nmax_age: 0\r\n"),
        format!("{BODY}\r\n"),
        BODY.replace("mail.", "MAIL.").replace("\r\n", " \r\n"),
    ];
    for body in good {
        let read =
            Policy::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body:?}: {error}"));
        assert_eq!(
            (read.mode, read.max_age, read.patterns()),
            (policy.mode, policy.max_age, policy.patterns()),
            "{body:?}"
        );
    }
    let none = Policy::parse(b"version: STSv1\nmode: none\nmax_age: 0\n").unwrap();
    assert_eq!(none.mode, Mode::None);
    let year = Policy::parse(BODY.replace("604800", "9999999999").as_bytes()).unwrap();
    assert_eq!(year.max_age, Duration::from_secs(31_557_600));
    let bad = [
        String::new(),
        "<html><body>Hello</body></html>".to_owned(),
        BODY.replace("version: STSv1\r\n", ""),
        BODY.replace("STSv1", "STSv2"),
        BODY.replace("mode: enforce\r\n", ""),
        BODY.replace("enforce", "Enforce"),
        BODY.replace("max_age: 604800\r\n", ""),
        BODY.replace("604800", "-1"),
        BODY.replace("604800", "1e9"),
        BODY.replace("604800", "99999999999"),
        BODY.replace("mx:", "mX:"),
        BODY.replace("*.example.net", "a.*.example.net"),
        BODY.replace("*.example.net", "*"),
        BODY.replace("mail.example.com", "mäil.example.com"),
        BODY.replace("mail.example.com", "mail.example.com, b.example.com"),
        BODY.replace("mode: enforce", "mode enforce"),
        BODY.replace("mode: enforce", "mode: en\u{0}force"),
        "x".repeat(POLICY_MAX + 1),
    ];
    for body in bad {
        assert!(Policy::parse(body.as_bytes()).is_err(), "{body:?}");
    }
    assert!(Policy::parse(b"version: STSv1\n\xff\n").is_err());
}

/// Register: 8461-4.1-a, 8461-4-a.
#[test]
fn hosts_that_a_policy_names() {
    let policy = Policy::parse(BODY.as_bytes()).unwrap();
    for host in ["mail.example.com", "MAIL.example.com", "a.example.net", "mail.example.net"] {
        assert!(policy.names(host), "{host}");
    }
    for host in [
        "example.com",
        "x.mail.example.com",
        "example.net",
        "a.b.example.net",
        "xexample.net",
        "",
        "net",
    ] {
        assert!(!policy.names(host), "{host}");
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// What is fetched when, and what goes on counting.
///
/// Register: 8461-3.2-b, 8461-3.3-e, 8461-3.3-g, 8461-3.3-h, 8461-3.3-i, 8461-5-d, 8461-10.2-a.
#[test]
fn plans() {
    let day = 86_400;
    let policy = Policy::parse(BODY.as_bytes()).unwrap();
    let held = Held { id: "1".into(), fetched: at(0), policy: policy.clone() };
    let id = |id: &str| Announced::Id(id.into());
    let gone = || Announced::Nothing("no record".into());
    let down = || Announced::Unknown("SERVFAIL".into());
    let failed = |id: &str, when| Failed { id: id.into(), at: at(when) };
    type Row<'a> = (&'a str, Option<&'a Held>, Announced, Option<Failed>, u64, Plan);
    let rows: Vec<Row<'_>> = vec![
        ("nothing is held or announced", None, gone(), None, 0, Plan::Keep),
        ("nothing is held, the name system is down", None, down(), None, 0, Plan::Keep),
        ("a first policy", None, id("1"), None, 0, Plan::Fetch),
        ("the same version", Some(&held), id("1"), None, 60, Plan::Keep),
        ("another version", Some(&held), id("2"), None, 60, Plan::Fetch),
        ("a day later", Some(&held), id("1"), None, day, Plan::Refresh),
        ("out of date", Some(&held), id("1"), None, 604_800, Plan::Fetch),
        ("out of date and no longer announced", Some(&held), gone(), None, 604_800, Plan::Keep),
        ("no longer announced, it still counts", Some(&held), gone(), None, 60, Plan::Keep),
        ("no longer announced, the daily look", Some(&held), gone(), None, day, Plan::Refresh),
        (
            "the daily look failed just now",
            Some(&held),
            down(),
            Some(failed("1", day)),
            day + 60,
            Plan::Keep,
        ),
        ("this version failed just now", None, id("1"), Some(failed("1", 0)), 299, Plan::Keep),
        (
            "this version failed five minutes ago",
            None,
            id("1"),
            Some(failed("1", 0)),
            300,
            Plan::Fetch,
        ),
        ("another version failed", None, id("2"), Some(failed("1", 0)), 1, Plan::Fetch),
    ];
    for (what, held, announced, failed, now, want) in rows {
        assert_eq!(plan(held, &announced, failed.as_ref(), at(now)), want, "{what}");
    }
    assert!(held.is_live(at(604_799)) && !held.is_live(at(604_800)));
    // A clock that was set back does not end a policy.
    assert!(held.is_live(SystemTime::UNIX_EPOCH));
}

#[test]
fn what_is_kept_is_read_again() {
    let policy = Policy::parse(BODY.as_bytes()).unwrap();
    let held = Held { id: "20160831085700Z".into(), fetched: at(7), policy };
    assert_eq!(Held::decode(held.encode().as_bytes()), Some(held.clone()));
    let written = "1 a 1800000000\nversion: STSv1\nmode: none\nmax_age: 60\n";
    assert!(Held::decode(written.as_bytes()).is_some(), "what version 1 wrote");
    for broken in
        ["", "\n", "1 a\n", "2 a 1\nversion: STSv1\n", "1 a x\nversion: STSv1\n", "1 a 1\n"]
    {
        assert_eq!(Held::decode(broken.as_bytes()), None, "{broken:?}");
    }
}

proptest! {
    /// Whatever is served, reading it ends; what is read is written the same.
    #[test]
    fn any_body_can_be_read(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        if let Ok(policy) = Policy::parse(&body) {
            prop_assert_eq!(Policy::parse(policy.body().as_bytes()), Ok(policy));
        }
        let _ = Held::decode(&body);
        let text = Record::Txt(body);
        let security = mail::lookup::Security::Unchecked;
        Announced::of(&Answer::Found { records: vec![text], ttl: Duration::ZERO, security });
    }
}
