//! The list of letters, a line for each.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::show::size;
use crate::agent::console::harmless;
use crate::agent::folder::Item;

/// Columns where nothing tells how many there are.
pub const COLUMNS: usize = 80;

/// What a line depends on beside its letter.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of a line.
    pub columns: usize,
    /// The zone of the person.
    pub zone: TimeZone,
    /// Digits of the largest number.
    pub digits: usize,
}

/// The marks of a letter: two columns.
pub fn marks(item: &Item) -> String {
    let state = match item {
        _ if item.gone => 'X',
        _ if item.deleted => 'D',
        _ if item.saved => '*',
        _ if item.is_new() => 'N',
        _ if !item.flags.seen => 'U',
        _ => ' ',
    };
    let kind = match item.flags {
        flags if flags.flagged => 'F',
        flags if flags.answered => 'A',
        flags if flags.draft => 'T',
        flags if flags.passed => 'P',
        _ => ' ',
    };
    format!("{state}{kind}")
}

/// `>N    3 Ann Archer          Tue Nov 24 18:22   1.2K  Lunch?`
pub fn line(item: &Item, number: usize, current: bool, depth: usize, look: &Look) -> String {
    let who = if item.flags.draft || item.summary.from.is_empty() {
        format!("To {}", item.summary.to)
    } else {
        name_of(&item.summary.from)
    };
    let date = item.summary.date.map(|date| moment(date, &look.zone)).unwrap_or_default();
    let mark = if current { '>' } else { ' ' };
    let number = format!("{number:>width$}", width = look.digits.max(3));
    let size = size(item.size);
    let who = fitted(&harmless(&who), 20);
    let lead = format!("{mark}{} {number} {who} {date:<16} {size:>6} ", marks(item));
    let subject = harmless(&item.summary.subject);
    let branch = match depth {
        0 => String::new(),
        depth => format!("{}`- ", "  ".repeat(depth.min(10) - 1)),
    };
    let left = look.columns.saturating_sub(width(&lead) + branch.len() + 1);
    let subject = fitted(&subject, left);
    format!("{lead} {branch}{}", subject.trim_end())
}

/// The name of who wrote it, or else the address.
fn name_of(from: &str) -> String {
    match from.split_once('<') {
        Some((name, _)) if !name.trim().is_empty() => name.trim().trim_matches('"').to_owned(),
        Some((_, address)) => address.trim_end_matches('>').to_owned(),
        None => from.to_owned(),
    }
}

fn moment(date: i64, zone: &TimeZone) -> String {
    let Ok(moment) = Timestamp::from_second(date) else { return String::new() };
    moment.to_zoned_datetime(zone.clone()).strftime("%a %b %e %H:%M").to_string()
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// Wide letters take two columns, marks on letters none; near enough for a list.
fn columns_of(letter: char) -> usize {
    match u32::from(letter) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text in exactly `columns`.
fn fitted(text: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut at = 0;
    for letter in text.chars() {
        let wide = columns_of(letter);
        if at + wide > columns {
            break;
        }
        out.push(letter);
        at += wide;
    }
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(at)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::folder::tests::item;

    #[test]
    fn lines() {
        let look = Look { columns: 80, zone: TimeZone::UTC, digits: 1 };
        let mut letter = item("Ann Archer <ann@x.example>", "Lunch?\u{1b}[2J");
        letter.summary.date = Some(1_795_544_568);
        letter.size = 1234;
        assert_eq!(
            line(&letter, 3, true, 0, &look),
            ">N    3 Ann Archer           Tue Nov 24 18:22   1.2K  Lunch??[2J"
        );
        letter.flags.old = true;
        letter.flags.flagged = true;
        letter.deleted = true;
        assert!(line(&letter, 3, false, 2, &look).starts_with(" DF   3 Ann"));
        assert!(line(&letter, 3, false, 2, &look).ends_with("  `- Lunch??[2J"));
        let wide = item("漢字漢字漢字漢字漢字漢字 <x@y>", &"漢".repeat(100));
        let shown = line(&wide, 1000, false, 0, &look);
        assert!(width(&shown) <= 80, "{} {shown}", width(&shown));
    }
}
