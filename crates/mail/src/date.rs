//! Dates as header fields carry them (RFC 5322 §3.3).

use std::time::SystemTime;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The last second of the year 9999: RFC 5322 years have four digits here.
const LAST: u64 = 253_402_300_799;

/// `Tue, 01 Jul 2025 12:00:00 +0200`: `time` as clocks show it `zone` minutes east of Greenwich.
/// Times before 1970 and after 9999 are shown as the nearest there is.
pub fn rfc5322(time: SystemTime, zone: i32) -> String {
    let zone = zone.clamp(-(14 * 60), 14 * 60);
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST);
    let local = seconds.saturating_add_signed(i64::from(zone) * 60).min(LAST);
    let (days, second) = (local / 86_400, local % 86_400);
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], at: u64| names.get(at as usize).copied().unwrap_or("");
    let (sign, zone) = if zone < 0 { ('-', -zone) } else { ('+', zone) };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        name(&DAYS, days % 7),
        name(&MONTHS, month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60,
        zone / 60,
        zone % 60,
    )
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years are counted from March, so that the leap day ends one; 400 of them have 146097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Register: 5322-3.3-a, 5322-3.3-c, 5322-3.3-d, 5321-4.4-i, 5321-4.4-y.
    #[test]
    fn known_moments() {
        let rows = [
            (0, 0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (0, -90, "Thu, 01 Jan 1970 00:00:00 -0130"),
            (951_782_400, 0, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_751_364_000, 120, "Tue, 01 Jul 2025 12:00:00 +0200"),
            (1_767_225_599, 0, "Wed, 31 Dec 2025 23:59:59 +0000"),
            (4_107_542_400, 0, "Mon, 01 Mar 2100 00:00:00 +0000"),
            (u64::from(u32::MAX) * 1000, 0, "Fri, 31 Dec 9999 23:59:59 +0000"),
        ];
        for (seconds, zone, text) in rows {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(rfc5322(time, zone), text);
        }
    }

    /// Every day of 400 years, against a calendar that counts one day at a time.
    #[test]
    fn every_day() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil(days), (year, month, day));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
