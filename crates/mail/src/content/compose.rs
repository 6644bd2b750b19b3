//! Writes letters: a [`Draft`] becomes octets (RFC 5322 §3, RFC 2045 to 2047, RFC 2231, RFC 2183).
//!
//! What is written has the strict forms only. A draft is made of types that hold no line ends where
//! a header could be broken open, and text is encoded where it goes beyond ASCII, so that nothing a
//! person types becomes a field. Date, Message-ID and the seed of boundaries come from the caller.

mod entity;
mod field;
mod fold;
mod resent;

pub use entity::{Body, Entity};
pub use field::{FieldName, FieldNameError, HeadWriter};
pub use resent::Resent;

use super::address_list::{AddrSpec, Address, NamedMailbox};
use super::date_time::DateTime;
use super::message_id::MessageId;
use super::transfer::TransferEncoding;

/// How a letter is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// What the path of the letter carries: `SevenBit` always; `EightBit` or `Binary` where the next
    /// hop takes it (RFC 6152, RFC 3030). Bodies are encoded to fit.
    pub path: TransferEncoding,
    /// Whether fields may hold UTF-8 (RFC 6531, RFC 6532). Else text is put into encoded words.
    pub utf8: bool,
    /// Octets of a line of text above which the text is encoded; from 78 to 998
    /// (RFC 5322 §2.1.1).
    pub line_max: usize,
}

impl Default for Options {
    /// For any path: 7bit, ASCII fields, lines of at most 998.
    fn default() -> Self {
        Self { path: TransferEncoding::SevenBit, utf8: false, line_max: 998 }
    }
}

/// Why a draft is no letter.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ComposeError {
    /// From is empty (RFC 5322 §3.6).
    #[error("the letter has no author")]
    NoAuthor,
    /// Several authors need a Sender (RFC 5322 §3.6.2).
    #[error("a letter of several authors needs a sender")]
    NoSender,
    /// An address that cannot be written.
    #[error("{0} is no address that can be written")]
    Address(AddrSpec),
    /// An address whose local-part, or whose domain in every form, is not ASCII.
    #[error("{0} can only be written to hosts that take UTF-8 addresses")]
    NeedsUtf8(AddrSpec),
    /// A multipart without parts (RFC 2046 §5.1).
    #[error("a multipart needs at least one part")]
    NoPart,
    /// Multiparts in each other without end.
    #[error("the parts of the letter are nested too deep")]
    TooDeep,
    /// A part that is elsewhere has no Content-ID (RFC 2046 §5.2.3).
    #[error("a part whose body is elsewhere needs a Content-ID")]
    NoContentId,
}

/// A letter that was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Composed {
    /// All of it, in lines that end in CR LF.
    pub octets: Vec<u8>,
    /// What a path must carry for it: 8bit or binary where a message within could not be encoded
    /// (RFC 2046 §5.2.1), whatever the options were.
    pub needs: TransferEncoding,
    /// Whether its fields hold UTF-8: then only hosts with SMTPUTF8 take it.
    pub utf8: bool,
}

/// A letter to be written.
///
/// ```
/// use mail::content::compose::{Draft, Entity, Options};
/// use mail::content::{DateTime, Letter, MessageId, NamedMailbox};
///
/// let date = DateTime { seconds: 1_751_364_000, offset_minutes: Some(120) };
/// let author = NamedMailbox::named("Jørn", "joern@example.net".parse()?);
/// let mut draft = Draft::new(author, date);
/// draft.message_id = MessageId::new("1@example.net");
/// draft.to = vec![NamedMailbox::bare("ada@example.org".parse()?).into()];
/// draft.subject = "Grüße".into();
/// draft.body = Entity::text("Hello!\n").attach(Entity::attachment("a.bin", None, vec![0, 255]));
///
/// let octets = draft.write(&Options::default())?.octets;
/// let letter = Letter::read(&octets);
/// assert_eq!(letter.head().subject().unwrap(), "Grüße");
/// let parts: Vec<_> = letter.root().children().collect();
/// assert_eq!(parts[0].text(), "Hello!\n");
/// assert_eq!(parts[1].file_name().as_deref(), Some("a.bin"));
/// assert_eq!(*parts[1].body().0, [0, 255]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Who wrote it; several need a sender.
    pub from: Vec<NamedMailbox>,
    /// When it was finished (RFC 5322 §3.6.1).
    pub date: DateTime,
    /// Who sends it, where that is not the author; the same is left out (RFC 5322 §3.6.2).
    pub sender: Option<NamedMailbox>,
    /// Where answers go.
    pub reply_to: Vec<Address>,
    /// Recipients.
    pub to: Vec<Address>,
    /// Recipients of copies.
    pub cc: Vec<Address>,
    /// Recipients whom the others do not see. Written only where `show_bcc` says so.
    pub bcc: Vec<Address>,
    /// Whether Bcc is written: in the copy of the author, never in what is sent
    /// (RFC 5322 §3.6.3).
    pub show_bcc: bool,
    /// What makes it unlike any other letter.
    pub message_id: Option<MessageId>,
    /// The letters it answers.
    pub in_reply_to: Vec<MessageId>,
    /// Their thread.
    pub references: Vec<MessageId>,
    /// What it is about.
    pub subject: String,
    /// Further fields, unstructured.
    pub extra: Vec<(FieldName, String)>,
    /// What it says.
    pub body: Entity,
}

impl From<NamedMailbox> for Address {
    fn from(mailbox: NamedMailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl Draft {
    /// An empty letter of one author.
    pub fn new(author: NamedMailbox, date: DateTime) -> Self {
        Self {
            from: vec![author],
            date,
            sender: None,
            reply_to: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            show_bcc: false,
            message_id: None,
            in_reply_to: Vec::new(),
            references: Vec::new(),
            subject: String::new(),
            extra: Vec::new(),
            body: Entity::text(""),
        }
    }

    /// The letter.
    ///
    /// # Errors
    /// [`ComposeError`] where the draft is none.
    pub fn write(&self, options: &Options) -> Result<Composed, ComposeError> {
        let mut writer = HeadWriter::new(options.utf8);
        self.fields(&mut writer)?;
        writer.raw("MIME-Version", "1.0");
        let seed = self.message_id.as_ref().map_or("", MessageId::as_str);
        let entity = self.body.write(options, seed)?;
        let utf8 = writer.is_utf8() || entity.utf8;
        let mut octets = writer.finish();
        octets.extend_from_slice(&entity.octets);
        if !octets.ends_with(b"\r\n") && entity.domain != TransferEncoding::Binary {
            octets.extend_from_slice(b"\r\n");
        }
        Ok(Composed { octets, needs: entity.domain, utf8 })
    }

    fn fields(&self, writer: &mut HeadWriter) -> Result<(), ComposeError> {
        let sender = match (self.from.as_slice(), &self.sender) {
            ([], _) => return Err(ComposeError::NoAuthor),
            ([one], Some(sender)) if one.address == sender.address => None,
            ([_], sender) => sender.as_ref(),
            (_, None) => return Err(ComposeError::NoSender),
            (_, sender) => sender.as_ref(),
        };
        writer.raw("Date", &self.date.to_string());
        let from: Vec<Address> = self.from.iter().cloned().map(Address::Mailbox).collect();
        writer.addresses("From", &from)?;
        if let Some(sender) = sender {
            writer.addresses("Sender", &[Address::Mailbox(sender.clone())])?;
        }
        writer.addresses("Reply-To", &self.reply_to)?;
        if self.to.is_empty() && self.cc.is_empty() && !self.bcc.is_empty() {
            // RFC 5322 §3.6.3: only blind recipients, and a reader may want to see that.
            let name = "undisclosed-recipients".to_owned();
            writer.addresses("To", &[Address::Group { name, members: Vec::new() }])?;
        }
        writer.addresses("To", &self.to)?;
        writer.addresses("Cc", &self.cc)?;
        if self.show_bcc {
            writer.addresses("Bcc", &self.bcc)?;
        }
        if let Some(id) = &self.message_id {
            writer.ids("Message-ID", std::slice::from_ref(id));
        }
        writer.ids("In-Reply-To", &self.in_reply_to);
        writer.ids("References", &self.references);
        if !self.subject.is_empty() {
            writer.text("Subject", &self.subject);
        }
        for (place, (name, text)) in self.extra.iter().enumerate() {
            // One of these at most (RFC 8689 §3).
            let once = name.as_str().eq_ignore_ascii_case("TLS-Required");
            let before = self.extra.iter().take(place);
            if !once || !before.into_iter().any(|(other, _)| other.is(name)) {
                writer.text(name.as_str(), text);
            }
        }
        Ok(())
    }

    /// Everybody it goes to, blind recipients too.
    pub fn recipients(&self) -> impl Iterator<Item = &NamedMailbox> {
        let all = self.to.iter().chain(&self.cc).chain(&self.bcc);
        all.flat_map(|address| match address {
            Address::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            Address::Group { members, .. } => members.as_slice(),
        })
    }
}

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;
