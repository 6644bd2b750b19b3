//! Reads the address lists of people: `To`, `Cc` and `Bcc` fields and the words of a command line
//! (RFC 5322 §3.4, with the obsolete forms of §4.4).
//!
//! Liberal in form, strict in result: comments, groups, routes, quoted words, blanks around dots
//! and empty members are understood, and what comes out is a [`Mailbox`]. A bare name is one of
//! this host. What cannot be read is an error that quotes the piece, never skipped in silence.

use std::fmt;

use mail::address::AddressError;
use mail::content::encoded_word;
use mail::{Domain, DomainName, LocalPart, Mailbox};

/// Characters of one list: more than any letter to people has.
pub const LIST_MAX: usize = 4 << 20;
/// How deep comments may nest.
const COMMENT_DEPTH: usize = 32;

/// One member of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The name before `<…>`, unquoted and decoded, or the comment beside a bare address, which
    /// served as name before there were names.
    pub name: Option<String>,
    /// The address.
    pub mailbox: Mailbox,
    /// Whether the domain was missing and this host's was added.
    pub completed: bool,
}

impl fmt::Display for Entry {
    /// As a person would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => self.mailbox.fmt(f),
            Some(name) => {
                let plain = |c: char| c.is_alphanumeric() || " -'_".contains(c);
                if name.chars().all(plain) {
                    return write!(f, "{name} <{}>", self.mailbox);
                }
                let name = name.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{name}\" <{}>", self.mailbox)
            }
        }
    }
}

/// A piece of a list that is not an address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{piece:?}: {reason}")]
pub struct ListError {
    /// The piece as it came, shortened.
    pub piece: String,
    /// What is wrong with it.
    pub reason: Fault,
}

/// What is wrong with a piece of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The address itself.
    #[error("{0}")]
    Address(AddressError),
    /// A quote, comment, bracket or literal without its end.
    #[error("{0} is not closed")]
    Open(&'static str),
    /// Words without a comma or angle brackets.
    #[error("words without an address; addresses are separated by commas")]
    Words,
    /// A character where it cannot stand.
    #[error("{0:?} does not belong here")]
    Stray(char),
    /// Comments in comments without end.
    #[error("comments are nested too deep")]
    Deep,
    /// Over [`LIST_MAX`].
    #[error("the list is too long")]
    TooLong,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    /// An atom, or the inside of a quoted string.
    Word(String),
    /// A domain literal with its brackets.
    Literal(String),
    /// The inside of a comment.
    Comment(String),
    /// One of `<>@,;:.`
    Special(char),
}

/// Reads a list; bare names get `host`.
///
/// # Errors
/// [`ListError`] with the first piece that is not an address.
pub fn read_list(text: &str, host: &DomainName) -> Result<Vec<Entry>, ListError> {
    if text.len() > LIST_MAX {
        return Err(error(text, Fault::TooLong));
    }
    let tokens = Tokens::new(text).all().map_err(|fault| error(text, fault))?;
    let mut entries = Vec::new();
    let mut member: Vec<Token> = Vec::new();
    let (mut angle, mut group) = (false, false);
    for token in tokens {
        match token {
            Token::Special('<') => angle = true,
            Token::Special('>') => angle = false,
            Token::Special(',' | ';') if angle => {}
            Token::Special(':') if !angle && !group => {
                // What came before is the name of a group.
                group = true;
                member.clear();
                continue;
            }
            Token::Special(end @ (',' | ';')) => {
                group &= end != ';';
                entries.extend(read_member(&member, host)?);
                member.clear();
                continue;
            }
            _ => {}
        }
        member.push(token);
    }
    entries.extend(read_member(&member, host)?);
    Ok(entries)
}

/// Reads exactly one address.
///
/// # Errors
/// [`ListError`] when it is none or more than one.
pub fn read_one(text: &str, host: &DomainName) -> Result<Entry, ListError> {
    let mut entries = read_list(text, host)?;
    match (entries.pop(), entries.is_empty()) {
        (Some(entry), true) => Ok(entry),
        _ => Err(error(text, Fault::Words)),
    }
}

/// One member between commas; an empty one is no member (RFC 5322 §4.4).
fn read_member(tokens: &[Token], host: &DomainName) -> Result<Option<Entry>, ListError> {
    let fail = |fault| error(&Shown(tokens).to_string(), fault);
    let mut comment = None;
    let mut address = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token {
            Token::Comment(inside) => comment = Some(inside.trim().to_owned()),
            token => address.push(token.clone()),
        }
    }
    let comment = comment.filter(|comment| !comment.is_empty());
    if address.is_empty() {
        return Ok(None);
    }
    let Some(open) = address.iter().position(|token| *token == Token::Special('<')) else {
        let (mailbox, completed) = read_address(&address, host).map_err(fail)?;
        return Ok(Some(Entry { name: comment, mailbox, completed }));
    };
    let (phrase, rest) = address.split_at(open);
    let rest = rest.get(1..).unwrap_or_default();
    let close = rest.iter().position(|token| *token == Token::Special('>'));
    let (inner, after) = rest.split_at(close.ok_or_else(|| fail(Fault::Open("`<`")))?);
    if let Some(token) = after.get(1) {
        return Err(fail(token.fault()));
    }
    let (mailbox, completed) = read_address(without_route(inner), host).map_err(fail)?;
    Ok(Some(Entry { name: read_phrase(phrase).map_err(fail)?, mailbox, completed }))
}

/// The address after a source route, which is ignored (RFC 5322 §4.4).
fn without_route(tokens: &[Token]) -> &[Token] {
    let routed = matches!(tokens.first(), Some(Token::Special('@' | ',')));
    let colon = tokens.iter().position(|token| *token == Token::Special(':'));
    match colon.filter(|_| routed) {
        Some(colon) => tokens.get(colon + 1..).unwrap_or_default(),
        None => tokens,
    }
}

/// The words of a name, dots among them understood (RFC 5322 §4.1).
fn read_phrase(tokens: &[Token]) -> Result<Option<String>, Fault> {
    let mut name = String::new();
    for token in tokens {
        match token {
            Token::Word(word) => {
                if !name.is_empty() {
                    name.push(' ');
                }
                name.push_str(word);
            }
            Token::Special('.') => name.push('.'),
            token => return Err(token.fault()),
        }
    }
    let is_encoded = name.split(' ').all(encoded_word::is_word);
    let name = if is_encoded { encoded_word::decode(&name).text } else { name };
    Ok((!name.trim().is_empty()).then_some(name))
}

/// The address, and whether `host` was added to it.
fn read_address(tokens: &[Token], host: &DomainName) -> Result<(Mailbox, bool), Fault> {
    // The last `@`: only the final host reads what stands before it.
    let at = tokens.iter().rposition(|token| *token == Token::Special('@'));
    let (local, domain) = match at {
        Some(at) => (tokens.get(..at).unwrap_or_default(), tokens.get(at + 1..)),
        None => (tokens, None),
    };
    let local = LocalPart::from_unquoted_utf8(&joined(local)?).map_err(Fault::Address)?;
    let domain = match domain {
        None => Domain::Name(host.clone()),
        Some([Token::Literal(literal)]) => literal.parse().map_err(Fault::Address)?,
        Some(domain) => {
            let name = joined(domain)?;
            if name.is_empty() {
                return Err(Fault::Address(AddressError::NoDomain));
            }
            // A final dot is right in the name system only (RFC 1123 §5.2.18).
            let name = name.strip_suffix('.').unwrap_or(&name);
            Domain::Name(DomainName::parse_utf8(name).map_err(Fault::Address)?)
        }
    };
    let mailbox = Mailbox { local, domain };
    // Every host takes the form in ASCII, where there is one.
    let mailbox = mailbox.to_ascii().unwrap_or(mailbox);
    // The bounds of a path are checked once more on the whole.
    let mailbox = Mailbox::parse_utf8(&mailbox.to_string()).map_err(Fault::Address)?;
    Ok((mailbox, at.is_none()))
}

/// Words with dots between them, blanks around the dots dropped.
fn joined(tokens: &[Token]) -> Result<String, Fault> {
    let mut text = String::new();
    let mut after_word = false;
    for token in tokens {
        match token {
            Token::Word(_) if after_word => return Err(Fault::Words),
            Token::Word(word) => text.push_str(word),
            Token::Special('.') => text.push('.'),
            token => return Err(token.fault()),
        }
        after_word = matches!(token, Token::Word(_));
    }
    Ok(text)
}

impl Token {
    fn fault(&self) -> Fault {
        match self {
            Self::Special(special) => Fault::Stray(*special),
            Self::Literal(_) => Fault::Stray('['),
            Self::Word(_) | Self::Comment(_) => Fault::Words,
        }
    }
}

/// Cuts the text into tokens; comments and folds are blanks (RFC 5322 §3.2.2).
struct Tokens<'a> {
    text: std::iter::Peekable<std::str::Chars<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.chars().peekable() }
    }

    fn all(mut self) -> Result<Vec<Token>, Fault> {
        let mut tokens = Vec::new();
        while let Some(next) = self.text.next() {
            match next {
                ' ' | '\t' | '\r' | '\n' => {}
                '(' => tokens.push(Token::Comment(self.comment()?)),
                '"' => tokens.push(Token::Word(self.quoted()?)),
                '[' => tokens.push(Token::Literal(self.literal()?)),
                '<' | '>' | '@' | ',' | ';' | ':' | '.' => tokens.push(Token::Special(next)),
                ')' | ']' | '\\' => return Err(Fault::Stray(next)),
                next if next.is_control() => return Err(Fault::Stray(next)),
                next => tokens.push(Token::Word(self.atom(next))),
            }
        }
        Ok(tokens)
    }

    fn comment(&mut self) -> Result<String, Fault> {
        let (mut inside, mut depth) = (String::new(), 1);
        while let Some(next) = self.text.next() {
            match next {
                '\\' => {
                    inside.extend(self.text.next());
                    continue;
                }
                '(' if depth == COMMENT_DEPTH => return Err(Fault::Deep),
                '(' => depth += 1,
                ')' if depth == 1 => return Ok(inside),
                ')' => depth -= 1,
                '\r' | '\n' => continue,
                _ => {}
            }
            inside.push(next);
        }
        Err(Fault::Open("a comment"))
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let mut inside = String::new();
        while let Some(next) = self.text.next() {
            match next {
                '"' => return Ok(inside),
                '\\' => inside.extend(self.text.next()),
                // A fold: its line end goes, its blank stays (RFC 5322 §2.2.3).
                '\r' | '\n' => {}
                next => inside.push(next),
            }
        }
        Err(Fault::Open("a quotation mark"))
    }

    fn literal(&mut self) -> Result<String, Fault> {
        let mut literal = String::from("[");
        for next in self.text.by_ref() {
            match next {
                ' ' | '\t' | '\r' | '\n' => {}
                ']' => {
                    literal.push(next);
                    return Ok(literal);
                }
                next => literal.push(next),
            }
        }
        Err(Fault::Open("`[`"))
    }

    fn atom(&mut self, first: char) -> String {
        let mut atom = String::from(first);
        let goes_on = |next: &char| {
            !next.is_whitespace() && !next.is_control() && !"()<>[]:;@\\,.\"".contains(*next)
        };
        while let Some(next) = self.text.next_if(goes_on) {
            atom.push(next);
        }
        atom
    }
}

fn error(piece: &str, reason: Fault) -> ListError {
    const SHOWN: usize = 60;
    let mut shown: String = piece.chars().take(SHOWN).collect();
    if shown.len() < piece.len() {
        shown.push('…');
    }
    ListError { piece: shown, reason }
}

/// Tokens as a person would have typed them.
struct Shown<'a>(&'a [Token]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut after_word = false;
        for token in self.0 {
            match token {
                Token::Word(word) if after_word => write!(f, " {word}")?,
                Token::Word(word) | Token::Literal(word) => f.write_str(word)?,
                Token::Comment(inside) => write!(f, " ({inside})")?,
                Token::Special('<') if after_word => f.write_str(" <")?,
                Token::Special(special) => write!(f, "{special}")?,
            }
            after_word = matches!(token, Token::Word(_));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
