//! Texts of the form `v=NAME; tag=value; …`, as several policies announce themselves in TXT records.

/// Tags of one text; more are nobody's.
const TAGS_MAX: usize = 100;

/// The one record of `records` that begins with `version` and a semicolon; the others are not meant
/// for us (RFC 8461 §3.1, RFC 8460 §3).
pub(crate) fn the_one<'a>(records: &[&'a [u8]], version: &str) -> Result<&'a str, String> {
    let ours = records.iter().filter(|record| {
        record.strip_prefix(version.as_bytes()).is_some_and(|rest| rest.first() == Some(&b';'))
    });
    let ours: Vec<_> = ours.collect();
    match ours.as_slice() {
        [] => Err(format!("there is no TXT record that begins with {version};")),
        [one] if one.is_ascii() => {
            std::str::from_utf8(one).map_err(|_| "the TXT record is not ASCII".to_owned())
        }
        [_] => Err("the TXT record is not ASCII".to_owned()),
        several => Err(format!("{} TXT records begin with {version};, not one", several.len())),
    }
}

/// The tags after the version. Each is a name and a value; a semicolon may end the text.
pub(crate) fn tags<'a>(text: &'a str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let mut parts: Vec<&str> = text.split(';').map(trimmed).collect();
    if parts.last() == Some(&"") {
        parts.pop();
    }
    if parts.len() > TAGS_MAX {
        return Err(format!("the TXT record has over {TAGS_MAX} tags"));
    }
    let tag = |part: &&'a str| {
        split(part).ok_or_else(|| format!("the TXT record is not well formed at {part:?}"))
    };
    parts.iter().skip(1).map(tag).collect()
}

fn split(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_name = name.len() <= 32
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(inner);
    let is_value = !value.is_empty() && value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    (is_name && is_value).then_some((name, value))
}

fn trimmed(part: &str) -> &str {
    part.trim_matches([' ', '\t'])
}
