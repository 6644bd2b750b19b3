//! Letters written because of others: answers, letters passed on, drafts taken up again.

use super::{list_before, one};
use crate::agent::console::{Console, harmless};
use crate::agent::reading::range::members;
use crate::agent::reading::session::{Done, Session};

pub(super) fn reply(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let all = !session.settings.flip_reply;
    answer_to(session, rest, all, console)
}

pub(super) fn reply_to_author(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
    let all = session.settings.flip_reply;
    answer_to(session, rest, all, console)
}

pub(super) fn reply_all(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    answer_to(session, rest, true, console)
}

pub(super) fn reply_sender(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
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

pub(super) fn forward(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let inline = session.settings.forward_inline;
    forward_as(session, rest, inline, console)
}

pub(super) fn forward_inline(
    session: &mut Session<'_>,
    rest: &str,
    console: &mut Console<'_>,
) -> Done {
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

pub(super) fn resend(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let (list, to) = list_before(rest);
    let to = to.to_owned();
    let place = one(session, list)?;
    session.resend(place, &to, console)
}

pub(super) fn mail(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let mut draft = session.blank()?;
    let host = &session.site.hostname;
    draft.to = session.settings.expand(rest, host).map_err(|error| error.to_string())?;
    session.write(draft, false, console)
}

pub(super) fn resume(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let place = one(session, rest)?;
    session.resume(place, console)
}

pub(super) fn fetch(session: &mut Session<'_>, rest: &str, console: &mut Console<'_>) -> Done {
    let words = members(rest).map_err(|error| error.to_string())?;
    let (list, path) = match words.as_slice() {
        [] => (".", ""),
        [list] => (list.as_str(), ""),
        [list, path, ..] => (list.as_str(), path.as_str()),
    };
    let place = one(session, list)?;
    session.fetch(place, path, console)
}
