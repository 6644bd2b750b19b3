//! The words of the classic form: an address, a name, `\name`, `|command`, `/file`; what is between
//! the commas of an alias, of a `.forward`, of a row in a table.

use std::fmt;

use mail::address::{LocalPart, Mailbox};

use crate::target::Target;

/// Octets of a command, and words in it: far above any real one.
const COMMAND_MAX: usize = 2048;
/// Octets of a path: what systems take.
const PATH_MAX: usize = 4096;
/// Signs that mean something to a shell, and nothing where there is none.
const SHELL: &str = ";&|<>()$`*?[]\n";
/// The file that keeps nothing.
pub const NOWHERE: &str = "/dev/null";

/// One of those who stand for an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Member {
    /// A mailbox with its domain, here or elsewhere.
    Mailbox(Mailbox),
    /// A name in the domain of the alias: another alias, or a user.
    Name(LocalPart),
    /// `\name`: the mailbox of that user itself; nothing that stands for it is followed.
    Own(LocalPart),
    /// A command or a file.
    End(Target),
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Own(name) => write!(f, "\\{name}"),
            Self::End(target) => target.fmt(f),
        }
    }
}

/// Whether commands and files may stand somewhere, and with whose rights.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust {
    /// The account whose rights they have.
    pub user: String,
    /// Why commands are not followed here; none: they are.
    pub no_commands: Option<String>,
    /// The same of files.
    pub no_files: Option<String>,
}

impl Trust {
    /// Neither, because of `why`.
    pub fn none(why: &str) -> Self {
        let why = Some(why.to_owned());
        Self { user: String::new(), no_commands: why.clone(), no_files: why }
    }
}

/// What is wrong with a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) remedy: &'static str,
}

fn wrong<T>(what: impl Into<String>, remedy: &'static str) -> Result<T, Wrong> {
    Err(Wrong { what: what.into(), remedy })
}

/// Reads one word.
pub(super) fn member(word: &str, trust: &Trust) -> Result<Member, Wrong> {
    // The whole word may stand in quotes, as `"|command arg"` does.
    let whole = unquoted(word);
    let bare = whole.as_deref().unwrap_or(word);
    match bare.chars().next() {
        Some('|') => return command(bare, trust),
        Some('/') => return file(bare, trust),
        Some(':') => {
            let what = format!("{word:?} is a form of other systems");
            return wrong(what, "name an address, or /dev/null to keep nothing");
        }
        _ => {}
    }
    if let Some(name) = word.strip_prefix('\\') {
        return match LocalPart::parse_utf8(name) {
            Ok(name) => Ok(Member::Own(name)),
            Err(_) => wrong(format!("{word:?} names no user"), "write \\name, without a domain"),
        };
    }
    let inner = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let word = inner.unwrap_or(word);
    if word.chars().any(char::is_control) {
        return wrong(format!("{word:?} has control characters"), "remove them");
    }
    let mailbox = || Mailbox::parse_utf8(word).ok().map(Member::Mailbox);
    let member = LocalPart::parse_utf8(word).ok().map(Member::Name).or_else(mailbox);
    match member {
        Some(member) => Ok(member),
        None => wrong(format!("{word:?} is no address"), "a user, an alias or local@domain"),
    }
}

/// What stands within quotes around all of `word`, its backslashes taken away.
fn unquoted(word: &str) -> Option<String> {
    let inner = word.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(letters.next()?),
            '"' => return None,
            _ => out.push(letter),
        }
    }
    Some(out)
}

fn command(word: &str, trust: &Trust) -> Result<Member, Wrong> {
    if let Some(why) = &trust.no_commands {
        return wrong(
            format!("{word:?} is a command, and {why}"),
            "local.commands allows them where only root or the server can write; or name an address",
        );
    }
    let argv = arguments(word.get(1..).unwrap_or_default())?;
    Ok(Member::End(Target::Command { argv, user: trust.user.clone() }))
}

/// The words of a command line: between blanks, quotes taken away as a shell would. No shell looks at
/// them, so what would need one is an error, not something else than its author meant.
fn arguments(text: &str) -> Result<Vec<String>, Wrong> {
    const SCRIPT: &str = "no shell runs it: write a script, and name that";
    if text.len() > COMMAND_MAX {
        return wrong("the command is longer than 2048 octets", SCRIPT);
    }
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let special = SHELL.contains(letter) || (letter == '~' || letter == '#') && word.is_none();
        match (quote, letter) {
            (_, letter) if letter.is_control() && letter != '\t' => {
                return wrong("the command has control characters", "remove them");
            }
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('"'), '$' | '`') => {
                return wrong(format!("the command has {letter:?}, which needs a shell"), SCRIPT);
            }
            (Some('\''), _) => word.get_or_insert_default().push(letter),
            (None | Some('"'), '\\') => match letters.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return wrong("the command ends in a backslash", "remove it"),
            },
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, _) if special => {
                return wrong(format!("the command has {letter:?}, which needs a shell"), SCRIPT);
            }
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    if quote.is_some() {
        return wrong("the command has a quote that is not closed", "close it");
    }
    // `exec` is how authors spare the shell that there is not.
    if words.first().is_some_and(|word| word == "exec") {
        words.remove(0);
    }
    match words.first() {
        Some(program) if program.starts_with('/') => Ok(words),
        Some(program) => {
            wrong(format!("{program:?} is not the whole path of a program"), "it starts with /")
        }
        None => wrong("the command is empty", "name a program with its whole path"),
    }
}

fn file(word: &str, trust: &Trust) -> Result<Member, Wrong> {
    let target =
        |user: &str| Member::End(Target::File { path: word.to_owned(), user: user.into() });
    // It has no content that needs rights.
    if word == NOWHERE {
        return Ok(target(&trust.user));
    }
    if let Some(why) = &trust.no_files {
        return wrong(
            format!("{word:?} is a file, and {why}"),
            "local.files allows them where only root or the server can write; or name an address",
        );
    }
    if word.len() > PATH_MAX || word.split('/').any(|part| part == "..") {
        return wrong(format!("{word:?} is no path that is written to"), "no .. in it");
    }
    if word.chars().any(char::is_control) {
        return wrong(format!("{word:?} has control characters"), "remove them");
    }
    Ok(target(&trust.user))
}

/// The places of `sign` outside quotes.
pub(super) fn outside_quotes(text: &str, sign: char) -> impl Iterator<Item = usize> {
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
pub(super) fn split(text: &str) -> Vec<&str> {
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

/// `line` without a comment: `#` at its start, or after a blank and outside quotes.
pub(super) fn uncommented(line: &str) -> &str {
    let begins = |place: &usize| {
        let before = line.get(..*place).unwrap_or_default();
        before.is_empty() || before.ends_with([' ', '\t'])
    };
    let end = outside_quotes(line, '#').find(begins);
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}
