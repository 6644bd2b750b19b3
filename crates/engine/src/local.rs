//! Delivery that no other host has a part in: each open recipient's mailbox gets the message, or a
//! program does, or nobody.

mod program;
mod return_path;

pub(crate) use program::Runs;

use std::sync::Arc;

use bytes::Bytes;
use mail::reply::EnhancedStatus;
use mail::{DomainName, ForwardPath, Recipient, Topic, trace};
use queue::Reason;
use queue::fate::Said;
use queue::program::{Envelope, NULL_SENDER, Program};
use queue::record::Class;
use queue::route::{self, NextHop};
use queue::target::Target;
use spool::{BodyReader, SpoolError};
use tracing::{error, info};

use crate::content::Content;
use crate::dispatch::{Ending, Job};
use crate::doors::{MailboxDelivery, MailboxError, Place};
use crate::fit::{self, Unfit};
use crate::{Options, Shared};
use return_path::WithoutReturnPath;

/// Tries `job`. Every open recipient gets a result.
pub(crate) async fn attempt(shared: &Arc<Shared>, hop: &NextHop, job: &Job) -> Vec<(u32, Ending)> {
    let options = shared.options();
    let mut results = Vec::with_capacity(job.open.len());
    for (number, _) in &job.open {
        let said = match job.stored.recipients.get(*number as usize) {
            Some(recipient) => {
                let delivery =
                    Delivery { shared, options: &options, job, number: *number, recipient };
                delivery.by(hop).await
            }
            None => Said::Ours(format!("the envelope has no recipient {number}")),
        };
        results.push((*number, Ending::here(said)));
    }
    results
}

/// The delivery of one message to one recipient.
struct Delivery<'a> {
    shared: &'a Arc<Shared>,
    options: &'a Options,
    job: &'a Job,
    number: u32,
    recipient: &'a Recipient,
}

impl Delivery<'_> {
    async fn by(&self, hop: &NextHop) -> Said {
        match self.job.stored.class {
            Class::Ordinary | Class::Copy | Class::Report | Class::LastReport => {}
            Class::Expanded => return Said::Expanded { is_list: false },
            Class::Listed => return Said::Expanded { is_list: true },
        }
        match self.job.stored.targets.get(&self.number) {
            // Mailboxes may be kept elsewhere: then the route counts.
            Some(Target::Mailbox { .. }) if *hop != NextHop::Local => {}
            Some(target) => return self.to(target).await,
            None => {}
        }
        match hop {
            NextHop::Discard => Said::Discarded(self.reason().to_string()),
            NextHop::Error(verdict) => {
                info!(event = "route.error", id = %self.job.id.message, to = %self.recipient.path, reason = %self.reason());
                Said::Given { status: verdict.status, what: verdict.text.to_string() }
            }
            NextHop::Mailbox(template) => {
                let envelope = self.envelope("");
                let place = Place::Described { template, domain: &envelope.domain };
                self.store(&envelope.user, None, place).await
            }
            NextHop::Pipe(name) => match self.options.transports.programs.get(name) {
                Some(program) => self.run(&format!("the program {name}"), program).await,
                None => Said::Ours(format!("no program is called {name}")),
            },
            _ => match self.options.access.user(&self.recipient.path) {
                Some(user) => self.store(&user, None, Place::Home).await,
                None => Said::MailboxUnknown { user: self.recipient.path.to_string() },
            },
        }
    }

    /// To where an alias, a user or a virtual domain leads.
    async fn to(&self, target: &Target) -> Said {
        match target {
            Target::Mailbox { user, domain } => {
                self.store(user, domain.as_ref(), Place::Home).await
            }
            // By custom the name of nowhere.
            Target::File { path, .. } if path == "/dev/null" => {
                Said::Discarded("its alias is /dev/null".to_owned())
            }
            Target::File { path, user } => self.store(user, None, Place::File(path)).await,
            Target::Command { argv, user } => {
                // A sender never sees a command.
                let program = Program::plain(argv, Some(user.clone()));
                self.run(&format!("the program of {user}"), &program).await
            }
            Target::Nobody { why } => Said::LeadsNowhere { why: why.clone() },
        }
    }

    /// Why it goes where it goes.
    fn reason(&self) -> Reason {
        let Options { routes, access, .. } = self.options;
        let sender = &self.job.stored.reverse_path;
        route::route_path(routes, access, sender, &self.recipient.path).reason
    }

    /// The envelope in parts; `null` stands for `<>`.
    fn envelope(&self, null: &str) -> Envelope {
        let Job { id, stored, .. } = self.job;
        let (to, tag) = (&self.recipient.path, self.options.access.tag);
        Envelope::new(&stored.reverse_path, null, to, tag, id.message.to_string())
    }

    /// The content as it is written at the end of its way: without `Return-Path`, which is ours to put
    /// on top (RFC 5321 §4.4).
    async fn content(&self) -> Result<Box<dyn BodyReader>, Said> {
        let opened = Content::open(&self.shared.world.spool, self.job).await;
        let fitted = match opened {
            Ok(body) => fit::for_lines(self.shared, self.job, body).await,
            Err(error) => Err(error.into()),
        };
        match fitted {
            Ok(body) => Ok(Box::new(WithoutReturnPath::new(body))),
            Err(Unfit::Refused(said)) => Err(said),
            Err(Unfit::Unreadable(error)) => {
                Err(Said::Ours(format!("the content cannot be read: {error}")))
            }
        }
    }

    fn return_path(&self) -> Vec<u8> {
        trace::return_path(&self.job.stored.reverse_path)
    }

    fn delivered_to(&self) -> Vec<u8> {
        match &self.recipient.path {
            ForwardPath::Mailbox(mailbox) => trace::delivered_to(mailbox),
            ForwardPath::Postmaster => Vec::new(),
        }
    }

    /// The sender of a `From_` line.
    fn from(&self) -> String {
        let sender = self.job.stored.reverse_path.mailbox();
        sender.map_or_else(|| NULL_SENDER.to_owned(), |mailbox| mailbox.to_string())
    }

    async fn store(&self, user: &str, domain: Option<&DomainName>, place: Place<'_>) -> Said {
        let body = match self.content().await {
            Ok(body) => body,
            Err(said) => return said,
        };
        let mut head = self.return_path();
        head.extend_from_slice(&self.delivered_to());
        let delivery = MailboxDelivery {
            user,
            domain,
            place,
            head: Bytes::from(head),
            body,
            from: self.from(),
            time: self.shared.world.clock.wall(),
            unique: format!("{}.{}", self.job.id.message, self.number),
        };
        let stored = self.shared.world.mailboxes.deliver(delivery).await;
        self.stored(user, stored)
    }

    fn stored(&self, user: &str, stored: Result<(), MailboxError>) -> Said {
        match stored {
            Ok(()) => Said::Stored,
            Err(MailboxError::Unknown(user)) => Said::MailboxUnknown { user },
            Err(MailboxError::Full(why)) => Said::MailboxFull(why),
            Err(MailboxError::Over(why)) if self.options.transports.return_over_quota => {
                Said::MailboxOver(why)
            }
            Err(MailboxError::Over(why)) => Said::MailboxFull(why),
            Err(MailboxError::NoSpace(why)) => {
                error!(event = "mailbox.no-space", user, why);
                // RFC 3463 §3.4: the system that the mailbox is on is full.
                let status = EnhancedStatus::transient(Topic(3, 1));
                Said::Given { status, what: format!("there is no room for the mailbox: {why}") }
            }
            Err(MailboxError::Unavailable(why)) => Said::MailboxUnavailable(why),
            Err(MailboxError::Broken(why)) => {
                error!(event = "mailbox.broken", user, why);
                Said::MailboxBroken(why)
            }
            Err(MailboxError::Content(error)) => unreadable(self.job, &error),
        }
    }
}

fn unreadable(job: &Job, error: &SpoolError) -> Said {
    error!(event = "content.unreadable", id = %job.id.message, %error);
    Said::Ours("the content cannot be read".to_owned())
}
