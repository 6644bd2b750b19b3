//! Who stands for whom in this configuration: the files of aliases that `[local] aliases` names, with
//! those they include, `[alias]`, and the virtual domains.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use mail::address::{DomainName, LocalPart};
use nix::unistd::geteuid;
use queue::access::Users as Mailboxes;
use queue::directory::Virtual;
use queue::expansion::{self, Alias, AliasFile, AliasProblem, AliasRules, Aliases, Trust};
use queue::reason::Source as RuleSource;

use super::local::AliasPlace;
use super::problem::{Problem, Severity, Source};
use super::virtuals::Named;
use super::{Config, FILE_MAX, Users, accounts};

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The aliases of the local domains.
    pub aliases: Aliases,
    /// The tables that have more of them.
    pub tables: Vec<Arc<str>>,
    /// The virtual domains.
    pub virtuals: BTreeMap<DomainName, Virtual>,
}

/// Reads it.
///
/// # Errors
/// A file cannot be read, or every line and every member that is wrong.
pub fn read(config: &Config) -> Result<Directory, Vec<Problem>> {
    let mut reading = Reading { config, problems: Vec::new() };
    let mut directory = Directory::default();
    for place in &config.local.aliases {
        match &place.value {
            AliasPlace::Table(name) => directory.tables.push(name.clone()),
            AliasPlace::File(path) => reading.file(path, &mut directory.aliases),
        }
    }
    reading.named(&config.aliases, &mut directory.aliases);
    for own in &config.virtuals {
        let made = reading.in_virtual(own);
        directory.virtuals.insert(own.domain.clone(), made);
    }
    match reading.problems.is_empty() {
        true => Ok(directory),
        false => Err(reading.problems),
    }
}

/// What a check of the files of aliases came to.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Each file with the number of its aliases.
    pub files: Vec<(String, usize)>,
    /// Lines that are wrong.
    pub problems: Vec<String>,
}

/// Reads the files of aliases as a start would, and changes nothing.
pub fn check(config: &Config) -> Checked {
    let mut checked = Checked::default();
    for place in &config.local.aliases {
        let AliasPlace::File(path) = &place.value else { continue };
        match parsed(path, &rules(config)) {
            Ok((aliases, problems)) => {
                checked.files.push((path.display().to_string(), aliases.len()));
                checked.problems.extend(problems.iter().map(AliasProblem::to_string));
            }
            Err(why) => checked.problems.push(format!("{}: {why}", path.display())),
        }
    }
    checked
}

fn rules(config: &Config) -> AliasRules {
    AliasRules {
        commands: config.local.commands.aliases,
        files: config.local.files.aliases,
        user: config.local.command_user.clone(),
    }
}

fn parsed(path: &Path, rules: &AliasRules) -> Result<(Aliases, Vec<AliasProblem>), String> {
    let file = read_alias_file(path)?;
    let base = path.parent().unwrap_or(Path::new("."));
    let mut include = |name: &str| read_alias_file(&base.join(name));
    Ok(Aliases::read(&file, rules, &mut include))
}

/// A file with what is known of who can write it, both of one open file.
fn read_alias_file(path: &Path) -> Result<AliasFile, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let flaw = if facts.uid() != 0 && facts.uid() != geteuid().as_raw() {
        Some("it belongs neither to root nor to the account of the server".to_owned())
    } else if facts.mode() & 0o022 != 0 {
        Some("others can write it".to_owned())
    } else {
        None
    };
    let mut octets = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    if u64::try_from(octets.len()).is_ok_and(|len| len > FILE_MAX) {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = String::from_utf8(octets).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(AliasFile { name: path.to_string_lossy().into(), text, flaw })
}

/// The place of a rule, for reasons.
pub fn rule_source(source: &Source) -> Option<RuleSource> {
    match source {
        Source::Default => None,
        Source::File { file, line, .. } => Some(RuleSource {
            file: Arc::clone(file),
            line: u32::try_from(*line).unwrap_or(u32::MAX),
        }),
    }
}

struct Reading<'a> {
    config: &'a Config,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn tell(&mut self, key: &str, title: String, remedy: &str) {
        self.problems.push(self.config.problem(Severity::Error, key, title, remedy));
    }

    fn file(&mut self, path: &Path, aliases: &mut Aliases) {
        let (found, problems) = match parsed(path, &rules(self.config)) {
            Ok(parsed) => parsed,
            Err(why) => {
                let title = format!("the aliases in {} cannot be read: {why}", path.display());
                return self.tell("local.aliases", title, "make the file, or remove the key");
            }
        };
        for problem in &problems {
            let place = format!("{}:{}: {}", problem.file, problem.line, problem.what);
            self.tell("local.aliases", place, problem.remedy);
        }
        for alias in found.iter() {
            self.add("local.aliases", alias.clone(), aliases);
        }
    }

    fn add(&mut self, key: &str, alias: Alias, aliases: &mut Aliases) {
        let (name, place) = (alias.name.clone(), alias.source.clone());
        if let Err(first) = aliases.add(alias) {
            let title = format!("{place}: {name} stands for others already at {first}");
            self.tell(key, title, "join the two");
        }
    }

    fn named(&mut self, all: &[Named], aliases: &mut Aliases) {
        for named in all {
            if let Some(alias) = self.one(named, &named.name) {
                self.add(&named.key, alias, aliases);
            }
        }
    }

    fn one(&mut self, named: &Named, name: &str) -> Option<Alias> {
        let read = LocalPart::parse_utf8(name).or_else(|_| LocalPart::from_unquoted_utf8(name));
        let Ok(name) = read else {
            let title = format!("{name:?} cannot be the name of an alias");
            self.tell(&named.key, title, "a local-part without domain");
            return None;
        };
        let local = &self.config.local;
        let no =
            |allowed: bool, what: &str| (!allowed).then(|| format!("aliases may not have {what}"));
        let trust = Trust {
            user: local.command_user.clone(),
            no_commands: no(local.commands.aliases, "commands"),
            no_files: no(local.files.aliases, "files"),
        };
        let source = rule_source(&named.source)?;
        let mut members = Vec::new();
        for item in &named.members {
            let place = rule_source(&item.source);
            match expansion::members(&item.value, &trust, place.as_ref()) {
                Ok(found) => members.extend(found),
                Err((what, remedy)) => self.tell(&named.key, what, remedy),
            }
        }
        if members.is_empty() {
            if self.problems.is_empty() {
                let title = format!("{name} stands for nobody");
                self.tell(&named.key, title, "name a member, or remove the line");
            }
            return None;
        }
        Some(Alias { name, members, source })
    }

    fn in_virtual(&mut self, own: &super::Virtual) -> Virtual {
        let mut made = Virtual {
            tables: own.tables.clone(),
            source: rule_source(&own.source),
            ..Virtual::default()
        };
        made.users = match &own.users {
            None | Some(Users::System) => made.users,
            Some(Users::Names(names)) => {
                Mailboxes::listed(names.iter().map(|name| name.value.as_str()))
            }
            Some(Users::Table(name)) => Mailboxes::Table(name.value.clone()),
            Some(Users::File(path)) => {
                match accounts::names_of_file(self.config, path, &own.users_key) {
                    Ok(names) => Mailboxes::listed(names),
                    Err(problems) => {
                        self.problems.extend(problems);
                        made.users
                    }
                }
            }
        };
        let at_domain = format!("@{}", own.domain.as_str().to_lowercase());
        for named in &own.addresses {
            let name = named.name.to_lowercase();
            if name == "@" || name == at_domain {
                // Its own name is never shown or asked for.
                made.catch_all = self.one(named, "catch-all");
                continue;
            }
            let local = name.strip_suffix(&at_domain).map_or(named.name.as_str(), |local| {
                named.name.get(..local.len()).unwrap_or(&named.name)
            });
            if let Some(alias) = self.one(named, local) {
                self.add(&named.key, alias, &mut made.addresses);
            }
        }
        made
    }
}
