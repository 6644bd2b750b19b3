//! What the session says by itself, each with its enhanced status (RFC 2034, RFC 5321 §4.2.3).

use mail::address::AddressError;

use crate::grammar::Fault;

pub(super) const RESET: &str = "250 2.0.0 Transaction dropped";
pub(super) const NOOP: &str = "250 2.0.0 Nothing done";
pub(super) const BYE: &str = "221 2.0.0 Goodbye";
/// A 3yz carries no status (RFC 2034 §4).
pub(super) const GO_ON: &str = "354 Send the message, end with a dot on a line of its own";
pub(super) const HELP: [&str; 3] = [
    "214-2.0.0 This is Postrider. It speaks RFC 5321; the commands are",
    "214-2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY EXPN HELP",
    "214 2.0.0 People are reached at <postmaster>",
];

pub(super) const UNKNOWN: &str = "500 5.5.2 No such command";
pub(super) const LINE_TOO_LONG: &str = "500 5.5.2 The command line is too long";
pub(super) const BARE: &str =
    "500 5.5.2 Lines end with CR LF; a bare CR or LF may not stand in one";
pub(super) const NOT_IMPLEMENTED: &str = "502 5.5.1 This command is not implemented here";
pub(super) const HELLO_FIRST: &str = "503 5.5.1 EHLO or HELO comes first";
pub(super) const MAIL_TWICE: &str = "503 5.5.1 A transaction is open; RSET ends it";
pub(super) const MAIL_FIRST: &str = "503 5.5.1 MAIL comes before RCPT and DATA";
pub(super) const RECIPIENT_FIRST: &str =
    "503 5.5.1 No recipient was accepted; RCPT comes before DATA";
pub(super) const NO_SERVICE: &str = "503 5.5.1 No mail is taken from this host; only QUIT is left";
pub(super) const SIZE: &str = "552 5.3.4 The message is larger than SIZE allows";
pub(super) const TOO_MANY_RECIPIENTS: &str =
    "452 4.5.3 Too many recipients; send the others in a further transaction";
pub(super) const CONTENT_BARE: &str =
    "554 5.5.2 Message refused: a bare CR or LF stands in it, lines end with CR LF";
pub(super) const CONTENT_SIZE: &str = "552 5.3.4 Message refused: it is larger than SIZE allows";
pub(super) const SECURE: &str = "220 2.0.0 Begin the handshake";
pub(super) const SECURED: &str = "503 5.5.1 TLS is on already";
pub(super) const TLS_FIRST: &str = "530 5.7.0 STARTTLS comes first here";
pub(super) const NO_CERTIFICATE: &str = "454 4.7.0 TLS is not available now";
pub(super) const PLAINTEXT_BEHIND: &str =
    "421 4.7.0 Nothing may follow STARTTLS before its reply; closing";
pub(super) const LOGIN_FIRST: &str = "530 5.7.0 AUTH comes first here";
pub(super) const TLS_AND_LOGIN_FIRST: &str = "530 5.7.0 STARTTLS and AUTH come first here";
pub(super) const EHLO_FIRST: &str = "503 5.5.1 EHLO comes before AUTH";
pub(super) const LOGGED_IN: &str = "503 5.5.1 You are logged in already";
pub(super) const AUTH_IN_TRANSACTION: &str = "503 5.5.1 A transaction is open; AUTH comes before";
pub(super) const NO_MECHANISM: &str = "504 5.5.4 That mechanism is not offered here";
pub(super) const NOT_BASE64: &str = "501 5.5.2 That is not base64";
pub(super) const AUTH_TOO_LONG: &str = "500 5.5.6 The line is too long";
pub(super) const WELCOME: &str = "235 2.7.0 Authentication succeeded";
pub(super) const TOO_MANY_FAILURES: &str = "421 4.7.0 Too many failures; closing";
pub(super) const IN_TRANSACTION: &str = "503 5.5.1 A transaction is open";
pub(super) const NO_RELEASE: &str = "459 4.7.1 Your host may not start queues here";
pub(super) const NO_MAIL_HERE: &str = "503 5.5.1 No mail is taken here; ATRN hands it out";
pub(super) const FORWARDED: &str = "250 2.0.0 Noted";
pub(super) const CHUNK_SIZE: &str =
    "421 4.5.4 BDAT without a size: what follows cannot be told from commands; closing";
pub(super) const CHUNK_FAILED: &str = "503 5.5.1 A chunk was refused; RSET comes first";
pub(super) const CHUNKS_BEGUN: &str = "503 5.5.1 BDAT has begun this message; DATA cannot end it";
pub(super) const BINARY_DATA: &str = "503 5.5.1 BODY=BINARYMIME goes with BDAT, not with DATA";
pub(super) const TOO_MANY_TRANSACTIONS: &str =
    "421 4.7.0 Enough messages for one connection; send the others on a new one";
pub(super) const TOO_MANY_DOMAINS: &str =
    "452 4.5.3 Too many domains; send the others in a further transaction";
pub(super) const LOWERED: &str = "250 2.3.6 0 is the new priority assigned to the message";
pub(super) const BY_TOO_SOON: &str = "555 5.5.4 DELIVERBY tells the least time that is taken here";
pub(super) const HELD_TOO_LONG: &str = "501 5.5.4 FUTURERELEASE tells how long mail is held here";
pub(super) const NEEDS_UTF8: &str = "252 2.6.8 The answer is not in ASCII; ask with SMTPUTF8";
pub(super) const NEEDS_UTF8_REFUSED: &str =
    "550 5.6.8 The answer is not in ASCII; ask with SMTPUTF8";
pub(super) const WILL_FORWARD: &str = "250 2.1.5 recipient ok";
pub(super) const MOVED: &str = "550 5.1.6 The recipient has moved";

pub(super) const IDLE: &str = "421 4.4.2 Waited too long for a command; closing";
pub(super) const CONTENT_IDLE: &str = "421 4.4.2 The message came too slowly; closing";
pub(super) const STOPPING: &str = "421 4.3.2 This host is going down; come again later";
pub(super) const TOO_MANY_ERRORS: &str = "421 4.7.0 Too many errors; closing";

/// Which command a fault was found in, as far as the reply differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Of {
    /// EHLO or HELO.
    Hello,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// VRFY or EXPN.
    Lookup,
    /// AUTH.
    Auth,
    /// ETRN or ATRN.
    Release,
    /// XCLIENT or XFORWARD.
    Attributes,
    /// Any other.
    Other,
}

/// What is said to a command that cannot be read.
pub(super) fn fault(of: Of, fault: Fault) -> &'static str {
    match (fault, of) {
        (Fault::Octets, _) => "501 5.5.2 A command is printable ASCII",
        (Fault::Parameter, _) => "501 5.5.4 A parameter is malformed or stands there twice",
        (Fault::UnknownParameter, _) => "555 5.5.4 This parameter belongs to no extension offered",
        (Fault::Argument, Of::Hello) => "501 5.5.4 Say EHLO with your domain or address literal",
        (Fault::Argument, Of::Mail) => "501 5.5.4 Say MAIL FROM:<address>",
        (Fault::Argument, Of::Recipient) => "501 5.5.4 Say RCPT TO:<address>",
        (Fault::Argument, Of::Auth) => "501 5.5.4 Say AUTH with a mechanism",
        (Fault::Argument, Of::Release) => "501 5.5.4 Say it with fully qualified domain names",
        (Fault::Argument, Of::Attributes) => "501 5.5.4 An attribute is malformed or not known",
        (Fault::Path(_), Of::Lookup) => "553 5.6.7 Say SMTPUTF8 behind what is not in ASCII",
        (Fault::Argument, Of::Lookup) => "501 5.5.4 An argument is missing",
        (Fault::Argument, Of::Other) => "501 5.5.4 This command takes no argument",
        (Fault::Path(error), Of::Recipient) => recipient(error),
        (Fault::Path(error), _) => sender(error),
    }
}

fn sender(error: AddressError) -> &'static str {
    match error {
        AddressError::Brackets => "501 5.1.7 The sender stands in angle brackets",
        AddressError::NoDomain => "501 5.1.7 The sender's domain is missing",
        AddressError::Domain => "501 5.1.7 The sender's domain is malformed",
        AddressError::LocalPart => "501 5.1.7 The sender's local-part is malformed",
        AddressError::TooLong => "501 5.1.7 The sender's address is too long",
        AddressError::NotAscii => "550 5.6.7 The sender's address needs SMTPUTF8",
    }
}

fn recipient(error: AddressError) -> &'static str {
    match error {
        AddressError::Brackets => "501 5.1.3 The recipient stands in angle brackets",
        AddressError::NoDomain => "501 5.1.3 The recipient's domain is missing",
        AddressError::Domain => "501 5.1.3 The recipient's domain is malformed",
        AddressError::LocalPart => "501 5.1.3 The recipient's local-part is malformed",
        AddressError::TooLong => "501 5.1.3 The recipient's address is too long",
        AddressError::NotAscii => "553 5.6.7 The recipient's address needs SMTPUTF8",
    }
}
