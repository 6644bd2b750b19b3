//! A person types a letter: questions, lines, tilde commands.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::attach::{ATTACHMENTS_MAX, Attachment};
use super::draft::Draft;
use super::escapes::{Escape, escape, help};
use super::outgoing::Sending;
use crate::agent::addresses::Entry;
use crate::agent::as_text::AsText;
use crate::agent::console::{Console, harmless_text};
use crate::agent::letter::Text;
use crate::agent::running;
use crate::agent::sentry::{self, terminal_is_gone};
use crate::agent::settings::Settings;
use crate::agent::site::Site;
use crate::agent::typing::{Asked, Typed};

/// How the writing ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The letter is to be sent.
    Done,
    /// It is given up and kept: `~q`.
    Quit,
    /// It is given up: `~x`.
    Exit,
    /// It is put among the drafts: `~D`.
    Draft,
}

/// How letters of the folder are taken in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Manner {
    /// Each line after a mark.
    pub quoted: bool,
    /// With all their fields.
    pub all_fields: bool,
}

/// The folder a person reads while writing.
pub trait Letters {
    /// Puts the text of the letters that `list` chooses behind `text`.
    ///
    /// # Errors
    /// What to tell the person.
    fn take_in(&mut self, list: &str, manner: Manner, text: &mut Text) -> Result<(), String>;
    /// Does a command of the reader.
    ///
    /// # Errors
    /// What to tell the person.
    fn command(&mut self, line: &str, console: &mut Console<'_>) -> Result<(), String>;
}

/// No folder is open.
pub struct NoLetters;

impl Letters for NoLetters {
    fn take_in(&mut self, _: &str, _: Manner, _: &mut Text) -> Result<(), String> {
        Err("no folder is open".into())
    }

    fn command(&mut self, _: &str, _: &mut Console<'_>) -> Result<(), String> {
        Err("no folder is open".into())
    }
}

/// What writing needs beside the draft.
pub struct Desk<'a, 'c> {
    /// This host and the person.
    pub site: &'a Site,
    /// What the person has set.
    pub settings: &'a Settings,
    /// The terminal.
    pub console: &'a mut Console<'c>,
    /// The folder.
    pub letters: &'a mut dyn Letters,
    /// Whether tildes are obeyed.
    pub tildes: bool,
}

/// Shows trouble and goes on: what is written must not be lost.
fn told<T>(desk: &mut Desk<'_, '_>, result: Result<T, String>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(why) => {
            desk.console.complain("mail", &why);
            None
        }
    }
}

impl Desk<'_, '_> {
    /// Asks for one line, and watches over the draft as long as nobody answers: when the program must
    /// end, the draft is kept first.
    fn type_in(
        &mut self,
        draft: &mut Draft,
        prompt: &str,
        asked: Asked,
        initial: &str,
    ) -> io::Result<Typed> {
        if !self.console.interactive {
            return self.console.ask(prompt, asked, initial);
        }
        let (site, settings) = (self.site, self.settings);
        let sending = Sending { site, settings, verbose: false, file_copy: false };
        let bury = |draft: &mut Draft| {
            Console::beside(|console| sending.bury(std::mem::take(draft), console));
        };
        let console = &mut *self.console;
        let signals = running::endings_while_typing(console.editor.is_some());
        sentry::watched(&signals, draft, bury, || console.ask(prompt, asked, initial))
    }

    /// Asks for one line; the end of input is an empty answer.
    fn ask(
        &mut self,
        draft: &mut Draft,
        prompt: &str,
        asked: Asked,
        initial: &str,
    ) -> io::Result<String> {
        Ok(match self.type_in(draft, prompt, asked, initial)? {
            Typed::Line(line) => String::from_utf8_lossy(&line).trim().to_owned(),
            Typed::End | Typed::Interrupted => String::new(),
        })
    }

    /// Asks for addresses until the answer can be read; where answers can be edited, `initial` is
    /// what is changed.
    fn ask_list(
        &mut self,
        draft: &mut Draft,
        prompt: &str,
        initial: &[Entry],
    ) -> io::Result<Vec<Entry>> {
        let mut begun = shown_list(initial);
        let can_edit = self.console.editor.is_some();
        loop {
            let prompt = if can_edit || begun.is_empty() {
                prompt.to_owned()
            } else {
                format!("{prompt}({begun}) ")
            };
            let answer = self.ask(draft, &prompt, Asked::Addresses, &begun)?;
            if answer.is_empty() && !can_edit {
                return Ok(initial.to_vec());
            }
            match self.settings.expand(&answer, &self.site.hostname) {
                Ok(entries) => return Ok(entries),
                Err(error) => self.console.complain("mail", &error.to_string()),
            }
            begun = if can_edit { answer } else { String::new() };
        }
    }

    /// Asks for what is missing at the beginning.
    pub fn begin(&mut self, draft: &mut Draft, subject_given: bool) -> io::Result<()> {
        if draft.names_nobody() {
            draft.to = self.ask_list(draft, "To: ", &[])?;
        }
        if !subject_given && self.settings.ask_subject {
            let initial = draft.subject.clone();
            let answer = self.ask(draft, "Subject: ", Asked::Subject, &initial)?;
            if !answer.is_empty() || self.console.editor.is_some() {
                draft.subject = answer;
            }
        }
        Ok(())
    }

    /// Asks for what people decide last.
    pub fn end(&mut self, draft: &mut Draft) -> io::Result<()> {
        if draft.cc.is_empty() && self.settings.ask_cc {
            draft.cc = self.ask_list(draft, "Cc: ", &[])?;
        }
        if draft.bcc.is_empty() && self.settings.ask_bcc {
            draft.bcc = self.ask_list(draft, "Bcc: ", &[])?;
        }
        Ok(())
    }

    /// Takes lines into the text until a lone dot, a command that ends it, or the end of input.
    pub fn dictate(&mut self, draft: &mut Draft) -> io::Result<Ending> {
        let mut interrupted = false;
        loop {
            let typed = match self.type_in(draft, "", Asked::Text, "") {
                // A terminal that is gone has no wish: what was written is kept, not sent.
                Ok(Typed::End) | Err(_) if self.console.interactive && terminal_is_gone() => {
                    return Ok(Ending::Quit);
                }
                typed => typed?,
            };
            let line = match typed {
                Typed::Line(line) => line,
                Typed::End => {
                    // The shell's prompt would stand behind the last line.
                    self.console.say("");
                    return Ok(Ending::Done);
                }
                Typed::Interrupted if interrupted => return Ok(Ending::Quit),
                Typed::Interrupted => {
                    self.console.say("(Interrupt: once more gives the letter up)");
                    interrupted = true;
                    continue;
                }
            };
            interrupted = false;
            match line.as_slice() {
                b"." => return Ok(Ending::Done),
                [b'~', b'~', ..] if self.tildes => {
                    draft.body.push(line.get(1..).unwrap_or_default())?;
                    draft.body.push(b"\n")?;
                }
                [b'~', letter, rest @ ..] if self.tildes && !letter.is_ascii_whitespace() => {
                    let rest = String::from_utf8_lossy(rest).trim().to_owned();
                    if let Some(ending) = self.obey(char::from(*letter), &rest, draft)? {
                        return Ok(ending);
                    }
                }
                _ => {
                    draft.body.push(&line)?;
                    draft.body.push(b"\n")?;
                }
            }
        }
    }

    /// Does one tilde command.
    fn obey(&mut self, letter: char, rest: &str, draft: &mut Draft) -> io::Result<Option<Ending>> {
        let Some(escape) = escape(letter) else {
            let letter = letter.escape_default();
            self.console.say(&format!(
                "~{letter} is not known here, and the line is left out; ~? tells more"
            ));
            return Ok(None);
        };
        let done = match escape {
            Escape::Done => return Ok(Some(Ending::Done)),
            Escape::Quit => return Ok(Some(Ending::Quit)),
            Escape::Exit => return Ok(Some(Ending::Exit)),
            Escape::Draft => return Ok(Some(Ending::Draft)),
            Escape::Help => {
                self.console.say(&help());
                Ok(())
            }
            Escape::Print => self.print(draft),
            Escape::Headers => self.change_fields(draft),
            Escape::To => self.add(rest, &mut draft.to),
            Escape::Cc => self.add(rest, &mut draft.cc),
            Escape::Bcc => self.add(rest, &mut draft.bcc),
            Escape::Subject => {
                draft.subject = rest.to_owned();
                Ok(())
            }
            Escape::Attach => self.attach(rest, draft),
            Escape::Read => self.read_in(rest, draft),
            Escape::DeadLetter => {
                let path = self.dead_letter();
                self.read_file(&path, draft)
            }
            Escape::Write => self.write_out(rest, draft),
            Escape::Edit => self.edit(draft, &editor(self.settings)),
            Escape::Visual => self.edit(draft, &visual(self.settings)),
            Escape::Filter => self.filter(rest, draft),
            Escape::Quote | Escape::Include => {
                let manner = Manner {
                    quoted: escape == Escape::Quote,
                    all_fields: letter.is_ascii_uppercase(),
                };
                self.take_in_letters(rest, manner, draft)
            }
            Escape::Shell => run_shell(self.console, rest),
            Escape::Command => self.letters.command(rest, self.console),
        };
        if told(self, done).is_some() && !matches!(escape, Escape::Help | Escape::Print) {
            let quiet = [Escape::To, Escape::Cc, Escape::Bcc, Escape::Subject, Escape::Command];
            if !quiet.contains(&escape) {
                self.console.say("(continue)");
            }
        }
        Ok(None)
    }

    fn print(&mut self, draft: &mut Draft) -> Result<(), String> {
        let mut text = String::from("-------\n");
        for (name, list) in [("To", &draft.to), ("Cc", &draft.cc), ("Bcc", &draft.bcc)] {
            if !list.is_empty() {
                text += &format!("{name}: {}\n", shown_list(list));
            }
        }
        text += &format!("Subject: {}\n", draft.subject);
        for attachment in &draft.attachments {
            text += &format!("Attached: {}\n", attachment.describe());
        }
        self.console.say(&harmless_text(&text));
        let out = &mut *self.console.out;
        let mut body = AsText::new(|text: &str| out.write_all(harmless_text(text).as_bytes()));
        let shown = draft.body.copy_to(&mut body).and_then(|()| body.finish());
        self.console.say("-------");
        shown.map_err(|error| error.to_string())
    }

    fn change_fields(&mut self, draft: &mut Draft) -> Result<(), String> {
        let mut change = || -> io::Result<()> {
            let (to, cc, bcc) = (draft.to.clone(), draft.cc.clone(), draft.bcc.clone());
            draft.to = self.ask_list(draft, "To: ", &to)?;
            let initial = draft.subject.clone();
            let subject = self.ask(draft, "Subject: ", Asked::Subject, &initial)?;
            if !subject.is_empty() || self.console.editor.is_some() {
                draft.subject = subject;
            }
            draft.cc = self.ask_list(draft, "Cc: ", &cc)?;
            draft.bcc = self.ask_list(draft, "Bcc: ", &bcc)?;
            Ok(())
        };
        change().map_err(|error| error.to_string())
    }

    fn add(&mut self, rest: &str, list: &mut Vec<Entry>) -> Result<(), String> {
        if rest.is_empty() {
            return Err("name the recipients behind the command".into());
        }
        let more = self.settings.expand(rest, &self.site.hostname).map_err(|e| e.to_string())?;
        for entry in more {
            if !list.iter().any(|known| known.mailbox == entry.mailbox) {
                list.push(entry);
            }
        }
        Ok(())
    }

    /// Attaches a file, or changes the list.
    fn attach(&mut self, rest: &str, draft: &mut Draft) -> Result<(), String> {
        if rest.is_empty() {
            return self.change_attachments(draft);
        }
        let attachment = self.attachment(rest)?;
        self.console.say(&format!("attached: {}", harmless_text(&attachment.describe())));
        draft.attachments.push(attachment);
        Ok(())
    }

    fn attachment(&self, name: &str) -> Result<Attachment, String> {
        let path = self.file(name);
        Attachment::file(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Asks for each attachment again: an empty answer keeps it, a dash leaves it out.
    fn change_attachments(&mut self, draft: &mut Draft) -> Result<(), String> {
        let mut at = 0;
        while let Some(old) = draft.attachments.get(at) {
            let question = format!("{} (Enter keeps it, - leaves it out): ", old.describe());
            let answer = self.ask(draft, &harmless_text(&question), Asked::File, "");
            match answer.map_err(|error| error.to_string())?.as_str() {
                "" => at += 1,
                "-" => drop(draft.attachments.remove(at)),
                name => {
                    match self.attachment(name) {
                        Ok(attachment) => {
                            draft.attachments.splice(at..=at, [attachment]);
                        }
                        Err(why) => self.console.complain("mail", &why),
                    }
                    at += 1;
                }
            }
        }
        while draft.attachments.len() < ATTACHMENTS_MAX {
            let answer = self.ask(draft, "One more file (Enter ends): ", Asked::File, "");
            match answer.map_err(|error| error.to_string())?.as_str() {
                "" => break,
                name => match self.attachment(name) {
                    Ok(attachment) => draft.attachments.push(attachment),
                    Err(why) => self.console.complain("mail", &why),
                },
            }
        }
        Ok(())
    }

    fn read_in(&mut self, rest: &str, draft: &mut Draft) -> Result<(), String> {
        match rest.strip_prefix('!') {
            Some(command) => {
                let said = running::said(command);
                let said = said.map_err(|error| format!("{command}: {error}"))?;
                draft.body.push(&said).map_err(|error| error.to_string())
            }
            None if rest.is_empty() => Err("name a file behind the command".into()),
            None => self.read_file(&self.file(rest), draft),
        }
    }

    fn read_file(&mut self, path: &Path, draft: &mut Draft) -> Result<(), String> {
        let before = draft.body.len();
        let open = File::open(path).and_then(|file| {
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("not a file"));
            }
            draft.body.read_from(&mut BufReader::new(file))?;
            draft.body.finish()
        });
        open.map_err(|error| format!("{}: {error}", path.display()))?;
        let octets = draft.body.len() - before;
        self.console.say(&format!("{} {octets} octets", path.display()));
        Ok(())
    }

    /// Never over a file that is there, unless the person says so.
    fn write_out(&mut self, rest: &str, draft: &mut Draft) -> Result<(), String> {
        if rest.is_empty() {
            return Err("name a file behind the command".into());
        }
        let path = self.file(rest);
        if path.exists() {
            let question = format!("{} exists; replace it?", path.display());
            if !self.console.agrees(&question).map_err(|error| error.to_string())? {
                return Err("not written".into());
            }
        }
        let mut written = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            draft.body.copy_to(&mut file)?;
            file.sync_all()
        };
        written().map_err(|error| format!("{}: {error}", path.display()))
    }

    fn edit(&mut self, draft: &mut Draft, editor: &str) -> Result<(), String> {
        let mut work = || -> io::Result<Text> {
            let mut file = tempfile::Builder::new().prefix("mail-").suffix(".txt").tempfile()?;
            draft.body.copy_to(&mut file)?;
            let _ = self.console.out.flush();
            running::edit(editor, file.path())?;
            let mut edited = Text::new();
            // Editors may put another file in its place.
            edited.read_from(&mut File::open(file.path())?)?;
            Ok(edited)
        };
        draft.body = work().map_err(|error| format!("the text is as it was: {error}"))?;
        Ok(())
    }

    fn filter(&mut self, command: &str, draft: &mut Draft) -> Result<(), String> {
        if command.is_empty() {
            return Err("name a command behind the bar".into());
        }
        let _ = self.console.out.flush();
        let mut text = Text::new();
        let mut work = || -> io::Result<()> {
            let mut body = tempfile::tempfile()?;
            draft.body.copy_to(&mut body)?;
            body.rewind()?;
            running::filter(command, body.into(), &mut |octets| text.push(octets))
        };
        work().map_err(|error| format!("the text is as it was: {command}: {error}"))?;
        if text.is_empty() && !draft.body.is_empty() {
            return Err(format!("the text is as it was: {command} says nothing"));
        }
        draft.body = text;
        Ok(())
    }

    fn take_in_letters(
        &mut self,
        list: &str,
        manner: Manner,
        draft: &mut Draft,
    ) -> Result<(), String> {
        self.letters.take_in(list, manner, &mut draft.body)
    }

    /// The path a person means by `name`.
    fn file(&self, name: &str) -> PathBuf {
        in_home(name, self.site)
    }

    /// Where letters go that cannot be sent.
    pub fn dead_letter(&self) -> PathBuf {
        dead_letter(self.settings, self.site)
    }
}

/// Where letters go that cannot be sent.
pub fn dead_letter(settings: &Settings, site: &Site) -> PathBuf {
    in_home(&settings.dead_letter, site)
}

/// `~/name` is below the person's own directory.
pub fn in_home(name: &str, site: &Site) -> PathBuf {
    let home = || site.person.home.clone().unwrap_or_else(|| PathBuf::from("."));
    match name.strip_prefix("~/") {
        Some(rest) => home().join(rest),
        None if name == "~" => home(),
        None => PathBuf::from(name),
    }
}

/// The text below each letter.
///
/// # Errors
/// Its file cannot be read.
pub fn signature(settings: &Settings, site: &Site) -> Result<Option<String>, String> {
    if let Some(text) = &settings.signature_text {
        return Ok(Some(text.clone()));
    }
    let Some(file) = &settings.signature else { return Ok(None) };
    let path = in_home(file, site);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(1 << 16).read_to_string(&mut text));
    read.map_err(|error| format!("the signature {}: {error}", path.display()))?;
    Ok(Some(text))
}

/// A shell command on the terminal.
pub fn run_shell(console: &mut Console<'_>, command: &str) -> Result<(), String> {
    let _ = console.out.flush();
    running::shell(command).map_err(|error| format!("the shell does not start: {error}"))?;
    console.say("!");
    Ok(())
}

fn from_environment(names: &[&str], last: &str) -> String {
    let value = names
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()));
    value.unwrap_or_else(|| last.to_owned())
}

/// The editor of `~e`.
pub fn editor(settings: &Settings) -> String {
    settings.editor.clone().unwrap_or_else(|| from_environment(&["EDITOR", "VISUAL"], "vi"))
}

/// The editor of `~v`.
pub fn visual(settings: &Settings) -> String {
    settings.visual.clone().unwrap_or_else(|| from_environment(&["VISUAL", "EDITOR"], "vi"))
}

/// Addresses as the person would type them.
pub fn shown_list(entries: &[Entry]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
