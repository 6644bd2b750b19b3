//! Local delivery: each open recipient's mailbox gets the message.

mod return_path;

use std::sync::Arc;

use bytes::Bytes;
use mail::{ForwardPath, trace};
use queue::fate::Said;
use queue::record::Class;
use tracing::error;

use crate::Shared;
use crate::content::Content;
use crate::dispatch::{Ending, Job};
use crate::doors::{MailboxDelivery, MailboxError};
use return_path::WithoutReturnPath;

/// Tries `job`. Every open recipient gets a result.
pub(crate) async fn attempt(shared: &Arc<Shared>, job: &Job) -> Vec<(u32, Ending)> {
    let mut results = Vec::with_capacity(job.open.len());
    for (number, _) in &job.open {
        results.push((*number, Ending::here(deliver(shared, job, *number).await)));
    }
    results
}

async fn deliver(shared: &Arc<Shared>, job: &Job, number: u32) -> Said {
    let Some(recipient) = job.stored.recipients.get(number as usize) else {
        return Said::Ours(format!("the envelope has no recipient {number}"));
    };
    match job.stored.class {
        Class::Ordinary | Class::Report => {}
        Class::Expanded => return Said::Expanded { is_list: false },
        Class::Listed => return Said::Expanded { is_list: true },
    }
    let Some(user) = shared.options().access.user(&recipient.path) else {
        return Said::MailboxUnknown { user: recipient.path.to_string() };
    };
    let body = match Content::open(&shared.world.spool, job).await {
        Ok(body) => body,
        Err(error) => return Said::Ours(format!("the content cannot be read: {error}")),
    };
    let mut head = Vec::new();
    // One Return-Path, above all else (RFC 5321 §4.4).
    head.extend_from_slice(&trace::return_path(&job.stored.reverse_path));
    if let ForwardPath::Mailbox(mailbox) = &recipient.path {
        head.extend_from_slice(&trace::delivered_to(mailbox));
    }
    let from = match job.stored.reverse_path.mailbox() {
        Some(mailbox) => mailbox.to_string(),
        None => "MAILER-DAEMON".to_owned(),
    };
    let delivery = MailboxDelivery {
        user: &user,
        head: Bytes::from(head),
        body: Box::new(WithoutReturnPath::new(body)),
        from,
        time: shared.world.clock.wall(),
        unique: format!("{}.{number}", job.id.message),
    };
    match shared.world.mailboxes.deliver(delivery).await {
        Ok(()) => Said::Stored,
        Err(MailboxError::Unknown(user)) => Said::MailboxUnknown { user },
        Err(MailboxError::Full(why)) => Said::MailboxFull(why),
        Err(MailboxError::Unavailable(why)) => Said::MailboxUnavailable(why),
        Err(MailboxError::Broken(why)) => {
            error!(event = "mailbox.broken", user, why);
            Said::MailboxBroken(why)
        }
        Err(MailboxError::Content(error)) => {
            error!(event = "content.unreadable", id = %job.id.message, %error);
            Said::Ours("the content cannot be read".to_owned())
        }
    }
}
