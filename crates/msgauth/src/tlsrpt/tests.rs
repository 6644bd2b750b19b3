use std::time::Duration;

use super::*;

fn answer(texts: &[&str]) -> Answer {
    let records = texts.iter().map(|text| Record::Txt(text.as_bytes().to_vec())).collect();
    let security = mail::lookup::Security::Unchecked;
    Answer::Found { records, ttl: Duration::from_secs(60), security }
}

#[test]
fn records() {
    let good: &[(&[&str], &[&str])] = &[
        (&["v=TLSRPTv1;rua=mailto:reports@example.com"], &["mailto:reports@example.com"]),
        (
            &["v=TLSRPTv1; rua=https://r.example/v1 , mailto:a@example.com;", "v=spf1 -all"],
            &["https://r.example/v1", "mailto:a@example.com"],
        ),
        (&["v=TLSRPTv1; x=y; rua=ftp://no,mailto:a@example.com"], &["mailto:a@example.com"]),
    ];
    for (texts, want) in good {
        assert_eq!(places(&answer(texts)).unwrap(), *want, "{texts:?}");
    }
    let bad: &[&[&str]] = &[
        &[],
        &["v=TLSRPTv1"],
        &["v=TLSRPTv1; ru=x"],
        &["v=TLSRPTv1; rua=ftp://x"],
        &["v=TLSRPTv2; rua=mailto:a@example.com"],
        &["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"],
    ];
    for texts in bad {
        assert!(places(&answer(texts)).is_err(), "{texts:?}");
    }
}

fn session(domain: &str, failure: Option<ResultType>) -> Session {
    let against = Against {
        kind: PolicyType::Sts,
        lines: vec!["version: STSv1".into(), "mode: testing".into()],
        hosts: vec!["*.example.org".into()],
    };
    let failure = failure.map(|result| Failure {
        result,
        sending_ip: Some("192.0.2.9".into()),
        host: Some("mx.example.org".into()),
        receiving_ip: Some("192.0.2.1".into()),
        reason: "it has expired".into(),
    });
    Session { domain: domain.into(), against, failure }
}

/// The whole of a report. Register: 8461-6-a.
#[test]
fn a_report() {
    let mut day = Day::default();
    day.count(session("example.org", None));
    day.count(session("example.org", None));
    day.count(session("example.org", Some(ResultType::CertificateExpired)));
    day.count(session("example.org", Some(ResultType::CertificateExpired)));
    day.count(session("example.net", Some(ResultType::StsWebpkiInvalid)));
    let about = About {
        organization: "us.example",
        contact: "postmaster@us.example",
        id: "1",
        date: "2026-11-24",
    };
    let report = day.report("example.org", &about).unwrap();
    let want = json!({
        "organization-name": "us.example",
        "date-range": {
            "start-datetime": "2026-11-24T00:00:00Z",
            "end-datetime": "2026-11-24T23:59:59Z",
        },
        "contact-info": "postmaster@us.example",
        "report-id": "1",
        "policies": [{
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing"],
                "policy-domain": "example.org",
                "mx-host": ["*.example.org"],
            },
            "summary": { "total-successful-session-count": 2, "total-failure-session-count": 2 },
            "failure-details": [{
                "result-type": "certificate-expired",
                "sending-mta-ip": "192.0.2.9",
                "receiving-mx-hostname": "mx.example.org",
                "receiving-ip": "192.0.2.1",
                "failed-session-count": 2,
                "failure-reason-code": "it has expired",
            }],
        }],
    });
    assert_eq!(report, want);
    assert_eq!(day.report("nobody.example", &about), None);
    assert_eq!(day.domains().collect::<Vec<_>>(), ["example.net", "example.org"]);
}

#[test]
fn what_was_counted_is_read_again() {
    let mut day = Day::default();
    assert!(day.is_empty());
    day.count(session("example.org", Some(ResultType::StarttlsNotSupported)));
    day.count(Session { against: Against::nothing(), ..session("example.org", None) });
    assert_eq!(Day::decode(&day.encode()), Some(day.clone()));
    // Before and after a restart.
    let mut both = day.clone();
    both.absorb(day);
    let about = About { organization: "us", contact: "us", id: "1", date: "2026-11-24" };
    let report = both.report("example.org", &about).unwrap();
    assert_eq!(report["policies"][0]["failure-details"][0]["failed-session-count"], json!(2));
    assert_eq!(report["policies"][1]["summary"]["total-successful-session-count"], json!(2));
    assert_eq!(Day::decode(b"{"), None);
    let written = br#"{"domains":{"example.org":[[{"kind":"no-policy-found","lines":[],"hosts":[]},{"successes":1,"failures":0,"details":[]}]]}}"#;
    assert!(Day::decode(written).is_some());
}

/// Each of the names that the standard gives.
#[test]
fn result_types() {
    let names = [
        (ResultType::StarttlsNotSupported, "starttls-not-supported"),
        (ResultType::CertificateHostMismatch, "certificate-host-mismatch"),
        (ResultType::CertificateExpired, "certificate-expired"),
        (ResultType::CertificateNotTrusted, "certificate-not-trusted"),
        (ResultType::ValidationFailure, "validation-failure"),
        (ResultType::TlsaInvalid, "tlsa-invalid"),
        (ResultType::DnssecInvalid, "dnssec-invalid"),
        (ResultType::DaneRequired, "dane-required"),
        (ResultType::StsPolicyFetchError, "sts-policy-fetch-error"),
        (ResultType::StsPolicyInvalid, "sts-policy-invalid"),
        (ResultType::StsWebpkiInvalid, "sts-webpki-invalid"),
    ];
    for (result, name) in names {
        assert_eq!(json!(result), json!(name));
    }
    assert_eq!(json!(PolicyType::NoPolicyFound), json!("no-policy-found"));
    assert_eq!(json!(PolicyType::Tlsa), json!("tlsa"));
}

/// However many there are, what is held stays within its bounds.
#[test]
fn bounds() {
    let mut day = Day::default();
    for number in 0..DOMAINS_MAX + 10 {
        day.count(session(&format!("{number}.example"), None));
    }
    assert_eq!(day.domains().count(), DOMAINS_MAX);
    let mut day = Day::default();
    for number in 0..1_000 {
        let mut failing = session("example.org", Some(ResultType::ValidationFailure));
        failing.against.lines = vec![format!("{}", number % 50)];
        if let Some(failure) = &mut failing.failure {
            failure.reason = format!("{number} {}", "é".repeat(1_000));
        }
        day.count(failing);
    }
    let about = About { organization: "us", contact: "us", id: "1", date: "2026-11-24" };
    let report = day.report("example.org", &about).unwrap();
    assert_eq!(report["policies"].as_array().unwrap().len(), POLICIES_MAX);
    assert!(day.encode().len() < POLICIES_MAX * DETAILS_MAX * 1_000);
}
