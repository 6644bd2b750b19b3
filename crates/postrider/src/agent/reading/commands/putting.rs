//! Letters and their parts put into other folders and files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use mail::content::Kind;
use mail::content::structure::Shape;

use super::marking::go_past;
use super::one;
use crate::agent::console::{Console, harmless};
use crate::agent::folder::{Flags, Item};
use crate::agent::mail::dictation::in_home;
use crate::agent::mail::outgoing::folder_name;
use crate::agent::reading::range::members;
use crate::agent::reading::session::{Done, Flow, Session, plural, put};
use crate::agent::reading::show::{self, Style};
use crate::agent::reading::{answer, save};

pub(super) fn save_letters(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    put_letters(session, rest, console, |item| item.saved = true)
}

pub(super) fn copy_letters(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    put_letters(session, rest, console, |_| {})
}

pub(super) fn move_letters(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    put_letters(session, rest, console, |item| item.deleted = true)?;
    if let Some(dot) = session.dot {
        go_past(session, dot);
    }
    Ok(Flow::Go)
}

pub(super) fn to_mbox(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    move_letters(session, &format!("{} &", if rest.is_empty() { "." } else { rest }), console)
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

pub(super) fn save_by_author(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    let chosen = session.choose_text(rest, false)?;
    let name = author_folder(session, &chosen)?;
    put_into(session, &chosen, &name, console, |item| item.saved = true)
}

pub(super) fn copy_by_author(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    let chosen = session.choose_text(rest, false)?;
    let name = author_folder(session, &chosen)?;
    put_into(session, &chosen, &name, console, |_| {})
}

pub(super) fn write(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let (chosen, name) = session.choose_and_last(rest)?;
    let name = name.ok_or("name a file: write 3 notes.txt")?;
    let path = in_home(&name, session.site);
    let columns = session.text_columns();
    let mut give = |file: &mut dyn Write| -> io::Result<()> {
        for place in &chosen {
            let mut source = session.source(*place).map_err(io::Error::other)?;
            show::body(&mut source, columns, &mut |text| file.write_all(text.as_bytes()))?;
        }
        Ok(())
    };
    let size = save::save(&path, &mut give, console)?;
    tell_size(&path, size, console);
    Ok(Flow::Go)
}

pub(super) fn parts(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn part(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let words = members(rest).map_err(|error| error.to_string())?;
    let Some(path) = words.first() else { return Err("name a part: part 2".into()) };
    let place = session.dot.ok_or("no letters")?;
    let (outline, mut source) = session.outline(place)?;
    let wanted = if path == "0" { "" } else { path };
    let index = outline.find(wanted).ok_or("the letter has no such part; parts lists them")?;
    let Some(name) = words.get(1) else {
        let columns = session.text_columns();
        let style = Style { fields: None, columns, notes: true };
        let shown =
            session.show(console, |out| show::one_part(&outline, index, &mut source, &style, out));
        return shown.map(|()| Flow::Go).map_err(|error| error.to_string());
    };
    let Some(part) = outline.parts.get(index) else { return Err("no such part".into()) };
    let mut path = in_home(name, session.site);
    if path.is_dir() {
        path = path.join(save::name_of(part));
    }
    let mut give = |file: &mut dyn Write| outline.decode(index, &mut source, file).map(|_| ());
    let size = save::save(&path, &mut give, console)?;
    tell_size(&path, size, console);
    Ok(Flow::Go)
}

fn tell_size(path: &Path, size: u64, console: &mut Console<'_>) {
    console.say(&format!("{}: {size} octets", harmless(&path.display().to_string())));
}

pub(super) fn detach(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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
            let path = save::place_in(&folder, &save::name_of(part))?;
            let mut give =
                |file: &mut dyn Write| outline.decode(index, &mut source, file).map(|_| ());
            match save::save(&path, &mut give, console) {
                Ok(size) => {
                    count += 1;
                    tell_size(&path, size, console);
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

pub(super) fn join(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let place = one(session, rest)?;
    let (head, mut whole) = session.joined(place)?;
    let path = session.folder.path().to_owned();
    let (site, settings) = (session.site, session.settings.clone());
    put(&path, &head, &mut whole, Flags::default(), site, &settings)
        .map_err(|error| error.to_string())?;
    let subject = answer::subject(&::mail::content::Head::new(&head));
    console.say(&format!("put together: {}", harmless(&subject)));
    Ok(Flow::Go)
}
