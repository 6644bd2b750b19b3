//! Rates: what they look like, and that they are never exceeded.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::rate::{Pace, Rate};

#[test]
fn forms() {
    let good = [
        ("100/min", "100/min"),
        ("100/m", "100/min"),
        ("100/60s", "100/min"),
        ("20/10s", "20/10s"),
        ("1/s", "1/s"),
        ("5000/h", "5000/h"),
        ("7/2hour", "7/2h"),
        ("3/day", "3/day"),
        ("3/24h", "3/day"),
    ];
    for (text, want) in good {
        assert_eq!(
            text.parse::<Rate>().map(|rate| rate.to_string()).as_deref(),
            Ok(want),
            "{text}"
        );
    }
    let bad = [
        "", "100", "/min", "0/min", "1/0s", "-1/s", "1/week", "1/8d", "1/ s", "+1/s", "1.5/s", "9/",
    ];
    for text in bad {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

/// As many at once as the rate allows, then as the period goes by.
#[test]
fn moments() {
    let (rate, start) = ("3/min".parse::<Rate>().unwrap(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut pace = Pace::default();
    for second in [0, 1, 2] {
        assert_eq!(pace.waits_until(&rate, at(second)), None);
        pace.begin(&rate, 1, at(second));
    }
    assert_eq!(pace.waits_until(&rate, at(3)), Some(at(60)));
    assert_eq!(pace.waits_until(&rate, at(60)), None);
    pace.begin(&rate, 1, at(60));
    assert_eq!(pace.waits_until(&rate, at(60)), Some(at(61)));
    // A letter of seven transactions is paid for by those that follow.
    let mut pace = Pace::default();
    pace.begin(&rate, 7, at(0));
    assert_eq!(pace.waits_until(&rate, at(1)), Some(at(120)));
}

proptest! {
    /// In no period do more letters begin than the rate says, and nobody waits without need.
    #[test]
    fn never_exceeded(letters in 1_u32..4000, per in 1_u64..600, steps in prop::collection::vec(0_u64..5000, 1..300)) {
        let (rate, start) = (Rate::new(letters, Duration::from_secs(per)), Instant::now());
        let (mut pace, mut now, mut begun) = (Pace::default(), start, Vec::new());
        for step in steps {
            now += Duration::from_millis(step);
            if let Some(until) = pace.waits_until(&rate, now) {
                prop_assert!(until > now);
                now = until;
                prop_assert_eq!(pace.waits_until(&rate, now), None);
            }
            pace.begin(&rate, 1, now);
            begun.push(now);
            let recent = begun.iter().filter(|moment| now - **moment < Duration::from_secs(per));
            prop_assert!(recent.count() <= letters as usize);
        }
    }
}
