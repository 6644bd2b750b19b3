//! Letters marked: deleted, read, important, kept.

use super::showing::show_one;
use crate::agent::console::Console;
use crate::agent::folder::{Flags, Item};
use crate::agent::reading::session::{Done, Flow, Session};

pub(super) fn delete(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
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
pub(super) fn go_past(session: &mut Session<'_>, place: usize) {
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

pub(super) fn delete_and_next(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    delete(session, rest, console)?;
    match session.dot.filter(|_| session.fresh) {
        Some(dot) => {
            show_one(session, dot, false, console)?;
            Ok(Flow::Go)
        }
        None => Err("that was the last letter".into()),
    }
}

pub(super) fn undelete(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
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

pub(super) fn flag(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.flagged = true)
}

pub(super) fn unflag(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.flagged = false)
}

pub(super) fn seen(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.seen = true)
}

pub(super) fn unread(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.seen = false)
}

pub(super) fn answered(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    set_flags(session, rest, |flags| flags.answered = true)
}

pub(super) fn hold(session: &mut Session<'_>, rest: &str, _: &mut Console<'_>) -> Done {
    let chosen = session.choose_text(rest, false)?;
    session.held.extend(chosen);
    Ok(Flow::Go)
}
