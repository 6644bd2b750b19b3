//! How many connections a destination gets.

use std::time::{Duration, Instant};

use super::super::crowd::{Crowd, FIRST};

const MOST: usize = 20;

#[test]
fn grows_and_shrinks() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut crowd = Crowd::default();
    assert_eq!(crowd.limit(MOST), FIRST);
    assert_eq!((crowd.limit(2), crowd.limit(0)), (2, 1));
    for letter in 1..=15 {
        crowd.well(MOST, at(0));
        assert_eq!(crowd.limit(MOST), FIRST + letter);
    }
    crowd.well(MOST, at(0));
    assert_eq!(crowd.limit(MOST), MOST);
    // Many that fail together are one event.
    for _ in 0..MOST {
        crowd.strained(MOST, at(1));
    }
    assert_eq!(crowd.limit(MOST), 10);
    // It stands for a minute.
    (0..100).for_each(|_| crowd.well(MOST, at(60)));
    assert_eq!(crowd.limit(MOST), 10);
    // Then it grows by one a round.
    (0..10).for_each(|_| crowd.well(MOST, at(61)));
    assert_eq!(crowd.limit(MOST), 11);
    (0..10).for_each(|_| crowd.well(MOST, at(62)));
    assert_eq!(crowd.limit(MOST), 11);
    crowd.well(MOST, at(62));
    assert_eq!(crowd.limit(MOST), 12);
    let reason = crowd.reason(MOST, at(62)).to_string();
    assert_eq!(
        reason,
        "12 of 20 connections, 20 were too many; one more for each round of letters"
    );
    // A lowered bound of the operator holds at once.
    assert_eq!(crowd.limit(4), 4);
}

/// A host that takes one connection is asked for a second one ever more seldom: 1, 2, 4 … 30 minutes.
#[test]
fn asks_seldom() {
    let start = Instant::now();
    let (mut crowd, mut asked) = (Crowd::default(), Vec::new());
    for second in 0..4 * 3600 {
        let now = start + Duration::from_secs(second);
        crowd.well(MOST, now);
        if crowd.limit(MOST) > 1 {
            asked.push(second / 60);
            crowd.full(1, MOST, now);
        }
    }
    assert_eq!(asked[..6], [0, 1, 3, 7, 15, 31]);
    assert!(
        asked[6..].windows(2).all(|pair| (30..=31).contains(&(pair[1] - pair[0]))),
        "{asked:?}"
    );
}

/// It never rests below one, however much goes wrong, and always comes back.
#[test]
fn never_stuck() {
    let start = Instant::now();
    let mut crowd = Crowd::default();
    for second in 0..100 {
        crowd.strained(MOST, start + Duration::from_secs(second * 10));
        assert!(crowd.limit(MOST) >= 1);
    }
    assert!(crowd.is_troubled());
    let after = start + Duration::from_secs(1000 + 1800);
    let mut letters = 0;
    while crowd.limit(MOST) < MOST {
        crowd.well(MOST, after);
        letters += 1;
        assert!(letters < 1000);
    }
}
