//! Header fields as a person says them, made what the writer of [`mail::content::compose`] takes.

use std::io;

use mail::content::compose::{ComposeError, FieldName, FieldNameError, HeadWriter};
use mail::content::{Address, NamedMailbox};

use super::addresses::Entry;

/// Fields, beside those of the standards, that letters have by themselves or that others write on
/// their way.
const OWN_FIELDS: [&str; 5] = [
    "User-Agent",
    "Status",
    "X-Status",
    "Delivered-To",
    // A person writes: the letter is no program's (RFC 3834 §5).
    "Auto-Submitted",
];

/// Whether a person may add the field to a letter (RFC 5322 §3.6.8).
///
/// # Errors
/// Why not.
pub fn is_extra_field(name: &str, value: &str) -> Result<(), &'static str> {
    let is_own = OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name));
    match name.parse::<FieldName>() {
        Err(FieldNameError::Syntax) => {
            Err("the name of a field is printable ASCII without blanks and colons, and not long")
        }
        Ok(_) if !is_own && value.chars().all(|letter| !letter.is_control() || letter == '\t') => {
            Ok(())
        }
        Ok(_) if !is_own => Err("the value of a field is one line of text"),
        _ => Err("this field has a meaning of its own and cannot be added"),
    }
}

/// A writer for fields that hold these addresses: in UTF-8 where one has no form in ASCII, and then
/// only hosts with SMTPUTF8 take the letter (RFC 6531 §3.1, RFC 6532 §3.2).
pub fn writer_of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> HeadWriter {
    HeadWriter::new(entries.into_iter().any(|entry| !entry.mailbox.is_ascii()))
}

/// What the writer takes.
pub fn address(entry: &Entry) -> NamedMailbox {
    NamedMailbox { name: entry.name.clone(), address: (&entry.mailbox).into() }
}

/// Writes `Name: address, address…`; nothing for none.
///
/// # Errors
/// An address that no field can hold.
pub fn write_addresses(head: &mut HeadWriter, name: &str, entries: &[Entry]) -> io::Result<()> {
    let list: Vec<Address> = entries.iter().map(|entry| address(entry).into()).collect();
    head.addresses(name, &list).map_err(not_written)
}

/// A field that cannot be written is trouble like any other of a letter that is being finished.
pub fn not_written(error: ComposeError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
