//! A letter whose fields stand above its text: `mail -t`, and drafts that are taken up again.

use std::io::{self, BufRead};

use mail::content::{Fields, Head, MessageId};

use super::draft::Draft;
use super::{Stop, add_field};
use crate::agent::reading::words;
use crate::agent::settings::Settings;
use crate::agent::site::Site;
use crate::agent::sysexits::{EX_DATAERR, EX_USAGE};

/// Octets of the fields.
const HEAD_MAX: u64 = 1 << 20;

/// Reads fields and text from `input` into `draft`.
pub(super) fn take(
    draft: &mut Draft,
    input: &mut dyn BufRead,
    settings: &Settings,
    site: &Site,
) -> Result<(), Stop> {
    let mut head = Vec::new();
    let mut first_of_body = Vec::new();
    loop {
        let mut line = Vec::new();
        let left = HEAD_MAX.saturating_sub(head.len() as u64);
        let n = io::Read::take(&mut *input, left).read_until(b'\n', &mut line)?;
        if left == 0 {
            return Err(Stop("the fields above the text have no end".into(), EX_DATAERR));
        }
        if n == 0 || matches!(line.as_slice(), b"\n" | b"\r\n") {
            break;
        }
        let goes_on = matches!(line.first(), Some(b' ' | b'\t')) && !head.is_empty();
        if !goes_on && Fields::new(&line).next().is_none() {
            // A text without an empty line above it.
            first_of_body = line;
            break;
        }
        head.extend_from_slice(&line);
    }
    fields(draft, &head, settings, site)?;
    draft.body.push(&first_of_body)?;
    draft.body.read_from(input)?;
    Ok(())
}

/// Takes the fields that a person may say.
fn fields(draft: &mut Draft, head: &[u8], settings: &Settings, site: &Site) -> Result<(), Stop> {
    let host = &site.hostname;
    for field in Fields::new(head) {
        let name = String::from_utf8_lossy(field.name).into_owned();
        let value = field.value();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let list = || settings.expand(&text(&value), host);
        match name.to_ascii_lowercase().as_str() {
            "to" => draft.to.extend(list()?),
            "cc" => draft.cc.extend(list()?),
            "bcc" => draft.bcc.extend(list()?),
            "reply-to" => draft.reply_to = list()?,
            "from" => draft.from = list()?,
            "subject" => draft.subject = words::text(&value),
            "in-reply-to" => draft.in_reply_to = MessageId::read_list(&text(&value)),
            "references" => draft.references = MessageId::read_list(&text(&value)),
            // These the program makes.
            "date" | "message-id" | "mime-version" | "user-agent" | "sender" | "status"
            | "x-status" => {}
            lower if lower.starts_with("content-") => {
                if Head::new(head).content_type().is_some_and(|media| media.kind() != "text") {
                    let why = "a letter of several parts cannot be given with -t; use sendmail -t";
                    return Err(Stop(why.into(), EX_USAGE));
                }
            }
            _ => add_field(draft, &name, &words::text(&value))?,
        }
    }
    if draft.from.len() < 2 {
        draft.sender = None;
    }
    Ok(())
}
