use std::path::Path;

use super::*;
use crate::config::{Surroundings, render};

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples")
}

/// The cases of the documentation hold, as anybody may see with `postrider test`.
#[test]
fn the_example_holds() {
    let cases = load(&examples().join("cases.toml"));
    let cases = cases.unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    let config = Config::load(&cases.config().unwrap());
    let config = config.unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    let outcomes = cases.play(&config).unwrap();
    assert!(outcomes.len() >= 10);
    for Outcome { name, mismatches, .. } in outcomes {
        assert!(mismatches.is_empty(), "{name}: {mismatches:#?}");
    }
}

fn outcomes(then: &str, given: &str) -> Vec<Mismatch> {
    let text = format!(
        "[[case]]\nname = \"x\"\n[case.given]\nclient = \"127.0.0.1\"\n{given}\n[case.when]\nfrom = \"a@far.example\"\n\
         to = [\"ann@mx.example.net\", \"y@slow.example\"]\nheaders = [\"Subject: hi\"]\n[case.then]\n{then}\n"
    );
    let script = script::parse(&text, "cases.toml", Path::new("."));
    let script = script.unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    let surroundings = Surroundings {
        hostname: "mx.example.net".parse().unwrap(),
        user: "ann".into(),
        directory: "/nowhere".into(),
    };
    let config = Config::parse_in("", "", &surroundings).unwrap();
    let mut outcomes = Cases(script).play(&config).unwrap();
    outcomes.remove(0).mismatches
}

/// Each expectation that is not met is told with its line, what was expected and what there was.
#[test]
fn what_is_not_as_expected() {
    let slow = "hosts = { \"slow.example\" = \"tempfails 2\" }";
    let rows = [
        ("reply = \"550\"", "reply", "550", "250 "),
        ("replies = [\"250\", \"550\"]", "replies", "250 | 550", "250 "),
        ("recipients = [\"ann@mx.example.net\"]", "recipients", "ann@", "y@slow.example"),
        ("route = \"local\"", "route", "local", "mx:slow.example"),
        (
            "routes = { \"y@slow.example\" = \"local\" }",
            "route of y@slow.example",
            "local",
            "mx:slow",
        ),
        ("headers = [\"Subject: ho\"]", "headers", "Subject: ho", "Subject: hi"),
        ("no-headers = [\"Subject:\"]", "no-headers", "no Subject:", "Subject: hi"),
        ("next-attempt = \"30m\"", "next-attempt", "30m", "10m"),
        ("delivered = \"10m\"", "delivered", "10m", "after 40m"),
        ("delivered-to = [\"ann\"]", "delivered-to", "ann", "y@slow.example"),
        ("copies = [\"keeper\"]", "copies", "keeper", "nobody"),
        ("noticed = \"4h\"", "noticed", "4h", "no such report"),
        ("returned = \"5d\"", "returned", "5d", "no such report"),
        ("report = [\"late\"]", "report", "late", "no report came"),
    ];
    for (then, what, expected, got) in rows {
        let mismatches = outcomes(then, slow);
        let [mismatch] = mismatches.as_slice() else { panic!("{then}: {mismatches:#?}") };
        assert_eq!((mismatch.what.as_str(), mismatch.place.as_str()), (what, "cases.toml:11"));
        assert!(mismatch.expected.contains(expected), "{then}: {mismatch:#?}");
        assert!(mismatch.got.contains(got), "{then}: {mismatch:#?}");
    }
    let met = "reply = \"250\"\nroutes = { \"y@slow.example\" = \"mx:slow.example\" }\ndelivered = \"1h\"";
    assert!(outcomes(met, slow).is_empty(), "{:#?}", outcomes(met, slow));
    let mismatches = outcomes("reply = \"250\"", "listener = \"imaginary\"");
    assert!(mismatches[0].got.contains("mx, submission"), "{mismatches:#?}");
}

/// What is wrong with a file is told as of the configuration.
#[test]
fn wrong_files() {
    let rows = [
        ("[[case]]\nname = \"x\"", "cases.toml:1:1: a case sends no letter"),
        ("[[case]]\n[case.then]\nrecipient = []\n[case.when]\nto = []", "unknown key"),
        ("[[case]]\n[case.when]\nto = []\n[case.given.dns]\na = \"MX mx\"", "MX 10 mx.example.org"),
        ("[[case]]\n[case.when]\nto = []\n[case.given.hosts]\na = \"sleeps\"", "\"tempfails 3"),
        (
            "[[case]]\n[case.when]\nto = []\n[case.given.hosts]\na = \"refuses 250 x\"",
            "\"refuses 550",
        ),
        ("[[case]]\n[case.when]\nto = []\n[case.then]\ndelivered = 5", "5s"),
        ("[[case]]\n[case.when]\nto = []\n[case.given]\ntime = \"now\"", "2026-01-05T08:00:00Z"),
        ("[[case]\n", "not TOML"),
    ];
    for (text, said) in rows {
        let problems = script::parse(text, "cases.toml", Path::new(".")).err().unwrap_or_default();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|problem| problem.contains(said)), "{text}: {told:?}");
    }
}

/// What an operator does to addresses, and who keeps copies, can be stated.
#[test]
fn rewritten_addresses_and_copies() {
    let config = "[local]\nusers = [\"ann\", \"keeper\"]\n[canonical.addresses]\n\
        \"old@mx.example.net\" = \"ann@mx.example.net\"\n[copy]\nalways = [\"keeper@mx.example.net\"]\n\
        [copy.recipient]\n\"ann@mx.example.net\" = [\"far@archive.example\"]\n";
    let case = "[[case]]\nname = \"x\"\n[case.given]\nclient = \"127.0.0.1\"\n\
        [case.given.dns]\n\"archive.example\" = \"MX 10 mx.archive.example\"\n\
        \"mx.archive.example\" = \"A 198.51.100.1\"\n[case.when]\nfrom = \"a@far.example\"\n\
        to = [\"old@mx.example.net\"]\nheaders = [\"From: old@mx.example.net\", \"To: old@mx.example.net\"]\n\
        [case.then]\nreply = \"250\"\nheaders = [\"From: ann@mx\", \"To: ann@mx\"]\n\
        copies = [\"keeper\", \"far@archive.example\"]\n\
        delivered-to = [\"ann\", \"keeper\", \"far@archive.example\"]\n";
    let script = script::parse(case, "cases.toml", Path::new("."));
    let script = script.unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    let surroundings = Surroundings {
        hostname: "mx.example.net".parse().unwrap(),
        user: "ann".into(),
        directory: "/nowhere".into(),
    };
    let config = Config::parse_in(config, "p.toml", &surroundings);
    let config = config.unwrap_or_else(|problems| panic!("{}", render(&problems, false)));
    let outcomes = Cases(script).play(&config).unwrap();
    assert!(outcomes[0].mismatches.is_empty(), "{:#?}", outcomes[0].mismatches);
}
