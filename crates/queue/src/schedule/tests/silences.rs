//! Hosts that do not answer.

use std::time::{Duration, Instant};

use super::super::silent::{Line, SilentHosts};

fn line(to: &str) -> Line {
    Line { from: None, to: to.parse().unwrap() }
}

/// One call a pause, which doubles up to half an hour; all others are told to ask it last.
#[test]
fn one_call_a_pause() {
    let start = Instant::now();
    let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
    let (first, second) = (line("192.0.2.1:25"), line("192.0.2.2:25"));
    let mut hosts = SilentHosts::default();
    assert_eq!(hosts.call(first, at(0)), Ok(()));
    // Twenty calls that end together are one event.
    for _ in 0..20 {
        hosts.silent(first, "no answer in time", at(1));
    }
    let why = hosts.call(first, at(3)).unwrap_err().to_string();
    assert_eq!(
        why,
        "silent for 2 min (1 call, last: no answer in time); it is called again in 3 min"
    );
    assert_eq!(hosts.call(second, at(3)), Ok(()));
    let other = Line { from: "198.51.100.1".parse().ok(), ..first };
    assert_eq!(hosts.call(other, at(3)), Ok(()), "what one address cannot reach another may");
    let mut silent_until = 1;
    for (calls, pause) in [(1, 5), (2, 10), (3, 20), (4, 30), (5, 30)] {
        silent_until += pause;
        assert!(hosts.call(first, at(silent_until - 1)).is_err(), "{calls}");
        assert_eq!(hosts.call(first, at(silent_until)), Ok(()), "{calls}");
        let why = hosts.call(first, at(silent_until)).unwrap_err().to_string();
        assert!(why.ends_with("it is being called again"), "{why}");
        hosts.silent(first, "no answer in time", at(silent_until));
    }
    hosts.answered(first);
    assert_eq!(hosts.call(first, at(silent_until)), Ok(()));
    assert_eq!(hosts, SilentHosts::default());
}

/// A call that never came back keeps nobody away for ever, and old silence tells nothing.
#[test]
fn what_is_forgotten() {
    let start = Instant::now();
    let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
    let host = line("[2001:db8::1]:25");
    let mut hosts = SilentHosts::default();
    hosts.silent(host, "no route", at(0));
    assert_eq!(hosts.call(host, at(5)), Ok(()));
    assert!(hosts.call(host, at(10)).is_err());
    assert_eq!(hosts.call(host, at(11)), Ok(()));
    assert_eq!(hosts.call(host, at(11 + 6 + 60)), Ok(()));
    assert_eq!(hosts, SilentHosts::default());
    hosts.silent(host, "no route", at(0));
    assert_eq!(hosts.reasons(at(1)).len(), 1);
    assert_eq!(hosts.reasons(at(6)).len(), 0);
    hosts.forget();
    assert_eq!(hosts.call(host, at(1)), Ok(()));
}

/// A spray of dead hosts has a bound, and the newest are known.
#[test]
fn bounds() {
    let now = Instant::now();
    let mut hosts = SilentHosts::default();
    for number in 0..30_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        let one = Line { from: None, to: (address, 25).into() };
        hosts.silent(one, &"x".repeat(1000), now);
        assert!(hosts.call(one, now).is_err_and(|why| why.text.len() < 300));
    }
    assert_eq!(hosts.reasons(now).len(), 10_000);
}
