//! How patient we are with a letter: what it is decides how long it lives and when its sender hears
//! of a delay.

use mail::{MailParameters, ReversePath};

use crate::record::{Class, Stored};

/// More recipients than these make a letter one to many.
pub const MANY: usize = 50;

/// What a letter is to the schedule.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rank {
    /// Its reverse-path is null: nobody waits for it.
    Report,
    /// Its sender said that it is urgent (a positive MT-PRIORITY, RFC 6710).
    Urgent,
    /// Neither.
    #[default]
    Ordinary,
    /// To more than [`MANY`] recipients, or of negative priority.
    Bulk,
}

impl Rank {
    /// The rank of a message with such an envelope.
    pub fn of(reverse_path: &ReversePath, parameters: &MailParameters, recipients: usize) -> Self {
        match parameters.priority.unwrap_or(0) {
            _ if reverse_path.is_null() => Self::Report,
            1.. => Self::Urgent,
            0 if recipients <= MANY => Self::Ordinary,
            _ => Self::Bulk,
        }
    }

    /// The same for a message of this class: a copy for an archive has a null reverse-path, and is
    /// waited for all the same.
    pub fn of_class(
        class: Class,
        reverse_path: &ReversePath,
        parameters: &MailParameters,
        recipients: usize,
    ) -> Self {
        match class {
            Class::Copy => Self::Ordinary,
            _ => Self::of(reverse_path, parameters, recipients),
        }
    }

    /// The rank of a message of the spool.
    pub fn of_stored(stored: &Stored) -> Self {
        let Stored { class, reverse_path, parameters, recipients, .. } = stored;
        Self::of_class(*class, reverse_path, parameters, recipients.len())
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Urgent => "urgent",
            Self::Ordinary => "ordinary",
            Self::Bulk => "bulk",
        }
    }
}
