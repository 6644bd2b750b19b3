//! The values of header fields as a person reads them.

use mail::content::{AddressList, DateTime, MessageId, encoded_word};

/// Free text, decoded.
pub fn text(value: &[u8]) -> String {
    encoded_word::decode(&String::from_utf8_lossy(value)).text
}

/// A list of addresses, names decoded; a list that is none stands as it came.
pub fn addresses(value: &[u8]) -> String {
    let raw = String::from_utf8_lossy(value);
    let list = AddressList::read(&raw);
    if list.is_empty() { text(value) } else { list.to_string() }
}

/// When a `Date` field says it was, seconds since 1970.
pub fn moment(value: &[u8]) -> Option<i64> {
    DateTime::read(&String::from_utf8_lossy(value)).map(|date| date.seconds)
}

/// The Message-IDs of a field, without their brackets.
pub fn message_ids(value: &[u8]) -> Vec<String> {
    let ids = MessageId::read_list(&String::from_utf8_lossy(value));
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}
