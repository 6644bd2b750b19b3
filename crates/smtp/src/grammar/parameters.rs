//! The parameters of MAIL and RCPT (RFC 5321 §4.1.1.11, §4.1.2).
//!
//! Each extension adds its keywords here: an arm in [`mail()`] or [`recipient()`], a field in the type.

use mail::{BodyType, MailParameters, RecipientParameters};

use super::Fault;

/// Reads the parameters of MAIL.
pub(super) fn mail(text: &str) -> Result<MailParameters, Fault> {
    let mut parameters = MailParameters::default();
    let mut body = None;
    check_form(text)?;
    for (keyword, value) in split(text) {
        if keyword.eq_ignore_ascii_case("SIZE") {
            set(&mut parameters.size, size(value)?)?;
        } else if keyword.eq_ignore_ascii_case("BODY") {
            set(&mut body, body_type(value)?)?;
        } else {
            return Err(Fault::UnknownParameter);
        }
    }
    parameters.body = body.unwrap_or_default();
    Ok(parameters)
}

/// Reads the parameters of RCPT: none yet, the place of NOTIFY and ORCPT.
pub(super) fn recipient(text: &str) -> Result<RecipientParameters, Fault> {
    check_form(text)?;
    match split(text).next() {
        None => Ok(RecipientParameters::default()),
        Some(_) => Err(Fault::UnknownParameter),
    }
}

/// `KEYWORD` and `value` of each parameter.
fn split(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split([' ', '\t']).filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    })
}

/// esmtp-param of RFC 5321 §4.1.2. All are checked before one is looked at, so that a command of
/// wrong form is a 501 whatever else it asks for.
fn check_form(text: &str) -> Result<(), Fault> {
    let is_keyword = |keyword: &str| {
        keyword.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric())
            && keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    let is_value = |value: &str| {
        !value.is_empty() && value.bytes().all(|octet| matches!(octet, 33..=60 | 62..=126))
    };
    let right =
        |(keyword, value): (&str, Option<&str>)| is_keyword(keyword) && value.is_none_or(is_value);
    if split(text).all(right) { Ok(()) } else { Err(Fault::Parameter) }
}

/// Each parameter stands there at most once (RFC 1870 §6, RFC 6152 §3).
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Fault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Parameter),
    }
}

/// 1 to 20 digits (RFC 1870 §3). What is too large for 64 bits is too large for any limit.
fn size(value: Option<&str>) -> Result<u64, Fault> {
    let digits = value.ok_or(Fault::Parameter)?;
    if !matches!(digits.len(), 1..=20) || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Fault::Parameter);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

/// RFC 6152 §2. BINARYMIME belongs to an extension that is not offered.
fn body_type(value: Option<&str>) -> Result<BodyType, Fault> {
    match value {
        Some(value) if value.eq_ignore_ascii_case("7BIT") => Ok(BodyType::SevenBit),
        Some(value) if value.eq_ignore_ascii_case("8BITMIME") => Ok(BodyType::EightBitMime),
        _ => Err(Fault::Parameter),
    }
}
