//! What has happened since the start, counted: a view for those who watch a server, no truth of its
//! own. Each count only rises, and costs one relaxed addition.

use std::sync::atomic::{AtomicU64, Ordering};

use queue::Fate;

/// The counts of one engine.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sessions: AtomicU64,
    refused_sessions: AtomicU64,
    messages: AtomicU64,
    recipients: AtomicU64,
    refused_commands: AtomicU64,
    refused_messages: AtomicU64,
    delivered: AtomicU64,
    deferred: AtomicU64,
    returned: AtomicU64,
    reports: AtomicU64,
    failed_logins: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Connections that were greeted or turned away.
    pub sessions: u64,
    /// Those of them that were turned away.
    pub refused_sessions: u64,
    /// Messages that the spool took, our own reports among them.
    pub messages: u64,
    /// Their recipients.
    pub recipients: u64,
    /// Senders and recipients of envelopes that were refused.
    pub refused_commands: u64,
    /// Whole messages that were refused or could not be stored.
    pub refused_messages: u64,
    /// Recipients whose mail is delivered, here or by the next host.
    pub delivered: u64,
    /// Attempts of a recipient that are to be made again.
    pub deferred: u64,
    /// Recipients whose mail went back or was dropped.
    pub returned: u64,
    /// Reports that were written.
    pub reports: u64,
    /// Logins that failed.
    pub failed_logins: u64,
}

fn more(count: &AtomicU64, by: usize) {
    count.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Counts {
    pub(crate) fn session(&self) {
        more(&self.sessions, 1);
    }

    pub(crate) fn refused_session(&self) {
        more(&self.refused_sessions, 1);
    }

    pub(crate) fn message(&self, recipients: usize) {
        more(&self.messages, 1);
        more(&self.recipients, recipients);
    }

    pub(crate) fn refused_command(&self) {
        more(&self.refused_commands, 1);
    }

    pub(crate) fn refused_message(&self) {
        more(&self.refused_messages, 1);
    }

    pub(crate) fn fate(&self, fate: &Fate) {
        match fate {
            Fate::Delivered => more(&self.delivered, 1),
            Fate::Retry { .. } => more(&self.deferred, 1),
            Fate::Return { .. } => more(&self.returned, 1),
        }
    }

    pub(crate) fn reports(&self, written: usize) {
        more(&self.reports, written);
    }

    pub(crate) fn failed_login(&self) {
        more(&self.failed_logins, 1);
    }

    pub(crate) fn now(&self) -> Totals {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            sessions: now(&self.sessions),
            refused_sessions: now(&self.refused_sessions),
            messages: now(&self.messages),
            recipients: now(&self.recipients),
            refused_commands: now(&self.refused_commands),
            refused_messages: now(&self.refused_messages),
            delivered: now(&self.delivered),
            deferred: now(&self.deferred),
            returned: now(&self.returned),
            reports: now(&self.reports),
            failed_logins: now(&self.failed_logins),
        }
    }
}
