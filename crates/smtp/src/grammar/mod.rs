//! Commands and their parameters, from octets to typed values (RFC 5321 §4.1.1, §4.1.2).
//!
//! A line comes in without its CR LF. Whether a command is in order at this moment, and what is
//! answered, is the business of `server`; addresses are read by `mail::address`.
//!
//! Tolerated, because the field sends it and no host reads it in another way: blanks before the
//! path (`MAIL FROM: <a@b>`) and at the end of any line; from authors, a final dot of a domain.

mod attributes;
mod extensions;
mod parameters;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use attributes::{Attributes, client as client_attributes, forwarded as forwarded_attributes};
pub use extensions::Extensions;
use mail::address::AddressError;
use mail::{
    Domain, DomainName, ForwardPath, Literal, MailParameters, Mailbox, RecipientParameters,
    ReversePath,
};

/// Who sends: authors are helped where other servers are told (RFC 6409 §8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    /// Another server, which is to know the grammar.
    Server,
    /// An author's program: the final dot of `<a@b.example.>` is taken away.
    Author,
}

/// What a command is, without its argument.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// RFC 5321 §4.1.1.1.
    Ehlo,
    /// RFC 5321 §4.1.1.1.
    Helo,
    /// RFC 5321 §4.1.1.2.
    Mail,
    /// RFC 5321 §4.1.1.3.
    Recipient,
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 5321 §4.1.1.5.
    Reset,
    /// RFC 5321 §4.1.1.6.
    Verify,
    /// RFC 5321 §4.1.1.7.
    Expand,
    /// RFC 5321 §4.1.1.8.
    Help,
    /// RFC 5321 §4.1.1.9.
    Noop,
    /// RFC 5321 §4.1.1.10.
    Quit,
    /// RFC 3207 §4.
    StartTls,
    /// RFC 4954 §4.
    Auth,
    /// RFC 3030 §2.
    Chunk,
    /// RFC 2033 §4.1.
    LocalHello,
    /// RFC 1985 §5.
    Release,
    /// RFC 2645 §5.2.1.
    Turn,
    /// The client speaks for another client: `XCLIENT`.
    Client,
    /// The client tells where a message came from: `XFORWARD`.
    Forwarded,
    /// Known and not spoken: TURN, SEND, SOML, SAML (RFC 5321 §F).
    NotImplemented,
}

impl Verb {
    /// Whether this is taken where TLS is required and not on yet (RFC 3207 §4).
    pub fn is_before_tls(self) -> bool {
        let hello = matches!(self, Self::Ehlo | Self::Helo | Self::LocalHello);
        hello || matches!(self, Self::Noop | Self::StartTls | Self::Quit)
    }

    /// Whether this is taken where authentication is required and not done yet (RFC 4954 §6).
    pub fn is_before_login(self) -> bool {
        self.is_before_tls() || matches!(self, Self::Auth | Self::Reset)
    }
}

/// Why a command cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// An octet that is neither printable ASCII nor a blank.
    Octets,
    /// An argument where none may be, or none where one must be, or not of its form.
    Argument,
    /// The address is none.
    Path(AddressError),
    /// A parameter that is no `KEYWORD[=value]`, stands there twice, or has a wrong value.
    Parameter,
    /// A parameter of an extension that was not offered (RFC 5321 §4.1.1.11).
    UnknownParameter,
}

/// Splits a line into its verb and what follows it. `None`: no such command.
pub fn verb(line: &[u8]) -> Option<(Verb, &[u8])> {
    let end = line.iter().position(|&octet| is_blank(octet)).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let mut upper = [0_u8; 8];
    let upper = upper.get_mut(..word.len())?;
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    let verb = match &*upper {
        b"EHLO" => Verb::Ehlo,
        b"HELO" => Verb::Helo,
        b"MAIL" => Verb::Mail,
        b"RCPT" => Verb::Recipient,
        b"DATA" => Verb::Data,
        b"RSET" => Verb::Reset,
        b"VRFY" => Verb::Verify,
        b"EXPN" => Verb::Expand,
        b"HELP" => Verb::Help,
        b"NOOP" => Verb::Noop,
        b"QUIT" => Verb::Quit,
        b"TURN" | b"SEND" | b"SOML" | b"SAML" => Verb::NotImplemented,
        b"STARTTLS" => Verb::StartTls,
        b"AUTH" => Verb::Auth,
        b"BDAT" => Verb::Chunk,
        b"LHLO" => Verb::LocalHello,
        b"ETRN" => Verb::Release,
        b"ATRN" => Verb::Turn,
        b"XCLIENT" => Verb::Client,
        b"XFORWARD" => Verb::Forwarded,
        _ => return None,
    };
    Some((verb, rest))
}

/// The argument of a command as text, the blanks around it removed (RFC 5321 §4.1.1).
///
/// # Errors
/// [`Fault::Octets`]: commands are US-ASCII, and no control characters (RFC 5321 §2.4, §4.1.2).
pub fn argument(rest: &[u8]) -> Result<&str, Fault> {
    let allowed = |&octet: &u8| matches!(octet, 32..=126 | b'\t');
    if !rest.iter().all(allowed) {
        return Err(Fault::Octets);
    }
    let text = std::str::from_utf8(rest).map_err(|_| Fault::Octets)?;
    Ok(text.trim_matches([' ', '\t']))
}

/// The same where SMTPUTF8 is offered: characters of all languages (RFC 6531 §3.3).
fn argument_utf8(rest: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(rest).map_err(|_| Fault::Octets)?;
    if text.chars().any(|character| character.is_control() && character != '\t') {
        return Err(Fault::Octets);
    }
    Ok(text.trim_matches([' ', '\t']))
}

fn text<'a>(rest: &'a [u8], offered: &Extensions) -> Result<&'a str, Fault> {
    if offered.utf8 { argument_utf8(rest) } else { argument(rest) }
}

/// Nothing but blanks may follow DATA, RSET and QUIT (RFC 5321 §4.1.1).
///
/// # Errors
/// [`Fault`] where something does.
pub fn no_argument(rest: &[u8]) -> Result<(), Fault> {
    if argument(rest)?.is_empty() { Ok(()) } else { Err(Fault::Argument) }
}

/// What VRFY and EXPN ask for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lookup {
    /// The argument, the keyword taken off.
    pub text: String,
    /// `SMTPUTF8` stood behind it: the reply may be in UTF-8 (RFC 6531 §3.7.4.2).
    pub utf8: bool,
}

/// Something must follow VRFY and EXPN (RFC 5321 §4.1.1.6).
///
/// # Errors
/// [`Fault`] where nothing does, and for UTF-8 without its keyword.
pub fn lookup(rest: &[u8], offered: &Extensions) -> Result<Lookup, Fault> {
    let text = text(rest, offered)?;
    let keyword = |text: &str| text.eq_ignore_ascii_case("SMTPUTF8");
    let (text, utf8) = match text.rsplit_once([' ', '\t']) {
        Some((before, last)) if offered.utf8 && keyword(last) => (before.trim_end(), true),
        _ => (text, false),
    };
    match text {
        "" => Err(Fault::Argument),
        _ if !utf8 && !text.is_ascii() => Err(Fault::Path(AddressError::NotAscii)),
        _ => Ok(Lookup { text: text.to_owned(), utf8 }),
    }
}

/// `BDAT size [LAST]` (RFC 3030 §2): how many octets follow the command, and whether they are the
/// last. A size past 64 bits is too large for any limit; its octets are read all the same.
///
/// # Errors
/// [`Fault`]: then nobody knows what follows.
pub fn chunk(rest: &[u8]) -> Result<(u64, bool), Fault> {
    let mut words = argument(rest)?.split([' ', '\t']).filter(|word| !word.is_empty());
    let size = words.next().ok_or(Fault::Argument)?;
    if !matches!(size.len(), 1..=20) || !size.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Fault::Argument);
    }
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(Fault::Argument),
    };
    match words.next() {
        None => Ok((size.parse().unwrap_or(u64::MAX), last)),
        Some(_) => Err(Fault::Argument),
    }
}

/// `AUTH mechanism [initial-response]` (RFC 4954 §4).
///
/// # Errors
/// [`Fault`] for no mechanism, or more than two words.
pub fn auth(rest: &[u8]) -> Result<(&str, Option<&str>), Fault> {
    let mut words = argument(rest)?.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(Fault::Argument)?;
    match (words.next(), words.next()) {
        (initial, None) => Ok((mechanism, initial)),
        _ => Err(Fault::Argument),
    }
}

/// Whose mail a client wants to be tried now (RFC 1985 §5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Release {
    /// `ETRN node`: of this domain.
    Node(DomainName),
    /// `ETRN @node`: of this domain and those below it.
    Below(DomainName),
    /// `ETRN #queue`: of a queue of ours.
    Queue(String),
}

impl Release {
    /// The domain, where it is one and nothing more.
    pub fn node(&self) -> Option<&DomainName> {
        match self {
            Self::Node(node) => Some(node),
            Self::Below(_) | Self::Queue(_) => None,
        }
    }
}

/// As the argument of ETRN.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => f.write_str(node.ascii()),
            Self::Below(node) => write!(f, "@{}", node.ascii()),
            Self::Queue(queue) => write!(f, "#{queue}"),
        }
    }
}

/// The argument of ETRN. Octets of a queue's name at most 255, as of a domain.
///
/// # Errors
/// [`Fault`] for anything but a fully qualified domain name or the name of a queue.
pub fn release(rest: &[u8]) -> Result<Release, Fault> {
    let text = argument(rest)?;
    let node = |text: &str| match text.parse::<DomainName>() {
        Ok(name) if text.contains('.') => Ok(name),
        _ => Err(Fault::Argument),
    };
    match text.split_at_checked(1) {
        Some(("@", name)) => node(name).map(Release::Below),
        Some(("#", queue)) => {
            let right = (1..=mail::address::DOMAIN_MAX).contains(&queue.len());
            let right = right && queue.bytes().all(|octet| octet.is_ascii_graphic());
            if right { Ok(Release::Queue(queue.to_owned())) } else { Err(Fault::Argument) }
        }
        _ => node(text).map(Release::Node),
    }
}

/// The domains of ATRN; none: all that the client may have (RFC 2645 §5.2.1).
///
/// # Errors
/// [`Fault`] for what is no list of fully qualified domain names.
pub fn turn(rest: &[u8]) -> Result<Vec<DomainName>, Fault> {
    let text = argument(rest)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let node = |text: &str| match text.parse::<DomainName>() {
        Ok(name) if text.contains('.') => Ok(name),
        _ => Err(Fault::Argument),
    };
    text.split(',').map(node).collect()
}

/// The name of EHLO and HELO: a domain or an address literal (RFC 5321 §4.1.1.1).
///
/// Read with charity, as it is only written down: underscores and a final dot pass, and a literal
/// is any address-like text in brackets.
///
/// # Errors
/// [`Fault`] for anything else, or more than one word.
pub fn hello(rest: &[u8]) -> Result<&str, Fault> {
    let name = argument(rest)?;
    let inner = name.strip_prefix('[').map(|inner| inner.strip_suffix(']'));
    let right = match inner {
        Some(None) => false,
        Some(Some(inner)) => is_name(inner, b".:-_%"),
        None => {
            let name = name.strip_suffix('.').unwrap_or(name);
            is_name(name, b".-_") && name.split('.').all(|label| !label.is_empty())
        }
    };
    if right && name.len() <= mail::address::DOMAIN_MAX { Ok(name) } else { Err(Fault::Argument) }
}

fn is_name(text: &str, marks: &[u8]) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || marks.contains(&octet);
    !text.is_empty() && text.bytes().all(allowed)
}

/// What MAIL says (RFC 5321 §4.1.1.2). The path is in ASCII unless `SMTPUTF8` is among the
/// parameters.
///
/// # Errors
/// [`Fault`], the first there is: octets, form, parameters, path.
pub fn mail(
    rest: &[u8],
    from: Sender,
    offered: &Extensions,
) -> Result<(ReversePath, MailParameters), Fault> {
    let (path, rest) = path(rest, "FROM:", offered)?;
    let parameters = parameters::mail(rest, offered);
    let utf8 = parameters.as_ref().is_ok_and(|parameters| parameters.utf8);
    let parse = if utf8 { ReversePath::parse_utf8 } else { ReversePath::from_str };
    let path = address(path, from, parse)?;
    check_literal(path.mailbox())?;
    Ok((path, parameters?))
}

/// What RCPT says (RFC 5321 §4.1.1.3); `utf8`: the transaction is one with `SMTPUTF8`.
///
/// # Errors
/// As [`mail()`].
pub fn recipient(
    rest: &[u8],
    from: Sender,
    offered: &Extensions,
    utf8: bool,
) -> Result<(ForwardPath, RecipientParameters), Fault> {
    let (path, rest) = path(rest, "TO:", offered)?;
    let parse = if utf8 { ForwardPath::parse_utf8 } else { ForwardPath::from_str };
    let path = address(path, from, parse)?;
    check_literal(match &path {
        ForwardPath::Postmaster => None,
        ForwardPath::Mailbox(mailbox) => Some(mailbox),
    })?;
    Ok((path, parameters::recipient(rest, offered)?))
}

/// Reads a path, for an author once more without its final dot.
fn address<P>(
    path: &str,
    from: Sender,
    parse: impl Fn(&str) -> Result<P, AddressError>,
) -> Result<P, Fault> {
    let dotted = path.strip_suffix(".>").filter(|_| from == Sender::Author);
    match (parse(path), dotted) {
        (Err(_), Some(path)) => parse(&format!("{path}>")).map_err(Fault::Path),
        (read, _) => read.map_err(Fault::Path),
    }
}

/// A literal of a kind that is not standardised leads nowhere (RFC 5321 §4.1.3).
fn check_literal(mailbox: Option<&Mailbox>) -> Result<(), Fault> {
    match mailbox.map(|mailbox| &mailbox.domain) {
        Some(Domain::Literal(Literal::Other(_))) => Err(Fault::Path(AddressError::Domain)),
        _ => Ok(()),
    }
}

/// Splits `FROM:<path> parameters` into the path with its brackets and the parameters.
fn path<'a>(
    rest: &'a [u8],
    keyword: &str,
    offered: &Extensions,
) -> Result<(&'a str, &'a str), Fault> {
    if !rest.first().is_some_and(|&octet| is_blank(octet)) {
        return Err(Fault::Argument);
    }
    let text = text(rest, offered)?;
    let (word, text) = text.split_at_checked(keyword.len()).ok_or(Fault::Argument)?;
    if !word.eq_ignore_ascii_case(keyword) {
        return Err(Fault::Argument);
    }
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() {
        return Err(Fault::Argument);
    }
    let end = path_end(text).ok_or(Fault::Path(AddressError::Brackets))?;
    let (path, parameters) = text.split_at(end);
    match parameters.bytes().next() {
        Some(octet) if !is_blank(octet) => Err(Fault::Argument),
        _ => Ok((path, parameters)),
    }
}

/// The place after the bracket that closes the path: `>` in a quoted string does not.
fn path_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    if !text.starts_with('<') {
        return None;
    }
    for (place, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(place + 1),
            _ => {}
        }
    }
    None
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}
