//! Dates as mail writes them: `Tue, 01 Jul 2025 12:00:00 +0200` (RFC 5322 §3.3).
//!
//! The moment and the offset of the zone come from the caller. The civil calendar is computed here,
//! since a date is written for every message and the two divisions it takes need no library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// 9999-12-31T23:59:59Z: the last moment with a year of four digits.
const LAST_SECOND: i64 = 253_402_300_799;

/// The date of `time` in a zone `offset_minutes` east of Greenwich.
///
/// The year has four digits always: moments before 1970 and after 9999 become the nearest that can
/// be written. An offset of a day or more becomes 23:59.
pub fn rfc5322(time: SystemTime, offset_minutes: i32) -> String {
    let mut out = String::with_capacity(31);
    write_rfc5322(&mut out, time, offset_minutes);
    out
}

/// As [`rfc5322`], appended to `out`.
pub fn write_rfc5322(out: &mut String, time: SystemTime, offset_minutes: i32) {
    let offset = offset_minutes.clamp(-1439, 1439);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let utc = i64::try_from(since).unwrap_or(LAST_SECOND);
    let local = (utc.min(LAST_SECOND) + i64::from(offset) * 60).clamp(0, LAST_SECOND);
    let (days, second) = (local / 86_400, local % 86_400);
    let (year, month, day) = civil(days);
    out.push_str(name(&DAYS, days % 7));
    out.push_str(", ");
    two(out, day);
    out.push(' ');
    out.push_str(name(&MONTHS, month - 1));
    out.push(' ');
    two(out, year / 100);
    two(out, year % 100);
    out.push(' ');
    two(out, second / 3600);
    out.push(':');
    two(out, second / 60 % 60);
    out.push(':');
    two(out, second % 60);
    out.push_str(if offset < 0 { " -" } else { " +" });
    two(out, i64::from(offset.abs() / 60));
    two(out, i64::from(offset.abs() % 60));
}

/// The day of `time` in UTC: `2026-11-24`.
pub fn iso8601_day(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let utc = i64::try_from(since).unwrap_or(LAST_SECOND).min(LAST_SECOND);
    let (year, month, day) = civil(utc / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

fn name(names: &[&'static str], place: i64) -> &'static str {
    usize::try_from(place).ok().and_then(|place| names.get(place)).copied().unwrap_or("")
}

/// Two digits of a number from 0 to 99.
fn two(out: &mut String, number: i64) {
    for digit in [number / 10, number % 10] {
        out.push(u32::try_from(digit).ok().and_then(|d| char::from_digit(d, 10)).unwrap_or('0'));
    }
}

/// The moment as protocols write it: `2025-07-01T10:00:00Z` (RFC 3339 §5.6). Years as in
/// [`rfc5322`].
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let utc = i64::try_from(since).unwrap_or(LAST_SECOND).min(LAST_SECOND);
    let (days, second) = (utc / 86_400, utc % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads a moment of UTC, `2025-07-01T10:00:00Z`, with or without a fraction of the second, which is
/// dropped (RFC 3339 §5.6). None for anything else, and for moments before 1970.
pub fn parse_utc(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix(['Z', 'z'])?;
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if text.len() != "2025-07-01T10:00:00".len() || !text.is_ascii() || !digits(fraction) {
        return None;
    }
    let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    let mark = |&(place, mark): &(usize, &str)| {
        text.get(place..place + 1).is_some_and(|found| found.eq_ignore_ascii_case(mark))
    };
    let number = |from: usize, to: usize| {
        let part = text.get(from..to).filter(|part| digits(part))?;
        part.parse::<i64>().ok()
    };
    if !marks.iter().all(mark) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let days = days_of(year, month, day)?;
    // A leap second is the last one once more.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second.min(59);
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// The days from 1970-01-01 to a date; none where there is no such date. The inverse of [`civil`].
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (march_year, march_month) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

/// Year, month and day of a number of days after 1970-01-01. Counted in years that begin in March,
/// so that the leap day is the last one and months follow a fixed pattern of 153 days in five.
fn civil(days: i64) -> (i64, i64, i64) {
    // Days from 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 5321-4.4-i, 5321-4.4-j, 5321-4.4-k, 5321-4.4-y, 5321-F.5-a.
    #[test]
    fn days() {
        let day = |seconds| iso8601_day(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(951_782_399), "2000-02-28");
        assert_eq!(day(1_764_028_799), "2025-11-24");
        assert_eq!(day(1_764_028_800), "2025-11-25");
        assert_eq!(day(u64::MAX / 1_000_000_000), "2554-07-21");
    }

    #[test]
    fn dates() {
        let rows: &[(u64, i32, &str)] = &[
            (0, 0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (0, -60, "Thu, 01 Jan 1970 00:00:00 -0100"),
            (1_751_364_000, 120, "Tue, 01 Jul 2025 12:00:00 +0200"),
            (1_751_364_000, -210, "Tue, 01 Jul 2025 06:30:00 -0330"),
            (951_782_399, 0, "Mon, 28 Feb 2000 23:59:59 +0000"),
            (951_782_400, 0, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (951_868_800, 0, "Wed, 01 Mar 2000 00:00:00 +0000"),
            (1_735_689_599, 0, "Tue, 31 Dec 2024 23:59:59 +0000"),
            (1_735_689_599, 1, "Wed, 01 Jan 2025 00:00:59 +0001"),
            (4_107_542_400, 0, "Mon, 01 Mar 2100 00:00:00 +0000"),
            (253_402_300_799, 0, "Fri, 31 Dec 9999 23:59:59 +0000"),
            (253_402_300_799, 60, "Fri, 31 Dec 9999 23:59:59 +0100"),
            (u64::MAX / 4, 0, "Fri, 31 Dec 9999 23:59:59 +0000"),
            (1_751_364_000, 99_999, "Wed, 02 Jul 2025 09:59:00 +2359"),
        ];
        for (seconds, offset, want) in rows {
            let Some(time) = UNIX_EPOCH.checked_add(Duration::from_secs(*seconds)) else {
                continue;
            };
            assert_eq!(rfc5322(time, *offset), *want);
        }
        let before = UNIX_EPOCH - Duration::from_secs(1_000_000);
        assert_eq!(rfc5322(before, 0), "Thu, 01 Jan 1970 00:00:00 +0000");
    }

    /// The arithmetic agrees with a calendar written by others, on every day for 500 years.
    #[test]
    fn agrees_with_a_library() {
        let mut want = jiff::civil::date(1970, 1, 1);
        for day in 0..182_000_i64 {
            let got = civil(day);
            let expected = (want.year().into(), want.month().into(), want.day().into());
            assert_eq!(got, expected, "day {day}");
            assert_eq!(days_of(got.0, got.1, got.2), Some(day));
            want = want.tomorrow().unwrap();
        }
    }

    #[test]
    fn moments() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2025-07-01T10:00:00Z", Some(1_751_364_000)),
            ("2025-07-01t10:00:00.25z", Some(1_751_364_000)),
            ("2000-02-29T00:00:00Z", Some(951_782_400)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799)),
            ("2025-02-29T00:00:00Z", None),
            ("2025-13-01T00:00:00Z", None),
            ("2025-07-01T24:00:00Z", None),
            ("2025-07-01T10:00:00", None),
            ("2025-07-01T10:00:00+02:00", None),
            ("2025-07-01 10:00:00Z", None),
            ("2025-07-01T10:00:00.Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("+025-07-01T10:00:00Z", None),
            ("2025-07-\u{e9}T10:00:00Z", None),
            ("", None),
        ] {
            let found = parse_utc(text);
            let since = found.map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs());
            assert_eq!(since, seconds, "{text}");
        }
        let time = UNIX_EPOCH + Duration::from_secs(1_751_364_000);
        assert_eq!(rfc3339(time), "2025-07-01T10:00:00Z");
        assert_eq!(parse_utc(&rfc3339(time)), Some(time));
    }
}
