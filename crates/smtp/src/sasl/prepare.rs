//! SASLprep (RFC 4013): names and passwords that look the same become the same.
//!
//! One deviation: code points that Unicode 3.2 had not assigned are allowed in what we store, too,
//! not only in what we compare (RFC 4013 §2.5), since they hold every script and sign of the last
//! twenty years. They pass through as they are, so a stored and a presented string still agree.

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

use super::NAME_MAX;

/// Why a string cannot be a name or a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PrepareError {
    /// Nothing, or nothing left.
    #[error("it is empty")]
    Empty,
    /// More than 255 octets.
    #[error("it is longer than {NAME_MAX} octets")]
    TooLong,
    /// A control character or another that cannot be typed or seen.
    #[error("it has a character that is not allowed, such as a control character")]
    Prohibited,
    /// Writing to the right and to the left in one string.
    #[error("it mixes writing directions in a way that is not allowed")]
    Bidirectional,
}

/// The prepared form of `text`.
///
/// # Errors
/// [`PrepareError`]: then verification fails (RFC 4616 §2).
pub fn prepare(text: &str) -> Result<String, PrepareError> {
    if text.len() > NAME_MAX {
        return Err(PrepareError::TooLong);
    }
    let printable = |byte: u8| (0x20..0x7f).contains(&byte);
    let prepared =
        if text.bytes().all(printable) { text.to_owned() } else { mapped(text).nfkc().collect() };
    if prepared.is_empty() {
        return Err(PrepareError::Empty);
    }
    if prepared.len() > NAME_MAX {
        return Err(PrepareError::TooLong);
    }
    if prepared.chars().any(is_prohibited) {
        return Err(PrepareError::Prohibited);
    }
    if !is_one_way(&prepared) {
        return Err(PrepareError::Bidirectional);
    }
    Ok(prepared)
}

/// RFC 4013 §2.1.
fn mapped(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|&c| !tables::commonly_mapped_to_nothing(c))
        .map(|c| if tables::non_ascii_space_character(c) { ' ' } else { c })
}

/// RFC 4013 §2.3.
fn is_prohibited(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::surrogate_code(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

/// RFC 3454 §6: what has a letter of a script written to the left has none of the others, and
/// begins and ends with one.
fn is_one_way(text: &str) -> bool {
    if !text.chars().any(tables::bidi_r_or_al) {
        return true;
    }
    let ends = [text.chars().next(), text.chars().next_back()];
    ends.into_iter().flatten().all(tables::bidi_r_or_al) && !text.chars().any(tables::bidi_l)
}
