//! The command line of `sendmail`: forty years of options in one table.
//!
//! Single letters, joined (`-tif ann`) or not, with their argument attached or as the next word, as
//! `getopt` reads them. An option that means something here is obeyed, one that only tuned other
//! mail systems is accepted and does nothing, one whose promise cannot be kept is refused with the
//! reason: a script must not believe what is not so.

use std::ffi::OsString;

/// What the program is called to do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Mode {
    /// `-bm`: a letter on standard input.
    #[default]
    Letter,
    /// `-bs`: SMTP on standard input and output.
    Smtp,
    /// `-bp`: show the queue.
    Queue,
    /// `-bi`: aliases.
    Aliases,
    /// `-q`: try all that waits now.
    Flush,
    /// `--help`.
    Help,
}

/// A command line, understood.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Call {
    /// What to do.
    pub mode: Mode,
    /// `-t`: recipients stand in the header section.
    pub read_recipients: bool,
    /// `-i`: a lone dot does not end the letter.
    pub ignore_dots: bool,
    /// `-v`: show the dialogue.
    pub verbose: bool,
    /// `-f`: the reverse-path; empty or `<>` for the null one.
    pub sender: Option<String>,
    /// `-F`: the name of the author.
    pub full_name: Option<String>,
    /// The words that are no options.
    pub recipients: Vec<String>,
}

/// A command line that cannot be obeyed, with the reason.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(String);

/// Whether and where an option has an argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Argument {
    /// None: other letters may follow it.
    No,
    /// The rest of its word, perhaps nothing.
    Attached,
    /// The rest of its word, or the next one.
    Word,
}

/// What becomes of an option.
enum Effect {
    Obey(fn(&mut Call, String) -> Result<(), UsageError>),
    /// Does nothing here, and why that is right.
    Ignore(&'static str),
    Refuse(&'static str),
}

use Argument::{Attached, No, Word};
use Effect::{Ignore, Obey, Refuse};

const OPTIONS: &[(char, Argument, Effect)] = &[
    ('A', Attached, Ignore("there is one configuration, for submission and relaying")),
    ('B', Word, Ignore("what the content needs is seen from the content")),
    ('b', Attached, Obey(set_mode)),
    ('C', Word, Refuse("-C: the configuration is chosen with POSTRIDER_CONFIG in the environment")),
    ('D', Word, Ignore("debugging output of other systems")),
    ('d', Attached, Ignore("debugging output of other systems")),
    ('E', Attached, Ignore("standard error is not used for mail")),
    ('e', Attached, Ignore("errors are told on standard error and by the exit code")),
    ('F', Word, Obey(|call, name| keep(&mut call.full_name, name))),
    ('f', Word, Obey(|call, address| keep(&mut call.sender, address))),
    ('G', No, Ignore("each letter handed in by a program is a submission")),
    ('h', Word, Ignore("hops are counted by the trace fields")),
    ('I', No, Obey(|call, _| choose(call, Mode::Aliases))),
    ('i', No, Obey(|call, _| set(&mut call.ignore_dots))),
    ('L', Word, Ignore("a tag for the log of other systems")),
    ('m', No, Ignore("the author gets a copy when named as recipient")),
    ('N', Word, Ignore("the conditions of reports are the usual ones, as if it were not given")),
    ('n', No, Ignore("aliases are the service's to expand")),
    ('O', Word, Ignore("settings of sendmail's own")),
    ('o', Word, Obey(set_option)),
    ('p', Word, Ignore("the service writes its own trace fields")),
    ('q', Attached, Obey(set_flush)),
    ('R', Word, Ignore("how much of a letter a report returns is the service's to choose")),
    ('r', Word, Obey(|call, address| keep(&mut call.sender, address))),
    ('t', No, Obey(|call, _| set(&mut call.read_recipients))),
    ('U', No, Ignore("each letter handed in by a program is a submission")),
    ('V', Word, Ignore("an envelope id is for reports, which do without")),
    ('v', No, Obey(|call, _| set(&mut call.verbose))),
    ('X', Word, Ignore("a log of other systems; -v shows the dialogue")),
    ('x', No, Ignore("of another mail system, meaningless long ago")),
];

/// Reads the words after the program's name.
pub(super) fn parse(words: Vec<OsString>) -> Result<Call, UsageError> {
    let mut call = Call::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let word = text(word)?;
        match word.strip_prefix('-') {
            Some("-") => {
                for word in words.by_ref() {
                    call.recipients.push(text(word)?);
                }
            }
            Some("-help") => call.mode = Mode::Help,
            Some(letters) if !letters.is_empty() => read_letters(&mut call, letters, &mut words)?,
            _ => call.recipients.push(word),
        }
    }
    Ok(call)
}

fn text(word: OsString) -> Result<String, UsageError> {
    let fail = |word: OsString| UsageError(format!("{word:?} is not text"));
    word.into_string().map_err(fail)
}

/// One word of options, its dash taken off.
fn read_letters(
    call: &mut Call,
    letters: &str,
    words: &mut dyn Iterator<Item = OsString>,
) -> Result<(), UsageError> {
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        let Some((_, argument, effect)) = OPTIONS.iter().find(|(name, ..)| *name == letter) else {
            return Err(UsageError(format!("-{letter} is not an option; --help lists them")));
        };
        let attached = rest.as_str().to_owned();
        let value = match argument {
            No => String::new(),
            Attached => attached,
            Word if !attached.is_empty() => attached,
            Word => {
                let missing = || UsageError(format!("-{letter} needs an argument"));
                text(words.next().ok_or_else(missing)?)?
            }
        };
        match effect {
            Obey(obey) => obey(call, value)?,
            Ignore(_) => {}
            Refuse(reason) => return Err(UsageError((*reason).to_owned())),
        }
        if *argument != No {
            return Ok(());
        }
    }
    Ok(())
}

fn keep(place: &mut Option<String>, value: String) -> Result<(), UsageError> {
    *place = Some(value);
    Ok(())
}

fn set(flag: &mut bool) -> Result<(), UsageError> {
    *flag = true;
    Ok(())
}

fn choose(call: &mut Call, mode: Mode) -> Result<(), UsageError> {
    call.mode = mode;
    Ok(())
}

fn set_mode(call: &mut Call, value: String) -> Result<(), UsageError> {
    let refuse = |reason: &str| Err(UsageError(format!("-b{value}: {reason}")));
    match value.as_str() {
        "m" => choose(call, Mode::Letter),
        "s" => choose(call, Mode::Smtp),
        "p" => choose(call, Mode::Queue),
        "i" => choose(call, Mode::Aliases),
        "d" | "D" | "l" => refuse("the mail service is started with `postrider serve`"),
        "v" => refuse("addresses cannot be verified this way yet"),
        "t" => refuse("there are no rewriting rules to test"),
        _ => refuse("no such mode; there are -bm -bs -bp -bi"),
    }
}

/// `-oX…`: of all of sendmail's short options only `i` means something here.
fn set_option(call: &mut Call, value: String) -> Result<(), UsageError> {
    if value == "i" {
        call.ignore_dots = true;
    }
    Ok(())
}

/// `-q` and its relatives. To try more than was asked for does no harm; to promise a run every
/// half an hour and end would.
fn set_flush(call: &mut Call, value: String) -> Result<(), UsageError> {
    match value.chars().next() {
        None | Some('f' | 'I' | 'R' | 'S' | '!') => choose(call, Mode::Flush),
        Some(_) => Err(UsageError(format!(
            "-q{value}: the mail service (`postrider serve`) tries the queue on its own schedule; \
             -q asks for a try now"
        ))),
    }
}

/// What `--help` says.
pub fn help() -> String {
    use std::fmt::Write;
    let mut text = format!("{HELP}\nAccepted and without effect here:\n");
    for (letter, argument, effect) in OPTIONS {
        if let Ignore(reason) = effect {
            let value = if *argument == No { "" } else { "..." };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  -{:<7} {reason}", format!("{letter}{value}"));
        }
    }
    text
}

const HELP: &str = "\
Hand a letter to the mail service, for programs.

Usage: sendmail [OPTION...] [ADDRESS...]

  -t            recipients from To, Cc and Bcc (Bcc is taken out), besides those given as words
  -i, -oi       a line with only a dot does not end the letter
  -f ADDRESS    where reports go; -f '<>' for nowhere (also -r ADDRESS)
  -F NAME       the author's name, where the letter has no From
  -v            show the dialogue with the mail service
  -bm           take a letter on standard input (the default)
  -bs           speak SMTP on standard input and output, with the service of this machine
  -bp           show the queue, as mailq
  -bi           rebuild aliases, as newaliases
  -q            ask the mail service to try the queue now
  -bd, -C FILE  refused, with what to do instead
  --            no more options: what follows are addresses

Examples:
  sendmail -i ann@example.net < letter
  sendmail -t -oi -f '<>' < letter
  printf 'Subject: done\\n\\nThe backup is done.\\n' | sendmail -i root

Exit codes (sysexits): 0 taken or safely queued, 64 usage, 65 the letter is not in order,
67 no such mailbox, 68 no such domain, 69 refused or not running, 75 try again later.
";

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
