//! What expansion has to know and cannot: rows of tables, and the `.forward` of a user.
//!
//! The decision is a pure function over the answers that are there. Where one is missing it gives the
//! questions; the caller asks them through its doors, adds the answers and decides again. Who has
//! nothing configured that needs an answer never gets a question.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::reason::Source;

/// A question.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Question {
    /// The values of `key` in the table of that name in the configuration.
    Table {
        /// `[table.NAME]`.
        table: Arc<str>,
        /// In lower case; never octets below a blank.
        key: String,
    },
    /// The `.forward` of a user with a mailbox of this host.
    Forward {
        /// A name of the configuration, never raw octets of the wire.
        user: String,
    },
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// There is no such row, or no such file.
    Nothing,
    /// The values of a row, at least one.
    Values {
        /// What stands there.
        values: Vec<String>,
        /// Where, if the table has lines.
        source: Option<Source>,
    },
    /// A `.forward` that is safe to follow.
    Forward(ForwardFile),
    /// There is a `.forward`, and it must not be followed: the mail goes to the mailbox.
    Unsafe {
        /// The path.
        file: Arc<str>,
        /// Why, for the operator: `it is writable by others`.
        why: String,
    },
    /// Not known now: the table is down, the disk fails. Never taken for [`Nothing`](Self::Nothing).
    NotNow {
        /// For the operator.
        why: String,
    },
}

/// A `.forward` as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForwardFile {
    /// The path.
    pub file: Arc<str>,
    /// Its text.
    pub text: String,
}

/// The answers so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answers(BTreeMap<Question, Answer>);

impl Answers {
    /// None yet. No allocation.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds one.
    pub fn add(&mut self, question: Question, answer: Answer) {
        self.0.insert(question, answer);
    }

    /// The answer to `question`, if it was asked.
    pub fn get(&self, question: &Question) -> Option<&Answer> {
        self.0.get(question)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
