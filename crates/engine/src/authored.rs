//! What authors hand in: as whom they may send, how much, and what their letters lack
//! (RFC 6409). The decisions are in `queue::submission`.

use std::sync::Arc;
use std::time::SystemTime;

use mail::{Envelope, ForwardPath, Reply, ReversePath, Topic};
use queue::access::{Accepted, Verdict};
use queue::record::HeadEdits;
use queue::submission::{self, Facts, Identity};
use spool::MessageId;
use tracing::{debug, info};

use crate::passing::Passing;
use crate::{Options, Shared, expand};

/// Who hands a letter in.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    /// As whom it has logged in; none: it came from an address from which anyone may send.
    pub(crate) identity: Option<Identity>,
}

/// A session of a login, counted until it is dropped.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    login: String,
}

impl Seat {
    /// Counts one more session of `login`.
    ///
    /// # Errors
    /// What the client is told where there are too many.
    pub(crate) fn take(shared: &Arc<Shared>, login: &str) -> Result<Self, Reply> {
        let now = shared.world.clock.now();
        match shared.quota.lock().open(login, now) {
            Verdict::Accept { .. } => Ok(Self { shared: shared.clone(), login: login.to_owned() }),
            Verdict::Refuse { reply, reason } => {
                info!(event = "login.crowded", login, %reason);
                Err(reply)
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.quota.lock().close(&self.login);
    }
}

impl Author {
    /// Whether a letter from `path` may begin.
    pub(crate) fn sender(
        &self,
        shared: &Shared,
        options: &Options,
        path: &ReversePath,
    ) -> Verdict<()> {
        let identity = self.identity.as_ref();
        match (submission::sender(&options.access, identity, path), identity) {
            (Verdict::Accept { .. }, Some(identity)) => {
                shared.quota.lock().letter(&identity.login, shared.world.clock.now())
            }
            (verdict, _) => verdict,
        }
    }

    /// Whether it may go to `path`.
    pub(crate) async fn recipient(
        &self,
        shared: &Shared,
        options: &Options,
        path: &ForwardPath,
    ) -> Verdict<Accepted> {
        let identity = self.identity.as_ref();
        let decide = |answers: &_| submission::recipient(&options.access, identity, path, answers);
        let verdict = expand::knowing(&shared.world, decide).await;
        if let (Verdict::Accept { .. }, Some(identity)) = (&verdict, identity)
            && let Verdict::Refuse { reply, reason } =
                shared.quota.lock().recipient(&identity.login, shared.world.clock.now())
        {
            return Verdict::Refuse { reply, reason };
        }
        verdict
    }

    /// Completes a letter by edits of its header section, the first that are made.
    ///
    /// # Errors
    /// What the client is told where it cannot be completed.
    pub(crate) fn complete(
        &self,
        options: &Options,
        id: MessageId,
        envelope: &Envelope,
        passing: &Passing,
        now: SystemTime,
        head: &mut HeadEdits,
    ) -> Result<(), Reply> {
        let Some(header) = passing.whole_header() else {
            let text = "The header section is too long to be looked at";
            return Err(Reply::new(554, Topic(6, 0), text));
        };
        let facts = Facts {
            identity: self.identity.as_ref(),
            reverse_path: &envelope.reverse_path,
            utf8: envelope.parameters.utf8,
            date: &mail::date::rfc5322(now, options.zone),
            unique: &id.to_string(),
        };
        match submission::complete(&options.submission, &options.access, header, &facts) {
            Verdict::Accept { accepted, reason } => {
                if !accepted.notes.is_empty() {
                    debug!(event = "message.completed", %id, %reason);
                }
                head.prepend = [&head.prepend[..], &accepted.prepend].concat().into();
                head.replace = accepted.replace;
                Ok(())
            }
            Verdict::Refuse { reply, reason } => {
                let login = self.identity.as_ref().map(|identity| identity.login.as_str());
                info!(event = "message.refused", login, %reply, %reason);
                Err(reply)
            }
        }
    }
}
