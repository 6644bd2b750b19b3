//! Message identifiers (RFC 5322 §3.6.4, RFC 2045 §7).

use std::fmt;

use super::lex::{Lexer, Token, is_dot_atom, is_space};

/// Identifiers kept of one field: a thread longer than that is cut at its front.
pub const IDS_MAX: usize = 1000;
/// Octets of one identifier, its brackets included: it must fit a line (RFC 5322 §2.1.1).
pub const ID_MAX: usize = 900;

/// `<left@right>`: what makes a letter unlike any other.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageId(String);

impl MessageId {
    /// From the text between the brackets: atoms with dots, an `@`, and atoms with dots or a domain
    /// literal. None for anything else: what we write ourselves has the strict form.
    pub fn new(inner: &str) -> Option<Self> {
        let (left, right) = inner.split_once('@')?;
        let literal = right.strip_prefix('[').and_then(|right| right.strip_suffix(']'));
        let dtext = |text: &str| text.bytes().all(|octet| matches!(octet, 33..=90 | 94..=126));
        let right_good = literal.map_or_else(|| is_dot_atom(right), dtext);
        (inner.is_ascii() && inner.len() + 2 <= ID_MAX && is_dot_atom(left) && right_good)
            .then(|| Self(inner.to_owned()))
    }

    /// Without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the identifiers of a Message-ID, In-Reply-To or References field: those in angle
    /// brackets, blanks and comments within taken out, quoted words kept as written. Words around
    /// them are passed over (RFC 5322 §4.5.4). Of more than [`IDS_MAX`] the last are kept.
    ///
    /// ```
    /// use mail::content::MessageId;
    ///
    /// let ids = MessageId::read_list("Your letter of Monday <1@a.example> (yes), <2 @ b.example>");
    /// let ids: Vec<_> = ids.iter().map(MessageId::as_str).collect();
    /// assert_eq!(ids, ["1@a.example", "2@b.example"]);
    /// ```
    pub fn read_list(value: &str) -> Vec<Self> {
        let mut ids = std::collections::VecDeque::new();
        let mut lexer = Lexer::new(value);
        let mut open: Option<String> = None;
        while let Some((_, token)) = lexer.next_solid() {
            match (token, &mut open) {
                (Token::Special('<'), _) => open = Some(String::new()),
                (Token::Special('>'), Some(inner)) => {
                    let inner = std::mem::take(inner);
                    open = None;
                    if ids.len() == IDS_MAX {
                        ids.pop_front();
                    }
                    ids.extend(Self::read(inner));
                }
                (Token::Special(one), Some(inner)) => inner.push(one),
                (Token::Atom(text), Some(inner)) => inner.push_str(text),
                (Token::Quoted(raw), Some(inner)) => {
                    inner.push('"');
                    inner.push_str(raw);
                    inner.push('"');
                }
                (Token::Literal(raw), Some(inner)) => {
                    inner.push('[');
                    inner.push_str(raw);
                    inner.push(']');
                }
                (_, _) => {}
            }
        }
        ids.into()
    }

    /// An identifier as others write it: anything printable, so that it can be compared and given
    /// back.
    fn read(inner: String) -> Option<Self> {
        let good = |one: char| !one.is_control() && !matches!(one, '<' | '>');
        let whole = !inner.is_empty() && inner.len() + 2 <= ID_MAX;
        (whole && inner.chars().all(|one| good(one) && !is_space(one))).then_some(Self(inner))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// The References of a reply: those of the parent, or its single In-Reply-To, and its Message-ID
/// (RFC 5322 §3.6.4).
pub fn references_of_reply(
    references: &[MessageId],
    in_reply_to: &[MessageId],
    message_id: Option<&MessageId>,
) -> Vec<MessageId> {
    // Without the parent's identifier there is nothing to add a link to.
    let Some(message_id) = message_id else { return Vec::new() };
    let mut chain = match (references, in_reply_to) {
        ([], [one]) => vec![one.clone()],
        ([], _) => Vec::new(),
        (all, _) => all.to_vec(),
    };
    chain.push(message_id.clone());
    chain
}

#[cfg(test)]
mod tests;
