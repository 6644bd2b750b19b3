//! How much one session may carry, as the server says in LIMITS (RFC 9422).

use std::collections::BTreeSet;

use mail::address::ForwardPath;

use super::Extensions;

/// What a server allows; `None`: nothing was said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Transactions in a session (MAILMAX).
    pub mails: Option<u32>,
    /// Recipients in a transaction (RCPTMAX).
    pub recipients: Option<u32>,
    /// Domains of recipients in a session (RCPTDOMAINMAX).
    pub domains: Option<u32>,
}

impl Limits {
    /// Reads the parameters of the keyword; what is malformed or unknown does not count.
    pub(super) fn of(extensions: &Extensions) -> Self {
        let mut limits = Self::default();
        let words = extensions.parameters("LIMITS").unwrap_or_default().split(' ');
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            // `+5` would be read as a number, and is none.
            let is_number = value.bytes().all(|octet| octet.is_ascii_digit());
            let value = value.parse().ok().filter(|&value: &u32| is_number && value > 0);
            match name.to_ascii_uppercase().as_str() {
                "MAILMAX" => limits.mails = value,
                "RCPTMAX" => limits.recipients = value,
                "RCPTDOMAINMAX" => limits.domains = value,
                _ => {}
            }
        }
        limits
    }
}

/// What a session has used of it.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) limits: Limits,
    mails: u32,
    domains: BTreeSet<String>,
}

impl Used {
    /// Begins a transaction.
    pub(super) fn begin(&mut self) {
        self.mails = self.mails.saturating_add(1);
    }

    /// No further transaction is allowed.
    pub(super) fn is_spent(&self) -> bool {
        self.limits.mails.is_some_and(|most| self.mails >= most)
    }

    /// Whether a recipient may be named besides `named` others of this transaction; then its domain
    /// is used.
    pub(super) fn may_name(&mut self, path: &ForwardPath, named: usize) -> bool {
        let fits = |most: Option<u32>, used: usize| {
            most.is_none_or(|most| u32::try_from(used).is_ok_and(|used| used < most))
        };
        if !fits(self.limits.recipients, named) {
            return false;
        }
        let (Some(_), ForwardPath::Mailbox(mailbox)) = (self.limits.domains, path) else {
            return true;
        };
        let domain = mailbox.domain.to_string().to_ascii_lowercase();
        let may = self.domains.contains(&domain) || fits(self.limits.domains, self.domains.len());
        if may {
            self.domains.insert(domain);
        }
        may
    }
}
