//! How often one may fail to log in, per address and per account.
//!
//! Each failure weighs on the address it came from and on the login it was for, and is forgotten
//! little by little. Over a few failures the answer is delayed, each time longer; over a bound no
//! further try is heard until some are forgotten. A try counts as a failure until it has succeeded,
//! so that a thousand tries at once are no way around the bound.
//!
//! Two ways to use this against the owner of an account are closed. Failures of strangers do not
//! lock a login at an address from which it has succeeded before; and who has an account of their
//! own does not clear the failures of their address by logging in between two guesses.
//!
//! The table is bounded; what is nearest to be forgotten goes first.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::reason::Reason;

/// The bounds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Failures of one login, or of one address, that cost nothing: people mistype.
    pub free: u32,
    /// The delay after the first failure that costs; doubled with each one more.
    pub delay: Duration,
    /// The longest delay.
    pub delay_max: Duration,
    /// Failures from one address before it is locked out: many people may sit behind one.
    pub address: u32,
    /// Failures of one login before it is locked.
    pub login: u32,
    /// After this long one failure is forgotten.
    pub forget: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            free: 3,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(16),
            address: 50,
            login: 20,
            forget: Duration::from_secs(300),
        }
    }
}

/// Addresses and logins that are remembered: some megabytes.
pub const ENTRIES_MAX: usize = 20_000;
/// Addresses from which a login has succeeded that are remembered.
pub const KNOWN_MAX: usize = 20_000;

/// Those who share an address as far as we can know: one IPv4 address, or the /64 of an IPv6 host.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// Where `client` lives.
    pub fn of(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(network)))
            }
            v4 => Self(v4),
        }
    }
}

impl fmt::Display for Neighbourhood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Key {
    Address(Neighbourhood),
    Login(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "from {address}"),
            Self::Login(login) => write!(f, "as {login:?}"),
        }
    }
}

/// Whether a try is heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hearing {
    /// It is, after this delay. It counts as a failure until [`Lockout::succeeded`] or
    /// [`Lockout::undecided`] is told.
    Heard {
        /// Zero for most.
        delay: Duration,
        /// Why.
        reason: Reason,
    },
    /// It is not; nobody may look at the password.
    Locked {
        /// How long from now.
        wait: Duration,
        /// Why.
        reason: Reason,
    },
}

/// The memory of failures.
#[derive(Debug)]
pub struct Lockout {
    limits: Limits,
    /// When the last failure of each will be forgotten.
    clear_at: BTreeMap<Key, Instant>,
    /// The same by that moment: the first goes first.
    by_moment: BTreeSet<(Instant, Key)>,
    /// From where each login has succeeded, with the count at which it last did.
    known: BTreeMap<(String, Neighbourhood), u64>,
    by_age: BTreeMap<u64, (String, Neighbourhood)>,
    successes: u64,
}

impl Lockout {
    /// An empty memory.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            clear_at: BTreeMap::new(),
            by_moment: BTreeSet::new(),
            known: BTreeMap::new(),
            by_age: BTreeMap::new(),
            successes: 0,
        }
    }

    /// Measures by other bounds from now on. What is remembered stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether a try of `login` from `client` is heard now. If so it is booked. None: the login is
    /// not known yet, only the address counts.
    pub fn hear(&mut self, client: IpAddr, login: Option<&str>, now: Instant) -> Hearing {
        let place = Neighbourhood::of(client);
        let mut keys = vec![(Key::Address(place), self.limits.address)];
        if let Some(login) = login.map(key_of) {
            let is_known = self.known.contains_key(&(login.clone(), place));
            keys.push((Key::Login(login), if is_known { u32::MAX } else { self.limits.login }));
        }
        let mut worst = 0;
        for (key, limit) in &keys {
            let failures = self.failures(key, now);
            if failures >= *limit {
                let wait = self.until_below(key, *limit, now);
                let reason = format!("{failures} failed logins {key}, {limit} are heard");
                return Hearing::Locked { wait, reason: Reason::new(reason) };
            }
            worst = worst.max(if *limit == u32::MAX { 0 } else { failures });
        }
        for (key, _) in keys {
            self.book(key, now);
        }
        let delay = self.delay(worst);
        let reason = match worst {
            0 => Reason::new("no failures are remembered"),
            1 => Reason::new("one failure is remembered"),
            n => Reason::new(format!("{n} failures are remembered")),
        };
        Hearing::Heard { delay, reason }
    }

    /// The try of `login` from `client` has succeeded: it is taken back, the failures of the login
    /// are forgotten, and the address is one where it is at home.
    pub fn succeeded(&mut self, client: IpAddr, login: &str, now: Instant) {
        let place = Neighbourhood::of(client);
        self.take_back(&Key::Address(place), now);
        let login = key_of(login);
        let key = Key::Login(login.clone());
        if let Some(moment) = self.clear_at.remove(&key) {
            self.by_moment.remove(&(moment, key));
        }
        self.remember((login, place));
    }

    /// The try of `login` from `client` came to nothing, by nobody's fault: it is taken back.
    pub fn undecided(&mut self, client: IpAddr, login: Option<&str>, now: Instant) {
        self.take_back(&Key::Address(Neighbourhood::of(client)), now);
        if let Some(login) = login {
            self.take_back(&Key::Login(key_of(login)), now);
        }
    }

    /// For how long yet nobody is heard from `client`, or as `login`, and why; none where some are.
    pub fn locked(
        &self,
        client: Option<IpAddr>,
        login: Option<&str>,
        now: Instant,
    ) -> Option<(Duration, String)> {
        let address =
            client.map(|client| (Key::Address(Neighbourhood::of(client)), self.limits.address));
        let login = login.map(|login| (Key::Login(key_of(login)), self.limits.login));
        let over = |(key, limit): (Key, u32)| {
            let failures = self.failures(&key, now);
            let why = || format!("{failures} failed logins {key}, {limit} are heard");
            (failures >= limit).then(|| (self.until_below(&key, limit, now), why()))
        };
        address.into_iter().chain(login).find_map(over)
    }

    /// Addresses and logins in the table.
    pub fn len(&self) -> usize {
        self.clear_at.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.clear_at.is_empty()
    }

    /// Failures not yet forgotten: one for each `forget` that is still to pass, begun ones counted.
    fn failures(&self, key: &Key, now: Instant) -> u32 {
        let Some(clear_at) = self.clear_at.get(key) else { return 0 };
        let left = clear_at.saturating_duration_since(now).as_nanos();
        u32::try_from(left.div_ceil(self.limits.forget.as_nanos().max(1))).unwrap_or(u32::MAX)
    }

    fn until_below(&self, key: &Key, limit: u32, now: Instant) -> Duration {
        let kept = self.limits.forget.saturating_mul(limit.saturating_sub(1));
        let clear_at = self.clear_at.get(key).copied().unwrap_or(now);
        clear_at.saturating_duration_since(now).saturating_sub(kept)
    }

    fn delay(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.limits.free) {
            None => Duration::ZERO,
            Some(over) => {
                let factor = 1_u32.checked_shl(over).unwrap_or(u32::MAX);
                self.limits.delay.saturating_mul(factor).min(self.limits.delay_max)
            }
        }
    }

    fn book(&mut self, key: Key, now: Instant) {
        let from = self.clear_at.get(&key).copied().unwrap_or(now).max(now);
        self.set(key, from + self.limits.forget);
        while self.by_moment.first().is_some_and(|(moment, _)| *moment <= now)
            || self.clear_at.len() > ENTRIES_MAX
        {
            let Some((_, key)) = self.by_moment.pop_first() else { break };
            self.clear_at.remove(&key);
        }
    }

    fn take_back(&mut self, key: &Key, now: Instant) {
        if let Some(&moment) = self.clear_at.get(key) {
            let earlier = moment.checked_sub(self.limits.forget).unwrap_or(now);
            self.set(key.clone(), earlier);
        }
    }

    fn set(&mut self, key: Key, moment: Instant) {
        if let Some(before) = self.clear_at.insert(key.clone(), moment) {
            self.by_moment.remove(&(before, key.clone()));
        }
        self.by_moment.insert((moment, key));
    }

    fn remember(&mut self, pair: (String, Neighbourhood)) {
        self.successes += 1;
        if let Some(before) = self.known.insert(pair.clone(), self.successes) {
            self.by_age.remove(&before);
        }
        self.by_age.insert(self.successes, pair);
        while self.known.len() > KNOWN_MAX {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.known.remove(&oldest);
        }
    }
}

/// Case does not make another account.
fn key_of(login: &str) -> String {
    login.to_lowercase()
}
