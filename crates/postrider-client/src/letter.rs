//! From a draft to an envelope.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mail::content::compose::{Draft, Options};
use mail::content::transfer::TransferEncoding;
use mail::content::{Address, MessageId, NamedMailbox};
use mail::{BodyType, Mailbox, ReversePath};

use super::{Envelope, SendError};

/// A letter, written.
pub struct Letter {
    sender: Mailbox,
    recipients: Vec<Mailbox>,
    content: Vec<u8>,
    body: BodyType,
    utf8: bool,
}

impl Letter {
    pub fn of(draft: &Draft, hostname: &str) -> Result<Self, SendError> {
        let mut draft = draft.clone();
        if draft.message_id.is_none() {
            draft.message_id = MessageId::new(&format!("{}@{hostname}", unique()));
        }
        let mailbox = |named: &NamedMailbox| {
            named.address.mailbox().map_err(|_| SendError::Address(named.to_string()))
        };
        let mut recipients = Vec::new();
        for address in draft.to.iter().chain(&draft.cc).chain(&draft.bcc) {
            let members = match address {
                Address::Mailbox(named) => std::slice::from_ref(named),
                Address::Group { members, .. } => members.as_slice(),
            };
            for member in members {
                let mailbox = mailbox(member)?;
                if !recipients.contains(&mailbox) {
                    recipients.push(mailbox);
                }
            }
        }
        // Blind recipients stand in the envelope alone (RFC 5321 §7.2).
        draft.show_bcc = false;
        let written = draft.write(&Options::default()).map_err(SendError::Draft)?;
        let author = draft.sender.as_ref().or(draft.from.first());
        let sender = author.map(mailbox).transpose()?;
        let body = match written.needs {
            TransferEncoding::SevenBit => BodyType::SevenBit,
            TransferEncoding::EightBit => BodyType::EightBitMime,
            _ => BodyType::Binary,
        };
        Ok(Self {
            // A draft without author was refused above.
            sender: sender.ok_or(SendError::NoRecipients)?,
            recipients,
            content: written.octets,
            body,
            utf8: written.utf8,
        })
    }

    pub fn envelope(&self) -> Envelope<'_> {
        Envelope {
            sender: ReversePath::Mailbox(self.sender.clone()),
            recipients: self.recipients.clone(),
            content: &self.content,
            body: self.body,
            utf8: self.utf8,
        }
    }
}

/// No other letter of this host has it: moment, process and count.
fn unique() -> String {
    static LETTERS: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let n = LETTERS.fetch_add(1, Ordering::Relaxed);
    format!("{:x}.{:x}.{n:x}", since.as_nanos(), std::process::id())
}
