mod crowds;
mod hints;
mod lines;
mod rates;
mod silences;

use std::time::UNIX_EPOCH;

use super::*;

fn at(minutes: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_750_000_000) + MINUTE * u32::try_from(minutes).unwrap()
}

fn steady() -> Schedule {
    Schedule { jitter_percent: 0, ..Schedule::default() }
}

/// The whole life of a message whose host never answers: when it is tried, in minutes.
fn life(schedule: &Schedule, rank: Rank) -> Vec<u64> {
    let (arrival, mut now) = (at(0), at(0));
    let expire = schedule.expiry(arrival, rank);
    let mut tries = Vec::new();
    for attempts in 1..1000 {
        tries.push(now.duration_since(arrival).unwrap().as_secs() / 60);
        match next(schedule, arrival, expire, attempts, now, 0, None) {
            Next::Retry { at, .. } => now = at,
            Next::Expired { .. } => return tries,
        }
    }
    panic!("never given up");
}

/// Register: 5321-4.5.4.1-c, 5321-4.5.4.1-e, 5321-4.5.4.1-f, 5321-4.5.4.1-i, 1123-5.3.1.1-b.
#[test]
fn lives() {
    let ordinary = life(&steady(), Rank::Ordinary);
    assert_eq!(ordinary[..8], [0, 10, 40, 100, 220, 400, 580, 760]);
    assert_eq!(ordinary.last(), Some(&(5 * 24 * 60)));
    let null = life(&steady(), Rank::Report);
    assert_eq!(null.last(), Some(&(24 * 60)));
    let pauses = ordinary.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.min() >= Some(10));
}

/// Register: 5321-4.5.4.1-g, 1123-5.3.1.1-d.
#[test]
fn other_plans() {
    let plan = |minutes: &[u32], expire: u32| Schedule {
        retry: minutes.iter().map(|&minute| MINUTE * minute).collect(),
        expire: MINUTE * expire,
        ..steady()
    };
    let rows: &[(&[u32], u32, &[u64])] = &[
        (&[30], 120, &[0, 30, 60, 90, 120]),
        (&[30], 100, &[0, 30, 60, 90, 120]),
        (&[60, 30], 100, &[0, 60, 90, 120]),
        (&[], 100, &[0, 60, 120]),
        (&[10], 5, &[0, 10]),
    ];
    for (minutes, expire, want) in rows {
        assert_eq!(life(&plan(minutes, *expire), Rank::Ordinary), *want, "{minutes:?} {expire}");
    }
    // A pause of nothing would be a busy loop.
    assert!(plan(&[0], 5).pause(1) >= Duration::from_secs(1));
}

#[test]
fn jitter() {
    let schedule = Schedule::default();
    let expire = schedule.expiry(at(0), Rank::Ordinary);
    let mut seen = std::collections::BTreeSet::new();
    for chance in (0..10_000).chain([u64::MAX, u64::MAX / 3]) {
        let Next::Retry { at: due, .. } = next(&schedule, at(0), expire, 3, at(40), chance, None)
        else {
            panic!("expired");
        };
        let pause = due.duration_since(at(40)).unwrap();
        assert!(pause >= Duration::from_secs(3240) && pause <= Duration::from_secs(3960));
        seen.insert(pause);
    }
    assert!(seen.len() > 100);
}

#[test]
fn extremes() {
    let schedule =
        Schedule { retry: vec![Duration::MAX], expire: Duration::MAX, ..Schedule::default() };
    let expire = schedule.expiry(at(0), Rank::Ordinary);
    for attempts in [0, 1, u32::MAX] {
        let _ = next(&schedule, at(0), expire, attempts, at(0), u64::MAX, None);
    }
    // A clock that was set back is no reason to give up.
    let steady = steady();
    let expire = steady.expiry(at(1000), Rank::Ordinary);
    assert!(matches!(next(&steady, at(1000), expire, 1, at(0), 0, None), Next::Retry { .. }));
}

#[test]
fn in_words() {
    let rows = [
        (5, "5 s"),
        (65, "1 min"),
        (3600, "1 h"),
        (4500, "1 h 15 min"),
        (86_400, "1 day"),
        (5 * 86_400, "5 days"),
        (90_000, "1 day 1 h"),
    ];
    for (seconds, want) in rows {
        assert_eq!(words(Duration::from_secs(seconds)), want);
    }
}

/// One probe an interval while it is dead; one success opens it for all.
///
/// Register: 5321-4.5.4.1-h, 1123-5.3.1.1-e.
#[test]
fn destinations() {
    let schedule = steady();
    let mut host = Destination::default();
    let closed_until = |host: &Destination, now| match host.gate(now) {
        Gate::Closed { until, .. } => Some(until),
        Gate::Open | Gate::Probe => None,
    };
    assert_eq!(host.gate(at(0)), Gate::Open);
    host.failure(&schedule, "connection refused", None, at(0), 0);
    // Others that were on their way change nothing.
    host.failure(&schedule, "connection refused", None, at(1), 0);
    host.failure(&schedule, "connection refused", None, at(2), 0);
    assert_eq!((host.fails(), host.dead_since()), (1, Some(at(0))));
    assert_eq!(closed_until(&host, at(5)), Some(at(10)));
    assert_eq!(host.gate(at(10)), Gate::Probe);
    host.probe(at(10));
    assert!(closed_until(&host, at(11)).is_some());
    host.failure(&schedule, "timeout", None, at(12), 0);
    assert_eq!(host.fails(), 2);
    assert_eq!(closed_until(&host, at(13)), Some(at(42)));
    host.probe(at(42));
    // A probe that never came back does not close it for ever.
    assert_eq!(host.gate(at(42) + PROBE_MAX), Gate::Probe);
    host.success();
    assert_eq!(host.gate(at(43)), Gate::Open);
    assert_eq!(host, Destination::default());
}

#[test]
fn destination_reason() {
    let mut host = Destination::default();
    host.failure(&steady(), "connection refused", None, at(0), 0);
    let Gate::Closed { reason, .. } = host.gate(at(5)) else { panic!("open") };
    let want = "the destination has not worked for 5 min (1 tries), last: connection refused";
    assert_eq!(reason.to_string(), want);
}

/// Each rank has its own patience, and the plan that `explain` shows is the one that is kept.
#[test]
fn ranks() {
    let schedule = Schedule {
        expire_urgent: 2 * HOUR,
        expire_bulk: HOUR,
        delay_notice_urgent: Some(30 * MINUTE),
        delay_notice_bulk: None,
        ..Schedule::default()
    };
    let rows = [
        (Rank::Report, 1440, None),
        (Rank::Urgent, 120, Some(30)),
        (Rank::Ordinary, 5 * 1440, Some(240)),
        (Rank::Bulk, 60, None),
    ];
    for (rank, life, notice) in rows {
        assert_eq!(schedule.expiry(at(0), rank), at(life), "{rank:?}");
        assert_eq!(schedule.notice(rank), notice.map(|minutes| MINUTE * minutes), "{rank:?}");
        assert_eq!(schedule.tries(at(0), rank, 1000).last(), Some(&at(life)), "{rank:?}");
    }
    let minutes = [0, 10, 40, 100, 120].map(at);
    assert_eq!(schedule.tries(at(0), Rank::Urgent, 1000), minutes);
    assert_eq!(schedule.tries(at(0), Rank::Urgent, 3), minutes[..3]);
    let cases = [
        ("<a@x.example>", None, 1, Rank::Ordinary),
        ("<a@x.example>", None, 50, Rank::Ordinary),
        ("<a@x.example>", None, 51, Rank::Bulk),
        ("<a@x.example>", Some(-1), 1, Rank::Bulk),
        ("<a@x.example>", Some(1), 500, Rank::Urgent),
        ("<>", Some(9), 1, Rank::Report),
    ];
    for (path, priority, recipients, want) in cases {
        let parameters = mail::MailParameters { priority, ..Default::default() };
        let rank = Rank::of(&path.parse().unwrap(), &parameters, recipients);
        assert_eq!(rank, want, "{path} {priority:?} {recipients}");
    }
}
