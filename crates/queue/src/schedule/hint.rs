//! How long a host says that we should wait: `please come back in 00:05:00`, `try again in 300
//! seconds`, `Greylisted for 5 minutes`.
//!
//! No standard has a field for it, so it is read from the text of the reply, and only where a time
//! follows words that ask to wait. The words are those of real servers; the table is in the tests.

use std::time::Duration;

use mail::Reply;

/// The shortest and the longest wait that is taken from a host: a short one would make us hammer it,
/// a long one would let mail lie because of a slip of the pen.
pub const HINT_MIN: Duration = Duration::from_secs(30);
/// See [`HINT_MIN`].
pub const HINT_MAX: Duration = Duration::from_secs(6 * 3600);
/// Octets of a reply that are looked at.
const LOOKED_AT: usize = 1000;
/// Words between the one that asks to wait and the time.
const BETWEEN: usize = 6;

/// A wait that a host has asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hint {
    /// How long, within [`HINT_MIN`] and [`HINT_MAX`].
    pub wait: Duration,
    /// What it said, in its own words.
    pub words: String,
}

/// Words that ask to wait.
const ASKING: &[&str] = &[
    "again",
    "retry",
    "retrying",
    "back",
    "wait",
    "resend",
    "reconnect",
    "try",
    "greylist",
    "greylisted",
    "greylisting",
    "graylist",
    "graylisted",
    "graylisting",
    "deferred",
    "delayed",
    "blocked",
    "throttled",
    "limited",
    "suspended",
    "locked",
    "embargo",
    "embargoed",
    "remaining",
];
/// Words right before the time.
const LEADING: &[&str] = &[
    "in",
    "for",
    "after",
    "another",
    "least",
    "about",
    "approximately",
    "within",
    "wait",
    "another",
    "next",
    "=",
    "further",
    "until",
];

/// What `reply` asks for: only a refusal for now can.
pub fn read(reply: &Reply) -> Option<Hint> {
    if !reply.is_transient() {
        return None;
    }
    let text = reply.text().join(" ");
    let text = crate::record::cut(&text, LOOKED_AT);
    let words = words(text);
    (0..words.len()).find_map(|at| {
        let (wait, end) = time(&words, at)?;
        let first = asks(&words, at)?;
        let said = words.get(first..end).unwrap_or_default();
        let said: Vec<&str> = said.iter().map(|word| word.as_str()).collect();
        Some(Hint { wait: wait.clamp(HINT_MIN, HINT_MAX), words: said.join(" ") })
    })
}

/// The words in small letters, numbers parted from what follows them; marks are left out.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for letter in lower.chars() {
        let number = word.bytes().all(|octet| octet.is_ascii_digit() || octet == b':');
        let parts = !word.is_empty() && number && letter.is_ascii_alphabetic();
        let keeps = letter.is_ascii_alphanumeric() || (letter == ':' && number && !word.is_empty());
        if (parts || !keeps) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if keeps {
            word.push(letter);
        } else if letter == '=' {
            words.push("=".to_owned());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.iter_mut().for_each(|word| word.truncate(word.trim_end_matches(':').len()));
    words
}

/// The time that begins at the word `at`, and the first word behind it.
fn time(words: &[String], at: usize) -> Option<(Duration, usize)> {
    let first = words.get(at)?;
    if first.contains(':') {
        return Some((clock(first)?, at + 1));
    }
    let (mut total, mut end) = (Duration::ZERO, at);
    while let Some(part) = words.get(end).and_then(|number| {
        let count: u32 = number.parse().ok()?;
        let unit = unit(words.get(end + 1)?)?;
        unit.checked_mul(count)
    }) {
        total = total.checked_add(part)?;
        end += 2;
        if words.get(end).is_some_and(|word| word == "and") {
            end += 1;
        }
    }
    (end > at).then_some((total, end))
}

/// `00:05:00` and `05:00`.
fn clock(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let seconds = match parts.as_slice() {
        [hours, minutes @ 0..60, seconds @ 0..60] if *hours < 1000 => {
            hours * 3600 + minutes * 60 + seconds
        }
        [minutes, seconds @ 0..60] if *minutes < 1000 => minutes * 60 + seconds,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

fn unit(word: &str) -> Option<Duration> {
    let seconds = match word {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// Where the words begin that ask to wait for the time at `at`.
fn asks(words: &[String], at: usize) -> Option<usize> {
    let leads = words.get(at.checked_sub(1)?)?;
    if !LEADING.contains(&leads.as_str()) {
        return None;
    }
    let from = at.saturating_sub(BETWEEN + 1);
    (from..at).find(|&place| words.get(place).is_some_and(|word| ASKING.contains(&word.as_str())))
}
