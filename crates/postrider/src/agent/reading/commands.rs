//! The commands of the line mode: their table, and who does them.

mod answering;
mod governing;
mod marking;
mod putting;
mod showing;

use answering::{
    fetch, forward, forward_inline, mail, reply, reply_all, reply_sender, reply_to_author, resend,
    resume,
};
use governing::{
    alias, exit, folder, folders, full_screen, in_threads, quit, set, shell, sync, unthreaded,
};
use marking::{answered, delete, delete_and_next, flag, hold, seen, undelete, unflag, unread};
use putting::{
    copy_by_author, copy_letters, detach, join, move_letters, part, parts, save_by_author,
    save_letters, to_mbox, write,
};
use showing::{
    edit, edit_visual, from, headers, next, pipe, pipe_raw, print, print_all, raw, scroll, size,
    top,
};

use super::line::split;
use super::session::{Done, Flow, Session};
use crate::agent::console::Console;

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
    session.show(console, |out| out(&text)).map_err(|error| error.to_string())?;
    Ok(Flow::Go)
}

/// The one letter that a command is about.
fn one(session: &mut Session<'_>, rest: &str) -> Result<usize, String> {
    match session.choose_text(rest, false)?.as_slice() {
        [place] => Ok(*place),
        _ => Err("one letter at a time".into()),
    }
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
