//! What is remembered between commands: the folder, the current letter, what was done.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use mail::Mailbox;
use mail::content::Head;

use super::list::{self, Look};
use super::outline::Outline;
use super::pages::Pages;
use super::range::{self, Place, View, members};
use super::show::{self, Out, Style};
use super::{Opening, thread};
use crate::agent::as_text::AsText;
use crate::agent::console::Console;
use crate::agent::folder::place::Places;
use crate::agent::folder::{
    Changes, Deposit, Flags, Folder, FolderError, HEAD_MAX, Source, deposit,
};
use crate::agent::running;
use crate::agent::settings::{Order, Settings};
use crate::agent::site::Site;
use crate::agent::sysexits::{EX_OK, Exit};

/// Lines of a list where nothing tells how many fit.
const LINES: usize = 20;
/// Columns of text: longer lines are hard to read, whatever the screen.
const TEXT_COLUMNS: usize = 78;

/// What follows a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// The next command.
    Go,
    /// The end, with this code.
    End(Exit),
}

/// What a command gives: how it goes on, or what to tell the person.
pub type Done = Result<Flow, String>;

/// A person at a folder.
pub struct Session<'a> {
    /// The folder.
    pub folder: Folder,
    /// The current letter.
    pub dot: Option<usize>,
    /// The one before.
    pub previous: Option<usize>,
    /// The current letter has not been shown since it became that: Enter shows it, not the next.
    pub fresh: bool,
    /// Where folders are.
    pub places: Places,
    /// What the person has set.
    pub settings: Settings,
    /// This host and the person.
    pub site: &'a Site,
    /// Show dialogues with the service.
    pub verbose: bool,
    /// A command failed since the last one.
    pub trouble: bool,
    /// The folder is where new mail comes.
    is_inbox: bool,
    read_only: bool,
    before: Option<PathBuf>,
    /// The first line of the list shown last.
    top: usize,
    /// Letters kept in the inbox whatever `hold` says.
    pub held: Vec<usize>,
    colour: bool,
}

impl<'a> Session<'a> {
    /// At the first letter that is new, or not read, or the last one.
    pub fn new(
        folder: Folder,
        opening: &Opening,
        places: Places,
        settings: Settings,
        site: &'a Site,
        console: &Console<'_>,
    ) -> Self {
        let mut session = Self {
            folder,
            dot: None,
            previous: None,
            fresh: true,
            places,
            settings,
            site,
            verbose: opening.verbose,
            trouble: false,
            is_inbox: opening.is_inbox,
            read_only: opening.read_only,
            before: None,
            top: 0,
            held: Vec::new(),
            colour: console.colour,
        };
        session.begin();
        session
    }

    fn begin(&mut self) {
        let items = &self.folder.items;
        let new = items.iter().position(|item| item.is_new() && !item.deleted);
        let unread = || items.iter().position(|item| !item.flags.seen && !item.deleted);
        self.dot = new.or_else(unread).or(items.len().checked_sub(1));
        (self.previous, self.fresh) = (None, true);
        self.top = self.page_of(self.dot.unwrap_or_default());
    }

    /// Says what the folder is, and lists its beginning.
    pub fn greet(&mut self, console: &mut Console<'_>) {
        console.say(&self.summary());
        self.list_page(console);
    }

    /// `/var/mail/ann: 3 letters, 1 new, 2 unread`.
    pub fn summary(&self) -> String {
        let items = self.folder.items.iter().filter(|item| !item.gone);
        let (mut all, mut new, mut unread, mut deleted) = (0, 0, 0, 0);
        for item in items {
            all += 1;
            new += usize::from(item.is_new());
            unread += usize::from(!item.flags.seen);
            deleted += usize::from(item.deleted);
        }
        let mut text = format!("{}: {all} letter{}", self.folder.path().display(), plural(all));
        for (count, word) in [(new, "new"), (unread, "unread"), (deleted, "deleted")] {
            if count > 0 {
                text += &format!(", {count} {word}");
            }
        }
        if self.is_read_only() {
            text += " (may only be read)";
        }
        text
    }

    /// Whether changes are not kept.
    pub fn is_read_only(&self) -> bool {
        self.read_only || self.folder.is_read_only()
    }

    fn lines(&self) -> usize {
        match self.settings.list_lines {
            0 => running::screen().map_or(LINES, |(lines, _)| lines.saturating_sub(3).max(5)),
            lines => lines,
        }
    }

    /// The first place of the page on which `place` is.
    fn page_of(&self, place: usize) -> usize {
        place - place % self.lines()
    }

    /// Letters in the order of lists, with their depth in threads.
    pub fn order(&self) -> Vec<thread::Place> {
        match self.settings.order {
            Order::Threads => thread::ordered(&self.folder.items),
            Order::Arrival => (0..self.folder.items.len())
                .map(|index| thread::Place { index, depth: 0 })
                .collect(),
        }
    }

    /// How lists look here.
    pub fn look(&self, columns: Option<usize>) -> Look {
        let columns = columns
            .or_else(|| running::screen().map(|(_, columns)| columns))
            .unwrap_or(list::COLUMNS);
        let digits = self.folder.items.len().to_string().len();
        Look { columns, zone: TimeZone::system(), digits }
    }

    /// The page of the list that was shown last, or another one.
    pub fn list_page(&mut self, console: &mut Console<'_>) {
        let order = self.order();
        let (from, count) = (self.top.min(order.len().saturating_sub(1)), self.lines());
        self.list(order.get(from..).unwrap_or_default().iter().take(count).copied(), console);
    }

    /// Moves by pages.
    pub fn scroll(&mut self, pages: isize) -> bool {
        let step = self.lines().saturating_mul(pages.unsigned_abs());
        let last = self.folder.items.len().saturating_sub(1);
        let top = match pages {
            1.. => self.top.saturating_add(step),
            _ => self.top.saturating_sub(step),
        };
        let moved = top <= last && (pages > 0 || self.top > 0);
        if moved {
            self.top = top;
        }
        moved
    }

    /// Shows the page on which the letter is.
    pub fn show_page_of(&mut self, index: usize) {
        let place = match self.settings.order {
            Order::Arrival => index,
            Order::Threads => {
                let order = self.order();
                order.iter().position(|place| place.index == index).unwrap_or_default()
            }
        };
        self.top = self.page_of(place);
    }

    /// All letters.
    pub fn list_all(&mut self, console: &mut Console<'_>) {
        let order = self.order();
        self.list(order.into_iter(), console);
    }

    /// These letters.
    pub fn list(&self, places: impl Iterator<Item = thread::Place>, console: &mut Console<'_>) {
        let look = self.look(None);
        let mut text = String::new();
        for place in places {
            let Some(item) = self.folder.items.get(place.index) else { continue };
            let current = self.dot == Some(place.index);
            let line = list::line(item, place.index + 1, current, place.depth, &look);
            let bold = self.colour && !item.flags.seen && !item.gone;
            text += &if bold { format!("\x1b[1m{line}\x1b[m\n") } else { line + "\n" };
        }
        let _ = console.out.write_all(text.as_bytes());
    }

    /// Looks what others did, and tells.
    pub fn look_for_mail(&mut self, console: &mut Console<'_>) {
        match self.folder.refresh() {
            Ok(Changes { arrived, vanished }) => {
                if arrived > 0 {
                    console.say(&format!("{arrived} new letter{} came", plural(arrived)));
                    if self.dot.is_none() {
                        self.begin();
                    }
                }
                if vanished > 0 {
                    let letters = plural(vanished);
                    console.say(&format!(
                        "{vanished} letter{letters} went: another program removed them"
                    ));
                }
            }
            Err(error) if !self.trouble => {
                self.trouble = true;
                console.complain("mail", &error.to_string());
            }
            Err(_) => {}
        }
    }

    /// The letters that a command is about; the current one when it does not say.
    pub fn choose(&mut self, words: &[String], deleted: bool) -> Result<Vec<usize>, String> {
        let dot = [".".to_owned()];
        let words = if words.is_empty() { &dot } else { words };
        let folder = &self.folder;
        let items = folder.items.as_slice();
        let mut view = View {
            items,
            dot: self.dot,
            previous: self.previous,
            threads: &|| thread::threads(items),
            search: &mut |index, place, words| {
                folder.peek(index).is_ok_and(|mut source| holds(&mut source, place, words))
            },
            deleted,
        };
        range::resolve(words, &mut view).map_err(|error| error.to_string())
    }

    /// The same from the text behind a command.
    pub fn choose_text(&mut self, rest: &str, deleted: bool) -> Result<Vec<usize>, String> {
        let words = members(rest).map_err(|error| error.to_string())?;
        self.choose(&words, deleted)
    }

    /// Letters and a last word: `save 1-3 file`.
    pub fn choose_and_last(&mut self, rest: &str) -> Result<(Vec<usize>, Option<String>), String> {
        let mut words = members(rest).map_err(|error| error.to_string())?;
        let last = words.pop();
        Ok((self.choose(&words, false)?, last))
    }

    /// Makes a letter the current one.
    pub fn go_to(&mut self, index: usize) {
        if self.dot != Some(index) {
            self.previous = self.dot;
        }
        self.dot = Some(index);
        self.fresh = false;
    }

    /// The letter after the current one that can be shown.
    pub fn next(&self) -> Option<usize> {
        let visible = |index: &usize| {
            self.folder.items.get(*index).is_some_and(|item| !item.deleted && !item.gone)
        };
        let order = self.order();
        let at = order.iter().position(|place| Some(place.index) == self.dot);
        let from = match at {
            Some(at) if self.fresh => at,
            Some(at) => at + 1,
            None => 0,
        };
        let rest = order.get(from..).unwrap_or_default();
        rest.iter().map(|place| place.index).find(visible)
    }

    /// Opens a letter.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn source(&mut self, index: usize) -> Result<Source, String> {
        self.folder.source(index).map_err(|error| format!("letter {}: {error}", index + 1))
    }

    /// The header section of a letter.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn head(&mut self, index: usize) -> Result<Vec<u8>, String> {
        let mut source = self.source(index)?;
        let begin = source.read_head(HEAD_MAX);
        let begin = begin.map_err(|error| format!("letter {}: {error}", index + 1))?;
        Ok(mail::content::split_head(&begin).0.to_vec())
    }

    /// The parts of a letter.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn outline(&mut self, index: usize) -> Result<(Outline, Source), String> {
        let mut source = self.source(index)?;
        let outline = Outline::of(&mut source);
        let outline = outline.map_err(|error| format!("letter {}: {error}", index + 1))?;
        Ok((outline, source))
    }

    /// How letters are shown.
    pub fn style(&self, all_fields: bool) -> Style<'_> {
        Style {
            fields: (!all_fields).then_some(self.settings.shown_fields.as_slice()),
            columns: self.text_columns(),
            notes: true,
        }
    }

    /// Gives a letter as text to `out`, part by part.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn text_to(&mut self, index: usize, all_fields: bool, out: Out<'_>) -> Result<(), String> {
        let mut source = self.source(index)?;
        let shown = show::render(&mut source, &self.style(all_fields), out);
        shown.map_err(|error| format!("letter {}: {error}", index + 1))
    }

    /// A letter as text, or its beginning where it is longer than `max` octets.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn text_begin(
        &mut self,
        index: usize,
        all_fields: bool,
        max: usize,
    ) -> Result<String, String> {
        let mut begin = String::new();
        let mut source = self.source(index)?;
        let shown = show::render(&mut source, &self.style(all_fields), &mut |text| {
            let room = text.floor_char_boundary(max - begin.len());
            begin += text.get(..room).unwrap_or_default();
            // No part after this one needs to be read.
            if room < text.len() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        });
        match shown {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(begin + "\n[the text goes on; the command print shows all of it]\n")
            }
            Err(error) => Err(format!("letter {}: {error}", index + 1)),
            Ok(()) => Ok(begin),
        }
    }

    /// Columns of text.
    pub fn text_columns(&self) -> usize {
        running::screen().map_or(TEXT_COLUMNS, |(_, columns)| columns.min(TEXT_COLUMNS))
    }

    /// Opens a letter to be read from its beginning: its first octets, with the header section, and
    /// the rest.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn begun(&mut self, index: usize) -> Result<(Vec<u8>, Box<dyn BufRead>), String> {
        let mut letter = self.source(index)?.reader();
        let (mut begin, most) = (Vec::new(), HEAD_MAX as u64);
        let read = (&mut letter).take(most).read_to_end(&mut begin);
        read.map_err(|error| format!("letter {}: {error}", index + 1))?;
        Ok((begin, letter))
    }

    /// Shows what `make` makes, page by page where it is longer than the screen.
    ///
    /// # Errors
    /// It cannot be made; what was is shown.
    pub fn show(
        &self,
        console: &mut Console<'_>,
        make: impl FnOnce(Out<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let pager = self.settings.pager.clone().or_else(|| std::env::var("PAGER").ok());
        let pager = pager.unwrap_or_else(|| "more".to_owned());
        let mut pages = Pages::new(Some(pager).filter(|pager| !pager.is_empty()), console);
        let made = make(&mut |text| pages.push(text));
        pages.finish(made)
    }

    /// The same for octets, which may be no text at all.
    ///
    /// # Errors
    /// They cannot be read; what could is shown.
    pub fn show_octets(&self, from: &mut dyn Read, console: &mut Console<'_>) -> io::Result<()> {
        self.show(console, |out| {
            let mut text = AsText::new(out);
            io::copy(from, &mut text)?;
            text.finish()
        })
    }

    /// The addresses of the person.
    pub fn own(&self) -> Vec<Mailbox> {
        let host = &self.site.hostname;
        let mut own = vec![self.site.own_address()];
        let accounts = self.settings.account.values().filter_map(|account| account.from.as_ref());
        let named = self.settings.from.iter().chain(&self.settings.own_addresses).chain(accounts);
        for list in named {
            // The settings were checked when they were read.
            let entries = crate::agent::addresses::read_list(list, host).unwrap_or_default();
            own.extend(entries.into_iter().map(|entry| entry.mailbox));
        }
        own
    }

    /// Puts a letter into another folder. True when that was made now.
    ///
    /// # Errors
    /// What to tell the person; the folder is as it was then.
    pub fn copy_to(&mut self, index: usize, path: &Path) -> Result<bool, String> {
        let head = self.head(index)?;
        let mut letter = self.source(index)?.reader();
        let flags = self.folder.items.get(index).map(|item| item.flags).unwrap_or_default();
        let flags = Flags { trashed: false, ..flags };
        let put = put(path, &head, &mut letter, flags, self.site, &self.settings);
        put.map_err(|error| error.to_string())
    }

    /// Keeps what was done.
    ///
    /// # Errors
    /// What to tell the person.
    pub fn write_back(&mut self) -> Result<String, String> {
        if self.is_read_only() {
            return Ok(format!("{}: nothing is changed", self.folder.path().display()));
        }
        self.folder.grow_old();
        let written = self.folder.write_back().map_err(|error| error.to_string())?;
        let mut text = format!("{} letter{} held", written.held, plural(written.held));
        if written.removed > 0 {
            text += &format!(", {} removed", written.removed);
        }
        Ok(format!("{}: {text}", self.folder.path().display()))
    }

    /// Letters that were read go to the personal mbox, where the person has it so (POSIX mailx).
    fn move_read(&mut self, console: &mut Console<'_>) -> Result<(), String> {
        if !self.is_inbox || self.settings.hold || self.is_read_only() {
            return Ok(());
        }
        let path = self.places.mbox.clone();
        let mut moved = 0;
        for index in 0..self.folder.items.len() {
            let Some(item) = self.folder.items.get(index) else { continue };
            let done_with = item.flags.seen || item.saved;
            if item.gone || item.deleted || !done_with || self.held.contains(&index) {
                continue;
            }
            if !item.saved {
                self.copy_to(index, &path)?;
                moved += 1;
            }
            if let Some(item) = self.folder.items.get_mut(index) {
                item.deleted = true;
            }
        }
        if moved > 0 {
            console.say(&format!("{moved} letter{} moved to {}", plural(moved), path.display()));
        }
        Ok(())
    }

    /// Ends the reading and keeps what was done.
    ///
    /// # Errors
    /// What to tell the person; then nothing has ended.
    pub fn quit(&mut self, console: &mut Console<'_>) -> Done {
        self.move_read(console)?;
        let changed = self.folder.items.iter().any(|item| item.is_changed());
        let told = self.write_back()?;
        if changed || console.interactive {
            console.say(&told);
        }
        self.keep_cache();
        Ok(Flow::End(EX_OK))
    }

    /// Ends without keeping anything.
    pub fn exit(&mut self) -> Flow {
        self.keep_cache();
        Flow::End(EX_OK)
    }

    fn keep_cache(&mut self) {
        self.folder.keep_cache();
    }

    /// Ends a list that was only shown.
    pub fn close(&mut self) {
        self.keep_cache();
    }

    /// Opens another folder; what was done in this one is kept.
    ///
    /// # Errors
    /// What to tell the person; then this folder stays open.
    pub fn open(&mut self, name: &str, console: &mut Console<'_>) -> Result<(), String> {
        let path = self.places.path_of(name, self.before.as_deref())?;
        // First the new one: where it cannot be opened nothing happens to the old one.
        let folder = Folder::open(&path).map_err(|error| error.to_string())?;
        self.move_read(console)?;
        let told = self.write_back()?;
        console.say(&told);
        self.keep_cache();
        let folder = match folder.path() == self.folder.path() {
            // The same one again, as it is now.
            true => Folder::open(&path).map_err(|error| error.to_string())?,
            false => folder,
        };
        self.before = Some(self.folder.path().to_owned());
        self.is_inbox = folder.path() == self.places.inbox;
        self.folder = folder;
        self.held.clear();
        self.begin();
        Ok(())
    }
}

/// Puts a letter with the header section `head` into the folder at `path`. True when that was made
/// now.
///
/// # Errors
/// The folder is as it was then.
pub fn put(
    path: &Path,
    head: &[u8],
    content: &mut dyn Read,
    flags: Flags,
    site: &Site,
    settings: &Settings,
) -> Result<bool, FolderError> {
    let sender = Head::new(head).addresses("From");
    let sender = sender.mailboxes().next().map(|named| named.address.to_string());
    let host = site.hostname.to_string();
    let mut one = Deposit {
        content,
        flags,
        sender: sender.as_deref().unwrap_or_default(),
        host: &host,
        new_is_maildir: settings.new_maildirs,
    };
    deposit(path, &mut one)
}

/// Whether a letter holds the words at a place that lists do not show.
fn holds(source: &mut Source, place: Place, words: &str) -> bool {
    match place {
        Place::Cc | Place::Header => {
            let Ok(begin) = source.read_head(HEAD_MAX) else { return false };
            let (head, _) = mail::content::split_head(&begin);
            let head = Head::new(head);
            head.fields().any(|field| {
                let name = String::from_utf8_lossy(field.name);
                let wanted = place == Place::Header || field.is("cc");
                let text =
                    || format!("{name}: {}", show::shown_value(&head, &name, &field.value()));
                wanted && text().to_lowercase().contains(words)
            })
        }
        _ => {
            let mut found = false;
            let read = show::body(source, TEXT_COLUMNS, &mut |text| {
                found |= text.to_lowercase().contains(words);
                Ok(())
            });
            found && read.is_ok()
        }
    }
}

/// The ending of more than one.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
