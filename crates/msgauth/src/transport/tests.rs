use mail::lookup::Security;

use super::*;
use crate::dane::Match;

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

fn unsigned() -> Host {
    Host { exchangers: Some(Security::Insecure), ..host() }
}

fn records() -> Vec<Tlsa> {
    vec![Tlsa { usage: 3, selector: 1, matching: 1, data: vec![1; 32] }]
}

fn matching(proved: bool) -> Dane {
    let names = vec!["mx.example.org".into()];
    Dane::Match(Match { base: "mx.example.org".into(), records: records(), names, proved })
}

fn absent() -> Dane {
    Dane::Absent("no records".into())
}

fn unusable() -> Dane {
    Dane::Unusable { base: "mx.example.org".into(), why: "of no use".into() }
}

fn unknown(bogus: bool) -> Dane {
    Dane::Unknown { what: "SERVFAIL".into(), bogus }
}

fn policy(mode: &str, mx: &str) -> Policy {
    Policy::parse(format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 60\n").as_bytes())
        .unwrap()
}

/// A decision in a few words: need, check and basis, or the status of a refusal.
fn told(decision: &Result<Requirement, Refusal>) -> String {
    match decision {
        Ok(found) => {
            let check = match &found.check {
                Check::Nothing => "any".to_owned(),
                Check::Names(names) => names.join("|"),
                Check::Records(records, _) => format!("{} record", records.len()),
            };
            let proved = if found.proved { " proved" } else { "" };
            let amiss = if found.amiss.is_some() { " amiss" } else { "" };
            format!("{:?} {check} {:?}{proved}{amiss}", found.need, found.basis)
        }
        Err(refusal) => {
            let class = if refusal.permanent { 5 } else { 4 };
            format!("{class}.{}.{}", refusal.topic.0, refusal.topic.1)
        }
    }
}

type Row<'a> = (&'a str, Level, Wanted, Host, Dane, Option<&'a Policy>, &'a str);

fn check(rows: &[Row<'_>]) {
    for (what, level, wanted, host, dane, policy, want) in rows {
        let sts = policy.map_or(Sts::Absent("no policy"), Sts::Policy);
        let decision = decide(&Facts { level: *level, wanted: *wanted, host, dane, sts });
        assert_eq!(told(&decision), *want, "{what}: {decision:?}");
    }
}

/// What a destination publishes, and nothing else asked for.
///
/// Register: 7672-2.2-a, 7672-2.2-b, 7672-2.2-c, 7672-2.2-e, 7672-2.1.2-d, 7672-2.1.2-e,
/// 7672-2.2.1-g, 7672-2.2.3-c, 7672-3.2-a, 8461-2-a, 8461-4-a, 8461-4.2-a, 8461-4.2-c, 8461-5-a,
/// 8461-5-b, 8461-5-c, 8461-5-e, 8461-3.3-g, 7817-3-b.
#[test]
fn what_is_published() {
    use Level::Auto;
    use Wanted::Nothing;
    let enforce = policy("enforce", "*.example.org");
    let elsewhere = policy("enforce", "mx.example.net");
    let testing = policy("testing", "*.example.org");
    let testing_elsewhere = policy("testing", "mx.example.net");
    let none = policy("none", "mx.example.net");
    check(&[
        ("nothing", Auto, Nothing, host(), absent(), None, "May any Nothing"),
        ("DANE", Auto, Nothing, host(), matching(true), None, "Must 1 record Dane proved"),
        (
            "DANE, MX not signed",
            Auto,
            Nothing,
            unsigned(),
            matching(false),
            None,
            "Must 1 record Dane",
        ),
        ("DANE of no use", Auto, Nothing, host(), unusable(), None, "Must any Dane"),
        ("DANE not known", Auto, Nothing, host(), unknown(false), None, "4.7.5"),
        (
            "DANE forged, a good policy",
            Auto,
            Nothing,
            host(),
            unknown(true),
            Some(&enforce),
            "4.7.5",
        ),
        (
            "DANE goes before a policy",
            Auto,
            Nothing,
            host(),
            matching(true),
            Some(&elsewhere),
            "Must 1 record Dane proved",
        ),
        (
            "DANE of no use, and a policy",
            Auto,
            Nothing,
            host(),
            unusable(),
            Some(&enforce),
            "Must mx.example.org Sts proved",
        ),
        (
            "DANE of no use, a policy elsewhere",
            Auto,
            Nothing,
            host(),
            unusable(),
            Some(&elsewhere),
            "4.7.5",
        ),
        (
            "DANE of no use, a policy in testing",
            Auto,
            Nothing,
            host(),
            unusable(),
            Some(&testing),
            "Must any Dane",
        ),
        (
            "a policy",
            Auto,
            Nothing,
            unsigned(),
            absent(),
            Some(&enforce),
            "Must mx.example.org Sts proved",
        ),
        (
            "a policy that does not name it",
            Auto,
            Nothing,
            unsigned(),
            absent(),
            Some(&elsewhere),
            "4.7.5",
        ),
        (
            "a policy in testing",
            Auto,
            Nothing,
            unsigned(),
            absent(),
            Some(&testing),
            "May mx.example.org Sts",
        ),
        (
            "in testing, not named",
            Auto,
            Nothing,
            unsigned(),
            absent(),
            Some(&testing_elsewhere),
            "May any Sts amiss",
        ),
        (
            "a policy that says none",
            Auto,
            Nothing,
            unsigned(),
            absent(),
            Some(&none),
            "May any Nothing",
        ),
    ]);
}

/// The operator's word. Register: 7672-2.2-g, 7672-2.2.1-b, 7817-3-b.
#[test]
fn what_the_operator_says() {
    use Level::*;
    use Wanted::Nothing;
    let enforce = policy("enforce", "*.example.org");
    let testing = policy("testing", "*.example.org");
    let testing_elsewhere = policy("testing", "mx.example.net");
    check(&[
        ("never", Never, Nothing, host(), matching(true), Some(&enforce), "Never any Operator"),
        (
            "opportunistic",
            Opportunistic,
            Nothing,
            host(),
            unknown(true),
            Some(&enforce),
            "May any Operator",
        ),
        ("require", Required, Nothing, host(), absent(), None, "Must any Operator"),
        (
            "require, DANE",
            Required,
            Nothing,
            host(),
            matching(true),
            None,
            "Must 1 record Dane proved",
        ),
        (
            "require, policy",
            Required,
            Nothing,
            host(),
            absent(),
            Some(&enforce),
            "Must mx.example.org Sts proved",
        ),
        (
            "require, testing",
            Required,
            Nothing,
            host(),
            absent(),
            Some(&testing),
            "Must any Operator",
        ),
        (
            "verify",
            Verify,
            Nothing,
            unsigned(),
            absent(),
            None,
            "Must mx.example.org|example.org Operator",
        ),
        (
            "verify, MX signed",
            Verify,
            Nothing,
            host(),
            absent(),
            None,
            "Must mx.example.org|example.org Operator proved",
        ),
        (
            "verify, DANE",
            Verify,
            Nothing,
            host(),
            matching(true),
            None,
            "Must 1 record Dane proved",
        ),
        (
            "verify, DANE of no use",
            Verify,
            Nothing,
            host(),
            unusable(),
            None,
            "Must mx.example.org|example.org Operator proved",
        ),
        ("dane", Dane, Nothing, host(), matching(true), None, "Must 1 record Dane proved"),
        ("dane, none", Dane, Nothing, host(), absent(), Some(&enforce), "4.7.5"),
        ("dane, of no use", Dane, Nothing, host(), unusable(), None, "4.7.5"),
        ("dane, MX not signed", Dane, Nothing, unsigned(), matching(false), None, "4.7.5"),
        (
            "sts",
            Sts,
            Nothing,
            unsigned(),
            absent(),
            Some(&enforce),
            "Must mx.example.org Sts proved",
        ),
        ("sts, none", Sts, Nothing, unsigned(), absent(), None, "4.7.5"),
        (
            "sts, testing",
            Sts,
            Nothing,
            unsigned(),
            absent(),
            Some(&testing),
            "Must mx.example.org Sts proved",
        ),
        (
            "sts, testing, not named",
            Sts,
            Nothing,
            unsigned(),
            absent(),
            Some(&testing_elsewhere),
            "4.7.5",
        ),
        ("sts, DANE", Sts, Nothing, host(), matching(true), None, "Must 1 record Dane proved"),
    ]);
    for (word, level) in WORDS {
        assert_eq!((word.parse(), level.to_string().as_str()), (Ok(level), word));
    }
}

/// The message's word. Register: 8689-2-b, 8689-3-a, 8689-4.2.1-a, 8689-4.2.2-a.
#[test]
fn what_the_message_says() {
    use Level::*;
    use Wanted::Optional;
    let enforce = policy("enforce", "*.example.org");
    let testing = policy("testing", "*.example.org");
    let configured = Host { exchangers: None, by_exchanger: false, ..host() };
    check(&[
        (
            "signed MX",
            Auto,
            Wanted::Required,
            host(),
            absent(),
            None,
            "Must mx.example.org Message proved",
        ),
        ("DANE", Auto, Wanted::Required, host(), matching(true), None, "Must 1 record Dane proved"),
        (
            "DANE, MX not signed",
            Auto,
            Wanted::Required,
            unsigned(),
            matching(false),
            None,
            "5.7.10",
        ),
        ("nothing proved", Auto, Wanted::Required, unsigned(), absent(), None, "5.7.10"),
        (
            "a policy",
            Auto,
            Wanted::Required,
            unsigned(),
            absent(),
            Some(&enforce),
            "Must mx.example.org Sts proved",
        ),
        (
            "a policy in testing",
            Auto,
            Wanted::Required,
            unsigned(),
            absent(),
            Some(&testing),
            "Must mx.example.org Message proved",
        ),
        ("DANE not known", Auto, Wanted::Required, host(), unknown(false), None, "4.7.5"),
        (
            "a host of ours",
            Auto,
            Wanted::Required,
            configured,
            absent(),
            None,
            "Must mx.example.org Message proved",
        ),
        ("never", Never, Wanted::Required, host(), absent(), None, "5.7.10"),
        ("No, DANE", Auto, Optional, host(), matching(true), None, "May any Message"),
        ("No, DANE not known", Auto, Optional, host(), unknown(true), None, "May any Message"),
        ("No, a policy", Auto, Optional, host(), absent(), Some(&enforce), "May any Message"),
        (
            "No, but the operator",
            Level::Required,
            Optional,
            host(),
            absent(),
            None,
            "Must any Operator",
        ),
    ]);
}

/// After a failure less is tried only where nothing forbids it.
///
/// Register: 7672-2.2-d, 7672-9.1-a, 8461-5-a, 8461-5-b.
#[test]
fn softer_steps() {
    let steps = |level, dane: Dane, policy: Option<&Policy>| {
        let sts = policy.map_or(Sts::Absent("no policy"), Sts::Policy);
        let host = host();
        let first =
            decide(&Facts { level, wanted: Wanted::Nothing, host: &host, dane: &dane, sts });
        let steps = std::iter::successors(first.ok(), Requirement::softer);
        steps.map(|step| told(&Ok(step))).collect::<Vec<_>>()
    };
    let testing = policy("testing", "*.example.org");
    let enforce = policy("enforce", "*.example.org");
    assert_eq!(steps(Level::Auto, absent(), None), ["May any Nothing", "Never any Nothing"]);
    assert_eq!(
        steps(Level::Auto, absent(), Some(&testing)),
        ["May mx.example.org Sts", "May any Sts", "Never any Sts"]
    );
    assert_eq!(steps(Level::Auto, absent(), Some(&enforce)).len(), 1);
    assert_eq!(steps(Level::Auto, matching(true), None).len(), 1);
    assert_eq!(steps(Level::Auto, unusable(), None).len(), 1);
    assert_eq!(steps(Level::Required, absent(), None).len(), 1);
}

/// The name asked for in the handshake. Register: 7672-8.1-a, 8461-7.1-a.
#[test]
fn server_names() {
    let enforce = policy("enforce", "*.example.org");
    let base = Dane::Match(Match {
        base: "real.example.net".into(),
        records: records(),
        names: vec!["real.example.net".into()],
        proved: true,
    });
    let name = |host: &Host, dane: &Dane, sts| {
        let facts = Facts { level: Level::Auto, wanted: Wanted::Nothing, host, dane, sts };
        decide(&facts).unwrap().server_name
    };
    let nothing = Sts::Absent("no policy");
    assert_eq!(name(&host(), &base, nothing).as_deref(), Some("real.example.net"));
    assert_eq!(name(&host(), &absent(), Sts::Policy(&enforce)).as_deref(), Some("mx.example.org"));
    assert_eq!(name(&host(), &absent(), nothing).as_deref(), Some("mx.example.org"));
    let literal = Host { name: "[192.0.2.1]".into(), ..host() };
    assert_eq!(name(&literal, &absent(), nothing), None);
}

/// An unsigned list of exchangers is told, so that nobody takes it for a proof of the way.
///
/// Register: 7672-2.2.1-e, 7672-2.2.1-d.
#[test]
fn reasons_claim_no_more_than_is_proved() {
    let sts = Sts::Absent("no policy");
    let host = unsigned();
    let dane = matching(false);
    let facts =
        Facts { level: Level::Auto, wanted: Wanted::Nothing, host: &host, dane: &dane, sts };
    let reason = decide(&facts).unwrap().reason;
    assert!(reason.contains("mx.example.org") && reason.contains("not signed"), "{reason}");
}
