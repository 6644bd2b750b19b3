//! The classic file of aliases: `name: target, target`, a line that begins with a blank goes on with
//! the one before, `#` begins a comment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mail::address::{LocalPart, Mailbox};

use crate::reason::Source;

/// Targets of one alias at most, and aliases of a file: far above any real one, far below what would
/// hurt.
pub const TARGETS_MAX: usize = 10_000;

/// Where an alias leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// A mailbox with its domain, here or elsewhere.
    Mailbox(Mailbox),
    /// A name in the domain of the alias: another alias, or a user.
    Name(LocalPart),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A name that stands for others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alias {
    /// As it is written.
    pub name: LocalPart,
    /// At least one.
    pub targets: Vec<Target>,
    /// Where it stands.
    pub source: Source,
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AliasProblem {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for AliasProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.what, self.remedy)
    }
}

/// All aliases of the local domains. Names are compared without regard to case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Aliases {
    table: BTreeMap<String, Alias>,
}

impl Aliases {
    /// Reads the text of `file`; `include` gives the text of a file named by `:include:`.
    ///
    /// # Errors
    /// Every line that cannot be read, in order.
    pub fn parse(
        text: &str,
        file: &str,
        include: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<AliasProblem>> {
        let mut reading = Reading { file: file.into(), include, problems: Vec::new() };
        let mut aliases = Self::default();
        for (line, entry) in entries(text) {
            let Some(alias) = reading.alias(line, &entry) else { continue };
            let key = alias.name.folded();
            let first = aliases.table.get(&key).map(|first| first.source.line);
            match first {
                Some(first) => {
                    let what = format!("{} stands for others already in line {first}", alias.name);
                    reading.tell(line, what, "join the two lines");
                }
                None => {
                    aliases.table.insert(key, alias);
                }
            }
        }
        if reading.problems.is_empty() { Ok(aliases) } else { Err(reading.problems) }
    }

    /// The alias of this name.
    pub fn find(&self, name: &LocalPart) -> Option<&Alias> {
        self.table.get(&name.folded())
    }

    /// Who answers for the list `name`: the alias `owner-name`. With one it is a list, whose
    /// failures go to its owner (RFC 5321 §3.9.2).
    pub fn owner(&self, name: &LocalPart) -> Option<LocalPart> {
        let owner = LocalPart::from_unquoted(&format!("owner-{}", name.as_str())).ok()?;
        self.find(&owner).map(|_| owner)
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = &Alias> {
        self.table.values()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// The entries of a file with the line each begins in, continuations joined.
fn entries(text: &str) -> Vec<(u32, String)> {
    let mut entries: Vec<(u32, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_more = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match entries.last_mut().filter(|_| is_more) {
            Some((_, entry)) => {
                entry.push(' ');
                entry.push_str(line);
            }
            None => entries.push((number, line.to_owned())),
        }
    }
    entries
}

struct Reading<'a> {
    file: Arc<str>,
    include: &'a mut dyn FnMut(&str) -> Result<String, String>,
    problems: Vec<AliasProblem>,
}

impl Reading<'_> {
    fn tell(&mut self, line: u32, what: String, remedy: &'static str) {
        self.problems.push(AliasProblem { file: self.file.clone(), line, what, remedy });
    }

    fn alias(&mut self, line: u32, entry: &str) -> Option<Alias> {
        let place = outside_quotes(entry, ':').next();
        let Some((name, targets)) = place.and_then(|place| entry.split_at_checked(place)) else {
            let what = format!("{entry:?} is no alias");
            self.tell(line, what, "write name: target, target");
            return None;
        };
        let targets = targets.get(1..).unwrap_or_default();
        let Ok(name) = LocalPart::parse_utf8(name.trim()) else {
            let what = format!("{:?} cannot be the name of an alias", name.trim());
            self.tell(line, what, "a local-part without domain, in quotes where it has blanks");
            return None;
        };
        let targets = self.targets(line, targets);
        if targets.is_empty() {
            self.tell(
                line,
                format!("{name} stands for nobody"),
                "name a target, or remove the line",
            );
            return None;
        }
        if targets.len() > TARGETS_MAX {
            let what = format!("{name} stands for {} others", targets.len());
            self.tell(line, what, "10000 at most: use a list server");
            return None;
        }
        Some(Alias { name, targets, source: Source { file: self.file.clone(), line } })
    }

    fn targets(&mut self, line: u32, text: &str) -> Vec<Target> {
        let mut targets = Vec::new();
        for word in split(text) {
            match word.strip_prefix(":include:") {
                Some(path) => targets.extend(self.included(line, path.trim().trim_matches('"'))),
                None => targets.extend(self.target(line, word)),
            }
        }
        targets
    }

    /// The members of another file, one or more on a line.
    fn included(&mut self, line: u32, path: &str) -> Vec<Target> {
        let text = match (self.include)(path) {
            Ok(text) => text,
            Err(why) => {
                self.tell(
                    line,
                    format!("{path} cannot be included: {why}"),
                    "mend it, or its name",
                );
                return Vec::new();
            }
        };
        let outer = std::mem::replace(&mut self.file, path.into());
        let mut targets = Vec::new();
        for (number, members) in (1..).zip(text.lines()) {
            let members = members.trim();
            if members.is_empty() || members.starts_with('#') {
                continue;
            }
            for word in split(members) {
                if word.starts_with(":include:") {
                    let remedy = "name the members themselves";
                    self.tell(number, "a list within an included list".to_owned(), remedy);
                } else {
                    targets.extend(self.target(number, word));
                }
            }
        }
        self.file = outer;
        targets
    }

    fn target(&mut self, line: u32, word: &str) -> Option<Target> {
        // The whole word may stand in quotes, as `"|command arg"` does.
        let bare = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if let Some(sign @ ('|' | '/')) = bare.unwrap_or(word).chars().next() {
            let what = match sign {
                '|' => format!("{word} is a command"),
                _ => format!("{word} is a file"),
            };
            self.tell(line, what, "aliases of this version lead to addresses and users only");
            return None;
        }
        let word = word.strip_prefix('\\').unwrap_or(word);
        let inner = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        let word = inner.unwrap_or(word);
        let mailbox = || Mailbox::parse_utf8(word).ok().map(Target::Mailbox);
        let target = LocalPart::parse_utf8(word).ok().map(Target::Name).or_else(mailbox);
        if target.is_none() {
            self.tell(line, format!("{word:?} is no address"), "a user, an alias or local@domain");
        }
        target
    }
}

/// The places of `sign` outside quotes.
fn outside_quotes(text: &str, sign: char) -> impl Iterator<Item = usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter_map(move |(place, letter)| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == sign && !quoted => return Some(place),
            _ => {}
        }
        None
    })
}

/// The words between commas.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    for place in outside_quotes(text, ',').chain([text.len()]) {
        let word = text.get(start..place).unwrap_or_default().trim();
        if !word.is_empty() {
            words.push(word);
        }
        start = place + 1;
    }
    words
}
