//! The parameters of `MAIL` and `RCPT` in a record: what came is kept, so that it is passed on byte
//! for byte.

use std::time::SystemTime;

use mail::Mailbox;
use mail::envelope::{
    AuthSender, BodyType, DeliverBy, Hold, LateMode, MailParameters, Notify, OriginalRecipient,
    RecipientParameters, Return,
};

use super::codec::{Reader, Writer, number, parsed, read_as, text};
use super::{RecordError, micros, time};

/// The tags beside those of [`Stored`](super::Stored), among which they stand; never reuse one.
pub(super) mod tags {
    pub const BODY: u64 = 2;
    pub const SIZE: u64 = 3;
    pub const UTF8: u64 = 20;
    pub const RET: u64 = 21;
    pub const ENVELOPE_ID: u64 = 22;
    pub const AUTH: u64 = 23;
    pub const DELIVER_BY: u64 = 24;
    pub const HOLD_FOR: u64 = 25;
    pub const HOLD_UNTIL: u64 = 26;
    pub const PRIORITY: u64 = 27;
    pub const REQUIRE_TLS: u64 = 28;
    // Inside DELIVER_BY:
    pub const SECONDS: u64 = 1;
    pub const LATE: u64 = 2;
    pub const TRACE: u64 = 3;
    // Inside a recipient:
    pub const NOTIFY: u64 = 2;
    pub const ORIGINAL_TYPE: u64 = 3;
    pub const ORIGINAL: u64 = 4;
}

/// Appends what is said; what is not said takes no octet.
pub(super) fn write(parameters: &MailParameters, out: &mut Writer) {
    match parameters.body {
        BodyType::SevenBit => {}
        BodyType::EightBitMime => out.number(tags::BODY, 1),
        BodyType::Binary => out.number(tags::BODY, 2),
    }
    if let Some(size) = parameters.size {
        out.number(tags::SIZE, size);
    }
    if parameters.utf8 {
        out.number(tags::UTF8, 1);
    }
    match parameters.ret {
        None => {}
        Some(Return::Full) => out.number(tags::RET, 1),
        Some(Return::Headers) => out.number(tags::RET, 2),
    }
    if let Some(id) = &parameters.envelope_id {
        out.text(tags::ENVELOPE_ID, id.as_str());
    }
    match &parameters.auth {
        None => {}
        Some(AuthSender::Unknown) => out.text(tags::AUTH, ""),
        Some(AuthSender::Mailbox(mailbox)) => out.text(tags::AUTH, &mailbox.to_string()),
    }
    if let Some(by) = parameters.deliver_by {
        let mut inner = Writer::nested();
        inner.number(tags::SECONDS, zigzag(by.seconds));
        inner.number(tags::LATE, u64::from(by.mode == LateMode::Return));
        inner.number(tags::TRACE, u64::from(by.trace));
        out.octets(tags::DELIVER_BY, &inner.finish());
    }
    match parameters.hold {
        None => {}
        Some(Hold::For(seconds)) => out.number(tags::HOLD_FOR, seconds),
        Some(Hold::Until(moment)) => out.number(tags::HOLD_UNTIL, micros(moment)),
    }
    if let Some(priority) = parameters.priority {
        out.number(tags::PRIORITY, zigzag(priority.into()));
    }
    if parameters.require_tls {
        out.number(tags::REQUIRE_TLS, 1);
    }
}

/// Takes a field into `parameters`, if it is one of theirs.
pub(super) fn read(
    tag: u64,
    field: &[u8],
    parameters: &mut MailParameters,
) -> Result<(), RecordError> {
    match tag {
        tags::BODY => {
            parameters.body = match number(field, "body type")? {
                0 => BodyType::SevenBit,
                1 => BodyType::EightBitMime,
                _ => BodyType::Binary,
            }
        }
        tags::SIZE => parameters.size = Some(number(field, "size")?),
        tags::UTF8 => parameters.utf8 = number(field, "SMTPUTF8 mark")? != 0,
        tags::RET => {
            parameters.ret = match number(field, "RET")? {
                1 => Some(Return::Full),
                _ => Some(Return::Headers),
            }
        }
        tags::ENVELOPE_ID => parameters.envelope_id = Some(parsed(field, "envelope id")?),
        tags::AUTH if field.is_empty() => parameters.auth = Some(AuthSender::Unknown),
        tags::AUTH => {
            let mailbox = read_as(field, "AUTH", Mailbox::parse_utf8)?;
            parameters.auth = Some(AuthSender::Mailbox(mailbox));
        }
        tags::DELIVER_BY => parameters.deliver_by = Some(deliver_by(field)?),
        tags::HOLD_FOR => parameters.hold = Some(Hold::For(number(field, "hold")?)),
        tags::HOLD_UNTIL => parameters.hold = Some(Hold::Until(moment(field)?)),
        tags::PRIORITY => {
            let priority = i8::try_from(unzigzag(number(field, "priority")?));
            parameters.priority = Some(priority.map_err(|_| RecordError::Malformed("priority"))?);
        }
        tags::REQUIRE_TLS => parameters.require_tls = number(field, "REQUIRETLS mark")? != 0,
        _ => {}
    }
    Ok(())
}

fn moment(field: &[u8]) -> Result<SystemTime, RecordError> {
    time(field, "hold")
}

fn deliver_by(octets: &[u8]) -> Result<DeliverBy, RecordError> {
    let mut reader = Reader::nested(octets);
    let mut by = DeliverBy { seconds: 0, mode: LateMode::Notify, trace: false };
    while let Some((tag, field)) = reader.field()? {
        match tag {
            tags::SECONDS => by.seconds = unzigzag(number(field, "BY")?),
            tags::LATE if number(field, "BY")? != 0 => by.mode = LateMode::Return,
            tags::TRACE => by.trace = number(field, "BY")? != 0,
            _ => {}
        }
    }
    Ok(by)
}

/// Appends the parameters of a recipient to its field.
pub(super) fn write_recipient(parameters: &RecipientParameters, out: &mut Writer) {
    if let Some(Notify { success, failure, delay }) = parameters.notify {
        let bits = u64::from(success) | u64::from(failure) << 1 | u64::from(delay) << 2;
        out.number(tags::NOTIFY, bits);
    }
    if let Some(original) = &parameters.original {
        out.text(tags::ORIGINAL_TYPE, &original.address_type);
        out.text(tags::ORIGINAL, &original.address);
    }
}

/// Takes a field of a recipient into its `parameters`, if it is one of theirs.
pub(super) fn read_recipient(
    tag: u64,
    field: &[u8],
    parameters: &mut RecipientParameters,
) -> Result<(), RecordError> {
    let original = || OriginalRecipient { address_type: String::new(), address: String::new() };
    match tag {
        tags::NOTIFY => {
            let bits = number(field, "NOTIFY")?;
            let bit = |place: u64| bits & place != 0;
            parameters.notify = Some(Notify { success: bit(1), failure: bit(2), delay: bit(4) });
        }
        tags::ORIGINAL_TYPE => {
            parameters.original.get_or_insert_with(original).address_type = text(field, "ORCPT")?;
        }
        tags::ORIGINAL => {
            parameters.original.get_or_insert_with(original).address = text(field, "ORCPT")?;
        }
        _ => {}
    }
    Ok(())
}

/// Small numbers of either sign stay short.
fn zigzag(number: i64) -> u64 {
    (number as u64) << 1 ^ (number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
