//! What a list shows of a letter, taken from its header section.

use mail::content::Fields;

use crate::agent::reading::words;

/// Octets of a header section that are looked at; the rest of a larger one is not.
pub const HEAD_MAX: usize = 256 << 10;
/// Characters kept of one value: more than any list shows or search finds sensible.
const KEPT_MAX: usize = 1000;
/// Message-IDs of predecessors kept, the newest ones.
const PARENTS_MAX: usize = 30;

/// The facts of one letter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// When it was written, seconds since 1970; `None` when it does not say.
    pub date: Option<i64>,
    /// The field `From`, decoded.
    pub from: Box<str>,
    /// The field `To`, decoded.
    pub to: Box<str>,
    /// The field `Subject`, decoded.
    pub subject: Box<str>,
    /// Its Message-ID without brackets; empty when it has none.
    pub id: Box<str>,
    /// The Message-IDs it answers, the nearest last, with blanks between.
    pub parents: Box<str>,
}

impl Summary {
    /// Out of a header section, or the first octets of a letter.
    pub fn of(head: &[u8]) -> Self {
        let mut summary = Self::default();
        let (mut references, mut in_reply_to) = (String::new(), String::new());
        for field in Fields::new(head) {
            let value = || field.value();
            // The first one counts where a broken letter has several.
            let put = |place: &mut Box<str>, text: String| {
                if place.is_empty() {
                    *place = shortened(&text);
                }
            };
            match field.name.to_ascii_lowercase().as_slice() {
                b"date" if summary.date.is_none() => summary.date = words::moment(&value()),
                b"from" => put(&mut summary.from, words::addresses(&value())),
                b"to" => put(&mut summary.to, words::addresses(&value())),
                b"subject" => put(&mut summary.subject, words::text(&value())),
                b"message-id" => {
                    let ids = words::message_ids(&value());
                    put(&mut summary.id, ids.into_iter().next().unwrap_or_default());
                }
                b"references" if references.is_empty() => {
                    references = last(words::message_ids(&value()));
                }
                b"in-reply-to" if in_reply_to.is_empty() => {
                    in_reply_to = last(words::message_ids(&value()));
                }
                _ => {}
            }
        }
        let parents = if references.is_empty() { in_reply_to } else { references };
        summary.parents = parents.into();
        summary
    }
}

/// The newest of `ids` in one text.
fn last(ids: Vec<String>) -> String {
    let skipped = ids.len().saturating_sub(PARENTS_MAX);
    ids.get(skipped..).unwrap_or_default().join(" ")
}

fn shortened(text: &str) -> Box<str> {
    match text.char_indices().nth(KEPT_MAX) {
        None => text.into(),
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
    }
}
