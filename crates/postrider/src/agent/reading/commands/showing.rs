//! Letters shown, listed, given to programs.

use std::io::{self, Write};

use super::list_before;
use crate::agent::console::{Console, harmless, harmless_text};
use crate::agent::mail::dictation::{editor, visual};
use crate::agent::reading::session::{Done, Flow, Session};
use crate::agent::reading::{show, thread};
use crate::agent::running;

pub(super) fn print(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    show_letters(session, rest, false, console)
}

pub(super) fn print_all(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn show_one(
    session: &mut Session<'_>,
    place: usize,
    all_fields: bool,
    console: &mut Console<'_>,
) -> Result<(), String> {
    let mut source = session.source(place)?;
    let shown = session.show(console, |out| {
        out(&format!("Letter {}:\n", place + 1))?;
        show::render(&mut source, &session.style(all_fields), out)
    });
    shown.map_err(|error| format!("letter {}: {error}", place + 1))?;
    session.go_to(place);
    session.mark(&[place], |flags| flags.seen = true);
    Ok(())
}

pub(super) fn next(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn headers(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn scroll(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn from(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    session.list(chosen.into_iter().map(|index| thread::Place { index, depth: 0 }), console);
    Ok(Flow::Go)
}

pub(super) fn top(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    const LINES: usize = 5;
    /// Octets of fields and text that are read for that.
    const TOP_MAX: usize = 256 << 10;
    for place in session.choose_text(rest, false)? {
        let text = session.text_begin(place, false, TOP_MAX)?;
        console.say(&format!("Letter {}:", place + 1));
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        console.say(&harmless_text(head));
        console.say("");
        body.lines().take(LINES).for_each(|line| console.say(&harmless(line)));
        session.go_to(place);
    }
    Ok(Flow::Go)
}

pub(super) fn size(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    for place in session.choose_text(rest, false)? {
        let octets = session.folder.items.get(place).map_or(0, |item| item.size);
        console.say(&format!("{}: {octets}", place + 1));
    }
    Ok(Flow::Go)
}

pub(super) fn raw(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    for place in session.choose_text(rest, false)? {
        let mut letter = session.source(place)?.reader();
        let shown = session.show_octets(&mut letter, console);
        shown.map_err(|error| format!("letter {}: {error}", place + 1))?;
        session.go_to(place);
    }
    Ok(Flow::Go)
}

pub(super) fn pipe(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    pipe_to(session, rest, false, console)
}

pub(super) fn pipe_raw(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    pipe_to(session, rest, true, console)
}

/// `pipe 1-3 command words`: what begins the line and chooses letters does so, the rest is the
/// command.
fn pipe_to(session: &mut Session<'_>, rest: &str, raw: bool, console: &mut Console<'_>) -> Done {
    let (list, command) = list_before(rest);
    if command.is_empty() {
        return Err("name a command: pipe 3 wc -l".into());
    }
    let chosen = session.choose_text(list, false)?;
    let _ = console.out.flush();
    let ended = running::pipe(command, |stdin| {
        for place in &chosen {
            let mut source = session.source(*place).map_err(io::Error::other)?;
            if raw {
                io::copy(&mut source.reader(), stdin)?;
                continue;
            }
            // The command may write to the terminal what it is given.
            show::render(&mut source, &session.style(false), &mut |text| {
                stdin.write_all(harmless_text(text).as_bytes())
            })?;
        }
        Ok(())
    });
    let ended = ended.map_err(|error| format!("{command}: {error}"))?;
    if !ended.success() {
        console.complain("mail", &format!("{command}: {ended}"));
    }
    chosen.last().into_iter().for_each(|place| session.go_to(*place));
    Ok(Flow::Go)
}

pub(super) fn edit(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let program = editor(&session.settings);
    edit_with(session, rest, &program, console)
}

pub(super) fn edit_visual(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
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
        let mut source = session.source(place)?;
        let mut work = || -> io::Result<()> {
            let mut file = tempfile::Builder::new().prefix("mail-").suffix(".txt").tempfile()?;
            show::render(&mut source, &session.style(true), &mut |text| {
                file.write_all(harmless_text(text).as_bytes())
            })?;
            let _ = console.out.flush();
            running::edit(program, file.path())
        };
        work().map_err(|error| error.to_string())?;
        session.go_to(place);
    }
    Ok(Flow::Go)
}
