//! The classic file of aliases: `name: member, member`, a line that begins with a blank goes on with
//! the one before, `#` begins a comment, `:include:FILE` names a file of members.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mail::address::LocalPart;

use super::words::{self, Member, Trust, Wrong, outside_quotes, split, uncommented};
use crate::reason::Source;

/// Members of one alias at most, and aliases of a file: far above any real one, far below what would
/// hurt.
pub const TARGETS_MAX: usize = 10_000;
/// Lists within lists that are included.
const INCLUDES_MAX: usize = 8;

/// One of those who stand for a name, and where that is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Who.
    pub member: Member,
    /// The line; none for the row of a table.
    pub source: Option<Source>,
}

/// A name that stands for others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alias {
    /// As it is written.
    pub name: LocalPart,
    /// At least one.
    pub members: Vec<Listed>,
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

/// A file of aliases or of members, as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AliasFile {
    /// How it is called.
    pub name: Arc<str>,
    /// Its text.
    pub text: String,
    /// Why it may bring no commands and files: `it is writable by others`.
    pub flaw: Option<String>,
}

/// What the operator allows in a file of aliases.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AliasRules {
    /// `|command` is followed.
    pub commands: bool,
    /// `/file` is followed.
    pub files: bool,
    /// The account whose rights they have.
    pub user: String,
}

impl AliasRules {
    /// What `file` may bring.
    fn trust(&self, file: &AliasFile) -> Trust {
        let no = |allowed: bool, what: &str| match &file.flaw {
            _ if !allowed => Some(format!("aliases may not have {what}")),
            Some(flaw) => Some(format!("{} may not bring {what}: {flaw}", file.name)),
            None => None,
        };
        Trust {
            user: self.user.clone(),
            no_commands: no(self.commands, "commands"),
            no_files: no(self.files, "files"),
        }
    }
}

/// All aliases of the local domains, or of a virtual one. Names are compared without regard to case.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Aliases {
    table: BTreeMap<String, Alias>,
}

/// Gives the file that `:include:` names.
pub type Include<'a> = dyn FnMut(&str) -> Result<AliasFile, String> + 'a;

impl Aliases {
    /// Reads the text of `file`, without commands and files; `include` gives the text of a file named
    /// by `:include:`.
    ///
    /// # Errors
    /// Every line that cannot be read, in order.
    pub fn parse(
        text: &str,
        file: &str,
        include: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<AliasProblem>> {
        let plain = |name: &str, text| AliasFile { name: name.into(), text, flaw: None };
        let mut include = |path: &str| include(path).map(|text| plain(path, text));
        let file = plain(file, text.to_owned());
        let (aliases, problems) = Self::read(&file, &AliasRules::default(), &mut include);
        if problems.is_empty() { Ok(aliases) } else { Err(problems) }
    }

    /// Reads `file`: what can be read of it, and every line that cannot, in order.
    pub fn read(
        file: &AliasFile,
        rules: &AliasRules,
        include: &mut Include<'_>,
    ) -> (Self, Vec<AliasProblem>) {
        let trust = rules.trust(file);
        let mut reading = Reading {
            file: file.name.clone(),
            rules,
            trust,
            include,
            depth: 0,
            problems: Vec::new(),
        };
        let mut aliases = Self::default();
        for (line, entry) in entries(&file.text) {
            let Some(alias) = reading.alias(line, &entry) else { continue };
            if let Err(first) = aliases.add(alias) {
                let name = entry.split(':').next().unwrap_or_default().trim();
                let what =
                    format!("{name} stands for others already in {}", first.place(&file.name));
                reading.tell(line, what, "join the two");
            }
        }
        (aliases, reading.problems)
    }

    /// Adds one.
    ///
    /// # Errors
    /// There is one of that name already, here.
    pub fn add(&mut self, alias: Alias) -> Result<(), Source> {
        match self.table.entry(alias.name.folded()) {
            std::collections::btree_map::Entry::Occupied(first) => Err(first.get().source.clone()),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(alias);
                Ok(())
            }
        }
    }

    /// The alias of this name.
    pub fn find(&self, name: &LocalPart) -> Option<&Alias> {
        if self.table.is_empty() {
            return None;
        }
        self.table.get(&name.folded())
    }

    /// Who answers for the list `name`: the alias `owner-name`. With one it is a list, whose
    /// failures go to its owner (RFC 5321 §3.9.2).
    pub fn owner(&self, name: &LocalPart) -> Option<LocalPart> {
        let owner = owner_of(name)?;
        self.find(&owner).map(|_| owner)
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = &Alias> {
        self.table.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// The name of who answers for the list `name`.
pub(crate) fn owner_of(name: &LocalPart) -> Option<LocalPart> {
    LocalPart::from_unquoted_utf8(&format!("owner-{}", name.as_str())).ok()
}

impl Source {
    /// As it is told within `file`.
    fn place(&self, file: &str) -> String {
        match &*self.file == file {
            true => format!("line {}", self.line),
            false => self.to_string(),
        }
    }
}

/// Reads the members of an alias that is written elsewhere: in the configuration, or in the row of a
/// table, which never bring commands or files but where `trust` says so.
///
/// # Errors
/// What is wrong, and what to do.
pub fn members(
    text: &str,
    trust: &Trust,
    source: Option<&Source>,
) -> Result<Vec<Listed>, (String, &'static str)> {
    let read = |word| match words::member(word, trust) {
        Ok(member) => Ok(Listed { member, source: source.cloned() }),
        Err(Wrong { what, remedy }) => Err((what, remedy)),
    };
    split(text).into_iter().map(read).collect()
}

/// The entries of a file with the line each begins in, continuations joined.
fn entries(text: &str) -> Vec<(u32, String)> {
    let mut entries: Vec<(u32, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_more = line.starts_with([' ', '\t']);
        let line = uncommented(line.trim()).trim();
        if line.is_empty() {
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

struct Reading<'a, 'i> {
    file: Arc<str>,
    rules: &'a AliasRules,
    /// What the file that is read now may bring.
    trust: Trust,
    include: &'a mut Include<'i>,
    /// Lists that are being included.
    depth: usize,
    problems: Vec<AliasProblem>,
}

impl Reading<'_, '_> {
    fn tell(&mut self, line: u32, what: String, remedy: &'static str) {
        self.problems.push(AliasProblem { file: self.file.clone(), line, what, remedy });
    }

    fn alias(&mut self, line: u32, entry: &str) -> Option<Alias> {
        let place = outside_quotes(entry, ':').next();
        let Some((name, members)) = place.and_then(|place| entry.split_at_checked(place)) else {
            let what = format!("{entry:?} is no alias");
            self.tell(line, what, "write name: target, target");
            return None;
        };
        let members = members.get(1..).unwrap_or_default();
        let Ok(name) = LocalPart::parse_utf8(name.trim()) else {
            let what = format!("{:?} cannot be the name of an alias", name.trim());
            self.tell(line, what, "a local-part without domain, in quotes where it has blanks");
            return None;
        };
        let before = self.problems.len();
        let mut found = Vec::new();
        self.members(line, members, &mut found);
        if found.is_empty() {
            if self.problems.len() == before {
                let what = format!("{name} stands for nobody");
                self.tell(line, what, "name a target, or remove the line");
            }
            return None;
        }
        if found.len() > TARGETS_MAX {
            let what = format!("{name} stands for more than {TARGETS_MAX} others");
            self.tell(line, what, "10000 at most: use a list server");
            return None;
        }
        Some(Alias { name, members: found, source: Source { file: self.file.clone(), line } })
    }

    fn members(&mut self, line: u32, text: &str, found: &mut Vec<Listed>) {
        for word in split(text) {
            // One more than may be is enough to tell.
            if found.len() > TARGETS_MAX {
                return;
            }
            let bare = word.strip_prefix('"').unwrap_or(word);
            if let Some(path) = bare.strip_prefix(":include:") {
                self.included(line, path.trim().trim_matches('"'), found);
                continue;
            }
            match words::member(word, &self.trust) {
                Ok(member) => {
                    let source = Some(Source { file: self.file.clone(), line });
                    found.push(Listed { member, source });
                }
                Err(Wrong { what, remedy }) => self.tell(line, what, remedy),
            }
        }
    }

    /// The members of another file, one or more on a line.
    fn included(&mut self, line: u32, path: &str, found: &mut Vec<Listed>) {
        if self.depth == INCLUDES_MAX {
            let what = format!("{path} is the ninth list within a list");
            return self.tell(line, what, "name the members themselves");
        }
        let included = match (self.include)(path) {
            Ok(included) => included,
            Err(why) => {
                let what = format!("{path} cannot be included: {why}");
                return self.tell(line, what, "mend it, or its name");
            }
        };
        let trust = std::mem::replace(&mut self.trust, self.rules.trust(&included));
        let outer = std::mem::replace(&mut self.file, included.name.clone());
        self.depth += 1;
        for (number, members) in (1..).zip(included.text.lines()) {
            self.members(number, uncommented(members.trim()).trim(), found);
        }
        self.depth -= 1;
        (self.file, self.trust) = (outer, trust);
    }
}
