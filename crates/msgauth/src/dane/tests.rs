use std::time::Duration;

use super::*;

fn tlsa(usage: u8, selector: u8, matching: u8, len: usize) -> Tlsa {
    Tlsa { usage, selector, matching, data: vec![7; len] }
}

fn host() -> Host {
    Host {
        name: "mx.example.org".into(),
        port: 25,
        domain: Some("example.org".into()),
        exchangers: Some(Security::Secure),
        by_exchanger: true,
        addresses: Security::Secure,
        ..Host::default()
    }
}

fn found(records: Vec<Record>, security: Security) -> Answer {
    Answer::Found { records, ttl: Duration::from_secs(60), security }
}

fn nothing(security: Security) -> Answer {
    Answer::NoName { ttl: Duration::from_secs(60), security }
}

fn ee() -> Answer {
    found(vec![Record::Tlsa(tlsa(3, 1, 1, 32))], Security::Secure)
}

/// Plays a discovery against a table of answers; gives the questions in their order, and the end.
fn play(host: Host, answers: &[(&str, Answer)]) -> (Vec<String>, Dane) {
    let mut discovery = Discovery::new(host);
    let mut asked = Vec::new();
    for _ in 0..100 {
        match discovery.poll() {
            Step::Done(dane) => return (asked, dane),
            Step::Ask(question) => {
                assert!(question.checked, "a question without proof: {question:?}");
                let name = format!("{} {:?}", question.name, question.kind);
                let known = answers.iter().find(|(text, _)| *text == name);
                discovery
                    .answer(&known.map_or(nothing(Security::Secure), |(_, answer)| answer.clone()));
                asked.push(name);
            }
        }
    }
    panic!("it does not end: {asked:?}")
}

fn kind(dane: &Dane) -> &'static str {
    match dane {
        Dane::Absent(_) => "absent",
        Dane::Unusable { .. } => "unusable",
        Dane::Match(_) => "match",
        Dane::Unknown { bogus: true, .. } => "bogus",
        Dane::Unknown { .. } => "unknown",
    }
}

/// Which questions are put, and what comes of the answers.
///
/// Register: 7672-2.1.1-b, 7672-2.1.1-c, 7672-2.1.2-c, 7672-2.1.2-d, 7672-2.1.2-e, 7672-2.1.3-a,
/// 7672-2.1.3-b, 7672-2.2-b, 7672-2.2-c, 7672-2.2-e, 7672-2.2-h, 7672-2.2.2-a, 7672-2.2.2-b,
/// 7672-2.2.2-c, 7672-2.2.3-a, 7672-2.2.3-b, 7672-2.2.3-d, 7672-3.1.3-a.
#[test]
fn discovery() {
    const AT: &str = "_25._tcp.mx.example.org Tlsa";
    let alias =
        |security| Host { alias: Some("real.example.net".into()), addresses: security, ..host() };
    let fails = || Answer::Failed("SERVFAIL".into());
    let bogus = || Answer::Bogus("forged".into());
    let unusable = found(
        vec![Record::Tlsa(tlsa(1, 1, 1, 32)), Record::Tlsa(tlsa(9, 1, 1, 32))],
        Security::Secure,
    );
    let insecure = found(vec![Record::Tlsa(tlsa(3, 1, 1, 32))], Security::Insecure);
    let unchecked = found(vec![Record::Tlsa(tlsa(3, 1, 1, 32))], Security::Unchecked);
    let link = |target: &str, security| found(vec![Record::Cname(target.into())], security);
    const ALIAS_AT: &str = "_25._tcp.real.example.net Tlsa";
    type Row<'a> = (&'a str, Host, Vec<(&'a str, Answer)>, &'a [&'a str], &'a str);
    let rows: Vec<Row<'_>> = vec![
        ("signed records", host(), vec![(AT, ee())], &[AT], "match"),
        ("no records", host(), vec![], &[AT], "absent"),
        ("records that are not signed", host(), vec![(AT, insecure)], &[AT], "absent"),
        ("records that were not checked", host(), vec![(AT, unchecked)], &[AT], "absent"),
        ("records of no use", host(), vec![(AT, unusable)], &[AT], "unusable"),
        ("no answer", host(), vec![(AT, fails())], &[AT], "unknown"),
        ("a forged answer", host(), vec![(AT, bogus())], &[AT], "bogus"),
        (
            "another port",
            Host { port: 2525, ..host() },
            vec![("_2525._tcp.mx.example.org Tlsa", ee())],
            &["_2525._tcp.mx.example.org Tlsa"],
            "match",
        ),
        (
            "addresses that are not signed: no question",
            Host { addresses: Security::Insecure, ..host() },
            vec![(AT, ee())],
            &[],
            "absent",
        ),
        (
            "addresses that were not checked: no question",
            Host { addresses: Security::Unchecked, ..host() },
            vec![(AT, ee())],
            &[],
            "absent",
        ),
        (
            "one family of addresses is not known",
            Host { trouble: Some("SERVFAIL".into()), ..host() },
            vec![(AT, ee())],
            &[],
            "unknown",
        ),
        ("an address", Host { name: "[192.0.2.1]".into(), ..host() }, vec![], &[], "absent"),
        (
            "a signed alias, records there",
            alias(Security::Secure),
            vec![(ALIAS_AT, ee())],
            &[ALIAS_AT],
            "match",
        ),
        (
            "a signed alias, records here",
            alias(Security::Secure),
            vec![(AT, ee())],
            &[ALIAS_AT, AT],
            "match",
        ),
        ("a signed alias, no records", alias(Security::Secure), vec![], &[ALIAS_AT, AT], "absent"),
        (
            "a signed alias, no answer there",
            alias(Security::Secure),
            vec![(ALIAS_AT, fails())],
            &[ALIAS_AT],
            "unknown",
        ),
        (
            "a signed alias into an unsigned zone",
            alias(Security::Insecure),
            vec![("mx.example.org Cname", link("real.example.net", Security::Secure)), (AT, ee())],
            &["mx.example.org Cname", AT],
            "match",
        ),
        (
            "an alias that is not signed",
            alias(Security::Insecure),
            vec![
                ("mx.example.org Cname", link("real.example.net", Security::Insecure)),
                (AT, ee()),
            ],
            &["mx.example.org Cname"],
            "absent",
        ),
        (
            "an alias that is forged",
            alias(Security::Insecure),
            vec![("mx.example.org Cname", bogus())],
            &["mx.example.org Cname"],
            "bogus",
        ),
        (
            "shared records by an alias",
            host(),
            vec![(AT, link("tlsa.example.org", Security::Secure)), ("tlsa.example.org Tlsa", ee())],
            &[AT, "tlsa.example.org Tlsa"],
            "match",
        ),
        (
            "shared records by an unsigned alias",
            host(),
            vec![
                (AT, link("tlsa.example.org", Security::Insecure)),
                ("tlsa.example.org Tlsa", ee()),
            ],
            &[AT],
            "absent",
        ),
    ];
    for (what, host, answers, asked, want) in rows {
        let (questions, dane) = play(host, &answers);
        assert_eq!(
            (questions, kind(&dane)),
            (asked.iter().map(|&text| text.to_owned()).collect(), want),
            "{what}"
        );
    }
}

/// Aliases that go round end.
#[test]
fn a_circle_of_aliases() {
    let round = |target: &str| found(vec![Record::Cname(target.into())], Security::Secure);
    let answers = [
        ("_25._tcp.mx.example.org Tlsa", round("a.example")),
        ("a.example Tlsa", round("b.example")),
        ("b.example Tlsa", round("a.example")),
    ];
    let (asked, dane) = play(host(), &answers);
    assert_eq!((asked.len(), kind(&dane)), (ALIASES_MAX + 1, "unknown"));
}

/// The base domain does not change with an alias of the records; an expanded host name is one.
///
/// Register: 7672-2.2.3-e, 7672-3.2.2-a, 7672-3.2.2-b, 7672-3.2.2-c, 7672-3.2.2-d, 7672-3.2.2-e.
#[test]
fn reference_names() {
    let link = found(vec![Record::Cname("tlsa.example.org".into())], Security::Secure);
    let at = "_25._tcp.mx.example.org Tlsa";
    let real = "_25._tcp.real.example.net Tlsa";
    let shared = vec![(at, link), ("tlsa.example.org Tlsa", ee())];
    let alias = Host { alias: Some("real.example.net".into()), ..host() };
    let direct = Host { by_exchanger: false, name: "example.org".into(), ..host() };
    let configured = Host { by_exchanger: false, exchangers: None, domain: None, ..alias.clone() };
    type Row<'a> = (&'a str, Host, Vec<(&'a str, Answer)>, &'a [&'a str], bool);
    let rows: Vec<Row<'_>> = vec![
        ("by signed MX", host(), vec![(at, ee())], &["mx.example.org", "example.org"], true),
        ("shared records", host(), shared, &["mx.example.org", "example.org"], true),
        (
            "the domain is an alias",
            Host { domain_alias: Some("example.com".into()), ..host() },
            vec![(at, ee())],
            &["mx.example.org", "example.org", "example.com"],
            true,
        ),
        (
            "the host is an alias",
            alias.clone(),
            vec![(real, ee())],
            &["real.example.net", "example.org"],
            true,
        ),
        (
            "records at the alias itself",
            alias,
            vec![(at, ee())],
            &["mx.example.org", "example.org"],
            true,
        ),
        (
            "by MX that is not signed",
            Host { exchangers: Some(Security::Insecure), ..host() },
            vec![(at, ee())],
            &["mx.example.org"],
            false,
        ),
        ("no MX", direct, vec![("_25._tcp.example.org Tlsa", ee())], &["example.org"], true),
        (
            "configured, an alias",
            configured,
            vec![(real, ee())],
            &["real.example.net", "mx.example.org"],
            true,
        ),
    ];
    for (what, host, answers, names, proved) in rows {
        match play(host, &answers).1 {
            Dane::Match(found) => {
                assert_eq!(
                    (found.names.as_slice(), found.proved),
                    (&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()[..], proved),
                    "{what}"
                );
                assert_eq!(found.base, found.names[0], "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Which records count. Register: 7672-3.1.3-a, 7672-5-a.
#[test]
fn records_that_count() {
    let rows: Vec<(Vec<Tlsa>, Vec<Tlsa>)> = vec![
        (vec![tlsa(3, 1, 1, 32)], vec![tlsa(3, 1, 1, 32)]),
        // The strongest digest of each usage and selector, beside what is whole.
        (
            vec![tlsa(3, 1, 1, 32), tlsa(3, 1, 2, 64), tlsa(3, 1, 0, 91), tlsa(2, 1, 1, 32)],
            vec![tlsa(3, 1, 0, 91), tlsa(3, 1, 2, 64), tlsa(2, 1, 1, 32)],
        ),
        // What is malformed is left out before.
        (vec![tlsa(3, 1, 1, 32), tlsa(3, 1, 2, 63)], vec![tlsa(3, 1, 1, 32)]),
        (vec![tlsa(3, 0, 1, 32), tlsa(3, 1, 2, 64)], vec![tlsa(3, 0, 1, 32), tlsa(3, 1, 2, 64)]),
        (vec![tlsa(0, 1, 1, 32), tlsa(1, 1, 1, 32), tlsa(255, 0, 0, 9)], vec![]),
        (vec![tlsa(3, 2, 1, 32), tlsa(3, 1, 3, 32), tlsa(3, 1, 1, 0), tlsa(2, 0, 0, 0)], vec![]),
        (vec![tlsa(3, 1, 1, 32), tlsa(3, 1, 1, 32)], vec![tlsa(3, 1, 1, 32)]),
    ];
    for (given, want) in rows {
        assert_eq!(usable(given.clone()), want, "{given:?}");
    }
    // Thousands are cut, those of hosts kept before those of authorities.
    let many = (0..4_000u16).map(|number| {
        let mut one = tlsa(if number % 2 == 0 { 2 } else { 3 }, 1, 1, 32);
        one.data[..2].copy_from_slice(&number.to_be_bytes());
        one
    });
    let kept = usable(many.collect());
    assert_eq!(kept.len(), RECORDS_MAX);
    assert!(kept.iter().all(|one| one.usage == 3));
}
