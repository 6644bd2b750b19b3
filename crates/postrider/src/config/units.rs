//! Values with units: `"5m"`, `"1h30m"`, `"50MB"`, `"80%"`.

use std::fmt;
use std::time::Duration;

/// What a duration looks like.
pub(super) const DURATION: &str =
    "a duration with its unit, like \"30s\", \"5m\", \"4h\" or \"5d\"";
/// What a size looks like.
pub(super) const SIZE: &str = "a size with its unit, like \"64KB\", \"50MB\" or \"1GiB\"";

/// Reads `30s`, `5m`, `1h30m`, `5d`; `None` for anything else, and for more than a hundred years.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const YEARS_100: u64 = 100 * 366 * 86_400 * 1000;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let unit_end = after.find(|next: char| next.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let millis = match unit.trim() {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        total = number.checked_mul(millis)?.checked_add(total)?;
        rest = after;
    }
    (total <= YEARS_100).then(|| Duration::from_millis(total))
}

/// Reads `100B`, `64KB` (of 1000), `50MB`, `2GB`, `1TB`, `64KiB` (of 1024), `1GiB`, in octets.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text.trim())?;
    let octets = match unit.trim() {
        "B" => 1,
        "KB" | "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(octets)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

/// How much of something: a part of the whole, or so many octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Share {
    /// `"80%"` of the file system.
    Percent(u8),
    /// Octets.
    Octets(u64),
}

impl Share {
    /// Reads `80%` or a size.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: u8 = percent.parse().ok()?;
                (1..=100).contains(&percent).then_some(Self::Percent(percent))
            }
            None => parse_size(text).map(Self::Octets),
        }
    }

    /// The octets, of a whole of `total`.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Percent(percent) => total / 100 * u64::from(percent),
            Self::Octets(octets) => octets,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Octets(octets) => write!(f, "{octets}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let rows = [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("5 min", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("5d", Some(432_000_000)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("m", None),
            ("5x", None),
            ("-5m", None),
            ("5.5m", None),
            ("99999999999999999999s", None),
            ("101w9999999d", None),
        ];
        for (text, millis) in rows {
            assert_eq!(parse_duration(text), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let rows = [
            ("0B", Some(0)),
            ("50MB", Some(50_000_000)),
            ("64 KiB", Some(65_536)),
            ("1TB", Some(1_000_000_000_000)),
            ("50", None),
            ("50mb", None),
            ("MB", None),
            ("18446744073709551615GB", None),
        ];
        for (text, octets) in rows {
            assert_eq!(parse_size(text), octets, "{text}");
        }
        assert_eq!(Share::parse("80%").map(|share| share.of(1000)), Some(800));
        assert_eq!(Share::parse("1KB").map(|share| share.of(5)), Some(1000));
        assert_eq!(Share::parse("0%"), None);
        assert_eq!(Share::parse("101%"), None);
    }
}
