//! A header section and what its fields say (RFC 5322 §3.6, RFC 2045 §3).

use std::borrow::Cow;

use super::address_list::AddressList;
use super::charset;
use super::date_time::DateTime;
use super::defect::{Defect, Defects, Text};
use super::encoded_word;
use super::media::{self, Disposition, MediaType};
use super::message_id::MessageId;
use super::transfer::TransferEncoding;
use super::{Field, Fields};

/// Octets of a value that are read: more than any person wrote. A longer one is cut, and that is
/// reported.
pub const VALUE_MAX: usize = 1024 * 1024;

/// A header section. Every question is answered from its octets; names are compared without regard
/// to case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head<'a> {
    octets: &'a [u8],
}

/// The value of a field as text, with what was wrong with its octets.
struct Value {
    text: String,
    defects: Defects,
}

fn value(field: &Field<'_>) -> Value {
    let cut = field.raw.len() > VALUE_MAX;
    let near = Field { raw: field.raw.get(..VALUE_MAX).unwrap_or(field.raw), ..*field };
    let octets: Cow<'_, [u8]> = near.value();
    let (text, defect) = charset::head_text(&octets);
    let mut defects = Defects::from(defect);
    if text.contains('\0') {
        defects.add(Defect::Nul);
    }
    if cut {
        defects.add(Defect::ValueCut);
    }
    Value { text: text.into_owned(), defects }
}

impl<'a> Head<'a> {
    /// Over the octets of a header section, or of content that begins with one.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    /// The octets.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The fields in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields::new(self.octets)
    }

    /// The first field `name`.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.all(name).next()
    }

    /// All fields `name`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = Field<'a>> {
        let name = name.to_owned();
        self.fields().filter(move |field| field.is(&name))
    }

    /// The text of the unstructured field `name`, unfolded and decoded: Subject, Comments,
    /// Content-Description, and fields that nobody defined.
    pub fn text(&self, name: &str) -> Option<Text> {
        let value = value(&self.get(name)?);
        let mut text = encoded_word::decode(&value.text);
        text.defects |= value.defects;
        Some(text)
    }

    /// The unfolded value of the field `name`, nothing in it decoded.
    pub fn raw_text(&self, name: &str) -> Option<Text> {
        let Value { text, defects } = value(&self.get(name)?);
        Some(Text { text, defects })
    }

    /// The addresses of the fields `name`; of several, all (RFC 5322 §4.5.3).
    pub fn addresses(&self, name: &str) -> AddressList {
        let mut all = AddressList::default();
        for (place, field) in self.all(name).enumerate() {
            let value = value(&field);
            let mut list = AddressList::read(&value.text);
            all.items.append(&mut list.items);
            all.defects |= list.defects | value.defects;
            if place > 0 {
                all.defects.add(Defect::Repeated);
            }
        }
        all
    }

    /// The date of the field `name`, which is `Date` or `Resent-Date`.
    pub fn date(&self, name: &str) -> Option<DateTime> {
        DateTime::read(&value(&self.get(name)?).text)
    }

    /// The Subject.
    pub fn subject(&self) -> Option<Text> {
        self.text("Subject")
    }

    /// The identifiers of the field `name`: Message-ID, In-Reply-To, References, Content-ID.
    pub fn ids(&self, name: &str) -> Vec<MessageId> {
        self.get(name).map(|field| MessageId::read_list(&value(&field).text)).unwrap_or_default()
    }

    /// The Message-ID.
    pub fn message_id(&self) -> Option<MessageId> {
        self.ids("Message-ID").into_iter().next()
    }

    /// The References for a reply to this letter (RFC 5322 §3.6.4).
    pub fn references_of_reply(&self) -> Vec<MessageId> {
        super::message_id::references_of_reply(
            &self.ids("References"),
            &self.ids("In-Reply-To"),
            self.message_id().as_ref(),
        )
    }

    /// The Content-Type, if there is one.
    pub fn content_type(&self) -> Option<MediaType> {
        let value = value(&self.get("Content-Type")?);
        let mut media = MediaType::read(&value.text);
        media.defects |= value.defects;
        Some(media)
    }

    /// The Content-Disposition, if there is one.
    pub fn disposition(&self) -> Option<Disposition> {
        let value = value(&self.get("Content-Disposition")?);
        let mut disposition = Disposition::read(&value.text);
        disposition.defects |= value.defects;
        Some(disposition)
    }

    /// The Content-Transfer-Encoding, 7bit where there is none (RFC 2045 §6.1).
    pub fn encoding(&self) -> TransferEncoding {
        let Some(field) = self.get("Content-Transfer-Encoding") else {
            return TransferEncoding::SevenBit;
        };
        let value = value(&field);
        match media::single_word(&value.text) {
            Some(word) => TransferEncoding::from_name(word.as_bytes()),
            None if value.text.trim().is_empty() => TransferEncoding::SevenBit,
            None => TransferEncoding::Unknown,
        }
    }

    /// Whether a MIME-Version field says 1.0 (RFC 2045 §4). Letters are read as MIME without it too:
    /// so many forget it.
    pub fn is_mime(&self) -> bool {
        self.get("MIME-Version").is_some_and(|field| media::is_version_one(&value(&field).text))
    }

    /// The mailboxes that a reply goes to: those of Reply-To, or else of From (RFC 5322 §3.6.2).
    pub fn reply_to(&self) -> AddressList {
        let reply_to = self.addresses("Reply-To");
        if reply_to.is_empty() { self.addresses("From") } else { reply_to }
    }

    /// Whether a program wrote the letter: Auto-Submitted says anything but `no` (RFC 3834 §5).
    pub fn is_automatic(&self) -> bool {
        let field = self.get("Auto-Submitted");
        let word = field.map(|field| media::single_word(&value(&field).text).unwrap_or_default());
        word.is_some_and(|word| !word.eq_ignore_ascii_case("no"))
    }

    /// What is wrong with the octets of the header section.
    pub fn defects(&self) -> Defects {
        let mut defects = Defects::NONE;
        if memchr::memchr(0, self.octets).is_some() {
            defects.add(Defect::Nul);
        }
        if !self.octets.is_ascii() && std::str::from_utf8(self.octets).is_err() {
            defects.add(Defect::BadUtf8InHead);
        }
        defects
    }
}

#[cfg(test)]
mod tests;
