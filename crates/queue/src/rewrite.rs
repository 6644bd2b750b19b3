//! Addresses that become others when a letter is taken: canonical forms by map or table, and hosts that
//! a hub hides behind its own name (masquerading; RFC 5321 §2.3.5 leaves both to the host's own mail).
//!
//! First the canonical form, once, then the mask. Only the octets of addresses change, by edits beside
//! the stored content. Mail of strangers is left alone unless the operator says otherwise: what another
//! host signed would be broken.

mod canonical;
mod masquerade;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use mail::address::{Domain, ForwardPath, Mailbox, ReversePath};
use mail::content::{Fields, address_spans};
use mail::envelope::Envelope;

use crate::access::Access;
use crate::reason::Reason;
use crate::record::Replace;
use crate::table::{Lookup, Rows, Undecided};

pub use canonical::{Canonical, is_value};
pub use masquerade::Masquerade;

/// Addresses of one letter that are looked at; the others stay as they are.
pub const ADDRESSES_MAX: usize = 5000;

/// Fields that say from whom a letter is.
const SENDERS: [&str; 6] =
    ["From", "Sender", "Reply-To", "Resent-From", "Resent-Sender", "Resent-Reply-To"];
/// Fields that say to whom it goes.
const RECIPIENTS: [&str; 6] = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/// Where an address stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// The reverse-path.
    EnvelopeSender,
    /// A forward-path.
    EnvelopeRecipient,
    /// A field that says from whom the letter is.
    HeaderSender,
    /// A field that says to whom it goes.
    HeaderRecipient,
}

impl Place {
    /// All of them, as the configuration calls them.
    pub const ALL: [(&'static str, Self); 4] = [
        ("envelope-sender", Self::EnvelopeSender),
        ("envelope-recipients", Self::EnvelopeRecipient),
        ("header-senders", Self::HeaderSender),
        ("header-recipients", Self::HeaderRecipient),
    ];

    fn is_sender(self) -> bool {
        matches!(self, Self::EnvelopeSender | Self::HeaderSender)
    }
}

/// What a kind of rewriting is applied to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope {
    /// These places.
    pub places: Vec<Place>,
    /// Mail of strangers, too.
    pub strangers: bool,
}

impl Scope {
    fn holds(&self, place: Place, is_own: bool) -> bool {
        (is_own || self.strangers) && self.places.contains(&place)
    }
}

/// The rules of the operator.
#[derive(Clone, Debug, Default)]
pub struct Rewriting {
    /// `[canonical]`.
    pub canonical: Option<Canonical>,
    /// `[masquerade]`.
    pub masquerade: Option<Masquerade>,
}

impl Rewriting {
    /// Whether no letter changes.
    pub fn is_empty(&self) -> bool {
        self.canonical.is_none() && self.masquerade.is_none()
    }

    /// Whether recipients of an envelope may change.
    pub fn concerns_recipients(&self, is_own: bool) -> bool {
        let place = Place::EnvelopeRecipient;
        self.canonical.as_ref().is_some_and(|rules| rules.scope.holds(place, is_own))
            || self.masquerade.as_ref().is_some_and(|rules| rules.scope.holds(place, is_own))
    }

    /// Whether letters of strangers may change.
    pub fn concerns_strangers(&self) -> bool {
        self.canonical.as_ref().is_some_and(|rules| rules.scope.strangers)
            || self.masquerade.as_ref().is_some_and(|rules| rules.scope.strangers)
    }
}

/// What is known of a letter.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// As it came.
    pub envelope: &'a Envelope,
    /// Its header section; empty where it is too long to be looked at.
    pub header: &'a [u8],
    /// Fields that were added or written anew by us; each part is a run of whole fields.
    pub ours: &'a [&'a [u8]],
    /// It is from an author or host of ours.
    pub is_own: bool,
}

/// What becomes of a letter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rewritten {
    /// The reverse-path, where it changes.
    pub reverse_path: Option<Mailbox>,
    /// The forward-paths that change, by their number.
    pub forward_paths: BTreeMap<usize, Mailbox>,
    /// Changes in the header section, in rising order.
    pub replace: Vec<Replace>,
    /// Changes in each of our own parts.
    pub ours: Vec<Vec<Replace>>,
    /// Why, once for each address.
    pub changes: Vec<Change>,
}

/// Why an address became another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// As it came.
    pub from: Mailbox,
    /// What it is now; the same where it stays against a rule.
    pub to: Mailbox,
    /// Step by step.
    pub reasons: Vec<Reason>,
}

/// What `mailbox` becomes at `place`, and why; the same and no reason where no rule is about it.
///
/// # Errors
/// [`Undecided`].
pub fn address(
    rules: &Rewriting,
    access: &Access,
    rows: &Rows,
    mailbox: &Mailbox,
    place: Place,
    is_own: bool,
) -> Result<(Mailbox, Vec<Reason>), Undecided> {
    let (mut mailbox, mut reasons) = (mailbox.clone(), Vec::new());
    if let Some(canonical) = rules.canonical.as_ref().filter(|one| one.scope.holds(place, is_own))
        && let Some((other, reason)) = canonical.apply(access, rows, &mailbox, place)?
    {
        mailbox = other;
        reasons.push(reason);
    }
    if let Some(masquerade) = rules.masquerade.as_ref().filter(|one| one.scope.holds(place, is_own))
        && let Some((other, reason)) = masquerade.apply(&mailbox)
    {
        mailbox = other;
        reasons.push(reason);
    }
    Ok((mailbox, reasons))
}

/// What becomes of all addresses of a letter.
///
/// # Errors
/// [`Undecided`]: with every question of this round.
pub fn letter(
    rules: &Rewriting,
    access: &Access,
    rows: &Rows,
    letter: &Letter<'_>,
) -> Result<Rewritten, Undecided> {
    let mut work =
        Work { rules, access, rows, letter, asks: Vec::new(), seen: 0, changes: Vec::new() };
    let mut done = Rewritten::default();
    if let ReversePath::Mailbox(mailbox) = &letter.envelope.reverse_path {
        done.reverse_path = work.changed(mailbox, Place::EnvelopeSender)?;
    }
    for (number, recipient) in letter.envelope.recipients.iter().enumerate() {
        if let ForwardPath::Mailbox(mailbox) = &recipient.path
            && let Some(other) = work.changed(mailbox, Place::EnvelopeRecipient)?
        {
            done.forward_paths.insert(number, other);
        }
    }
    done.replace = work.header(letter.header)?;
    for part in letter.ours {
        done.ours.push(work.header(part)?);
    }
    done.changes = work.changes;
    if work.asks.is_empty() { Ok(done) } else { Err(Undecided::Asks(work.asks)) }
}

/// `octets` with the changes made.
pub fn patched(octets: &[u8], replace: &[Replace]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut place = 0;
    for Replace { at, len, with } in replace {
        let (at, len) =
            (usize::try_from(*at).unwrap_or(usize::MAX), usize::try_from(*len).unwrap_or(0));
        out.extend_from_slice(octets.get(place..at).unwrap_or_default());
        out.extend_from_slice(with);
        place = at.saturating_add(len);
    }
    out.extend_from_slice(octets.get(place..).unwrap_or_default());
    out
}

struct Work<'a> {
    rules: &'a Rewriting,
    access: &'a Access,
    rows: &'a Rows,
    letter: &'a Letter<'a>,
    asks: Vec<Lookup>,
    seen: usize,
    changes: Vec<Change>,
}

impl Work<'_> {
    /// What `mailbox` becomes, if it changes and that is known.
    fn changed(&mut self, mailbox: &Mailbox, place: Place) -> Result<Option<Mailbox>, Undecided> {
        self.seen += 1;
        if self.seen > ADDRESSES_MAX {
            return Ok(None);
        }
        let Self { rules, access, rows, letter, .. } = *self;
        let (other, reasons) = match address(rules, access, rows, mailbox, place, letter.is_own) {
            Ok(found) => found,
            Err(Undecided::Asks(asks)) => {
                self.asks.extend(asks);
                return Ok(None);
            }
            Err(not_now) => return Err(not_now),
        };
        if other.to_string() == mailbox.to_string() {
            self.note(mailbox, mailbox, reasons);
            return Ok(None);
        }
        // A transaction without SMTPUTF8 has no place for other letters (RFC 6531 §3.2).
        let other = match letter.envelope.parameters.utf8 || other.is_ascii() {
            true => Some(other),
            false => other.to_ascii(),
        };
        match &other {
            Some(other) => self.note(mailbox, other, reasons),
            None => {
                let why = "its new form is not in ASCII, and the letter is: it stays";
                self.note(mailbox, mailbox, vec![Reason::new(why)]);
            }
        }
        Ok(other)
    }

    fn note(&mut self, from: &Mailbox, to: &Mailbox, reasons: Vec<Reason>) {
        let change = Change { from: from.clone(), to: to.clone(), reasons };
        if !change.reasons.is_empty() && !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    fn header(&mut self, header: &[u8]) -> Result<Vec<Replace>, Undecided> {
        let mut replace = Vec::new();
        for field in Fields::new(header) {
            let place = match () {
                () if SENDERS.iter().any(|name| field.is(name)) => Place::HeaderSender,
                () if RECIPIENTS.iter().any(|name| field.is(name)) => Place::HeaderRecipient,
                () => continue,
            };
            for span in address_spans(field.raw) {
                let Some(other) = self.changed(&span.mailbox, place)? else { continue };
                let mut edit = |range: std::ops::Range<usize>, with: String| {
                    replace.push(Replace {
                        at: (field.raw_at + range.start) as u64,
                        len: range.len() as u64,
                        with: Bytes::from(with),
                    });
                };
                // Each half only where it changes: what stands between them stays.
                if other.local != span.mailbox.local {
                    edit(span.local, other.local.to_string());
                }
                if other.domain.to_string() != span.mailbox.domain.to_string() {
                    edit(span.domain, other.domain.to_string());
                }
            }
        }
        Ok(replace)
    }
}

/// Whether the two name the same host.
fn same_domain(one: &Domain, other: &Domain) -> bool {
    match (one, other) {
        (Domain::Name(one), Domain::Name(other)) => one == other,
        (one, other) => one.to_string().eq_ignore_ascii_case(&other.to_string()),
    }
}
