//! A finished draft leaves: composed, handed over, recorded; or kept, when nobody took it.

use std::fs::OpenOptions;
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use mail::{BodyType, ForwardPath, ReversePath};

use super::compose::compose;
use super::dialogue::Shown;
use super::dictation::dead_letter;
use super::draft::Draft;
use super::pieces::Pieces;
use super::places;
use crate::agent::addresses::Entry;
use crate::agent::console::Console;
use crate::agent::fields::{write_addresses, writer_of};
use crate::agent::folder::{Deposit, Flags, FolderError, deposit};
use crate::agent::letter::{Letter, PIECE, Stamp};
use crate::agent::outbox::{Fate, Parcel, Report, send};
use crate::agent::running::Ending;
use crate::agent::settings::Settings;
use crate::agent::site::Site;
use crate::agent::submit::Silent;
use crate::agent::sysexits::{EX_CANTCREAT, EX_IOERR, EX_OK, EX_USAGE, Exit};

/// How a letter is sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// This host and the person.
    pub site: &'a Site,
    /// What the person has set.
    pub settings: &'a Settings,
    /// Show the dialogue.
    pub verbose: bool,
    /// Keep a copy in a folder named after the first recipient.
    pub file_copy: bool,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sent {
    /// What the shell is told.
    pub exit: Exit,
    /// Somebody took it, or it waits in the queue.
    pub safe: bool,
}

impl Sent {
    fn not(exit: Exit) -> Self {
        Self { exit, safe: false }
    }
}

impl Sending<'_> {
    /// Sends the letter; one that nobody takes is kept, and the person is told.
    pub fn send(&self, mut draft: Draft, console: &mut Console<'_>) -> Sent {
        // Until it is taken or kept, no signal ends this program.
        let _ending = Ending::awaited();
        let recipients = recipients([&draft.to, &draft.cc, &draft.bcc]);
        let reverse_path = draft.sender.as_ref().or(draft.from.first());
        let reverse_path = reverse_path.map(|author| author.mailbox.clone());
        let (Some(author), false) = (reverse_path, recipients.is_empty()) else {
            console.complain("mail", "the lists of recipients are empty");
            self.bury(draft, console);
            return Sent::not(EX_USAGE);
        };
        let bcc = draft.bcc.clone();
        let first = draft.to.first().or(draft.cc.first()).or(bcc.first()).cloned();
        let stamp = Stamp::now();
        draft.seven_bit |= self.is_to_be_split(&draft);
        draft.binary = self.settings.binary;
        let composed = compose(&mut draft, &stamp, &self.site.hostname).and_then(in_forms);
        let (letter, binary) = match composed {
            Ok(forms) => forms,
            Err(error) => {
                console.complain("mail", &format!("the letter cannot be finished: {error}"));
                // What cannot be read any more is left out of what is kept.
                draft.attachments.clear();
                self.bury(draft, console);
                return Sent::not(EX_IOERR);
            }
        };
        let require_tls = self.settings.require_tls;
        let reverse_path = ReversePath::Mailbox(author.clone());
        let mut parcel = Parcel { reverse_path, recipients, require_tls, letter, binary };
        let report = match self.pieces(&mut parcel.letter, &stamp, console) {
            Some(pieces) => self.send_pieces(&pieces, &mut parcel, console),
            None => self.hand_over(&mut parcel, console),
        };
        tell("mail", &report, self.verbose, console);
        if report.is_hopeless() {
            self.keep(&mut parcel.letter, &bcc, &author.to_string(), console);
            return Sent::not(report.exit());
        }
        self.record(&mut parcel.letter, &bcc, &author.to_string(), first.as_ref(), console);
        Sent { exit: report.exit(), safe: true }
    }

    /// Sends a letter of others as it is. One that nobody takes is still in its folder.
    pub fn send_as_is(
        &self,
        letter: Letter,
        reverse_path: ReversePath,
        recipients: Vec<ForwardPath>,
        console: &mut Console<'_>,
    ) -> Sent {
        let require_tls = self.settings.require_tls;
        let mut parcel = Parcel { reverse_path, recipients, require_tls, letter, binary: None };
        let report = self.hand_over(&mut parcel, console);
        tell("mail", &report, self.verbose, console);
        Sent { exit: report.exit(), safe: !report.is_hopeless() }
    }

    /// Whether the letter will be larger than one piece, as near as can be said before.
    fn is_to_be_split(&self, draft: &Draft) -> bool {
        let files: u64 = draft.attachments.iter().map(|one| one.size / 3 * 4).sum();
        self.settings.part_size > 0 && draft.body.len() + files > self.settings.part_size
    }

    /// How a letter that is too large for one goes in pieces (RFC 2046 §5.2.2).
    fn pieces(
        &self,
        letter: &mut Letter,
        stamp: &Stamp,
        console: &mut Console<'_>,
    ) -> Option<Pieces> {
        let max = usize::try_from(self.settings.part_size).unwrap_or(usize::MAX);
        if max == 0 || letter.size() <= self.settings.part_size {
            return None;
        }
        match Pieces::of(letter, max, &stamp.unique, &self.site.hostname) {
            Ok(pieces) => Some(pieces),
            Err(why) => {
                console.complain("mail", &format!("the letter goes in one piece: {why}"));
                None
            }
        }
    }

    /// Sends one piece after the other; what became of the last tells for all, as none is of use
    /// without the others.
    fn send_pieces(
        &self,
        pieces: &Pieces,
        parcel: &mut Parcel,
        console: &mut Console<'_>,
    ) -> Report {
        let mut last = Report { fates: Vec::new(), queued: None };
        let mut lines = match pieces.lines(&mut parcel.letter) {
            Ok(lines) => lines,
            Err(error) => return unread(&parcel.recipients, &error),
        };
        for number in 1..=pieces.total {
            let letter = match pieces.next(number, &mut lines) {
                Ok(letter) => letter,
                Err(error) => return unread(&parcel.recipients, &error),
            };
            let mut piece = Parcel {
                reverse_path: parcel.reverse_path.clone(),
                recipients: parcel.recipients.clone(),
                require_tls: parcel.require_tls,
                letter,
                binary: None,
            };
            last = self.hand_over(&mut piece, console);
            if last.is_hopeless() {
                return last;
            }
            if self.verbose {
                console.say(&format!("piece {number} of {} is on its way", pieces.total));
            }
        }
        last
    }

    fn hand_over(&self, parcel: &mut Parcel, console: &mut Console<'_>) -> Report {
        let remote = self.settings.submission.as_ref();
        if !self.verbose {
            return send(self.site, remote, parcel, &mut Silent);
        }
        let mut shown = Shown::new(console.out);
        let report = send(self.site, remote, parcel, &mut shown);
        shown.show_times();
        report
    }

    /// A copy for the author, where the person wants one. The letter is sent already, so trouble is
    /// only told.
    fn record(
        &self,
        letter: &mut Letter,
        bcc: &[Entry],
        author: &str,
        first: Option<&Entry>,
        console: &mut Console<'_>,
    ) {
        let by_name = first.filter(|_| self.file_copy);
        let by_name =
            by_name.map(|first| format!("+{}", folder_name(first.mailbox.local.as_str())));
        let Some(folder) = by_name.or_else(|| self.settings.record.clone()) else { return };
        let path = match places(self.settings, self.site).path_of(&folder, None) {
            Ok(path) => path,
            Err(why) => return console.complain("mail", &format!("no copy is kept: {why}")),
        };
        let flags = Flags { seen: true, old: true, ..Flags::default() };
        if let Err(error) = self.put(&path, letter, bcc, author, flags) {
            console.complain("mail", &format!("no copy is kept: {error}"));
        }
    }

    /// Puts a letter into a folder, its blind recipients told: only the author sees it there
    /// (RFC 5322 §3.6.3).
    fn put(
        &self,
        path: &Path,
        letter: &mut Letter,
        bcc: &[Entry],
        author: &str,
        flags: Flags,
    ) -> Result<(), FolderError> {
        let io = |source| FolderError::Io { path: path.into(), source };
        letter.rewind().map_err(io)?;
        if let Some(parent) = path.parent() {
            make_folders(parent).map_err(io)?;
        }
        let mut head = writer_of(bcc);
        write_addresses(&mut head, "Bcc", bcc).map_err(io)?;
        let mut content = Cursor::new(head.finish()).chain(letter);
        let host = self.site.hostname.to_string();
        let mut one = Deposit {
            content: &mut content,
            flags,
            sender: author,
            host: &host,
            new_is_maildir: self.settings.new_maildirs,
        };
        deposit(path, &mut one).map(|_| ())
    }

    /// Puts a letter that is not finished among the drafts.
    pub fn set_aside(&self, mut draft: Draft, console: &mut Console<'_>) -> Exit {
        let bcc = draft.bcc.clone();
        let author = draft.from.first().map(|author| author.mailbox.to_string());
        let author = author.unwrap_or_default();
        let path = places(self.settings, self.site).path_of(&self.settings.drafts, None);
        let flags = Flags { seen: true, old: true, draft: true, ..Flags::default() };
        let done = path.and_then(|path| {
            let letter = compose(&mut draft, &Stamp::now(), &self.site.hostname);
            let mut letter = letter.map_err(|error| error.to_string())?;
            let put = self.put(&path, &mut letter, &bcc, &author, flags);
            put.map(|()| path).map_err(|error| error.to_string())
        });
        match done {
            Ok(path) => {
                console.say(&format!("the draft is in {}", path.display()));
                EX_OK
            }
            Err(why) => {
                console.complain("mail", &format!("the draft cannot be put aside: {why}"));
                self.bury(draft, console);
                EX_CANTCREAT
            }
        }
    }

    /// Keeps a draft that is given up or cannot be sent.
    pub fn bury(&self, mut draft: Draft, console: &mut Console<'_>) {
        if draft.is_empty() {
            return;
        }
        let bcc = draft.bcc.clone();
        let author = draft.from.first().map(|author| author.mailbox.to_string());
        match compose(&mut draft, &Stamp::now(), &self.site.hostname) {
            Ok(mut letter) => {
                self.keep(&mut letter, &bcc, &author.unwrap_or_default(), console);
            }
            Err(error) => console.complain("mail", &format!("the letter is lost: {error}")),
        }
    }

    /// Saves a letter nobody took in `dead.letter`, where mail programs always left it. It is an
    /// mbox, so that it can be read and sent again; one of another form gets the letter at its end.
    pub fn keep(
        &self,
        letter: &mut Letter,
        bcc: &[Entry],
        author: &str,
        console: &mut Console<'_>,
    ) {
        let path = dead_letter(self.settings, self.site);
        let flags = Flags { draft: true, ..Flags::default() };
        let kept = match self.put(&path, letter, bcc, author, flags) {
            Err(FolderError::Other(_)) => append(&path, letter).map_err(|error| error.to_string()),
            done => done.map_err(|error| error.to_string()),
        };
        match kept {
            Ok(()) => {
                console.complain("mail", &format!("the letter is saved in {}", path.display()));
            }
            Err(error) => {
                let line = format!("the letter cannot be saved in {}: {error}", path.display());
                console.complain("mail", &line);
            }
        }
    }
}

/// A letter in lines, as files hold it, and in octets as they are where it is such a one.
fn in_forms(mut letter: Letter) -> io::Result<(Letter, Option<Letter>)> {
    match letter.body_type() {
        BodyType::Binary => Ok((letter.in_eight_bits()?, Some(letter))),
        BodyType::SevenBit | BodyType::EightBitMime => Ok((letter, None)),
    }
}

fn unread(recipients: &[ForwardPath], error: &io::Error) -> Report {
    let fate = Fate::Failed(format!("the letter cannot be read: {error}"), EX_IOERR);
    let fates = recipients.iter().map(|path| (path.clone(), fate.clone())).collect();
    Report { fates, queued: None }
}

/// The directory of the person's folders may be missing when the first is made.
fn make_folders(parent: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    if parent.as_os_str().is_empty() || parent.exists() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)
}

/// A folder's name from a local-part: no path, no name that is hidden.
pub fn folder_name(local: &str) -> String {
    mail::content::safe_file_name(local).unwrap_or_else(|| "mail".to_owned())
}

/// Everyone the lists name, once each.
pub fn recipients<'a>(lists: impl IntoIterator<Item = &'a Vec<Entry>>) -> Vec<ForwardPath> {
    let mut seen = std::collections::BTreeSet::new();
    let entries = lists.into_iter().flatten().map(|entry| &entry.mailbox);
    let fresh = entries.filter(|mailbox| seen.insert((*mailbox).clone()));
    fresh.map(|mailbox| ForwardPath::Mailbox(mailbox.clone())).collect()
}

/// Tells what became of a letter: trouble always, success to who wants to know.
pub fn tell(program: &str, report: &Report, verbose: bool, console: &mut Console<'_>) {
    if let Some(queued) = &report.queued {
        console.complain(program, queued);
    }
    for (path, reason) in report.failures() {
        console.complain(program, &format!("{path}... {reason}"));
    }
    if verbose {
        report.successes().for_each(|(path, what)| console.say(&format!("{path}... {what}")));
    }
}

fn append(path: &Path, letter: &mut Letter) -> io::Result<()> {
    letter.rewind()?;
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let mut buffer = vec![0; PIECE];
    loop {
        let n = letter.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        // Lines end in LF here. A lone CR is not in a letter.
        let mut piece = buffer.get(..n).unwrap_or_default().to_vec();
        piece.retain(|&byte| byte != b'\r');
        file.write_all(&piece)?;
    }
    file.write_all(b"\n")?;
    file.sync_all()
}
