//! Sends a letter on as it is (RFC 5322 §3.6.6).

use super::ComposeError;
use super::field::HeadWriter;
use crate::content::Fields;
use crate::content::address_list::{Address, NamedMailbox};
use crate::content::date_time::DateTime;
use crate::content::message_id::MessageId;

/// What is said of one sending on of a letter that stays as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Resent {
    /// Who sends it on.
    pub from: Vec<NamedMailbox>,
    /// Who does so for them; needed where they are several, left out where it is the same.
    pub sender: Option<NamedMailbox>,
    /// When.
    pub date: DateTime,
    /// To whom.
    pub to: Vec<Address>,
    /// To whom else.
    pub cc: Vec<Address>,
    /// What makes this sending unlike any other.
    pub message_id: Option<MessageId>,
}

impl Resent {
    /// The letter with these fields before all others; every other octet of it is as it was. A line
    /// of an mbox file before the fields is left out: it is no part of the letter.
    ///
    /// # Errors
    /// [`ComposeError`] where an author, a sender or an address is missing or bad.
    pub fn write(&self, letter: &[u8], utf8: bool) -> Result<Vec<u8>, ComposeError> {
        let mut out = self.fields(utf8)?;
        out.extend_from_slice(without_mailbox_line(letter));
        Ok(out)
    }

    /// The fields alone, for who has the letter elsewhere.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn fields(&self, utf8: bool) -> Result<Vec<u8>, ComposeError> {
        let sender = match (self.from.as_slice(), &self.sender) {
            ([], _) => return Err(ComposeError::NoAuthor),
            ([one], Some(sender)) if one.address == sender.address => None,
            ([_], sender) => sender.as_ref(),
            (_, None) => return Err(ComposeError::NoSender),
            (_, sender) => sender.as_ref(),
        };
        let mut writer = HeadWriter::new(utf8);
        writer.raw("Resent-Date", &self.date.to_string());
        let from: Vec<Address> = self.from.iter().cloned().map(Address::Mailbox).collect();
        writer.addresses("Resent-From", &from)?;
        if let Some(sender) = sender {
            writer.addresses("Resent-Sender", &[Address::Mailbox(sender.clone())])?;
        }
        writer.addresses("Resent-To", &self.to)?;
        writer.addresses("Resent-Cc", &self.cc)?;
        if let Some(id) = &self.message_id {
            writer.ids("Resent-Message-ID", std::slice::from_ref(id));
        }
        Ok(writer.finish())
    }
}

fn without_mailbox_line(letter: &[u8]) -> &[u8] {
    let is_field = Fields::new(letter).next().is_some_and(|field| field.raw_at < 1000);
    if is_field || !letter.starts_with(b"From ") {
        return letter;
    }
    memchr::memchr(b'\n', letter).and_then(|at| letter.get(at + 1..)).unwrap_or_default()
}
