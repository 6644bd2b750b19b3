//! The values of header fields as a person reads them.

use jiff::fmt::rfc2822::DateTimeParser;

/// Free text, decoded.
pub fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// A list of addresses, names decoded.
pub fn addresses(value: &[u8]) -> String {
    text(value)
}

/// When a `Date` field says it was, seconds since 1970.
pub fn moment(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let parser = DateTimeParser::new().relaxed_weekday(true);
    Some(parser.parse_timestamp(text.trim()).ok()?.as_second())
}

/// The Message-IDs of a field, without their brackets.
pub fn message_ids(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let mut ids = Vec::new();
    let mut rest = &*text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((id, after)) = after.split_once('>') else { break };
        let id: String = id.chars().filter(|c| !c.is_whitespace()).collect();
        if !id.is_empty() {
            ids.push(id);
        }
        rest = after;
    }
    ids
}
