//! The message lists of `mailx`: which letters a command is about.
//!
//! `1 3-5`, `.`, `$`, `^`, `+`, `-`, `*`, `;` (the letter before), `&` (a thread), `:u` (a state),
//! `/words` (in the subject), `@name` (in the author), `@f@words` (in a field), `name` (an author).
//! Members add up; states choose among them.

use crate::agent::folder::Item;

/// What is wrong with a list, in words for the person.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// No letter at all.
    #[error("no letters")]
    Empty,
    /// A number outside.
    #[error("there is no letter {0}")]
    NoSuch(String),
    /// Only `undelete` takes it.
    #[error("letter {0} is deleted")]
    Deleted(usize),
    /// Another program removed it.
    #[error("letter {0} is no longer in the folder")]
    Gone(usize),
    /// Nothing fits.
    #[error("no letter fits {0}")]
    NoMatch(String),
    /// `:x`.
    #[error(
        "{0:?} is no state; there are n(ew) u(nread) r(ead) o(ld) d(eleted) f(lagged) a(nswered) t (drafts) s(aved)"
    )]
    State(char),
    /// `@x@`.
    #[error("{0:?} is no field; there are f(rom) t(o) s(ubject) c(c) b(ody) h(eader)")]
    Field(char),
    /// A quotation without its end.
    #[error("a quotation mark is not closed")]
    Open,
}

/// Where a search looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The author.
    From,
    /// The recipients in `To`.
    To,
    /// The subject.
    Subject,
    /// The field `Cc`, which only the letter itself knows.
    Cc,
    /// The text.
    Body,
    /// All of the header section.
    Header,
}

/// What a list is resolved against.
pub struct View<'a> {
    /// The letters of the folder.
    pub items: &'a [Item],
    /// The current letter.
    pub dot: Option<usize>,
    /// The one before.
    pub previous: Option<usize>,
    /// The thread of each letter.
    pub threads: &'a dyn Fn() -> Vec<usize>,
    /// Whether a letter holds the words (in small letters) at a place lists do not show.
    pub search: &'a mut dyn FnMut(usize, Place, &str) -> bool,
    /// Whether deleted letters can be chosen, as for `undelete`.
    pub deleted: bool,
}

/// Cuts a list into its members: blanks and commas part them, quotation marks hold blanks together.
///
/// # Errors
/// [`RangeError::Open`].
pub fn members(text: &str) -> Result<Vec<String>, RangeError> {
    let mut members = Vec::new();
    let (mut member, mut quote, mut begun) = (String::new(), None, false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => {
                member.extend(letters.next());
                begun = true;
            }
            (letter, Some(open)) if letter == open => quote = None,
            (letter, Some(_)) => member.push(letter),
            ('"' | '\'', None) => {
                quote = Some(letter);
                begun = true;
            }
            (letter, None) if letter == ',' || letter.is_whitespace() => {
                if begun {
                    members.push(std::mem::take(&mut member));
                }
                begun = false;
            }
            (letter, None) => {
                member.push(letter);
                begun = true;
            }
        }
    }
    if quote.is_some() {
        return Err(RangeError::Open);
    }
    if begun {
        members.push(member);
    }
    Ok(members)
}

/// The places of the letters that `members` choose, in the order of the folder.
///
/// # Errors
/// [`RangeError`] when a member means nothing, or all together choose nothing.
pub fn resolve(members: &[String], view: &mut View<'_>) -> Result<Vec<usize>, RangeError> {
    let mut chosen = vec![false; view.items.len()];
    let mut states = String::new();
    let mut others = false;
    for member in members {
        match member.strip_prefix(':') {
            Some(letters) => {
                for letter in letters.chars() {
                    if !"nurodfats".contains(letter) {
                        return Err(RangeError::State(letter));
                    }
                    states.push(letter);
                }
            }
            None => {
                others = true;
                choose(member, view, &mut chosen)?;
            }
        }
    }
    if !states.is_empty() && !others {
        chosen.fill(true);
    }
    // A state can ask for deleted letters; else they are out of sight.
    let with_deleted = view.deleted || states.contains('d');
    let mut places = Vec::new();
    for (place, item) in view.items.iter().enumerate() {
        let wanted = chosen.get(place).copied().unwrap_or_default()
            && (states.is_empty() || states.chars().any(|state| has_state(item, state)))
            && (with_deleted || !item.deleted)
            && !item.gone;
        if wanted {
            places.push(place);
        }
    }
    if places.is_empty() {
        return Err(nothing(members, view, &chosen));
    }
    Ok(places)
}

/// Says why nothing is chosen, as exactly as it is known.
fn nothing(members: &[String], view: &View<'_>, chosen: &[bool]) -> RangeError {
    let mut numbered = chosen.iter().enumerate().filter(|(_, chosen)| **chosen);
    if let (Some((place, _)), None) = (numbered.next(), numbered.next()) {
        match view.items.get(place) {
            Some(item) if item.gone => return RangeError::Gone(place + 1),
            Some(item) if item.deleted && !view.deleted => return RangeError::Deleted(place + 1),
            _ => {}
        }
    }
    if view.items.is_empty() || members.is_empty() {
        return RangeError::Empty;
    }
    RangeError::NoMatch(members.join(" "))
}

fn choose(member: &str, view: &mut View<'_>, chosen: &mut [bool]) -> Result<(), RangeError> {
    if member == "*" {
        chosen.fill(true);
        return Ok(());
    }
    if let Some(point) = member.strip_prefix('&') {
        let place = if point.is_empty() { point_of(".", view)? } else { point_of(point, view)? };
        let threads = (view.threads)();
        let thread = threads.get(place).copied();
        for (chosen, other) in chosen.iter_mut().zip(threads) {
            *chosen |= Some(other) == thread;
        }
        return Ok(());
    }
    if let Some(words) = member.strip_prefix('/') {
        search(view, Place::Subject, words, chosen);
        return Ok(());
    }
    if let Some(rest) = member.strip_prefix('@') {
        let Some((fields, words)) = rest.split_once('@').filter(|(fields, _)| fields.len() < 7)
        else {
            search(view, Place::From, rest, chosen);
            return Ok(());
        };
        for field in fields.chars() {
            search(view, place_of(field)?, words, chosen);
        }
        return Ok(());
    }
    if let Some((first, last)) = as_range(member) {
        let (first, last) = (point_of(first, view)?, point_of(last, view)?);
        chosen.iter_mut().take(last + 1).skip(first).for_each(|chosen| *chosen = true);
        return Ok(());
    }
    if is_point(member) {
        let place = point_of(member, view)?;
        if let Some(chosen) = chosen.get_mut(place) {
            *chosen = true;
        }
        return Ok(());
    }
    // A name: an author.
    search(view, Place::From, member, chosen);
    Ok(())
}

fn is_point(text: &str) -> bool {
    matches!(text, "." | "$" | "^" | "+" | "-" | ";")
        || (!text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()))
}

fn as_range(member: &str) -> Option<(&str, &str)> {
    let at = member.get(1..)?.find('-')? + 1;
    let (first, last) = (member.get(..at)?, member.get(at + 1..)?);
    let last = if last.is_empty() { "$" } else { last };
    (is_point(first) && is_point(last)).then_some((first, last))
}

fn point_of(point: &str, view: &View<'_>) -> Result<usize, RangeError> {
    let visible = |place: &usize| {
        view.items.get(*place).is_some_and(|item| !item.gone && (view.deleted || !item.deleted))
    };
    let len = view.items.len();
    let none = || match len {
        0 => RangeError::Empty,
        _ => RangeError::NoSuch(point.to_owned()),
    };
    match point {
        "." => view.dot.ok_or(RangeError::Empty),
        ";" => view.previous.ok_or_else(none),
        "^" => (0..len).find(visible).ok_or_else(none),
        "$" => (0..len).rev().find(visible).ok_or_else(none),
        "+" => {
            let from = view.dot.map_or(0, |dot| dot + 1);
            (from..len).find(visible).ok_or_else(none)
        }
        "-" => (0..view.dot.unwrap_or_default()).rev().find(visible).ok_or_else(none),
        number => {
            let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            place.filter(|place| *place < len).ok_or_else(none)
        }
    }
}

fn place_of(letter: char) -> Result<Place, RangeError> {
    Ok(match letter {
        'f' => Place::From,
        't' => Place::To,
        's' => Place::Subject,
        'c' => Place::Cc,
        'b' => Place::Body,
        'h' => Place::Header,
        other => return Err(RangeError::Field(other)),
    })
}

fn search(view: &mut View<'_>, place: Place, words: &str, chosen: &mut [bool]) {
    let words = words.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&words);
    for (index, (item, chosen)) in view.items.iter().zip(chosen).enumerate() {
        if *chosen || item.gone || (item.deleted && !view.deleted) {
            continue;
        }
        *chosen = match place {
            Place::From => contains(&item.summary.from),
            Place::To => contains(&item.summary.to),
            Place::Subject => contains(&item.summary.subject),
            Place::Cc | Place::Body | Place::Header => (view.search)(index, place, &words),
        };
    }
}

fn has_state(item: &Item, state: char) -> bool {
    match state {
        'n' => item.is_new(),
        'u' => !item.flags.seen,
        'r' => item.flags.seen,
        'o' => item.flags.old,
        'd' => item.deleted,
        'f' => item.flags.flagged,
        'a' => item.flags.answered,
        't' => item.flags.draft,
        's' => item.saved,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::folder::tests::item;

    fn numbers(list: &str, deleted: bool) -> Result<Vec<usize>, RangeError> {
        let mut items: Vec<Item> = [
            ("Ann Archer <ann@x.example>", "Lunch"),
            ("Bob <bob@x.example>", "Re: Lunch"),
            ("Carol <carol@y.example>", "Grüße an Alle"),
            ("Ann Archer <ann@x.example>", "two words"),
            ("eve", "gone"),
            ("Dan", ""),
        ]
        .map(|(from, subject)| item(from, subject))
        .to_vec();
        items[0].flags.seen = true;
        items[0].flags.old = true;
        items[2].flags.flagged = true;
        items[3].deleted = true;
        items[4].gone = true;
        let mut view = View {
            items: &items,
            dot: Some(1),
            previous: Some(0),
            threads: &|| vec![0, 0, 2, 3, 4, 5],
            search: &mut |place, _, words| place == 2 && words == "body",
            deleted,
        };
        let places = resolve(&members(list)?, &mut view)?;
        Ok(places.into_iter().map(|place| place + 1).collect())
    }

    #[test]
    fn lists() {
        let rows: &[(&str, &[usize])] = &[
            ("1", &[1]),
            ("3 1", &[1, 3]),
            ("1,2", &[1, 2]),
            ("1-3", &[1, 2, 3]),
            ("2-", &[2, 3, 6]),
            ("1-$", &[1, 2, 3, 6]),
            (".", &[2]),
            (";", &[1]),
            ("^", &[1]),
            ("$", &[6]),
            ("+", &[3]),
            ("-", &[1]),
            ("*", &[1, 2, 3, 6]),
            (":u", &[2, 3, 6]),
            (":r", &[1]),
            (":n", &[2, 3, 6]),
            (":d", &[4]),
            (":fr", &[1, 3]),
            ("1-2 :u", &[2]),
            ("ann", &[1]),
            ("ANN :r", &[1]),
            ("/lunch", &[1, 2]),
            ("/GRÜSSE /grüße", &[3]),
            ("@bob", &[2]),
            ("@s@lunch", &[1, 2]),
            ("@fs@carol", &[3]),
            ("@b@body", &[3]),
            ("'/re: lunch'", &[2]),
            ("/re:\\ lunch", &[2]),
            ("&", &[1, 2]),
            ("&3", &[3]),
        ];
        for (list, want) in rows {
            assert_eq!(numbers(list, false).as_deref(), Ok(*want), "{list}");
        }
        assert_eq!(numbers("4", true), Ok(vec![4]));
        assert_eq!(numbers("*", true), Ok(vec![1, 2, 3, 4, 6]));
    }

    #[test]
    fn what_is_wrong() {
        let rows = [
            ("9", RangeError::NoSuch("9".into())),
            ("0", RangeError::NoSuch("0".into())),
            ("99999999999999999999999", RangeError::NoSuch("99999999999999999999999".into())),
            ("4", RangeError::Deleted(4)),
            ("5", RangeError::Gone(5)),
            ("nobody", RangeError::NoMatch("nobody".into())),
            ("", RangeError::Empty),
            (":x", RangeError::State('x')),
            ("@x@y", RangeError::Field('x')),
            ("\"a", RangeError::Open),
        ];
        for (list, want) in rows {
            assert_eq!(numbers(list, false), Err(want), "{list}");
        }
    }
}
