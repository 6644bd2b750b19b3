//! Lists of addresses in header fields: mailboxes with names, groups, and the obsolete forms
//! (RFC 5322 §3.4, §4.4, RFC 6532 §3.2, RFC 2047 §5).
//!
//! Unlike the paths of an envelope, what stands here is read by people and may be wrong: everything
//! that can be read is kept, and what is left out is reported.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::defect::{Defect, Defects, Text};
use super::encoded_word::{self, Joiner};
use super::lex::{Lexer, Token, is_atext, is_dot_atom, quote, unescape};
use crate::address::{AddressError, DomainName, Mailbox};

/// Addresses kept of one list; an envelope has room for far fewer.
pub const ADDRESSES_MAX: usize = 100_000;
/// Octets of an address that we write: it must fit a line with what stands around it.
const WRITTEN_MAX: usize = 900;

/// The address `local-part@domain` of a header field, unquoted.
///
/// Both halves may hold UTF-8 (RFC 6532). Read from a letter, the domain may be empty.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AddrSpec {
    local: String,
    domain: String,
}

impl AddrSpec {
    /// From unquoted halves, for a letter that we write.
    ///
    /// # Errors
    /// [`AddressError`] where a half is empty, too long, or holds what may not stand there; control
    /// characters may stand nowhere.
    pub fn new(local: &str, domain: &str) -> Result<Self, AddressError> {
        if domain.is_empty() {
            return Err(AddressError::NoDomain);
        }
        if local.is_empty() || local.chars().any(char::is_control) {
            return Err(AddressError::LocalPart);
        }
        let literal = domain.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        let dtext = |one: char| one.is_ascii_graphic() && !"[]\\".contains(one);
        let good = literal.map_or_else(
            || is_dot_atom(domain) && !domain.chars().any(char::is_control),
            |inner| inner.chars().all(dtext),
        );
        if !good {
            return Err(AddressError::Domain);
        }
        let this = Self { local: local.to_owned(), domain: domain.to_owned() };
        if this.to_string().len() > WRITTEN_MAX { Err(AddressError::TooLong) } else { Ok(this) }
    }

    /// Before the `@`, without quotes.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// After the `@`, a literal with its brackets; empty where a letter has none.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The mailbox of an envelope.
    ///
    /// # Errors
    /// [`AddressError`] where mail cannot go there.
    pub fn mailbox(&self) -> Result<Mailbox, AddressError> {
        Mailbox::parse_utf8(&self.to_string())
    }

    /// With a domain of ASCII only: labels beyond it in their A-form (RFC 5891). None where the
    /// local-part is not ASCII, or the domain has no such form: then the letter needs UTF-8 fields.
    pub(super) fn to_ascii(&self) -> Option<Cow<'_, Self>> {
        if !self.local.is_ascii() {
            return None;
        }
        if self.domain.is_ascii() {
            return Some(Cow::Borrowed(self));
        }
        let domain = DomainName::parse_utf8(&self.domain).ok()?.ascii().to_owned();
        Some(Cow::Owned(Self { local: self.local.clone(), domain }))
    }
}

impl From<&Mailbox> for AddrSpec {
    fn from(mailbox: &Mailbox) -> Self {
        Self { local: mailbox.local.as_str().to_owned(), domain: mailbox.domain.to_string() }
    }
}

impl FromStr for AddrSpec {
    type Err = AddressError;

    /// Reads one address, quoted where it must be, and nothing beside.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let list = AddressList::read(text);
        match list.items.as_slice() {
            [Address::Mailbox(NamedMailbox { name: None, address })] if list.defects.is_empty() => {
                Self::new(&address.local, &address.domain)
            }
            _ => Err(AddressError::LocalPart),
        }
    }
}

impl fmt::Display for AddrSpec {
    /// With the least quoting that is right (RFC 5322 §3.4.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_atom(&self.local) {
            f.write_str(&self.local)?;
        } else {
            f.write_str(&quote(&self.local))?;
        }
        if self.domain.is_empty() { Ok(()) } else { write!(f, "@{}", self.domain) }
    }
}

/// A mailbox with the name of who is behind it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct NamedMailbox {
    /// The display name, decoded; from a comment where old writers put it.
    pub name: Option<String>,
    /// The address.
    pub address: AddrSpec,
}

impl NamedMailbox {
    /// Without a name.
    pub fn bare(address: AddrSpec) -> Self {
        Self { name: None, address }
    }

    /// With a name.
    pub fn named(name: impl Into<String>, address: AddrSpec) -> Self {
        Self { name: Some(name.into()), address }
    }
}

impl fmt::Display for NamedMailbox {
    /// For people: the name as it is, not encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => self.address.fmt(f),
            Some(name) if is_phrase(name) => write!(f, "{name} <{}>", self.address),
            Some(name) => write!(f, "{} <{}>", quote(name), self.address),
        }
    }
}

/// Whether `name` is a phrase without quoting: atoms with single blanks between.
pub(super) fn is_phrase(name: &str) -> bool {
    !name.is_empty()
        && name.split(' ').all(|word| !word.is_empty() && word.chars().all(is_atext))
        && !name.chars().any(char::is_control)
}

/// One entry of a list.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Address {
    /// A mailbox.
    Mailbox(NamedMailbox),
    /// `name: mailboxes;`, perhaps empty.
    Group {
        /// Its name, decoded.
        name: String,
        /// Who is in it.
        members: Vec<NamedMailbox>,
    },
}

impl fmt::Display for Address {
    /// For people: names as they are, not encoded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Group { name, members } => {
                if is_phrase(name) {
                    write!(f, "{name}:")?
                } else {
                    write!(f, "{}:", quote(name))?
                }
                for (place, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if place == 0 { " " } else { ", " })?;
                }
                f.write_str(";")
            }
        }
    }
}

/// What an address field says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddressList {
    /// In the order of the field.
    pub items: Vec<Address>,
    /// What had to be left out or guessed.
    pub defects: Defects,
}

impl AddressList {
    /// Reads the unfolded value of a field.
    ///
    /// ```
    /// use mail::content::AddressList;
    ///
    /// let list = AddressList::read(
    ///     "=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>, A Group: joe@where.test;",
    /// );
    /// let mailboxes: Vec<_> = list.mailboxes().map(ToString::to_string).collect();
    /// assert_eq!(mailboxes, ["André Pirard <PIRARD@vm1.ulg.ac.be>", "joe@where.test"]);
    /// ```
    pub fn read(value: &str) -> Self {
        let mut reader = Reader { lexer: Lexer::new(value), list: Self::default(), open: None };
        reader.run();
        reader.list
    }

    /// All mailboxes, those in groups too.
    pub fn mailboxes(&self) -> impl Iterator<Item = &NamedMailbox> {
        self.items.iter().flat_map(|item| match item {
            Address::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            Address::Group { members, .. } => members.as_slice(),
        })
    }

    /// Whether it names nobody and no group.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl fmt::Display for AddressList {
    /// For people, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, item) in self.items.iter().enumerate() {
            write!(f, "{}{item}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// One word of an entry that is not finished.
enum Word<'a> {
    Atom(&'a str),
    Quoted(Cow<'a, str>),
    Dot,
    At,
    Literal(&'a str),
}

/// What was read of an entry so far.
#[derive(Default)]
struct Entry<'a> {
    words: Vec<(bool, Word<'a>)>,
    comment: Option<Text>,
    angle: Option<AddrSpec>,
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    list: AddressList,
    /// The group that is open.
    open: Option<(String, Vec<NamedMailbox>)>,
}

impl<'a> Reader<'a> {
    fn run(&mut self) {
        let mut entry = Entry::default();
        let mut count = 0_usize;
        while let Some((space, token)) = self.lexer.next_token() {
            match token {
                Token::Special(',') => {
                    count += 1;
                    self.end_entry(std::mem::take(&mut entry));
                    if count >= ADDRESSES_MAX {
                        self.list.defects.add(Defect::ValueCut);
                        break;
                    }
                }
                Token::Special(';') => {
                    self.end_entry(std::mem::take(&mut entry));
                    self.end_group();
                }
                Token::Special(':') => self.begin_group(std::mem::take(&mut entry)),
                Token::Special('<') => {
                    let address = self.angle();
                    entry.angle = entry.angle.or(address);
                }
                Token::Special('@') => entry.words.push((space, Word::At)),
                Token::Special('.') => entry.words.push((space, Word::Dot)),
                Token::Special(_) => self.list.defects.add(Defect::BadSyntax),
                Token::Atom(text) => entry.words.push((space, Word::Atom(text))),
                Token::Quoted(raw) => entry.words.push((space, Word::Quoted(unescape(raw)))),
                Token::Literal(raw) => entry.words.push((space, Word::Literal(raw))),
                Token::Comment(raw) => entry.comment = Some(encoded_word::decode_comment(raw)),
            }
        }
        self.end_entry(entry);
        if self.open.is_some() {
            self.list.defects.add(Defect::BadSyntax);
            self.end_group();
        }
        if self.lexer.bad {
            self.list.defects.add(Defect::BadSyntax);
        }
    }

    /// The inside of `<…>`, a source route passed over (RFC 5322 §4.4).
    fn angle(&mut self) -> Option<AddrSpec> {
        let mut words = Vec::new();
        loop {
            let before = self.lexer.clone();
            match self.lexer.next_solid() {
                Some((_, Token::Special('>'))) => break,
                Some((space, token)) => match token {
                    Token::Special('@') => words.push((space, Word::At)),
                    Token::Special('.') => words.push((space, Word::Dot)),
                    // The colon ends the route.
                    Token::Special(':') => words.clear(),
                    Token::Special(',') if matches!(words.first(), None | Some((_, Word::At))) => {
                        words.clear();
                    }
                    Token::Special(',' | ';') => {
                        self.list.defects.add(Defect::BadSyntax);
                        self.lexer = before;
                        break;
                    }
                    Token::Atom(text) => words.push((space, Word::Atom(text))),
                    Token::Quoted(raw) => words.push((space, Word::Quoted(unescape(raw)))),
                    Token::Literal(raw) => words.push((space, Word::Literal(raw))),
                    Token::Special(_) => self.list.defects.add(Defect::BadSyntax),
                    Token::Comment(_) => {}
                },
                None => {
                    self.list.defects.add(Defect::BadSyntax);
                    break;
                }
            }
        }
        self.spec(&words)
    }

    /// An address out of its words.
    fn spec(&mut self, words: &[(bool, Word<'a>)]) -> Option<AddrSpec> {
        let at = words.iter().rposition(|(_, word)| matches!(word, Word::At));
        let (local, domain) = match at {
            Some(at) => (words.get(..at)?, words.get(at + 1..)?),
            None => (words, [].as_slice()),
        };
        // No line end or other control lives in an address, so none can be written out of it.
        let kept = |text: String| text.replace(char::is_control, "");
        let spec = AddrSpec { local: kept(glued(local)), domain: kept(glued(domain)) };
        if spec.local.is_empty() && spec.domain.is_empty() {
            return None;
        }
        if spec.local.is_empty() || spec.domain.is_empty() {
            self.list.defects.add(Defect::BadSyntax);
        }
        Some(spec)
    }

    fn end_entry(&mut self, entry: Entry<'a>) {
        let Entry { words, comment, angle } = entry;
        let mailbox = match angle {
            Some(address) => {
                let phrase = phrase(&words);
                self.list.defects |= phrase.defects;
                let name = Some(phrase).filter(|name| !name.is_empty());
                let name = name.or(comment).map(|name| name.text);
                NamedMailbox { name: name.filter(|name| !name.trim().is_empty()), address }
            }
            None => match self.spec_of_list(&words) {
                Some(address) => {
                    let name = comment.map(|comment| comment.text);
                    NamedMailbox { name: name.filter(|name| !name.trim().is_empty()), address }
                }
                // An empty entry is lawful in old lists (RFC 5322 §4.4).
                None => return,
            },
        };
        match &mut self.open {
            Some((_, members)) => members.push(mailbox),
            None => self.list.items.push(Address::Mailbox(mailbox)),
        }
    }

    /// An address without brackets. Words before it that are not part of it are its name, though
    /// its writer forgot the brackets: `Ada Lovelace ada@example.net`.
    fn spec_of_list(&mut self, words: &[(bool, Word<'a>)]) -> Option<AddrSpec> {
        let at = words.iter().rposition(|(_, word)| matches!(word, Word::At));
        let Some(at) = at else {
            if words.is_empty() {
                return None;
            }
            // Words alone name nobody that mail could reach, but somebody wrote them.
            self.list.defects.add(Defect::BadSyntax);
            let local = phrase(words).text.replace(char::is_control, "");
            return (!local.is_empty()).then_some(AddrSpec { local, domain: String::new() });
        };
        let mut start = at;
        while let Some((_, word)) = start.checked_sub(1).and_then(|place| words.get(place)) {
            let joined = matches!(word, Word::Dot)
                || start == at
                || words.get(start).is_some_and(|(_, next)| matches!(next, Word::Dot));
            if !joined || matches!(word, Word::At) {
                break;
            }
            start -= 1;
        }
        if start > 0 {
            self.list.defects.add(Defect::BadSyntax);
        }
        self.spec(words.get(start..)?)
    }

    fn begin_group(&mut self, entry: Entry<'a>) {
        if self.open.is_some() {
            self.list.defects.add(Defect::BadSyntax);
            self.end_group();
        }
        let name = phrase(&entry.words);
        self.list.defects |= name.defects;
        self.open = Some((name.text, Vec::new()));
    }

    fn end_group(&mut self) {
        if let Some((name, members)) = self.open.take() {
            self.list.items.push(Address::Group { name, members });
        }
    }
}

/// Words without the space between them.
fn glued(words: &[(bool, Word<'_>)]) -> String {
    let mut out = String::new();
    for (_, word) in words {
        match word {
            Word::Atom(text) => out.push_str(text),
            Word::Quoted(text) => out.push_str(text),
            Word::Dot => out.push('.'),
            Word::At => out.push('@'),
            Word::Literal(raw) => {
                out.push('[');
                out.extend(raw.chars().filter(|one| !super::lex::is_space(*one)));
                out.push(']');
            }
        }
    }
    out
}

/// The display name that words make: runs of white space are one blank, encoded words are decoded
/// where they stand alone (RFC 2047 §5, rule 3).
fn phrase(words: &[(bool, Word<'_>)]) -> Text {
    let mut joiner = Joiner::default();
    let mut misplaced = Defects::NONE;
    for (place, (space, word)) in words.iter().enumerate() {
        let quoted = |at: Option<usize>| {
            at.and_then(|at| words.get(at)).is_some_and(|(_, word)| matches!(word, Word::Quoted(_)))
        };
        // A quoted string stands apart from its neighbours whether or not there is a blank.
        if place > 0 && (*space || quoted(Some(place)) || quoted(place.checked_sub(1))) {
            joiner.space(" ");
        }
        let after = words.get(place + 1).is_none_or(|(space, _)| *space);
        match word {
            Word::Atom(text) if (place == 0 || *space) && after => joiner.piece(text),
            Word::Atom(text) => joiner.text(text),
            // A quoted string has no encoded words (RFC 2047 §5). But nobody is called so: one that is
            // nothing else is read as its writer meant it, and told.
            Word::Quoted(text) => match encoded_word::decode_misplaced(text) {
                Some(decoded) => {
                    misplaced |= decoded.defects | Defect::MisplacedWord.into();
                    joiner.text(&decoded.text);
                }
                None => joiner.text(text),
            },
            Word::Dot => joiner.text("."),
            Word::At => joiner.text("@"),
            Word::Literal(raw) => joiner.text(&format!("[{raw}]")),
        }
    }
    let mut phrase = joiner.finish();
    phrase.defects |= misplaced;
    phrase
}

#[cfg(test)]
mod tests;
