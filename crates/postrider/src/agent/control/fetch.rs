//! What hosts that keep mail for us have said, on the control socket.

use serde::{Deserialize, Serialize};

/// One call at one host.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Called {
    /// Its name in the configuration, or itself.
    pub host: String,
    /// What was asked, in order.
    pub said: Vec<Said>,
    /// Letters that came over the connection.
    pub letters: u64,
}

/// One question and its answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Said {
    /// The command.
    pub command: String,
    /// The reply, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// What it means.
    pub meaning: String,
    /// Who must act.
    pub worth: Worth,
}

/// Who must act.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worth {
    /// Nobody.
    Well,
    /// Time.
    Later,
    /// The operator.
    Wrong,
}
