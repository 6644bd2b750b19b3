//! The form of an address that others are to see: by the lines of the configuration, and by tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::address::{Domain, LocalPart, Mailbox};

use super::{Place, Scope, same_domain};
use crate::access::Access;
use crate::reason::{Reason, Source};
use crate::table::{self, Rows, Undecided};

/// `[canonical]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Canonical {
    /// Lines of the configuration, by key as tables have them.
    pub lines: BTreeMap<String, (String, Option<Source>)>,
    /// Tables for all addresses.
    pub tables: Vec<Arc<str>>,
    /// Tables for senders only, asked before those for all.
    pub sender_tables: Vec<Arc<str>>,
    /// Tables for recipients only, asked before those for all.
    pub recipient_tables: Vec<Arc<str>>,
    /// What it is applied to.
    pub scope: Scope,
}

impl Canonical {
    /// What `mailbox` becomes. The lines come first, then the tables of its kind, then those for all;
    /// in each the address comes before its name alone (where its domain is ours) and `@domain`.
    pub(super) fn apply(
        &self,
        access: &Access,
        rows: &Rows,
        mailbox: &Mailbox,
        place: Place,
    ) -> Result<Option<(Mailbox, Reason)>, Undecided> {
        let keys = table::address_keys(mailbox, access.is_local(&mailbox.domain));
        let line = keys.iter().find_map(|key| self.lines.get(key).map(|line| (key, line)));
        if let Some((key, (value, source))) = line {
            let by = format!("the canonical form of {key}");
            return Ok(changed(mailbox, value, &by, source.clone()));
        }
        let own = if place.is_sender() { &self.sender_tables } else { &self.recipient_tables };
        for tables in [own, &self.tables] {
            if let Some(hit) = table::first(rows, tables, &keys)? {
                let value = hit.values.first().map(String::as_str).unwrap_or_default();
                let by = format!("the canonical form of {}", hit.lookup);
                return Ok(changed(mailbox, value, &by, hit.source));
            }
        }
        Ok(None)
    }
}

/// `mailbox` as `value` says: an address, `@domain` for the same name there, or a name for the same domain.
/// A value that is none of these changes nothing, and says so.
fn changed(
    mailbox: &Mailbox,
    value: &str,
    by: &str,
    source: Option<Source>,
) -> Option<(Mailbox, Reason)> {
    let reason = |text: String| Reason::new(text).from_rule(source.clone());
    let Some(other) = read(mailbox, value) else {
        let text = format!("{by} is {value:?}, which is no address: it stays");
        return Some((mailbox.clone(), reason(text)));
    };
    if other.local == mailbox.local && same_domain(&other.domain, &mailbox.domain) {
        return None;
    }
    Some((other, reason(by.to_owned())))
}

fn read(mailbox: &Mailbox, value: &str) -> Option<Mailbox> {
    if let Some(domain) = value.strip_prefix('@') {
        // Through a whole address, which reads names and literals alike.
        let domain: Domain = Mailbox::parse_utf8(&format!("x@{domain}")).ok()?.domain;
        return Some(Mailbox { local: mailbox.local.clone(), domain });
    }
    let name = || {
        let local = LocalPart::parse_utf8(value).ok()?;
        Some(Mailbox { local, domain: mailbox.domain.clone() })
    };
    Mailbox::parse_utf8(value).ok().or_else(name)
}

/// Whether `value` may stand behind a key.
pub fn is_value(value: &str) -> bool {
    Mailbox::parse_utf8("x@x.example").ok().and_then(|mailbox| read(&mailbox, value)).is_some()
}
