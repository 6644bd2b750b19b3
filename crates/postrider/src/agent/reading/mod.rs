//! A person reads mail: a folder, a current letter, a command for each line; or the same on a
//! `screen` of its own.

pub mod answer;
mod commands;
mod external;
mod line;
mod list;
mod outline;
mod pages;
mod partial;
mod quotation;
pub mod range;
mod save;
mod screen;
mod session;
mod show;
pub mod thread;
pub mod words;
mod writing;

use std::path::PathBuf;

use self::session::{Flow, Session};
use super::console::Console;
use super::folder::place::Places;
use super::folder::{Folder, FolderError};
use super::settings::Settings;
use super::site::Site;
use super::sysexits::{EX_IOERR, EX_NOINPUT, EX_OK, Exit, NO_MAIL};
use super::typing::{Asked, Typed};

pub use commands::{COMMANDS, command_names};

/// What is read, and how it begins.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The folder.
    pub path: PathBuf,
    /// It is where new mail comes.
    pub is_inbox: bool,
    /// Only show the list.
    pub list_only: bool,
    /// Only tell whether there are letters.
    pub exists_only: bool,
    /// Do not begin with the list.
    pub no_list: bool,
    /// Change nothing.
    pub read_only: bool,
    /// Show dialogues with the service.
    pub verbose: bool,
    /// Commands to begin with.
    pub commands: Vec<String>,
}

/// Reads mail until the person has enough.
pub fn read(
    opening: Opening,
    places: Places,
    settings: Settings,
    site: &Site,
    console: &mut Console<'_>,
) -> Exit {
    let path = opening.path.clone();
    let folder = match Folder::open(&path) {
        // Where no letter has come yet there may be no mailbox.
        Err(FolderError::Missing(_)) if opening.is_inbox => {
            if !opening.exists_only {
                console.say(&format!("No mail for {} in {}", site.person.login, path.display()));
            }
            return NO_MAIL;
        }
        Err(error) => {
            console.complain("mail", &error.to_string());
            return EX_NOINPUT;
        }
        Ok(folder) => folder,
    };
    if opening.exists_only {
        return if folder.items.is_empty() { NO_MAIL } else { EX_OK };
    }
    if folder.items.is_empty() && opening.is_inbox && opening.commands.is_empty() {
        console.say(&format!("No mail for {} in {}", site.person.login, path.display()));
        return NO_MAIL;
    }
    let screen = settings.screen && console.interactive;
    let mut session = Session::new(folder, &opening, places, settings, site, console);
    if opening.list_only {
        session.list_all(console);
        session.close();
        return EX_OK;
    }
    if !opening.no_list && !screen {
        session.greet(console);
    }
    for command in &opening.commands {
        if let Some(exit) = obey(&mut session, command, console) {
            return exit;
        }
    }
    if screen && let Some(exit) = run_screen(&mut session, console) {
        return exit;
    }
    converse(&mut session, console)
}

fn run_screen(session: &mut Session<'_>, console: &mut Console<'_>) -> Option<Exit> {
    obey(session, "screen", console)
}

/// Takes commands until one ends it.
fn converse(session: &mut Session<'_>, console: &mut Console<'_>) -> Exit {
    loop {
        session.look_for_mail(console);
        let prompt = session.settings.prompt.clone();
        let line = match console.ask(&prompt, Asked::Command, "") {
            Ok(Typed::Line(line)) => String::from_utf8_lossy(&line).into_owned(),
            Ok(Typed::Interrupted) => continue,
            Ok(Typed::End) => {
                if console.interactive {
                    console.say("");
                }
                // What cannot be kept must not hold a person for ever.
                return match obey(session, "quit", console) {
                    Some(exit) => exit,
                    None => EX_IOERR,
                };
            }
            Err(error) => {
                console.complain("mail", &format!("commands cannot be read: {error}"));
                return EX_IOERR;
            }
        };
        if let Some(exit) = obey(session, &line, console) {
            return exit;
        }
    }
}

/// Does one command; gives the exit code when it was the last.
fn obey(session: &mut Session<'_>, line: &str, console: &mut Console<'_>) -> Option<Exit> {
    match commands::obey(session, line, console) {
        Ok(Flow::Go) => None,
        Ok(Flow::End(exit)) => Some(exit),
        Err(why) => {
            console.complain("mail", &why);
            session.trouble = true;
            None
        }
    }
}

#[cfg(test)]
mod tests;
