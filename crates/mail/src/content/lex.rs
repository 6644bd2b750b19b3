//! Splits the value of a structured field into tokens (RFC 5322 §3.2, RFC 2045 §5.1).
//!
//! The text is unfolded before. Nothing is refused: a quoted string or comment without its end goes
//! to the end of the text. Comments nest, and are counted, not descended into.

use std::borrow::Cow;

use super::encoded_word;

/// A piece of a structured field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token<'a> {
    /// A run of anything that is not special.
    Atom(&'a str),
    /// The inside of a quoted string, its quoted pairs as they are.
    Quoted(&'a str),
    /// The inside of a comment, its quoted pairs as they are.
    Comment(&'a str),
    /// The inside of a domain literal.
    Literal(&'a str),
    /// One special character.
    Special(char),
}

/// The specials of RFC 5322 §3.2.3, which are not part of an atom.
pub(super) const SPECIALS: &str = "()<>[]:;@\\,.\"";
/// The tspecials of RFC 2045 §5.1.
pub(super) const TSPECIALS: &str = "()<>@,;:\\\"/[]?=";

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    specials: &'static str,
    words: bool,
    pub(super) bad: bool,
}

impl<'a> Lexer<'a> {
    /// Over fields whose atoms may be encoded words.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, specials: SPECIALS, words: true, bad: false }
    }

    /// Over the fields of MIME.
    pub(super) fn mime(text: &'a str) -> Self {
        Self { text, at: 0, specials: TSPECIALS, words: false, bad: false }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes white space; tells whether there was any.
    pub(super) fn space(&mut self) -> bool {
        let rest = self.rest();
        let after = rest.trim_start_matches(is_space);
        self.at += rest.len() - after.len();
        rest.len() != after.len()
    }

    /// The text up to the next of `stops`, which is not taken: for what obeys no syntax.
    pub(super) fn raw_until(&mut self, stops: &[char]) -> &'a str {
        let rest = self.rest();
        let raw = rest.find(stops).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += raw.len();
        raw
    }

    /// The next token and whether white space stood before it.
    pub(super) fn next_token(&mut self) -> Option<(bool, Token<'a>)> {
        let space = self.space();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let inside = rest.get(first.len_utf8()..).unwrap_or_default();
        let token = match first {
            '"' => Token::Quoted(self.enclosed(inside, '"')),
            '(' => Token::Comment(self.comment(inside)),
            '[' => Token::Literal(self.enclosed(inside, ']')),
            _ if self.specials.contains(first) => {
                self.at += first.len_utf8();
                Token::Special(first)
            }
            _ => Token::Atom(self.atom(rest)),
        };
        Some((space, token))
    }

    /// As [`next_token`](Self::next_token), comments left out.
    pub(super) fn next_solid(&mut self) -> Option<(bool, Token<'a>)> {
        let mut space = false;
        loop {
            match self.next_token()? {
                (_, Token::Comment(_)) => space = true,
                (before, token) => return Some((space || before, token)),
            }
        }
    }

    fn atom(&mut self, rest: &'a str) -> &'a str {
        // An encoded word is one piece, also where its text has specials in it: many writers leave
        // them there, and there is nothing else it could mean.
        let word = if self.words { encoded_word::prefix(rest) } else { None };
        let len = word.unwrap_or_else(|| {
            let end = |one: char| is_space(one) || self.specials.contains(one);
            rest.find(end).unwrap_or(rest.len())
        });
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// What stands before `end`; a backslash takes the next character with it.
    fn enclosed(&mut self, inside: &'a str, end: char) -> &'a str {
        let mut escaped = false;
        for (at, one) in inside.char_indices() {
            match one {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if one == end => return self.took(inside, at),
                _ => {}
            }
        }
        self.all_of(inside)
    }

    fn comment(&mut self, inside: &'a str) -> &'a str {
        let (mut escaped, mut depth) = (false, 1_usize);
        for (at, one) in inside.char_indices() {
            match one {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' => depth += 1,
                ')' if depth == 1 => return self.took(inside, at),
                ')' => depth -= 1,
                _ => {}
            }
        }
        self.all_of(inside)
    }

    /// Both delimiters are one octet long.
    fn took(&mut self, inside: &'a str, len: usize) -> &'a str {
        self.at += len + 2;
        inside.get(..len).unwrap_or_default()
    }

    fn all_of(&mut self, inside: &'a str) -> &'a str {
        self.at = self.text.len();
        self.bad = true;
        inside
    }
}

/// White space of a field; a CR or LF within one is none of its text either.
pub(super) fn is_space(one: char) -> bool {
    matches!(one, ' ' | '\t' | '\r' | '\n')
}

/// Quoted pairs without their backslash (RFC 5322 §3.2.1).
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(one) = characters.next() {
        out.push(if one == '\\' { characters.next().unwrap_or('\\') } else { one });
    }
    Cow::Owned(out)
}

/// A quoted string that means `text` (RFC 5322 §3.2.4).
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        if matches!(one, '"' | '\\') {
            out.push('\\');
        }
        out.push(one);
    }
    out.push('"');
    out
}

/// A character of an atom (RFC 5322 §3.2.3, RFC 6532 §3.2).
pub(super) fn is_atext(one: char) -> bool {
    one.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(one) || !one.is_ascii()
}

/// A character of a MIME token (RFC 2045 §5.1).
pub(super) fn is_token(one: char) -> bool {
    one.is_ascii_graphic() && !TSPECIALS.contains(one)
}

/// Atoms with dots between (RFC 5322 §3.2.3).
pub(super) fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}
