//! The commands of the line mode.

use std::fs;
use std::io::Write;

use mail::content::Kind;
use mail::content::structure::Shape;

use super::line::split;
use super::range::members;
use super::session::{Done, Flow, Session, plural, put};
use super::show::{self, Style};
use super::{answer, save, screen, thread};
use crate::agent::console::{Console, harmless, harmless_text};
use crate::agent::folder::{Flags, Item};
use crate::agent::mail::dictation::{editor, in_home, run_shell, visual};
use crate::agent::mail::outgoing::folder_name;
use crate::agent::running;
use crate::agent::settings::{Members, Order};

/// One command.
pub struct Command {
    /// Its name, and short forms that mean it whatever else begins so.
    pub names: &'static [&'static str],
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub meaning: &'static str,
    run: fn(&mut Session<'_>, &str, &mut Console<'_>) -> Done,
}

const fn command(
    names: &'static [&'static str],
    usage: &'static str,
    meaning: &'static str,
    run: fn(&mut Session<'_>, &str, &mut Console<'_>) -> Done,
) -> Command {
    Command { names, usage, meaning, run }
}

/// All of them. A word that is no name is the first of these that begins with it.
pub const COMMANDS: [Command; 56] = [
    command(&["print", "p", "type", "t"], "print [LETTERS]", "Show letters.", print),
    command(
        &["Print", "P", "Type", "T"],
        "Print [LETTERS]",
        "Show letters with all their fields.",
        print_all,
    ),
    command(
        &["next", "n"],
        "next [LETTERS]",
        "Show the next letter, or the next of these; Enter does the same.",
        next,
    ),
    command(&["headers", "h"], "headers [LETTER]", "List the letters around one.", headers),
    command(
        &["z"],
        "z[+|-|$|^]",
        "List the next page, or the one before, the last, the first.",
        scroll,
    ),
    command(&["from", "f"], "from [LETTERS]", "List just these letters.", from),
    command(&["search"], "search LETTERS", "The same: search /words.", from),
    command(
        &["delete", "d"],
        "delete [LETTERS]",
        "Mark letters to be removed when you quit.",
        delete,
    ),
    command(&["dp", "dt"], "dp", "Delete this letter and show the next.", delete_and_next),
    command(&["undelete", "u"], "undelete [LETTERS]", "Take that back.", undelete),
    command(
        &["reply", "r", "respond"],
        "reply [LETTER]",
        "Answer all who had a letter (flip-reply changes that).",
        reply,
    ),
    command(&["Reply", "R", "Respond"], "Reply [LETTER]", "Answer who wrote it.", reply_to_author),
    command(
        &["reply-all", "followup", "fo"],
        "reply-all [LETTER]",
        "Answer all who had a letter.",
        reply_all,
    ),
    command(
        &["reply-sender", "Followup", "F"],
        "reply-sender [LETTER]",
        "Answer who wrote it.",
        reply_sender,
    ),
    command(
        &["forward", "fwd"],
        "forward [LETTERS] ADDRESS,...",
        "Pass letters on, attached (forward-inline changes that).",
        forward,
    ),
    command(
        &["Forward", "Fwd"],
        "Forward [LETTERS] ADDRESS,...",
        "Pass letters on, inside the text.",
        forward_inline,
    ),
    command(
        &["resend", "bounce"],
        "resend [LETTER] ADDRESS,...",
        "Send a letter on as it is.",
        resend,
    ),
    command(&["mail", "m"], "mail [ADDRESS,...]", "Write a letter.", mail),
    command(&["resume"], "resume [LETTER]", "Take up a draft again.", resume),
    command(
        &["save", "s"],
        "save [LETTERS] [FOLDER]",
        "Put letters into a folder; without a name, into &.",
        save_letters,
    ),
    command(
        &["Save", "S"],
        "Save [LETTERS]",
        "The same; the folder is named after who wrote the first.",
        save_by_author,
    ),
    command(
        &["copy", "c", "co"],
        "copy [LETTERS] [FOLDER]",
        "As save, but do not mark them as saved.",
        copy_letters,
    ),
    command(
        &["Copy", "C"],
        "Copy [LETTERS]",
        "As Save, but do not mark them as saved.",
        copy_by_author,
    ),
    command(
        &["move", "mv"],
        "move [LETTERS] FOLDER",
        "Put letters into a folder and delete them here.",
        move_letters,
    ),
    command(
        &["write", "w"],
        "write [LETTERS] FILE",
        "Write the text of letters, without fields, to a file.",
        write,
    ),
    command(&["parts", "attachments"], "parts [LETTERS]", "List the parts of letters.", parts),
    command(
        &["part"],
        "part PLACE [FILE]",
        "Show one part of this letter, or write it to a file.",
        part,
    ),
    command(
        &["detach"],
        "detach [LETTERS] DIRECTORY",
        "Write what is attached to letters into a directory.",
        detach,
    ),
    command(
        &["join"],
        "join [LETTER]",
        "Put a letter together that came in pieces; it is added to the folder.",
        join,
    ),
    command(
        &["fetch"],
        "fetch [LETTER] [PLACE]",
        "Read the file, or write to the mail server, that has the body of a part.",
        fetch,
    ),
    command(
        &["raw", "source-of"],
        "raw [LETTERS]",
        "Show letters as they came; controls are made harmless.",
        raw,
    ),
    command(
        &["pipe", "|", "pi"],
        "pipe [LETTERS] COMMAND",
        "Give letters, as print shows them, to a shell command.",
        pipe,
    ),
    command(
        &["Pipe", "Pi"],
        "Pipe [LETTERS] COMMAND",
        "Give letters as they came to a shell command.",
        pipe_raw,
    ),
    command(
        &["edit", "e"],
        "edit [LETTER]",
        "Look at a letter with $EDITOR; the letter stays as it is.",
        edit,
    ),
    command(&["visual", "v"], "visual [LETTER]", "The same with $VISUAL.", edit_visual),
    command(&["top", "to"], "top [LETTERS]", "Show the first lines of letters.", top),
    command(&["size", "si"], "size [LETTERS]", "Tell the octets of letters.", size),
    command(&["flag"], "flag [LETTERS]", "Mark letters as important.", flag),
    command(&["unflag"], "unflag [LETTERS]", "Take that back.", unflag),
    command(&["seen", "read"], "seen [LETTERS]", "Mark letters as read.", seen),
    command(
        &["unread", "U", "new", "Unread"],
        "unread [LETTERS]",
        "Mark letters as not read.",
        unread,
    ),
    command(&["answered"], "answered [LETTERS]", "Mark letters as answered.", answered),
    command(
        &["hold", "ho", "preserve", "pre"],
        "hold [LETTERS]",
        "Keep letters in the inbox, whatever the setting hold says.",
        hold,
    ),
    command(
        &["mbox", "mb"],
        "mbox [LETTERS]",
        "Move letters to & when you quit: now, and mark them deleted.",
        to_mbox,
    ),
    command(&["thread"], "thread", "List letters in threads.", in_threads),
    command(&["unthread"], "unthread", "List letters as they came.", unthreaded),
    command(
        &["folder", "fi", "file", "fold"],
        "folder [FOLDER]",
        "Open another folder, or tell which this is.",
        folder,
    ),
    command(&["folders"], "folders", "List your folders.", folders),
    command(
        &["alias", "a", "group", "g"],
        "alias [NAME [ADDRESS...]]",
        "Show or add names for addresses, for this session.",
        alias,
    ),
    command(&["set", "se"], "set [KEY[=VALUE]]", "Change a setting for this session.", set),
    command(&["sync"], "sync", "Keep what was done, and go on.", sync),
    command(&["screen"], "screen", "Show list and letters on the whole screen.", full_screen),
    command(&["shell", "sh", "!"], "!COMMAND", "Run a shell command.", shell),
    command(&["quit", "q"], "quit", "Keep what was done, and end.", quit),
    command(&["exit", "ex", "x", "xit"], "exit", "End and keep the folder as it was.", exit),
    command(&["help", "?"], "help [COMMAND]", "Tell of the commands.", help),
];

/// Their names, for completion.
pub fn command_names() -> Vec<String> {
    COMMANDS.iter().filter_map(|command| command.names.first()).map(|n| (*n).to_owned()).collect()
}

fn find(word: &str) -> Option<&'static Command> {
    let exact = COMMANDS.iter().find(|command| command.names.contains(&word));
    exact.or_else(|| {
        let begins = |command: &&Command| command.names.iter().any(|name| name.starts_with(word));
        COMMANDS.iter().find(begins)
    })
}

/// Does the command of a line.
pub fn obey(session: &mut Session<'_>, line: &str, console: &mut Console<'_>) -> Done {
    session.trouble = false;
    let (word, rest) = split(line);
    match word {
        "" if rest.is_empty() => next(session, "", console),
        "" => print(session, rest, console),
        "#" => Ok(Flow::Go),
        "=" => {
            let number = session.dot.map_or(0, |dot| dot + 1);
            console.say(&number.to_string());
            Ok(Flow::Go)
        }
        word => match find(word) {
            Some(command) => (command.run)(session, rest, console),
            None => Err(format!("{word:?} is no command; ? lists them")),
        },
    }
}

/// The same while a letter is written: nothing that begins another, or ends the reading.
pub fn obey_while_writing(
    session: &mut Session<'_>,
    line: &str,
    console: &mut Console<'_>,
) -> Done {
    const NOT_NOW: [&str; 14] = [
        "reply",
        "Reply",
        "reply-all",
        "reply-sender",
        "forward",
        "Forward",
        "mail",
        "resume",
        "quit",
        "exit",
        "screen",
        "folder",
        "resend",
        "fetch",
    ];
    let (word, _) = split(line);
    let command = find(word).filter(|_| !word.is_empty());
    let name = command.and_then(|command| command.names.first()).copied().unwrap_or_default();
    if NOT_NOW.contains(&name) {
        return Err(format!("{name} has to wait for the end of the letter"));
    }
    obey(session, line, console)
}

// ---- showing

fn print(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    show_letters(session, rest, false, console)
}

fn print_all(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    show_letters(session, rest, true, console)
}

fn show_letters(
    session: &mut Session<'_>,
    rest: &str,
    all_fields: bool,
    console: &mut Console<'_>,
) -> Done {
    for place in session.choose_text(rest, false)? {
        show_one(session, place, all_fields, console)?;
    }
    Ok(Flow::Go)
}

fn show_one(
    session: &mut Session<'_>,
    place: usize,
    all_fields: bool,
    console: &mut Console<'_>,
) -> Result<(), String> {
    let text = session.text(place, all_fields)?;
    let text = format!("Letter {}:\n{text}", place + 1);
    session.page(&text, console);
    session.go_to(place);
    session.mark(&[place], |flags| flags.seen = true);
    Ok(())
}

fn next(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let place = if rest.is_empty() {
        session.next().ok_or("that was the last letter")?
    } else {
        let chosen = session.choose_text(rest, false)?;
        let after = |place: &&usize| session.dot.is_none_or(|dot| **place > dot);
        chosen.iter().find(after).or(chosen.first()).copied().ok_or("no letters")?
    };
    show_one(session, place, false, console)?;
    Ok(Flow::Go)
}

fn headers(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    match rest {
        "" => {
            if let Some(dot) = session.dot {
                session.show_page_of(dot);
            }
        }
        "+" | "-" => return scroll(session, rest, console),
        rest => {
            let chosen = session.choose_text(rest, true)?;
            if let Some(first) = chosen.first() {
                session.show_page_of(*first);
            }
        }
    }
    session.list_page(console);
    Ok(Flow::Go)
}

fn scroll(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let moved = match rest {
        "" | "+" => session.scroll(1),
        "-" => session.scroll(-1),
        "^" => {
            session.show_page_of(0);
            true
        }
        "$" => {
            session.show_page_of(session.folder.items.len().saturating_sub(1));
            true
        }
        other => return Err(format!("{other:?}: z, z+, z-, z^ or z$")),
    };
    if !moved {
        return Err("there are no more letters that way".into());
    }
    session.list_page(console);
    Ok(Flow::Go)
}

fn from(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    session.list(chosen.into_iter().map(|index| thread::Place { index, depth: 0 }), console);
    Ok(Flow::Go)
}

fn top(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    const LINES: usize = 5;
    for place in session.choose_text(rest, false)? {
        let text = session.text(place, false)?;
        console.say(&format!("Letter {}:", place + 1));
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        console.say(&harmless_text(head));
        console.say("");
        body.lines().take(LINES).for_each(|line| console.say(&harmless(line)));
        session.go_to(place);
    }
    Ok(Flow::Go)
}

fn size(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    for place in session.choose_text(rest, false)? {
        let octets = session.folder.items.get(place).map_or(0, |item| item.size);
        console.say(&format!("{}: {octets}", place + 1));
    }
    Ok(Flow::Go)
}

fn raw(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    for place in session.choose_text(rest, false)? {
        let octets = session.octets(place)?;
        session.page(&String::from_utf8_lossy(&octets).replace("\r\n", "\n"), console);
        session.go_to(place);
    }
    Ok(Flow::Go)
}

fn pipe(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    pipe_to(session, rest, false, console)
}

fn pipe_raw(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    pipe_to(session, rest, true, console)
}

/// `pipe 1-3 command words`: what begins the line and chooses letters does so, the rest is the
/// command.
fn pipe_to(session: &mut Session<'_>, rest: &str, raw: bool, console: &mut Console<'_>) -> Done {
    let (list, command) = list_before(rest);
    if command.is_empty() {
        return Err("name a command: pipe 3 wc -l".into());
    }
    let mut input = Vec::new();
    let chosen = session.choose_text(list, false)?;
    for place in &chosen {
        match raw {
            true => input.extend(session.octets(*place)?),
            // The command may write to the terminal what it is given.
            false => input.extend(harmless_text(&session.text(*place, false)?).into_bytes()),
        }
    }
    let _ = console.out.flush();
    let ended = running::pipe(command, &mut input.as_slice());
    let ended = ended.map_err(|error| format!("{command}: {error}"))?;
    if !ended.success() {
        console.complain("mail", &format!("{command}: {ended}"));
    }
    chosen.last().into_iter().for_each(|place| session.go_to(*place));
    Ok(Flow::Go)
}

/// Numbers, points, states and searches at the beginning of a line, and what follows them. In
/// quotation marks the command is one word.
fn list_before(rest: &str) -> (&str, &str) {
    let is_list = |word: &str| {
        word.chars().all(|c| c.is_ascii_digit() || ".$^+-*;,".contains(c))
            || word.starts_with([':', '/', '@', '&'])
    };
    let mut at = 0;
    for word in rest.split_inclusive(' ') {
        if !word.trim().is_empty() && !is_list(word.trim()) {
            break;
        }
        at += word.len();
    }
    let (list, command) = rest.split_at(at);
    let command = command.trim();
    let inner = command.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    let inner = inner.or(command.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')));
    (list.trim(), inner.filter(|inner| !inner.contains(['"', '\''])).unwrap_or(command))
}

fn edit(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let program = editor(&session.settings);
    edit_with(session, rest, &program, console)
}

fn edit_visual(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let program = visual(&session.settings);
    edit_with(session, rest, &program, console)
}

fn edit_with(
    session: &mut Session<'_>,
    rest: &str,
    program: &str,
    console: &mut Console<'_>,
) -> Done {
    for place in session.choose_text(rest, false)? {
        let text = session.text(place, true)?;
        let mut work = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new().prefix("mail-").suffix(".txt").tempfile()?;
            file.write_all(harmless_text(&text).as_bytes())?;
            let _ = console.out.flush();
            running::edit(program, file.path())
        };
        work().map_err(|error| error.to_string())?;
        session.go_to(place);
    }
    Ok(Flow::Go)
}

// ---- marks

fn delete(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    for place in &chosen {
        if let Some(item) = session.folder.items.get_mut(*place) {
            item.deleted = true;
        }
    }
    if let Some(last) = chosen.last() {
        go_past(session, *last);
    }
    Ok(Flow::Go)
}

/// The letter after a deleted one is current, and Enter shows it.
fn go_past(session: &mut Session<'_>, place: usize) {
    session.go_to(place);
    let after = session.next().or_else(|| {
        let visible = |item: &Item| !item.deleted && !item.gone;
        session.folder.items.iter().rposition(visible)
    });
    if let Some(after) = after {
        session.go_to(after);
        session.fresh = true;
    }
}

fn delete_and_next(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    delete(session, rest, console)?;
    match session.dot.filter(|_| session.fresh) {
        Some(dot) => {
            show_one(session, dot, false, console)?;
            Ok(Flow::Go)
        }
        None => Err("that was the last letter".into()),
    }
}

fn undelete(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    let chosen = match rest {
        // What was deleted last is seldom the current letter: then all that are deleted.
        "" => session.choose_text(":d", true)?,
        rest => session.choose_text(rest, true)?,
    };
    for place in &chosen {
        if let Some(item) = session.folder.items.get_mut(*place) {
            item.deleted = false;
            item.flags.trashed = false;
        }
    }
    if let Some(first) = chosen.first() {
        session.go_to(*first);
    }
    Ok(Flow::Go)
}

fn set_flags(session: &mut Session<'_>, rest: &str, set: impl Fn(&mut Flags)) -> Done {
    let chosen = session.choose_text(rest, false)?;
    session.mark(&chosen, set);
    Ok(Flow::Go)
}

fn flag(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.flagged = true)
}

fn unflag(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.flagged = false)
}

fn seen(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.seen = true)
}

fn unread(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.seen = false)
}

fn answered(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.answered = true)
}

fn hold(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    session.held.extend(chosen);
    Ok(Flow::Go)
}

fn to_mbox(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    move_letters(session, &format!("{} &", if rest.is_empty() { "." } else { rest }), console)
}

// ---- writing

fn one(session: &mut Session<'_>, rest: &str) -> Result<usize, String> {
    match session.choose_text(rest, false)?.as_slice() {
        [place] => Ok(*place),
        _ => Err("one letter at a time".into()),
    }
}

fn reply(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let all = !session.settings.flip_reply;
    answer_to(session, rest, all, console)
}

fn reply_to_author(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let all = session.settings.flip_reply;
    answer_to(session, rest, all, console)
}

fn reply_all(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    answer_to(session, rest, true, console)
}

fn reply_sender(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    answer_to(session, rest, false, console)
}

fn answer_to(session: &mut Session<'_>, rest: &str, all: bool, console: &mut Console<'_>) -> Done {
    let place = one(session, rest)?;
    let draft = session.answer_to(place, all, console)?;
    session.go_to(place);
    for (name, list) in [("To", &draft.to), ("Cc", &draft.cc)] {
        if !list.is_empty() {
            let list = crate::agent::mail::dictation::shown_list(list);
            console.say(&format!("{name}: {}", harmless(&list)));
        }
    }
    console.say(&format!("Subject: {}", harmless(&draft.subject)));
    session.write(draft, true, console)
}

fn forward(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let inline = session.settings.forward_inline;
    forward_as(session, rest, inline, console)
}

fn forward_inline(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    forward_as(session, rest, true, console)
}

fn forward_as(
    session: &mut Session<'_>,
    rest: &str,
    inline: bool,
    console: &mut Console<'_>,
) -> Done {
    let (list, to) = list_before(rest);
    let chosen = session.choose_text(list, false)?;
    let mut draft = session.forward_of(&chosen, inline)?;
    let host = &session.site.hostname;
    draft.to = session.settings.expand(to, host).map_err(|error| error.to_string())?;
    console.say(&format!("Subject: {}", harmless(&draft.subject)));
    session.write(draft, true, console)
}

fn resend(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let (list, to) = list_before(rest);
    let to = to.to_owned();
    let place = one(session, list)?;
    session.resend(place, &to, console)
}

fn mail(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let mut draft = session.blank()?;
    let host = &session.site.hostname;
    draft.to = session.settings.expand(rest, host).map_err(|error| error.to_string())?;
    session.write(draft, false, console)
}

fn resume(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let place = one(session, rest)?;
    session.resume(place, console)
}

fn fetch(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let words = members(rest).map_err(|error| error.to_string())?;
    let (list, path) = match words.as_slice() {
        [] => (".", ""),
        [list] => (list.as_str(), ""),
        [list, path, ..] => (list.as_str(), path.as_str()),
    };
    let place = one(session, list)?;
    session.fetch(place, path, console)
}

// ---- other folders and files

fn save_letters(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    put_letters(session, rest, console, |item| item.saved = true)
}

fn copy_letters(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    put_letters(session, rest, console, |_| {})
}

fn move_letters(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    put_letters(session, rest, console, |item| item.deleted = true)?;
    if let Some(dot) = session.dot {
        go_past(session, dot);
    }
    Ok(Flow::Go)
}

fn put_letters(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
    after: impl Fn(&mut Item),
) -> Done {
    let (chosen, name) = session.choose_and_last(rest)?;
    let name = name.unwrap_or_else(|| "&".to_owned());
    put_into(session, &chosen, &name, console, after)
}

fn put_into(
    session: &mut Session<'_>,
    chosen: &[usize],
    name: &str,
    console: &mut Console<'_>,
    after: impl Fn(&mut Item),
) -> Done {
    let path = session.places.path_of(name, None)?;
    if path == session.folder.path() {
        return Err("that is the folder you are reading".into());
    }
    if let Some(parent) = path.parent().filter(|parent| *parent == session.places.folders) {
        // The directory of the person's folders comes with the first of them.
        fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    }
    let mut made = false;
    for place in chosen {
        // One by one: what was put is marked, whatever becomes of the next.
        made |= session.copy_to(*place, &path)?;
        if let Some(item) = session.folder.items.get_mut(*place) {
            after(item);
        }
        session.go_to(*place);
    }
    let new = if made { " (a new folder)" } else { "" };
    let count = chosen.len();
    let shown = harmless(&path.display().to_string());
    console.say(&format!("{shown}{new}: {count} letter{}", plural(count)));
    Ok(Flow::Go)
}

fn author_folder(session: &mut Session<'_>, chosen: &[usize]) -> Result<String, String> {
    let first = chosen.first().copied().ok_or("no letters")?;
    let head = session.head(first)?;
    let from = mail_of(&head).ok_or("the letter does not say who wrote it")?;
    Ok(format!("+{}", folder_name(&from)))
}

fn mail_of(head: &[u8]) -> Option<String> {
    let list = ::mail::content::Head::new(head).addresses("From");
    let first = list.mailboxes().next()?;
    Some(first.address.local().to_lowercase())
}

fn save_by_author(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    let name = author_folder(session, &chosen)?;
    put_into(session, &chosen, &name, console, |item| item.saved = true)
}

fn copy_by_author(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    let name = author_folder(session, &chosen)?;
    put_into(session, &chosen, &name, console, |_| {})
}

fn write(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let (chosen, name) = session.choose_and_last(rest)?;
    let name = name.ok_or("name a file: write 3 notes.txt")?;
    let mut text = String::new();
    for place in &chosen {
        let columns = session.text_columns();
        let mut source = session.source(*place)?;
        text += &show::body(&mut source, columns).map_err(|error| error.to_string())?;
    }
    let path = in_home(&name, session.site);
    save::save(&path, text.as_bytes(), console)?;
    console.say(&format!("{}: {} octets", harmless(&path.display().to_string()), text.len()));
    Ok(Flow::Go)
}

fn parts(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    for place in session.choose_text(rest, false)? {
        let (outline, _) = session.outline(place)?;
        console.say(&format!("Letter {}:", place + 1));
        for part in &outline.parts {
            let indent = "  ".repeat(part.path.split('.').count());
            let broken = match part.defects.is_empty() {
                true => String::new(),
                false => format!(" [broken: {}]", part.defects),
            };
            console.say(&harmless(&format!("{indent}{}{broken}", show::describe(part))));
        }
        session.go_to(place);
    }
    Ok(Flow::Go)
}

fn part(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let words = members(rest).map_err(|error| error.to_string())?;
    let Some(path) = words.first() else { return Err("name a part: part 2".into()) };
    let place = session.dot.ok_or("no letters")?;
    let (outline, mut source) = session.outline(place)?;
    let wanted = if path == "0" { "" } else { path };
    let index = outline.find(wanted).ok_or("the letter has no such part; parts lists them")?;
    let fail = |error: std::io::Error| error.to_string();
    let Some(name) = words.get(1) else {
        let columns = session.text_columns();
        let style = Style { fields: None, columns, notes: true };
        let text = show::one_part(&outline, index, &mut source, &style).map_err(fail)?;
        session.page(&text, console);
        return Ok(Flow::Go);
    };
    let Some(part) = outline.parts.get(index) else { return Err("no such part".into()) };
    let octets = match part.shape {
        Shape::Leaf => outline.decoded(index, &mut source).map_err(fail)?.0,
        // A letter within is written as it is.
        _ => outline.body(index, &mut source).map_err(fail)?,
    };
    let mut path = in_home(name, session.site);
    if path.is_dir() {
        path = path.join(save::name_of(part));
    }
    save::save(&path, &octets, console)?;
    console.say(&format!("{}: {} octets", harmless(&path.display().to_string()), octets.len()));
    Ok(Flow::Go)
}

fn detach(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let (chosen, name) = session.choose_and_last(rest)?;
    let folder = in_home(&name.ok_or("name a directory: detach 3 .")?, session.site);
    let mut count = 0;
    for place in chosen {
        let (outline, mut source) = session.outline(place)?;
        for (index, part) in outline.parts.iter().enumerate().skip(1) {
            let is_file = part.attached || part.name.is_some() || !part.kind.is_text();
            if part.shape == Shape::Multipart || !is_file || part.kind == Kind::Status {
                continue;
            }
            let octets = match part.shape {
                Shape::Leaf => outline.decoded(index, &mut source).map(|(octets, _)| octets),
                _ => outline.body(index, &mut source),
            };
            let octets = octets.map_err(|error| error.to_string())?;
            let path = save::place_in(&folder, &save::name_of(part))?;
            match save::save(&path, &octets, console) {
                Ok(()) => {
                    count += 1;
                    let shown = harmless(&path.display().to_string());
                    console.say(&format!("{shown}: {} octets", octets.len()));
                }
                Err(why) => console.complain("mail", &why),
            }
        }
        session.go_to(place);
    }
    if count == 0 {
        return Err("nothing was written".into());
    }
    Ok(Flow::Go)
}

fn join(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let place = one(session, rest)?;
    let octets = session.joined(place)?;
    let path = session.folder.path().to_owned();
    let (site, settings) = (session.site, session.settings.clone());
    put(&path, &octets, Flags::default(), site, &settings).map_err(|error| error.to_string())?;
    let (head, _) = ::mail::content::split_head(&octets);
    let subject = answer::subject(&::mail::content::Head::new(head));
    console.say(&format!("put together: {}", harmless(&subject)));
    Ok(Flow::Go)
}

// ---- the session

fn in_threads(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    session.settings.order = Order::Threads;
    headers(session, "", console)
}

fn unthreaded(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    session.settings.order = Order::Arrival;
    headers(session, "", console)
}

fn folder(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    if rest.is_empty() {
        console.say(&session.summary());
        return Ok(Flow::Go);
    }
    let words = members(rest).map_err(|error| error.to_string())?;
    let [name] = words.as_slice() else { return Err("name one folder".into()) };
    session.open(name, console)?;
    session.greet(console);
    Ok(Flow::Go)
}

fn folders(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    let path = &session.places.folders;
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names.iter().for_each(|name| console.say(&format!("+{}", harmless(name))));
    Ok(Flow::Go)
}

fn alias(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let (name, members) = rest.split_once(' ').unwrap_or((rest, ""));
    if name.is_empty() {
        for (name, members) in &session.settings.alias {
            console.say(&format!("{name}: {}", members.list()));
        }
        return Ok(Flow::Go);
    }
    if members.trim().is_empty() {
        let known = session.settings.alias.get(name);
        let known = known.ok_or_else(|| format!("{name} stands for nobody"))?;
        console.say(&format!("{name}: {}", known.list()));
        return Ok(Flow::Go);
    }
    let host = &session.site.hostname;
    // Classic programs part the members with blanks.
    let list = if members.contains([',', '<']) {
        members.to_owned()
    } else {
        members.split_whitespace().collect::<Vec<_>>().join(", ")
    };
    let mut changed = session.settings.clone();
    changed.alias.insert(name.to_owned(), Members::One(list));
    changed.expand(name, host).map_err(|error| error.to_string())?;
    session.settings = changed;
    Ok(Flow::Go)
}

fn set(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    if rest.is_empty() {
        console.say(&session.settings.shown());
        return Ok(Flow::Go);
    }
    let host = session.site.hostname.clone();
    session.settings.set(rest, &host).map_err(|error| error.to_string())?;
    Ok(Flow::Go)
}

fn sync(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    console.say(&session.write_back()?);
    Ok(Flow::Go)
}

fn full_screen(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    screen::run(session, console)
}

fn shell(_: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    run_shell(console, rest)?;
    Ok(Flow::Go)
}

fn quit(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    session.quit(console)
}

fn exit(session: &mut Session<'_>, _: &str, _: &mut Console<'_>) -> Done {
    Ok(session.exit())
}

fn help(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    if !rest.is_empty() {
        let command = find(rest).ok_or_else(|| format!("{rest:?} is no command"))?;
        let others = command.names.get(1..).unwrap_or_default().join(", ");
        let short = if others.is_empty() { String::new() } else { format!("\nAlso: {others}") };
        console.say(&format!("{}\n  {}{short}", command.usage, command.meaning));
        return Ok(Flow::Go);
    }
    let line = |command: &Command| format!("  {:<29} {}\n", command.usage, command.meaning);
    let table: String = COMMANDS.iter().map(line).collect();
    let text = format!(
        "{table}\nLETTERS: 3  1-5  .  $  ^  +  -  *  :u (n u r o d f a t s)  /subject  @author\n\
         @f@words (f t s c b h)  & (the thread). A number alone shows that letter.\n\
         ? COMMAND tells more; short forms are as in mailx.\n"
    );
    session.page(&text, console);
    Ok(Flow::Go)
}
