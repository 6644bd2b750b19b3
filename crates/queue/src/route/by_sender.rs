//! Routes of senders that stand in tables.

use mail::address::ReversePath;

use super::{Routes, Rule, Transport, Via};
use crate::access::Access;
use crate::table::{self, Rows, Undecided};

/// A rule for one sender, from a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SenderRule {
    /// It; its source is the line of the row.
    pub rule: Rule,
    /// The table and the key.
    pub text: String,
}

/// The sender of mail that is routed.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The reverse-path.
    pub path: &'a ReversePath,
    /// What a table says of it.
    pub rule: Option<&'a SenderRule>,
}

impl<'a> From<&'a ReversePath> for Sender<'a> {
    fn from(path: &'a ReversePath) -> Self {
        Self { path, rule: None }
    }
}

/// What the tables say of the mail of `sender`: a way to hosts as `[route]` has it, with what comes behind
/// it in the name of a queue: `smtp:[mail.example.com]:587;from=office;login=ann`. They are not asked
/// where a line of the configuration is about the sender, nor about reports.
///
/// # Errors
/// [`Undecided`]; also where the row is no such way: mail must not take another one.
pub fn of_sender(
    routes: &Routes,
    access: &Access,
    rows: &Rows,
    sender: &ReversePath,
) -> Result<Option<SenderRule>, Undecided> {
    let ReversePath::Mailbox(mailbox) = sender else { return Ok(None) };
    if routes.sender_tables.is_empty() || routes.senders.get(mailbox).is_some() {
        return Ok(None);
    }
    let keys = table::address_keys(mailbox, access.is_local(&mailbox.domain));
    let Some(hit) = table::first(rows, &routes.sender_tables, &keys)? else { return Ok(None) };
    let value = hit.values.join(",");
    let (way, via) = Via::split(&value);
    match way.parse::<Transport>() {
        Ok(transport) if transport.is_network() => Ok(Some(SenderRule {
            rule: Rule { transport, via, source: hit.source },
            text: format!("the route of the sender {}", hit.lookup),
        })),
        _ => {
            let why = format!("{} is {value:?}, which is no way to a host", hit.lookup);
            Err(Undecided::NotNow { table: hit.lookup.table, why })
        }
    }
}
