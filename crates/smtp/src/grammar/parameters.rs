//! The parameters of MAIL and RCPT (RFC 5321 §4.1.1.11, §4.1.2).
//!
//! Each extension has its keywords here: an arm in [`mail()`] or [`recipient()`], a field in the
//! type. A keyword counts only while its extension is offered; otherwise nobody knows it.

use mail::address::Mailbox;
use mail::envelope::{AuthSender, DeliverBy, Hold, LateMode, Notify, OriginalRecipient, Return};
use mail::{BodyType, MailParameters, RecipientParameters, Xtext, date};

use super::{Extensions, Fault};

/// Octets of ENVID (RFC 3461 §4.4, §5.4).
const ENVELOPE_ID_MAX: usize = 100;
/// Octets of ORCPT (RFC 3461 §4.2, §5.4).
const ORIGINAL_MAX: usize = 500;
/// Octets of AUTH (RFC 4954 §3).
const AUTH_MAX: usize = 500;

/// Reads the parameters of MAIL.
pub(super) fn mail(text: &str, offered: &Extensions) -> Result<MailParameters, Fault> {
    check_form(text)?;
    let mut read = Mail::default();
    for (keyword, value) in split(text) {
        read.take(keyword, value, offered)?;
    }
    read.finish()
}

/// What is read so far; each is there at most once (RFC 1870 §6, RFC 6152 §3, RFC 3461 §4.5).
#[derive(Default)]
struct Mail<'a> {
    parameters: MailParameters,
    body: Option<BodyType>,
    utf8: Option<()>,
    require_tls: Option<()>,
    /// Read last, since its mailbox may be written in UTF-8 with SMTPUTF8 alone.
    auth: Option<&'a str>,
}

impl<'a> Mail<'a> {
    fn take(
        &mut self,
        keyword: &str,
        value: Option<&'a str>,
        offered: &Extensions,
    ) -> Result<(), Fault> {
        let mut upper = [0_u8; 12];
        let upper = upper.get_mut(..keyword.len()).ok_or(Fault::UnknownParameter)?;
        upper.copy_from_slice(keyword.as_bytes());
        upper.make_ascii_uppercase();
        let parameters = &mut self.parameters;
        match &*upper {
            b"SIZE" if offered.size => set(&mut parameters.size, size(value)?),
            b"BODY" if offered.eight_bit => set(&mut self.body, body_type(value, offered)?),
            b"SMTPUTF8" if offered.utf8 => set(&mut self.utf8, nothing(value)?),
            b"RET" if offered.dsn => set(&mut parameters.ret, ret(value)?),
            b"ENVID" if offered.dsn => set(&mut parameters.envelope_id, envelope_id(value)?),
            b"AUTH" if offered.auth => set(&mut self.auth, some(value)?),
            b"BY" if offered.deliver_by => set(&mut parameters.deliver_by, deliver_by(value)?),
            b"HOLDFOR" if offered.future_release => set(&mut parameters.hold, hold_for(value)?),
            b"HOLDUNTIL" if offered.future_release => set(&mut parameters.hold, hold_until(value)?),
            b"MT-PRIORITY" if offered.priority => set(&mut parameters.priority, priority(value)?),
            b"REQUIRETLS" if offered.require_tls => set(&mut self.require_tls, nothing(value)?),
            _ => Err(Fault::UnknownParameter),
        }
    }

    fn finish(mut self) -> Result<MailParameters, Fault> {
        self.parameters.body = self.body.unwrap_or_default();
        self.parameters.utf8 = self.utf8.is_some();
        self.parameters.require_tls = self.require_tls.is_some();
        let utf8 = self.parameters.utf8;
        self.parameters.auth = self.auth.map(|value| auth(value, utf8)).transpose()?;
        let (by, hold) = (self.parameters.deliver_by, self.parameters.hold);
        if let (Some(by), Some(Hold::For(seconds))) = (by, hold)
            && i64::try_from(seconds).is_ok_and(|seconds| seconds > by.seconds)
        {
            // It cannot both be there by then and not leave before (RFC 4865 §5.2.2).
            return Err(Fault::Parameter);
        }
        Ok(self.parameters)
    }
}

/// Reads the parameters of RCPT.
pub(super) fn recipient(text: &str, offered: &Extensions) -> Result<RecipientParameters, Fault> {
    check_form(text)?;
    let mut parameters = RecipientParameters::default();
    for (keyword, value) in split(text) {
        if offered.dsn && keyword.eq_ignore_ascii_case("NOTIFY") {
            set(&mut parameters.notify, notify(value)?)?;
        } else if offered.dsn && keyword.eq_ignore_ascii_case("ORCPT") {
            set(&mut parameters.original, original(value)?)?;
        } else {
            return Err(Fault::UnknownParameter);
        }
    }
    Ok(parameters)
}

/// `KEYWORD` and `value` of each parameter.
fn split(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split([' ', '\t']).filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    })
}

/// esmtp-param of RFC 5321 §4.1.2, its values with letters beyond ASCII (RFC 6531 §3.3). All are
/// checked before one is looked at, so that a command of wrong form is a 501 whatever else it asks
/// for.
fn check_form(text: &str) -> Result<(), Fault> {
    let is_keyword = |keyword: &str| {
        keyword.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric())
            && keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    let is_value = |value: &str| {
        !value.is_empty() && value.bytes().all(|octet| matches!(octet, 33..=60 | 62..=126 | 128..))
    };
    let right =
        |(keyword, value): (&str, Option<&str>)| is_keyword(keyword) && value.is_none_or(is_value);
    if split(text).all(right) { Ok(()) } else { Err(Fault::Parameter) }
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Fault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Parameter),
    }
}

/// A keyword that stands alone.
fn nothing(value: Option<&str>) -> Result<(), Fault> {
    if value.is_none() { Ok(()) } else { Err(Fault::Parameter) }
}

/// A keyword that does not.
fn some(value: Option<&str>) -> Result<&str, Fault> {
    value.ok_or(Fault::Parameter)
}

/// So many decimal digits and nothing else.
fn digits(text: &str, most: usize) -> Result<&str, Fault> {
    let right = (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    if right { Ok(text) } else { Err(Fault::Parameter) }
}

/// 1 to 20 digits (RFC 1870 §3). What is too large for 64 bits is too large for any limit.
fn size(value: Option<&str>) -> Result<u64, Fault> {
    Ok(digits(some(value)?, 20)?.parse().unwrap_or(u64::MAX))
}

/// RFC 6152 §2, RFC 3030 §3.
fn body_type(value: Option<&str>, offered: &Extensions) -> Result<BodyType, Fault> {
    match some(value)? {
        value if value.eq_ignore_ascii_case("7BIT") => Ok(BodyType::SevenBit),
        value if value.eq_ignore_ascii_case("8BITMIME") => Ok(BodyType::EightBitMime),
        value if value.eq_ignore_ascii_case("BINARYMIME") && offered.binary => Ok(BodyType::Binary),
        _ => Err(Fault::Parameter),
    }
}

/// RFC 3461 §4.3.
fn ret(value: Option<&str>) -> Result<Return, Fault> {
    match some(value)? {
        value if value.eq_ignore_ascii_case("FULL") => Ok(Return::Full),
        value if value.eq_ignore_ascii_case("HDRS") => Ok(Return::Headers),
        _ => Err(Fault::Parameter),
    }
}

/// RFC 3461 §4.4.
fn envelope_id(value: Option<&str>) -> Result<Xtext, Fault> {
    let value = some(value)?;
    if value.len() > ENVELOPE_ID_MAX { Err(Fault::Parameter) } else { printable(value) }
}

/// xtext that stands for printable ASCII, which is what a report can show (RFC 3461 §4.2, §4.4).
fn printable(text: &str) -> Result<Xtext, Fault> {
    let text: Xtext = text.parse().map_err(|_| Fault::Parameter)?;
    let shown = |octet: &u8| matches!(octet, 32..=126 | b'\t');
    if text.decode().iter().all(shown) { Ok(text) } else { Err(Fault::Parameter) }
}

/// `NEVER`, or a list of the others (RFC 3461 §4.1).
fn notify(value: Option<&str>) -> Result<Notify, Fault> {
    let value = some(value)?;
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        match word {
            _ if word.eq_ignore_ascii_case("SUCCESS") => notify.success = true,
            _ if word.eq_ignore_ascii_case("FAILURE") => notify.failure = true,
            _ if word.eq_ignore_ascii_case("DELAY") => notify.delay = true,
            _ => return Err(Fault::Parameter),
        }
    }
    Ok(notify)
}

/// `type;address` (RFC 3461 §4.2, RFC 6533 §3). The address need not be one of its type.
fn original(value: Option<&str>) -> Result<OriginalRecipient, Fault> {
    let value = some(value)?;
    let (address_type, address) = value.split_once(';').ok_or(Fault::Parameter)?;
    let atom = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/?^_`{|}~".contains(&octet);
    let is_type = !address_type.is_empty() && address_type.bytes().all(atom);
    if !is_type || address.is_empty() || value.len() > ORIGINAL_MAX {
        return Err(Fault::Parameter);
    }
    if address_type.eq_ignore_ascii_case("utf-8") {
        utf8_address(address)?;
    } else {
        printable(address)?;
    }
    Ok(OriginalRecipient { address_type: address_type.into(), address: address.into() })
}

/// utf-8-enc-addr of RFC 6533 §3: `\x{HEX}` for what may not stand there as it is. The xtext of
/// hosts that knew only RFC 3461 is let through too, since what came is passed on as it came.
fn utf8_address(text: &str) -> Result<(), Fault> {
    let mut rest = text;
    while let Some(place) = rest.find(['\\', '+']) {
        let (_, special) = rest.split_at(place);
        rest = match special.strip_prefix('\\') {
            Some(escape) => {
                let point = escape.strip_prefix("x{").and_then(|inner| inner.split_once('}'));
                let (_, after) =
                    point.filter(|(point, _)| is_code_point(point)).ok_or(Fault::Parameter)?;
                after
            }
            None => {
                let (xtext, after) = special.split_at_checked(3).ok_or(Fault::Parameter)?;
                xtext.parse::<Xtext>().map_err(|_| Fault::Parameter)?;
                after
            }
        };
    }
    if text.chars().any(char::is_control) { Err(Fault::Parameter) } else { Ok(()) }
}

/// HEXPOINT: 2 to 6 upper-case digits that name a character.
fn is_code_point(text: &str) -> bool {
    let digit = |octet: u8| matches!(octet, b'0'..=b'9' | b'A'..=b'F');
    (2..=6).contains(&text.len())
        && text.bytes().all(digit)
        && u32::from_str_radix(text, 16).is_ok_and(|point| char::from_u32(point).is_some())
}

/// xtext of `<>` or a mailbox (RFC 4954 §5).
fn auth(value: &str, utf8: bool) -> Result<AuthSender, Fault> {
    if value.len() > AUTH_MAX {
        return Err(Fault::Parameter);
    }
    let text: Xtext = value.parse().map_err(|_| Fault::Parameter)?;
    let text = String::from_utf8(text.decode()).map_err(|_| Fault::Parameter)?;
    if text == "<>" {
        return Ok(AuthSender::Unknown);
    }
    let mailbox = if utf8 { Mailbox::parse_utf8(&text) } else { text.parse() };
    mailbox.map(AuthSender::Mailbox).map_err(|_| Fault::Parameter)
}

/// `[+-]seconds;mode[trace]` (RFC 2852 §4).
fn deliver_by(value: Option<&str>) -> Result<DeliverBy, Fault> {
    let (time, mode) = some(value)?.split_once(';').ok_or(Fault::Parameter)?;
    let number = digits(time.strip_prefix(['+', '-']).unwrap_or(time), 9)?;
    let number: i64 = number.parse().map_err(|_| Fault::Parameter)?;
    let seconds = if time.starts_with('-') { -number } else { number };
    let (mode, trace) = match mode {
        _ if mode.eq_ignore_ascii_case("N") => (LateMode::Notify, false),
        _ if mode.eq_ignore_ascii_case("R") => (LateMode::Return, false),
        _ if mode.eq_ignore_ascii_case("NT") => (LateMode::Notify, true),
        _ if mode.eq_ignore_ascii_case("RT") => (LateMode::Return, true),
        _ => return Err(Fault::Parameter),
    };
    if mode == LateMode::Return && seconds <= 0 {
        return Err(Fault::Parameter);
    }
    Ok(DeliverBy { seconds, mode, trace })
}

/// Seconds, more than none (RFC 4865 §4).
fn hold_for(value: Option<&str>) -> Result<Hold, Fault> {
    match digits(some(value)?, 9)?.parse() {
        Ok(seconds) if seconds > 0 => Ok(Hold::For(seconds)),
        _ => Err(Fault::Parameter),
    }
}

/// A moment of UTC (RFC 4865 §4, RFC 3339 §5.6).
fn hold_until(value: Option<&str>) -> Result<Hold, Fault> {
    date::parse_utc(some(value)?).map(Hold::Until).ok_or(Fault::Parameter)
}

/// -9 to 9 (RFC 6710 §4).
fn priority(value: Option<&str>) -> Result<i8, Fault> {
    let value = some(value)?;
    let digit = digits(value.strip_prefix('-').unwrap_or(value), 1)?;
    if digit == "0" && value.len() > 1 {
        return Err(Fault::Parameter);
    }
    value.parse().map_err(|_| Fault::Parameter)
}
