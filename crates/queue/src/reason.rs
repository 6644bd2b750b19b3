//! Why a decision fell as it did. Every decision of this crate returns its reason as a value, so the
//! daemon, its logs and the commands that explain tell the same story.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The place of a rule in the configuration.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Source {
    /// The file, as it was named to us.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why something was decided: a sentence for the operator, and the rule where there is one. Never
/// shown to a peer; peers get a [`Reply`](mail::Reply).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// The facts, in words.
    pub text: Cow<'static, str>,
    /// The rule that decided.
    pub source: Option<Source>,
}

impl Reason {
    /// A reason without a rule of the configuration.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), source: None }
    }

    /// The same reason, from this rule.
    #[must_use]
    pub fn from_rule(mut self, source: Option<Source>) -> Self {
        self.source = source;
        self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}
