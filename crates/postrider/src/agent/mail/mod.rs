//! `mail`: a person writes and reads letters (POSIX `mailx`, and what people have come to expect).
//!
//! On a terminal it asks for what is missing; from a pipe it takes the whole input as text, dots and
//! tildes included. Without recipients it [reads](crate::agent::reading).

mod arguments;
pub mod attach;
mod compose;
mod dialogue;
pub mod dictation;
pub mod draft;
mod escapes;
pub mod outgoing;
mod pieces;
mod sniff;
mod template;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::arguments::Arguments;
use self::attach::Attachment;
use self::dictation::{Desk, Ending, NoLetters, in_home, shown_list, signature};
use self::draft::Draft;
use self::outgoing::Sending;
use super::addresses::{Entry, ListError, read_list};
use super::console::Console;
use super::fields::is_extra_field;
use super::folder::place::Places;
use super::reading::{self, Opening};
use super::running;
use super::settings::{self, Settings, SettingsError};
use super::site::Site;
use super::sysexits::{EX_CONFIG, EX_IOERR, EX_NOINPUT, EX_OK, EX_OSERR, EX_USAGE, Exit};
use crate::drop::lent;

pub use escapes::ESCAPES;

pub(super) use dialogue::Shown;
pub(super) use outgoing::{recipients, tell};

/// `mail`. `arguments` begin with the program's name.
pub fn run_mail(arguments: Vec<OsString>, site: &Site) -> ExitCode {
    if let Err(error) = lent::put_aside() {
        eprintln!("mail: the group of the program cannot be put aside: {error}");
        return EX_OSERR.into();
    }
    Console::with_own(|console| mail(arguments, site, console)).into()
}

/// The command line, for manuals and completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// `mail` on any console.
#[cfg(test)]
pub(super) fn run_on(arguments: Vec<OsString>, site: &Site, console: &mut Console<'_>) -> Exit {
    mail(arguments, site, console)
}

/// Why nothing was done.
struct Stop(String, Exit);

impl From<ListError> for Stop {
    fn from(error: ListError) -> Self {
        Self(error.to_string(), EX_USAGE)
    }
}

impl From<SettingsError> for Stop {
    fn from(error: SettingsError) -> Self {
        Self(error.to_string(), EX_USAGE)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self(format!("the letter cannot be kept while it is written: {error}"), EX_IOERR)
    }
}

fn mail(arguments: Vec<OsString>, site: &Site, console: &mut Console<'_>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return console.show_usage(&error),
    };
    let done = load(&arguments, site).and_then(|settings| {
        prepare(console, &settings, site);
        if arguments.reads() {
            read(&arguments, settings, site, console)
        } else {
            write_and_send(&arguments, &settings, site, console)
        }
    });
    match done {
        Ok(exit) => exit,
        Err(Stop(reason, exit)) => {
            console.complain("mail", &reason);
            exit
        }
    }
}

/// The settings of the file and of the command line.
fn load(arguments: &Arguments, site: &Site) -> Result<Settings, Stop> {
    let file = site.settings_file.clone().filter(|_| !arguments.no_settings);
    let loaded = file.map(|file| Settings::load(&file, &site.hostname)).transpose();
    let loaded = loaded.map_err(|SettingsError(why)| Stop(why, EX_CONFIG))?;
    let mut settings = loaded.unwrap_or_default();
    if let Some(account) = &arguments.account {
        settings.choose(account)?;
    }
    for assignment in &arguments.set {
        settings.set(assignment, &site.hostname)?;
    }
    settings.flowed |= arguments.flowed;
    settings.screen |= arguments.screen;
    settings.require_tls |= arguments.require_tls;
    if let Some(size) = arguments.parts {
        settings.part_size = size;
    }
    Ok(settings)
}

/// Lets the terminal complete names and remember commands.
fn prepare(console: &mut Console<'_>, settings: &Settings, site: &Site) {
    if let Some(editor) = &mut console.editor {
        let commands = reading::command_names();
        editor.complete(settings.alias.keys().cloned().collect(), commands);
        if let Some(file) = settings::history_file(site.person.home.as_deref()) {
            editor.remember_in(file);
        }
    }
}

fn read(
    arguments: &Arguments,
    settings: Settings,
    site: &Site,
    console: &mut Console<'_>,
) -> Result<Exit, Stop> {
    let places = places(&settings, site);
    let name = match (&arguments.folder, &arguments.user) {
        (Some(Some(folder)), _) => folder.clone(),
        (Some(None), _) => arguments.to.first().cloned().unwrap_or_else(|| "&".to_owned()),
        (None, Some(user)) => format!("%{user}"),
        (None, None) => "%".to_owned(),
    };
    let path = places.path_of(&name, None).map_err(|why| Stop(why, EX_NOINPUT))?;
    let opening = Opening {
        path,
        is_inbox: name == "%",
        list_only: arguments.headers,
        exists_only: arguments.exists,
        no_list: arguments.no_list,
        read_only: arguments.read_only,
        verbose: arguments.verbose,
        commands: arguments.command.clone(),
    };
    Ok(reading::read(opening, places, settings, site, console))
}

fn write_and_send(
    arguments: &Arguments,
    settings: &Settings,
    site: &Site,
    console: &mut Console<'_>,
) -> Result<Exit, Stop> {
    // All addresses first: nobody likes to hear of a typing error after the letter is written.
    let mut draft = begun(arguments, settings, site)?;
    let sending =
        Sending { site, settings, verbose: arguments.verbose, file_copy: arguments.file_copy };
    if arguments.verbose && console.interactive {
        console.say(&format!("To: {}", shown_list(&draft.to)));
    }
    if arguments.take_fields {
        template::take(&mut draft, console.input, settings, site)?;
    }
    if console.interactive && !arguments.take_fields || arguments.tilde {
        let given = arguments.subject.is_some();
        return write_on(draft, given, console.interactive, &sending, console);
    }
    if !arguments.take_fields {
        draft.body.read_from(console.input).map_err(|error| {
            Stop(format!("the letter cannot be read from standard input: {error}"), EX_IOERR)
        })?;
    }
    if draft.names_nobody() {
        return Err(Stop("the lists of recipients are empty".to_owned(), EX_USAGE));
    }
    if draft.body.is_empty() && draft.attachments.is_empty() {
        if arguments.skip_empty {
            return Ok(EX_OK);
        }
        console.complain("mail", "the letter has no text; it is sent all the same");
    }
    Ok(sending.send(draft, console).exit)
}

fn write_on(
    mut draft: Draft,
    subject_given: bool,
    asks: bool,
    sending: &Sending<'_>,
    console: &mut Console<'_>,
) -> Result<Exit, Stop> {
    // From the first word to the end no signal takes the letter away.
    let _ending = asks.then(running::Ending::awaited);
    let mut letters = NoLetters;
    let mut desk = Desk {
        site: sending.site,
        settings: sending.settings,
        console,
        letters: &mut letters,
        tildes: true,
    };
    if asks {
        desk.begin(&mut draft, subject_given)?;
    }
    let ending = desk.dictate(&mut draft)?;
    if ending == Ending::Done && asks {
        desk.end(&mut draft)?;
    }
    Ok(finish(draft, ending, asks, sending, console).exit)
}

/// Does with a written letter what the person wants.
pub(super) fn finish(
    mut draft: Draft,
    ending: Ending,
    sign: bool,
    sending: &Sending<'_>,
    console: &mut Console<'_>,
) -> outgoing::Sent {
    let not = |exit| outgoing::Sent { exit, safe: false };
    match ending {
        Ending::Exit => return not(EX_OK),
        Ending::Quit => {
            sending.bury(draft, console);
            return not(EX_OK);
        }
        Ending::Draft => return not(sending.set_aside(draft, console)),
        Ending::Done => {}
    }
    if sign {
        match signature(sending.settings, sending.site) {
            Ok(Some(text)) => {
                let text = format!("\n-- \n{}\n", text.trim_end());
                if draft.body.push(text.as_bytes()).is_err() {
                    console.complain("mail", "the signature is left out");
                }
            }
            Ok(None) => {}
            Err(why) => console.complain("mail", &format!("{why}; it is left out")),
        }
    }
    if draft.is_empty() {
        console.complain("mail", "the letter has no text; it is sent all the same");
    }
    sending.send(draft, console)
}

/// What the command line says of the letter.
fn begun(arguments: &Arguments, settings: &Settings, site: &Site) -> Result<Draft, Stop> {
    let mut settings_of = settings.clone();
    if arguments.from.is_some() {
        settings_of.from.clone_from(&arguments.from);
    }
    if arguments.reply_to.is_some() {
        settings_of.reply_to.clone_from(&arguments.reply_to);
    }
    let mut draft = new_draft(&settings_of, site)?;
    draft.to = lists(&arguments.to, settings, site)?;
    draft.cc = lists(&arguments.cc, settings, site)?;
    draft.bcc = lists(&arguments.bcc, settings, site)?;
    draft.subject = arguments.subject.clone().unwrap_or_default();
    for field in &arguments.field {
        let (name, value) = field
            .split_once(':')
            .ok_or_else(|| Stop(format!("{field:?}: a field is NAME: VALUE"), EX_USAGE))?;
        add_field(&mut draft, name.trim(), value.trim())?;
    }
    if let Some(media) = &arguments.media_type {
        let is_text = media.strip_prefix("text/").is_some_and(|subtype| !subtype.is_empty());
        if !is_text
            || !media.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-.+".contains(&byte))
        {
            return Err(Stop(format!("{media:?} is no type of text, like text/html"), EX_USAGE));
        }
        draft.body_type = Some(media.to_ascii_lowercase());
    }
    for path in &arguments.attach {
        let path = path.to_str().map_or_else(|| path.clone(), |name| in_home(name, site));
        let attachment = Attachment::file(&path).map_err(|error| {
            Stop(format!("{}: cannot be attached: {error}", path.display()), EX_NOINPUT)
        })?;
        draft.attachments.push(attachment);
    }
    if let Some(path) = &arguments.quote_file {
        let fail = |error| Stop(format!("{}: {error}", path.display()), EX_NOINPUT);
        let mut file = std::fs::File::open(path).map_err(fail)?;
        draft.body.read_from(&mut file).map_err(fail)?;
        draft.body.finish()?;
    }
    Ok(draft)
}

fn add_field(draft: &mut Draft, name: &str, value: &str) -> Result<(), Stop> {
    is_extra_field(name, value).map_err(|why| Stop(format!("{name}: {why}"), EX_USAGE))?;
    draft.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    draft.fields.push((name.to_owned(), value.to_owned()));
    Ok(())
}

/// A letter of the person with nothing in it yet.
pub(super) fn new_draft(settings: &Settings, site: &Site) -> Result<Draft, ListError> {
    let from = match settings.from.as_deref() {
        None => vec![own_entry(site)],
        Some(from) => {
            let named = read_list(from, &site.hostname)?.into_iter().map(|entry| {
                let is_own = entry.mailbox == site.own_address();
                let own_name = site.person.full_name.clone().filter(|_| is_own);
                Entry { name: entry.name.clone().or(own_name), ..entry }
            });
            let named: Vec<Entry> = named.collect();
            if named.is_empty() { vec![own_entry(site)] } else { named }
        }
    };
    let sender = (from.len() > 1).then(|| own_entry(site));
    let reply_to = settings.reply_to.as_deref().unwrap_or_default();
    Ok(Draft {
        from,
        sender,
        reply_to: read_list(reply_to, &site.hostname)?,
        fields: settings.fields.clone().into_iter().collect(),
        user_agent: settings.user_agent,
        flowed: settings.flowed,
        ..Draft::default()
    })
}

fn own_entry(site: &Site) -> Entry {
    Entry { name: site.person.full_name.clone(), mailbox: site.own_address(), completed: true }
}

fn lists(lists: &[String], settings: &Settings, site: &Site) -> Result<Vec<Entry>, Stop> {
    let mut entries = Vec::new();
    for list in lists {
        // An address with a fault is quoted as it came.
        read_list(list, &site.hostname)?;
        entries.extend(settings.expand(list, &site.hostname)?);
    }
    Ok(entries)
}

/// Where the folders of the person are.
pub(super) fn places(settings: &Settings, site: &Site) -> Places {
    let home = site.person.home.clone().unwrap_or_else(|| PathBuf::from("."));
    let set = settings.inbox.as_deref().map(|name| in_home(name, site));
    let folders = in_home(&settings.folders, site);
    let delivered: PathBuf = site.inbox_of.replace("{user}", &site.person.login).into();
    // A login shell sets MAIL whether there is such a mailbox or not.
    let system = PathBuf::from(format!("/var/mail/{}", site.person.login));
    let mut known = site.mail_variable.iter().chain([&delivered, &system]);
    let inbox = set.or_else(|| known.find(|path| path.exists()).cloned());
    let in_folders = |name: &str| match name.strip_prefix('+') {
        Some(rest) => folders.join(rest),
        None => in_home(name, site),
    };
    Places {
        inbox: inbox.unwrap_or_else(|| delivered.clone()),
        inbox_of: site.inbox_of.clone(),
        mbox: in_folders(&settings.mbox),
        record: settings.record.as_deref().map(in_folders),
        home,
        folders: folders.clone(),
    }
}

#[cfg(test)]
mod tests;
