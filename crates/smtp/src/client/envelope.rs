//! What `MAIL` and `RCPT` say to a host: what the message came with, as far as the host offers it,
//! and nothing that was not said (RFC 5321 §4.1.1.11).
//!
//! What a host does not offer and the message can do without is left away; who must be told of that
//! sees it from [`Extensions`]. What the message cannot do without is a [`Lack`].

use std::io::{self, Write};

use mail::envelope::{
    AuthSender, BodyType, DeliverBy, Hold, LateMode, MailParameters, Notify, OriginalRecipient,
    Recipient, Return,
};
use mail::xtext::Xtext;

use super::{Extensions, Lack, Transaction};

/// What is known of the session beside what is offered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// The connection is secured.
    pub(super) secured: bool,
    /// We have logged in.
    pub(super) logged_in: bool,
}

/// What the host lacks for anybody to get the message.
pub(super) fn lack(
    transaction: &Transaction,
    extensions: &Extensions,
    standing: Standing,
) -> Option<Lack> {
    let parameters = &transaction.parameters;
    let body = match parameters.body {
        BodyType::SevenBit => None,
        BodyType::EightBitMime => (!extensions.eight_bit_mime()).then_some(Lack::EightBitMime),
        BodyType::Binary => (!extensions.binary_mime()).then_some(Lack::BinaryMime),
    };
    let utf8 = match extensions.smtp_utf8() {
        true => None,
        false if !transaction.reverse_path.is_ascii() => Some(Lack::Utf8Address),
        false => parameters.utf8.then_some(Lack::Utf8Header),
    };
    // Only to a server that says so in a secured session (RFC 8689 §4.2.1).
    let tls = parameters.require_tls && !(standing.secured && extensions.offers("REQUIRETLS"));
    let late = parameters.deliver_by.is_some_and(|by| is_too_late(by, extensions));
    utf8.or(body).or(tls.then_some(Lack::RequireTls)).or(late.then_some(Lack::DeliverBy))
}

/// `R` is passed on only where it is kept: the host must offer it, and for so little time
/// (RFC 2852 §4.1.4.1).
fn is_too_late(by: DeliverBy, extensions: &Extensions) -> bool {
    let keeps = |least: u64| u64::try_from(by.seconds).is_ok_and(|left| left >= least);
    by.mode == LateMode::Return && !extensions.deliver_by().is_some_and(keeps)
}

/// What the host lacks for this recipient to get the message.
pub(super) fn lack_for(recipient: &Recipient, extensions: &Extensions) -> Option<Lack> {
    (!recipient.path.is_ascii() && !extensions.smtp_utf8()).then_some(Lack::Utf8Address)
}

/// `MAIL`, with what was said of the message and the host offers. `utf8`: an address of this
/// transaction is not in ASCII.
pub(super) fn write_mail(
    transaction: &Transaction,
    utf8: bool,
    extensions: &Extensions,
    standing: Standing,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let parameters = &transaction.parameters;
    write!(out, "MAIL FROM:{}", transaction.reverse_path)?;
    if extensions.size() {
        write!(out, " SIZE={}", transaction.size)?;
    }
    match parameters.body {
        BodyType::EightBitMime if extensions.eight_bit_mime() => {
            out.write_all(b" BODY=8BITMIME")?;
        }
        BodyType::Binary if extensions.binary_mime() => out.write_all(b" BODY=BINARYMIME")?,
        _ => {}
    }
    if extensions.smtp_utf8() && (utf8 || parameters.utf8) {
        out.write_all(b" SMTPUTF8")?;
    }
    if extensions.offers("DSN") {
        write_dsn(parameters, out)?;
    }
    if extensions.offers("AUTH") {
        write_auth(parameters, standing, out)?;
    }
    if let Some(by) = parameters.deliver_by.filter(|_| extensions.offers("DELIVERBY")) {
        write_deliver_by(by, out)?;
    }
    if let Some(priority) = parameters.priority.filter(|_| extensions.offers("MT-PRIORITY")) {
        write!(out, " MT-PRIORITY={priority}")?;
    }
    if parameters.require_tls && extensions.offers("REQUIRETLS") {
        out.write_all(b" REQUIRETLS")?;
    }
    match parameters.hold.filter(|_| extensions.offers("FUTURERELEASE")) {
        None => {}
        Some(Hold::For(seconds)) => write!(out, " HOLDFOR={seconds}")?,
        Some(Hold::Until(moment)) => {
            write!(out, " HOLDUNTIL={}", mail::date::rfc3339(moment))?;
        }
    }
    out.write_all(b"\r\n")
}

fn write_dsn(parameters: &MailParameters, out: &mut Vec<u8>) -> io::Result<()> {
    match parameters.ret {
        None => {}
        Some(Return::Full) => out.write_all(b" RET=FULL")?,
        Some(Return::Headers) => out.write_all(b" RET=HDRS")?,
    }
    match &parameters.envelope_id {
        None => Ok(()),
        Some(id) => write!(out, " ENVID={id}"),
    }
}

/// Whoever has logged in answers for what it says of the submitter; where nothing is known, that is
/// said (RFC 4954 §5).
fn write_auth(
    parameters: &MailParameters,
    standing: Standing,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    match &parameters.auth {
        Some(AuthSender::Mailbox(mailbox)) if mailbox.is_ascii() => {
            write!(out, " AUTH={}", Xtext::encode(mailbox.to_string().as_bytes()))
        }
        _ if standing.logged_in => out.write_all(b" AUTH=<>"),
        _ => Ok(()),
    }
}

fn write_deliver_by(by: DeliverBy, out: &mut Vec<u8>) -> io::Result<()> {
    let mode = match by.mode {
        LateMode::Notify => "N",
        LateMode::Return => "R",
    };
    // by-time has at most nine digits (RFC 2852 §4).
    let seconds = by.seconds.clamp(-999_999_999, 999_999_999);
    write!(out, " BY={seconds};{mode}{}", if by.trace { "T" } else { "" })
}

/// `RCPT`, with what was said of the recipient and the host offers.
pub(super) fn write_recipient(
    recipient: &Recipient,
    extensions: &Extensions,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    write!(out, "RCPT TO:{}", recipient.path)?;
    if extensions.offers("DSN") {
        if let Some(notify) = recipient.parameters.notify {
            write_notify(notify, out)?;
        }
        if let Some(OriginalRecipient { address_type, address }) = &recipient.parameters.original {
            write!(out, " ORCPT={address_type};{address}")?;
        }
    }
    out.write_all(b"\r\n")
}

fn write_notify(notify: Notify, out: &mut Vec<u8>) -> io::Result<()> {
    if notify.is_never() {
        return out.write_all(b" NOTIFY=NEVER");
    }
    let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let mut mark = " NOTIFY=";
    for (_, word) in words.into_iter().filter(|(wanted, _)| *wanted) {
        write!(out, "{mark}{word}")?;
        mark = ",";
    }
    Ok(())
}
