//! Copies of letters for an archive: of all that is taken, of what some send, of what some get.
//!
//! A copy is a message of its own with the same content. Nobody but the operator hears of its fate, and
//! it is not copied again: neither here, where it never comes through this decision, nor at another host
//! of ours, which knows it by its [mark](MARK).

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use mail::address::{Domain, ForwardPath, LocalPart, Mailbox, ReversePath};
use mail::content::Fields;
use mail::envelope::{Envelope, MailParameters, Notify, Recipient, RecipientParameters};

use crate::access::Access;
use crate::reason::{Reason, Source};
use crate::route::AddressTable;
use crate::table::{self, Lookup, Rows, Undecided};

/// The field that a copy bears.
pub const MARK: &str = "Postrider-Copy";

/// Who gets a copy, and the line that says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reader {
    /// The address.
    pub mailbox: Mailbox,
    /// Where it is written.
    pub source: Option<Source>,
}

/// The rules of the operator (`[copy]`).
#[derive(Clone, Debug)]
pub struct Copies {
    /// Who gets a copy of every letter.
    pub always: Vec<Reader>,
    /// Of what these send.
    pub senders: AddressTable<Vec<Reader>>,
    /// Of what these get.
    pub recipients: AddressTable<Vec<Reader>>,
    /// Tables that have more senders; asked where no line is about one.
    pub sender_tables: Vec<Arc<str>>,
    /// Tables that have more recipients.
    pub recipient_tables: Vec<Arc<str>>,
    /// Who hears of a copy that cannot be delivered; null: the postmaster of this host.
    pub reverse_path: ReversePath,
}

impl Default for Copies {
    fn default() -> Self {
        Self {
            always: Vec::new(),
            senders: AddressTable::default(),
            recipients: AddressTable::default(),
            sender_tables: Vec::new(),
            recipient_tables: Vec::new(),
            reverse_path: ReversePath::Null,
        }
    }
}

/// One copy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Copy {
    /// Who gets it.
    pub to: Mailbox,
    /// Whose mail it is a copy of; none: everybody's.
    pub of: Option<Mailbox>,
    /// Why.
    pub reason: Reason,
}

/// The copies that are made of a letter with this envelope, as it is before anybody in it stands for
/// others. Each address gets one, and none who gets the letter itself.
///
/// # Errors
/// [`Undecided`]: with every question of this round. A row that names no address is no answer.
pub fn copies(
    rules: &Copies,
    access: &Access,
    rows: &Rows,
    envelope: &Envelope,
) -> Result<Vec<Copy>, Undecided> {
    let have = envelope.recipients.iter().filter_map(|recipient| match &recipient.path {
        ForwardPath::Mailbox(mailbox) => Some(key(mailbox)),
        ForwardPath::Postmaster => None,
    });
    let mut work = Work { access, rows, have: have.collect(), asks: Vec::new(), made: Vec::new() };
    for reader in &rules.always {
        work.add(reader.clone(), None, || "a copy of all mail".to_owned());
    }
    if let ReversePath::Mailbox(sender) = &envelope.reverse_path {
        let why = || format!("a copy of what {sender} sends");
        work.by(&rules.senders, &rules.sender_tables, sender, &why)?;
    }
    for recipient in &envelope.recipients {
        let ForwardPath::Mailbox(mailbox) = &recipient.path else { continue };
        let why = || format!("a copy of what {mailbox} gets");
        work.by(&rules.recipients, &rules.recipient_tables, mailbox, &why)?;
    }
    if work.asks.is_empty() { Ok(work.made) } else { Err(Undecided::Asks(work.asks)) }
}

struct Work<'a> {
    access: &'a Access,
    rows: &'a Rows,
    /// Who has the letter.
    have: BTreeSet<String>,
    asks: Vec<Lookup>,
    made: Vec<Copy>,
}

impl Work<'_> {
    /// The copies for what is said of `mailbox`: by a line, else by the first row.
    fn by(
        &mut self,
        lines: &AddressTable<Vec<Reader>>,
        tables: &[Arc<str>],
        mailbox: &Mailbox,
        why: &dyn Fn() -> String,
    ) -> Result<(), Undecided> {
        if let Some((_, readers)) = lines.get(mailbox) {
            for reader in readers {
                self.add(reader.clone(), Some(mailbox), why);
            }
            return Ok(());
        }
        if tables.is_empty() {
            return Ok(());
        }
        let keys = table::address_keys(mailbox, self.access.is_local(&mailbox.domain));
        let hit = match table::first(self.rows, tables, &keys) {
            Ok(Some(hit)) => hit,
            Ok(None) => return Ok(()),
            Err(Undecided::Asks(asks)) => {
                self.asks.extend(
                    asks.into_iter().filter(|ask| !self.asks.contains(ask)).collect::<Vec<_>>(),
                );
                return Ok(());
            }
            Err(not_now) => return Err(not_now),
        };
        for value in &hit.values {
            let Some(to) = self.address(value) else {
                let why = format!("{} is {value:?}, which is no address", hit.lookup);
                return Err(Undecided::NotNow { table: hit.lookup.table, why });
            };
            let reader = Reader { mailbox: to, source: hit.source.clone() };
            self.add(reader, Some(mailbox), || format!("{}, by {}", why(), hit.lookup));
        }
        Ok(())
    }

    /// The address that a row names; a name alone is one of this host.
    fn address(&self, value: &str) -> Option<Mailbox> {
        let name = || {
            let local = LocalPart::parse_utf8(value).ok()?;
            Some(Mailbox { local, domain: Domain::Name(self.access.home().clone()) })
        };
        Mailbox::parse_utf8(value).ok().or_else(name)
    }

    fn add(&mut self, reader: Reader, of: Option<&Mailbox>, why: impl Fn() -> String) {
        let Reader { mailbox: to, source } = reader;
        if self.have.insert(key(&to)) {
            let reason = Reason::new(why()).from_rule(source);
            self.made.push(Copy { to, of: of.cloned(), reason });
        }
    }
}

/// As addresses are compared.
fn key(mailbox: &Mailbox) -> String {
    table::address_keys(mailbox, false).swap_remove(0)
}

/// The envelope of a copy to `to` of a letter that came with `parameters`: what is needed to carry it,
/// and nobody is to be told what becomes of it.
pub fn envelope(rules: &Copies, parameters: &MailParameters, to: &Mailbox) -> Envelope {
    let recipient = Recipient {
        path: ForwardPath::Mailbox(to.clone()),
        parameters: RecipientParameters { notify: Some(Notify::NEVER), original: None },
    };
    let parameters = MailParameters {
        size: parameters.size,
        body: parameters.body,
        utf8: parameters.utf8,
        require_tls: parameters.require_tls,
        ..MailParameters::default()
    };
    Envelope { reverse_path: rules.reverse_path.clone(), parameters, recipients: vec![recipient] }
}

/// The line that a copy bears: which host made it.
pub fn mark(access: &Access) -> String {
    format!("{MARK}: by {}\r\n", access.hostname.ascii())
}

/// Whether a letter with this header section from another host of ours is a copy already. The mark is
/// believed of a letter whose reverse-path a copy may have: whose author wants to hear of failures must
/// not escape the archive by a line of his own.
pub fn is_copy(rules: &Copies, reverse_path: &ReversePath, header: &[u8]) -> bool {
    (reverse_path.is_null() || *reverse_path == rules.reverse_path)
        && Fields::new(header).any(|field| field.is(MARK))
}
