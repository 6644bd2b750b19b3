//! The folder that is open, its order, the settings, the end.

use std::fs;

use super::showing::headers;
use crate::agent::console::{Console, harmless};
use crate::agent::mail::dictation::run_shell;
use crate::agent::reading::range::members;
use crate::agent::reading::screen;
use crate::agent::reading::session::{Done, Flow, Session};
use crate::agent::settings::{Members, Order};

pub(super) fn in_threads(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    session.settings.order = Order::Threads;
    headers(session, "", console)
}

pub(super) fn unthreaded(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    session.settings.order = Order::Arrival;
    headers(session, "", console)
}

pub(super) fn folder(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn folders(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    let path = &session.places.folders;
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names.iter().for_each(|name| console.say(&format!("+{}", harmless(name))));
    Ok(Flow::Go)
}

pub(super) fn alias(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
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

pub(super) fn set(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    if rest.is_empty() {
        console.say(&session.settings.shown());
        return Ok(Flow::Go);
    }
    let host = session.site.hostname.clone();
    session.settings.set(rest, &host).map_err(|error| error.to_string())?;
    Ok(Flow::Go)
}

pub(super) fn sync(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    console.say(&session.write_back()?);
    Ok(Flow::Go)
}

pub(super) fn full_screen(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    screen::run(session, console)
}

pub(super) fn shell(_: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    run_shell(console, rest)?;
    Ok(Flow::Go)
}

pub(super) fn quit(session: &mut Session<'_>, _: &str, console: &mut Console<'_>) -> Done {
    session.quit(console)
}

pub(super) fn exit(session: &mut Session<'_>, _: &str, _: &mut Console<'_>) -> Done {
    Ok(session.exit())
}
