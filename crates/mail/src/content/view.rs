//! What a reader shows of a letter, in order: text, the messages within, and what can be saved
//! (RFC 2046 §5.1, RFC 2183 §2).

use super::letter::{Letter, Part};
use super::media::{Kind, MediaType};
use super::structure::Shape;

/// One thing to show.
#[derive(Clone, Copy, Debug)]
pub struct Item<'l, 'a> {
    /// How it is shown.
    pub role: Role,
    /// What.
    pub part: Part<'l, 'a>,
}

/// How a part is shown.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// As text, with the letter.
    Text,
    /// As the header of a message within; its body follows.
    Message,
    /// By its name and size, to be saved or opened.
    Attachment,
    /// As a part whose body is elsewhere: see [`External`](super::External).
    External,
    /// As a piece of a letter: see [`partial`](super::partial).
    Partial,
    /// As the fields of a report (RFC 3464).
    Status,
    /// As a header section that came back with a report.
    Headers,
}

/// What is shown of `letter` to somebody whose reader can show `can_show` in place of text: of
/// alternatives the last that can be (RFC 2046 §5.1.4). Everything else is listed, nothing is lost.
///
/// ```
/// use mail::content::{Letter, Role, view};
///
/// let letter = Letter::read(
///     b"Content-Type: multipart/alternative; boundary=b\r\n\r\n\
///       --b\r\n\r\nplain\r\n\
///       --b\r\nContent-Type: text/html\r\n\r\n<p>rich\r\n\
///       --b\r\nContent-Type: video/ogg\r\n\r\nmoving\r\n--b--\r\n",
/// );
/// let plain: Vec<_> = view(&letter, |_| false).iter().map(|item| item.part.text().text).collect();
/// assert_eq!(plain, ["plain"]);
/// let html = view(&letter, |media| media.is("text", "html"));
/// assert_eq!((html.len(), html[0].role), (1, Role::Text));
/// assert_eq!(html[0].part.text(), "<p>rich");
/// ```
pub fn view<'l, 'a>(
    letter: &'l Letter<'a>,
    can_show: impl Fn(&MediaType) -> bool,
) -> Vec<Item<'l, 'a>> {
    let mut viewer = Viewer { can_show: &can_show, items: Vec::new() };
    viewer.part(letter.root());
    viewer.items
}

struct Viewer<'l, 'a, 'f> {
    can_show: &'f dyn Fn(&MediaType) -> bool,
    items: Vec<Item<'l, 'a>>,
}

impl<'l, 'a> Viewer<'l, 'a, '_> {
    /// Depth is bounded by that of letters.
    fn part(&mut self, part: Part<'l, 'a>) {
        match part.shape() {
            Shape::Multipart => self.multipart(part),
            Shape::Message if part.kind() == Kind::External => self.item(Role::External, part),
            Shape::Message => {
                for message in part.children() {
                    self.item(Role::Message, message);
                    self.part(message);
                }
            }
            Shape::Leaf => {
                let role = self.leaf(&part);
                self.item(role, part);
            }
        }
    }

    fn item(&mut self, role: Role, part: Part<'l, 'a>) {
        self.items.push(Item { role, part });
    }

    fn leaf(&self, part: &Part<'l, 'a>) -> Role {
        let kind = part.kind();
        match kind {
            // A multipart that could not be taken apart is shown as it is.
            _ if kind.is_multipart() => Role::Text,
            Kind::Partial => Role::Partial,
            Kind::Status => Role::Status,
            Kind::Headers => Role::Headers,
            _ if part.is_attachment() => Role::Attachment,
            Kind::Plain | Kind::Enriched | Kind::Richtext => Role::Text,
            _ if (self.can_show)(&part.media_type()) => Role::Text,
            // HTML alone is better read raw than not at all.
            Kind::Html => Role::Text,
            _ => Role::Attachment,
        }
    }

    fn multipart(&mut self, part: Part<'l, 'a>) {
        let mut parts = part.children().peekable();
        if parts.peek().is_none() {
            return self.item(Role::Text, part);
        }
        if part.kind() == Kind::Alternative {
            let last = part.children().filter(|part| self.can_be_shown(part)).last();
            // Where none can, the plainest is listed.
            return parts
                .next()
                .into_iter()
                .take(1)
                .for_each(|first| self.part(last.unwrap_or(first)));
        }
        if part.kind() == Kind::Related {
            // What the others belong to comes first.
            let root = root_of_related(&part);
            root.into_iter().for_each(|root| self.part(root));
            let others = parts.filter(|one| Some(one.number()) != root.map(|root| root.number()));
            return others.for_each(|part| self.part(part));
        }
        parts.for_each(|part| self.part(part));
    }

    /// Whether something of `part` can be shown in place.
    fn can_be_shown(&self, part: &Part<'l, 'a>) -> bool {
        match part.shape() {
            Shape::Message => part.kind() == Kind::Message,
            Shape::Leaf => match part.kind() {
                Kind::Plain => {
                    part.media_type().subtype() == "plain" || (self.can_show)(&part.media_type())
                }
                Kind::Enriched | Kind::Richtext => true,
                _ => (self.can_show)(&part.media_type()),
            },
            Shape::Multipart => match part.kind() {
                Kind::Related => root_of_related(part).is_some_and(|root| self.can_be_shown(&root)),
                Kind::Signed => {
                    part.children().next().is_some_and(|first| self.can_be_shown(&first))
                }
                _ => part.children().any(|part| self.can_be_shown(&part)),
            },
        }
    }
}

/// The part that the others belong to: the one that `start` names, or else the first
/// (RFC 2387 §3.2).
fn root_of_related<'l, 'a>(part: &Part<'l, 'a>) -> Option<Part<'l, 'a>> {
    let media = part.media_type();
    let start = media.parameters.get("start").map(|start| start.trim_matches(['<', '>', ' ']));
    let named = start.and_then(|start| {
        part.children().find(|child| {
            child.head().ids("Content-ID").first().is_some_and(|id| id.as_str() == start)
        })
    });
    named.or_else(|| part.children().next())
}

#[cfg(test)]
mod tests;
