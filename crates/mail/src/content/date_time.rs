//! The date of a letter, read in every form that mail has had (RFC 5322 §3.3, §4.3).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::lex::{Lexer, Token};
use crate::date;

/// A moment and the zone it was written in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DateTime {
    /// Seconds since 1970 in UTC; before it, negative.
    pub seconds: i64,
    /// The zone, minutes east of Greenwich; none where the writer says nothing of it (`-0000`).
    pub offset_minutes: Option<i32>,
}

/// Tokens of a field that are looked at; a date with its comments has about twenty.
const TOKENS_MAX: usize = 60;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl DateTime {
    /// What `time` is in a zone `offset_minutes` east of Greenwich.
    pub fn new(time: SystemTime, offset_minutes: i32) -> Self {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_secs()).map_or(i64::MIN, i64::wrapping_neg)
            }
        };
        Self { seconds, offset_minutes: Some(offset_minutes) }
    }

    /// Reads the unfolded value of a Date field: comments and blanks anywhere, a weekday that may
    /// be wrong, years of two and three digits, names of zones. None where no date can be made of
    /// it.
    ///
    /// ```
    /// use mail::content::DateTime;
    ///
    /// let date = DateTime::read("Fri, 21 Nov 97 09(comment):   55  :  06 -0600").unwrap();
    /// assert_eq!(date.seconds, 880_127_706);
    /// assert_eq!(date.to_string(), "Fri, 21 Nov 1997 09:55:06 -0600");
    /// ```
    pub fn read(value: &str) -> Option<Self> {
        let words = words(value);
        let mut words = words.iter().map(String::as_str).peekable();
        // The weekday is passed over: where it is wrong, the date is what counts.
        if words.peek().is_some_and(|word| is_day(word)) {
            words.next();
        }
        let (first, second) = (words.next()?, words.next()?);
        let (day, month) = match (first.parse::<u32>(), month(second)) {
            (Ok(day), Some(month)) => (day, month),
            // `Nov 21 …`, as the C library writes it.
            _ => (second.parse().ok()?, month_first(first)?),
        };
        let mut rest: Vec<&str> = words.collect();
        let year = take_year(&mut rest)?;
        let (hour, minute, second, used) = time_of_day(&rest)?;
        let zone = rest.get(used..).unwrap_or_default();
        let offset_minutes = zone.iter().find_map(|word| zone_minutes(word)).unwrap_or(None);
        let days = days_since_1970(year, month, day)?;
        let local = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
        let seconds = local - i64::from(offset_minutes.unwrap_or(0)) * 60;
        Some(Self { seconds, offset_minutes })
    }

    /// The moment; before 1970 where that cannot be said, 1970.
    pub fn time(&self) -> SystemTime {
        match u64::try_from(self.seconds) {
            Ok(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after)),
            Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(self.seconds.unsigned_abs())),
        }
        .unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Display for DateTime {
    /// As a Date field has it (RFC 5322 §3.3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = date::rfc5322(self.time(), self.offset_minutes.unwrap_or(0));
        match self.offset_minutes {
            Some(_) => f.write_str(&text),
            // No zone was known, and none is made up (RFC 5322 §3.3).
            None => write!(f, "{}-0000", text.trim_end_matches("+0000")),
        }
    }
}

/// The words of a date: commas are blanks, and the parts of a time stay together however they are
/// spaced.
fn words(value: &str) -> Vec<String> {
    let mut lexer = Lexer::new(value);
    let mut words: Vec<String> = Vec::new();
    let mut glue = false;
    for _ in 0..TOKENS_MAX {
        let Some((_, token)) = lexer.next_token() else { break };
        match token {
            Token::Special(':') | Token::Special('.') => {
                if let Some(last) = words.last_mut() {
                    last.push(':');
                    glue = true;
                }
            }
            Token::Atom(text) | Token::Quoted(text) => {
                match words.last_mut() {
                    Some(last) if glue => last.push_str(text),
                    _ => words.extend(pieces(text).map(str::to_owned)),
                }
                glue = false;
            }
            _ => {}
        }
    }
    words
}

/// `21-Nov-97` is three words; `-0600` is one.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let dashed = text.split('-').count() == 3 && text.contains(|one: char| one.is_alphabetic());
    let separator: &[char] = if dashed { &['-'] } else { &[] };
    text.split(separator).filter(|piece| !piece.is_empty())
}

fn is_day(word: &str) -> bool {
    let start = word.get(..3).map(str::to_ascii_lowercase);
    start.is_some_and(|start| DAYS.contains(&start.as_str()))
        && word.chars().all(|one| one.is_ascii_alphabetic())
}

fn month(word: &str) -> Option<u32> {
    let start = word.get(..3)?.to_ascii_lowercase();
    let place = MONTHS.iter().position(|name| *name == start)?;
    u32::try_from(place + 1).ok()
}

fn month_first(word: &str) -> Option<u32> {
    month(word)
}

/// Takes the year out of what follows day and month: the first word of digits only.
fn take_year(rest: &mut Vec<&str>) -> Option<i64> {
    let place = rest.iter().position(|word| word.bytes().all(|octet| octet.is_ascii_digit()))?;
    let word = rest.remove(place);
    let number: i64 = word.parse().ok()?;
    match word.len() {
        // RFC 5322 §4.3: 00 to 49 are of this century, all other short ones of the last.
        1 | 2 if number < 50 => Some(number + 2000),
        1..=3 => Some(number + 1900),
        4 | 5 => Some(number),
        _ => None,
    }
}

/// Hour, minute, second and the words they took.
fn time_of_day(rest: &[&str]) -> Option<(u32, u32, u32, usize)> {
    let Some(place) = rest.iter().position(|word| word.contains(':')) else {
        return Some((0, 0, 0, 0));
    };
    let mut numbers = rest.get(place)?.split(':').map(str::parse::<u32>);
    let hour = numbers.next()?.ok()?;
    let minute = numbers.next()?.ok()?;
    let second = numbers.next().and_then(Result::ok).unwrap_or(0);
    // 60 is a leap second (RFC 5322 §3.3).
    (hour < 24 && minute < 60 && second <= 60).then_some((hour, minute, second, place + 1))
}

/// The offset of a zone; `Some(None)` for those that say nothing (RFC 5322 §4.3).
fn zone_minutes(word: &str) -> Option<Option<i32>> {
    if let Some(digits) = word.strip_prefix(['+', '-']) {
        // Some put a colon in.
        let digits = digits.replace(':', "");
        if digits.len() != 4 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        let number: i32 = digits.parse().ok()?;
        let minutes = number / 100 * 60 + number % 100;
        let east = word.starts_with('+');
        return match minutes {
            0 if !east => Some(None),
            _ => Some(Some(if east { minutes } else { -minutes })),
        };
    }
    let hours = match word.to_ascii_uppercase().as_str() {
        "UT" | "GMT" | "UTC" | "Z" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        // One letter was a military zone, with its sign wrong in RFC 822; other words are unknown.
        upper if upper.bytes().all(|octet| octet.is_ascii_uppercase()) => return Some(None),
        _ => return None,
    };
    Some(Some(hours * 60))
}

/// Days from 1970-01-01; none where the month has no such day. Counted in years that begin in March.
fn days_since_1970(year: i64, month: u32, day: u32) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > last {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * march_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests;
