//! What an author's letter lacks before it can go on (RFC 6409 §4.2, §5.1, §6.3, §8).
//!
//! What can be mended beyond doubt is: a missing Date, Message-ID, From or Sender, a bare name of
//! this host, a Bcc field. What cannot is refused while the author's program still listens. The
//! content stays as it was received; all that is done are edits beside it.

use bytes::Bytes;
use mail::address::{Domain, DomainName, ForwardPath, LocalPart, Mailbox, ReversePath};
use mail::content::compose::HeadWriter;
use mail::content::{
    AddrSpec, Address, AddressList, DateTime, Defect, Field, Fields, MessageId, NamedMailbox,
};
use mail::reply::Topic;

use super::{ForeignFrom, Identity, Rules, is_qualified, owns};
use crate::access::{self, Access, Verdict};
use crate::reason::Reason;
use crate::record::Replace;

/// Fields that stand once at most (RFC 5322 §3.6); of Date and Message-ID the first is kept.
const SINGLE: [&str; 9] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "In-Reply-To",
    "References",
    "Content-Type",
];
/// Fields of addresses.
const ADDRESSES: [&str; 9] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
];

/// What is known besides the letter.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Who has logged in; none: at an address from which anyone may send.
    pub identity: Option<&'a Identity>,
    /// From the envelope, accepted by [`sender`](super::sender).
    pub reverse_path: &'a ReversePath,
    /// The transaction may have addresses beyond ASCII.
    pub utf8: bool,
    /// Now, as a Date field says it.
    pub date: &'a str,
    /// What no other message has, for the Message-ID.
    pub unique: &'a str,
}

/// A letter that can go on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Completed {
    /// Complete lines to put before the header section.
    pub prepend: Vec<u8>,
    /// Changes in it, in rising order.
    pub replace: Vec<Replace>,
    /// What was done, in words.
    pub notes: Vec<Reason>,
}

/// Completes a letter with this header section, which begins its content.
pub fn complete(
    rules: &Rules,
    access: &Access,
    header: &[u8],
    facts: &Facts<'_>,
) -> Verdict<Completed> {
    let letter = Letter { rules, access, facts, fields: Fields::new(header).collect() };
    match letter.complete() {
        Ok(mut completed) => {
            completed.replace.sort_by_key(|replace| replace.at);
            let reason = match completed.notes.as_slice() {
                [] => Reason::new("the letter is complete"),
                notes => Reason::new(
                    notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                ),
            };
            Verdict::Accept { accepted: completed, reason }
        }
        Err(Improper { code, topic, text, reason }) => {
            Verdict::Refuse { reply: mail::Reply::new(code, topic, text), reason }
        }
    }
}

/// Why a letter cannot go on.
struct Improper {
    code: u16,
    topic: Topic,
    text: String,
    reason: Reason,
}

impl Improper {
    /// It is not of the form of a letter: 554 (RFC 6409 §6.3).
    fn form(text: String) -> Self {
        Self { code: 554, topic: Topic(6, 0), reason: Reason::new(text.clone()), text }
    }
}

struct Letter<'a> {
    rules: &'a Rules,
    access: &'a Access,
    facts: &'a Facts<'a>,
    fields: Vec<Field<'a>>,
}

impl<'a> Letter<'a> {
    fn complete(&self) -> Result<Completed, Improper> {
        let mut done = Completed::default();
        for name in SINGLE {
            if self.all(name).nth(1).is_some() {
                return Err(Improper::form(format!("There is more than one {name} field")));
            }
        }
        for field in &self.fields {
            if ADDRESSES.iter().any(|name| field.is(name)) {
                self.check_addresses(field, &mut done)?;
            }
        }
        self.authors(&mut done)?;
        self.date(&mut done);
        self.message_id(&mut done);
        if self.rules.remove_bcc {
            for field in self.all("Bcc").chain(self.all("Resent-Bcc")) {
                remove(field, &mut done);
                done.notes.push(Reason::new("Bcc removed"));
            }
        }
        Ok(done)
    }

    fn all(&self, name: &'a str) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    /// Every address says where it is; a bare name that is somebody here is completed (RFC 6409
    /// §4.2, §8).
    fn check_addresses(&self, field: &Field<'a>, done: &mut Completed) -> Result<(), Improper> {
        let name = String::from_utf8_lossy(field.name).into_owned();
        let mut list = read(field);
        let mut completed = Vec::new();
        for mailbox in mailboxes(&mut list) {
            if mailbox.address.domain().is_empty() {
                let bare = mailbox.address.local().to_owned();
                mailbox.address = self.qualify(&bare).ok_or_else(|| {
                    Improper::form(format!("{name} names {bare:?}, which has no domain"))
                })?;
                completed.push(bare);
                continue;
            }
            let parsed = Mailbox::parse_utf8(&mailbox.address.to_string())
                .ok()
                .filter(|mailbox| self.facts.utf8 || mailbox.is_ascii());
            let Some(parsed) = parsed else {
                let text = format!("{name} has an address that is none: {}", mailbox.address);
                return Err(Improper::form(text));
            };
            if !is_qualified(self.access, &parsed.domain) {
                let text = format!("{name}: the domain of {parsed} is not fully qualified");
                return Err(Improper::form(text));
            }
        }
        if completed.is_empty() {
            let is_bad = list.defects.iter().any(|defect| defect == Defect::BadSyntax);
            return if is_bad {
                Err(Improper::form(format!("{name} is no list of addresses")))
            } else {
                Ok(())
            };
        }
        let mut writer = HeadWriter::new(self.facts.utf8);
        writer
            .addresses(&name, &list.items)
            .map_err(|error| Improper::form(format!("{name}: {error}")))?;
        done.notes.push(Reason::new(format!("{} in {name} completed", completed.join(", "))));
        replace(field, writer.finish(), done);
        Ok(())
    }

    /// The address of a bare name that is a user or an alias here.
    fn qualify(&self, bare: &str) -> Option<AddrSpec> {
        let local = LocalPart::from_unquoted(bare).ok()?;
        let domains = std::iter::once(&self.access.hostname).chain(&self.access.local_domains);
        let here = |domain: &DomainName| {
            let domain = Domain::Name(domain.clone());
            let mailbox = Mailbox { local: local.clone(), domain };
            let path = ForwardPath::Mailbox(mailbox.clone());
            let known = self.access.is_local(&mailbox.domain)
                && matches!(access::recipient(self.access, None, &path), Verdict::Accept { .. });
            known.then(|| AddrSpec::from(&mailbox))
        };
        domains.into_iter().find_map(here)
    }

    /// From and Sender: there, and of addresses that the author may use.
    fn authors(&self, done: &mut Completed) -> Result<(), Improper> {
        let Some(from) = self.all("From").next() else { return self.add_from(done) };
        let authors = self.mailboxes(from);
        if authors.is_empty() {
            return Err(Improper::form("From names nobody".to_owned()));
        }
        let sender = self.all("Sender").next();
        let senders = sender.map(|field| self.mailboxes(field)).unwrap_or_default();
        if sender.is_some() && senders.len() != 1 {
            return Err(Improper::form("Sender names not exactly one mailbox".to_owned()));
        }
        let foreign = match self.rules.foreign_from {
            ForeignFrom::Pass => None,
            _ => self.foreign(&authors, &senders),
        };
        match (foreign, self.rules.foreign_from) {
            (Some(reason), ForeignFrom::Refuse) => Err(Improper {
                code: 550,
                topic: Topic(7, 1),
                text: "This login may not write in the name of that author".to_owned(),
                reason,
            }),
            (Some(_), _) => self.set_sender(sender, done),
            // Several authors need one who sent it (RFC 5322 §3.6.2).
            (None, _) if authors.len() > 1 && sender.is_none() => self.set_sender(None, done),
            (None, _) => Ok(()),
        }
    }

    /// Why an author or sender is not one that the login may be. Who resends the letter of another
    /// answers for the resending (RFC 5322 §3.6.6).
    fn foreign(&self, authors: &[Mailbox], senders: &[Mailbox]) -> Option<Reason> {
        let identity = self.facts.identity?;
        let resenders: Vec<Mailbox> = self
            .all("Resent-From")
            .chain(self.all("Resent-Sender"))
            .flat_map(|field| self.mailboxes(field))
            .collect();
        let answering = if resenders.is_empty() { [authors, senders].concat() } else { resenders };
        answering.iter().find_map(|mailbox| owns(self.access, identity, mailbox).err())
    }

    /// The mailboxes of a field that was checked.
    fn mailboxes(&self, field: &Field<'_>) -> Vec<Mailbox> {
        let mut list = read(field);
        mailboxes(&mut list)
            .filter_map(|mailbox| match mailbox.address.domain() {
                "" => self.qualify(mailbox.address.local()),
                _ => Some(mailbox.address.clone()),
            })
            .filter_map(|address| Mailbox::parse_utf8(&address.to_string()).ok())
            .collect()
    }

    /// A letter without an author is its sender's (RFC 5322 §3.6.2).
    fn add_from(&self, done: &mut Completed) -> Result<(), Improper> {
        let Some(author) = self.answering() else {
            return Err(Improper::form("There is no From field".to_owned()));
        };
        let named = NamedMailbox {
            name: self.facts.identity.and_then(|identity| identity.full_name.clone()),
            address: AddrSpec::from(&author),
        };
        self.prepend("From", named, done)?;
        done.notes.push(Reason::new("From added"));
        Ok(())
    }

    fn set_sender(&self, old: Option<&Field<'a>>, done: &mut Completed) -> Result<(), Improper> {
        let Some(sender) = self.answering() else {
            return Err(Improper::form("Several authors, and no Sender field".to_owned()));
        };
        if let Some(field) = old {
            remove(field, done);
        }
        self.prepend("Sender", NamedMailbox::bare(AddrSpec::from(&sender)), done)?;
        done.notes.push(Reason::new(format!("Sender set to {sender}")));
        Ok(())
    }

    /// Who sends this: the envelope's sender, else the address of the login. Both are known to be
    /// mail addresses (RFC 6409 §8.1).
    fn answering(&self) -> Option<Mailbox> {
        if let ReversePath::Mailbox(mailbox) = self.facts.reverse_path {
            return Some(mailbox.clone());
        }
        let identity = self.facts.identity?;
        let own = Mailbox::parse_utf8(&identity.login).ok();
        own.or_else(|| {
            let address = self.qualify(&identity.login)?;
            Mailbox::parse_utf8(&address.to_string()).ok()
        })
    }

    fn prepend(
        &self,
        name: &str,
        mailbox: NamedMailbox,
        done: &mut Completed,
    ) -> Result<(), Improper> {
        let mut writer = HeadWriter::new(self.facts.utf8);
        writer
            .addresses(name, &[Address::Mailbox(mailbox)])
            .map_err(|error| Improper::form(format!("{name}: {error}")))?;
        done.prepend.extend_from_slice(&writer.finish());
        Ok(())
    }

    fn date(&self, done: &mut Completed) {
        let mut dates = self.all("Date");
        let is_date = |field: &&Field<'a>| {
            std::str::from_utf8(&field.value()).is_ok_and(|value| DateTime::read(value).is_some())
        };
        let line = format!("Date: {}\r\n", self.facts.date);
        match dates.next() {
            None => {
                done.prepend.extend_from_slice(line.as_bytes());
                done.notes.push(Reason::new("Date added"));
            }
            Some(field) if is_date(&field) => {}
            Some(field) => {
                replace(field, line.into_bytes(), done);
                done.notes.push(Reason::new("Date replaced, it was none"));
            }
        }
        dates.for_each(|field| remove(field, done));
    }

    fn message_id(&self, done: &mut Completed) {
        let mut fields = self.all("Message-ID");
        let is_id = |field: &&Field<'a>| {
            std::str::from_utf8(&field.value())
                .is_ok_and(|value| MessageId::read_list(value).len() == 1)
        };
        let line = format!("Message-ID: <{}@{}>\r\n", self.facts.unique, self.access.hostname);
        match fields.next() {
            None => {
                done.prepend.extend_from_slice(line.as_bytes());
                done.notes.push(Reason::new("Message-ID added"));
            }
            Some(field) if is_id(&field) => {}
            Some(field) => {
                replace(field, line.into_bytes(), done);
                done.notes.push(Reason::new("Message-ID replaced, it was none"));
            }
        }
        fields.for_each(|field| remove(field, done));
    }
}

fn read(field: &Field<'_>) -> AddressList {
    AddressList::read(&String::from_utf8_lossy(&field.value()))
}

fn mailboxes(list: &mut AddressList) -> impl Iterator<Item = &mut NamedMailbox> {
    list.items.iter_mut().flat_map(|item| match item {
        Address::Mailbox(mailbox) => std::slice::from_mut(mailbox),
        Address::Group { members, .. } => members.as_mut_slice(),
    })
}

/// Takes a whole field out.
fn remove(field: &Field<'_>, done: &mut Completed) {
    replace(field, Vec::new(), done);
}

/// Puts `with` in the place of a whole field; the last word about a field counts.
fn replace(field: &Field<'_>, with: Vec<u8>, done: &mut Completed) {
    let (at, len) = (field.at as u64, field.len as u64);
    done.replace.retain(|replace| replace.at != at);
    done.replace.push(Replace { at, len, with: Bytes::from(with) });
}
