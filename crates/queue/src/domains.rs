//! Tables keyed by domain: exact names, and suffixes for all that is below them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use mail::address::{AddressError, DomainName};

/// Which domains a line of the configuration means.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DomainPattern {
    /// `example.org`: this one.
    Exact(DomainName),
    /// `.example.org`: all below it, not itself.
    Below(DomainName),
}

impl DomainPattern {
    /// Whether the rule is about `domain`.
    pub fn matches(&self, domain: &DomainName) -> bool {
        match self {
            Self::Exact(name) => name == domain,
            Self::Below(name) => name != domain && domain.is_within(name),
        }
    }
}

impl FromStr for DomainPattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix('.') {
            Some(suffix) => DomainName::parse_utf8(suffix).map(Self::Below),
            None => DomainName::parse_utf8(text).map(Self::Exact),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "{name}"),
            Self::Below(name) => write!(f, ".{name}"),
        }
    }
}

/// Values by domain. The exact name comes before any suffix, a longer suffix before a shorter one,
/// so the order of the lines does not matter.
#[derive(Clone, Debug)]
pub struct DomainTable<T> {
    exact: BTreeMap<DomainName, T>,
    below: BTreeMap<DomainName, T>,
}

impl<T> Default for DomainTable<T> {
    fn default() -> Self {
        Self { exact: BTreeMap::new(), below: BTreeMap::new() }
    }
}

impl<T> DomainTable<T> {
    /// Adds a line; gives back the value it replaced.
    pub fn insert(&mut self, pattern: DomainPattern, value: T) -> Option<T> {
        match pattern {
            DomainPattern::Exact(name) => self.exact.insert(name, value),
            DomainPattern::Below(name) => self.below.insert(name, value),
        }
    }

    /// Whether no line is in it.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// The value for exactly this name.
    pub fn exact(&self, name: &DomainName) -> Option<&T> {
        self.exact.get(name)
    }

    /// The value of the longest suffix above this name, with the suffix.
    pub fn below(&self, name: &DomainName) -> Option<(&DomainName, &T)> {
        if self.below.is_empty() {
            return None;
        }
        let mut rest = name.ascii();
        while let Some((_, parent)) = rest.split_once('.') {
            // The tail of a name is a name.
            let found = parent.parse().ok().and_then(|parent| self.below.get_key_value(&parent));
            if found.is_some() {
                return found;
            }
            rest = parent;
        }
        None
    }

    /// The value that holds for this name.
    pub fn get(&self, name: &DomainName) -> Option<&T> {
        self.exact(name).or_else(|| self.below(name).map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let rows = [
            ("Sun.Example", "sun.example", true),
            ("sun.example", "a.sun.example", false),
            (".ws.example", "a.ws.example", true),
            (".ws.example", "b.a.WS.example", true),
            (".ws.example", "ws.example", false),
            (".ws.example", "aws.example", false),
            ("bücher.example", "xn--bcher-kva.example", true),
            ("xn--bcher-kva.example", "BÜCHER.example", true),
            (".bücher.example", "a.xn--bcher-kva.example", true),
        ];
        for (pattern, domain, want) in rows {
            let parsed: DomainPattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            let domain_name = DomainName::parse_utf8(domain).unwrap();
            assert_eq!(parsed.matches(&domain_name), want, "{pattern} {domain}");
            let mut table = DomainTable::default();
            table.insert(parsed, ());
            assert_eq!(table.get(&domain_name).is_some(), want, "{pattern} {domain}");
        }
    }
}
