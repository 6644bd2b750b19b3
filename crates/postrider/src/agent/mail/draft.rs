//! A letter that is being written.

use mail::content::MessageId;

use super::attach::Attachment;
use crate::agent::addresses::Entry;
use crate::agent::letter::Text;

/// What a person has said of a letter so far.
#[derive(Default)]
pub struct Draft {
    /// The authors.
    pub from: Vec<Entry>,
    /// Who sends it, where that is not the one author.
    pub sender: Option<Entry>,
    /// Where answers shall go.
    pub reply_to: Vec<Entry>,
    /// `To`.
    pub to: Vec<Entry>,
    /// `Cc`.
    pub cc: Vec<Entry>,
    /// Recipients whom the others do not see.
    pub bcc: Vec<Entry>,
    /// `Subject`; no field when empty.
    pub subject: String,
    /// The Message-IDs of the letter it answers.
    pub in_reply_to: Vec<MessageId>,
    /// Its thread, the nearest last.
    pub references: Vec<MessageId>,
    /// More fields.
    pub fields: Vec<(String, String)>,
    /// Whether it says which program wrote it.
    pub user_agent: bool,
    /// The text.
    pub body: Text,
    /// The type of the text, where it is not plain.
    pub body_type: Option<String>,
    /// Whether readers may fit the text to their windows (RFC 3676).
    pub flowed: bool,
    /// Whether all of it must be lines of ASCII: pieces of letters are (RFC 2046 §5.2.2).
    pub seven_bit: bool,
    /// Whether octets may go as they are, to a host that takes them (RFC 3030 §3).
    pub binary: bool,
    /// What goes with it.
    pub attachments: Vec<Attachment>,
    /// The letters of the folder it answers or passes on, to be marked when it is sent.
    pub answers: Vec<usize>,
    /// As `answers`.
    pub passes_on: Vec<usize>,
}

impl Draft {
    /// Whether nothing is in it that somebody would miss.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && self.attachments.is_empty()
    }

    /// Whether nobody is named.
    pub fn names_nobody(&self) -> bool {
        self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty()
    }
}
