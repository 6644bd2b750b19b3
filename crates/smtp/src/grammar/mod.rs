//! Commands and their parameters, from octets to typed values (RFC 5321 §4.1.1, §4.1.2).
//!
//! A line comes in without its CR LF. Whether a command is in order at this moment, and what is
//! answered, is the business of `server`; addresses are read by `mail::address`.
//!
//! Tolerated, because the field sends it and no host reads it in another way: blanks before the
//! path (`MAIL FROM: <a@b>`) and at the end of any line; from authors, a final dot of a domain.

mod parameters;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use mail::address::AddressError;
use mail::{
    Domain, ForwardPath, Literal, MailParameters, Mailbox, RecipientParameters, ReversePath,
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
    /// Known and not spoken: TURN, SEND, SOML, SAML (RFC 5321 §F), and the extensions that are
    /// not offered. AUTH, BDAT and ETRN leave this variant for one of their own.
    NotImplemented,
}

impl Verb {
    /// Whether this is taken where TLS is required and not on yet (RFC 3207 §4).
    pub fn is_before_tls(self) -> bool {
        matches!(self, Self::Ehlo | Self::Helo | Self::Noop | Self::StartTls | Self::Quit)
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
        b"AUTH" | b"BDAT" | b"ETRN" => Verb::NotImplemented,
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

/// Nothing but blanks may follow DATA, RSET and QUIT (RFC 5321 §4.1.1).
///
/// # Errors
/// [`Fault`] where something does.
pub fn no_argument(rest: &[u8]) -> Result<(), Fault> {
    if argument(rest)?.is_empty() { Ok(()) } else { Err(Fault::Argument) }
}

/// Something must follow VRFY and EXPN (RFC 5321 §4.1.1.6).
///
/// # Errors
/// [`Fault`] where nothing does.
pub fn some_argument(rest: &[u8]) -> Result<&str, Fault> {
    let argument = argument(rest)?;
    if argument.is_empty() { Err(Fault::Argument) } else { Ok(argument) }
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

/// What MAIL says (RFC 5321 §4.1.1.2).
///
/// # Errors
/// [`Fault`], the first there is: octets, form, path, parameters.
pub fn mail(rest: &[u8], from: Sender) -> Result<(ReversePath, MailParameters), Fault> {
    let (path, rest) = path(rest, "FROM:")?;
    let path: ReversePath = address(path, from)?;
    check_literal(path.mailbox())?;
    Ok((path, parameters::mail(rest)?))
}

/// What RCPT says (RFC 5321 §4.1.1.3).
///
/// # Errors
/// As [`mail()`].
pub fn recipient(rest: &[u8], from: Sender) -> Result<(ForwardPath, RecipientParameters), Fault> {
    let (path, rest) = path(rest, "TO:")?;
    let path: ForwardPath = address(path, from)?;
    check_literal(match &path {
        ForwardPath::Postmaster => None,
        ForwardPath::Mailbox(mailbox) => Some(mailbox),
    })?;
    Ok((path, parameters::recipient(rest)?))
}

/// Reads a path, for an author once more without its final dot.
fn address<P>(path: &str, from: Sender) -> Result<P, Fault>
where
    P: FromStr<Err = AddressError>,
{
    let dotted = path.strip_suffix(".>").filter(|_| from == Sender::Author);
    match (path.parse(), dotted) {
        (Err(_), Some(path)) => format!("{path}>").parse().map_err(Fault::Path),
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
fn path<'a>(rest: &'a [u8], keyword: &str) -> Result<(&'a str, &'a str), Fault> {
    if !rest.first().is_some_and(|&octet| is_blank(octet)) {
        return Err(Fault::Argument);
    }
    let text = argument(rest)?;
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
