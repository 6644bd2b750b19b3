//! The Sender Rewriting Scheme: a letter that is forwarded off this host goes on under an address of
//! ours, so that checks of its way (SPF, RFC 7208 §2.4) are about us, and reports find back.
//!
//! The address says whom it stands for: `SRS0=HASH=TIME=DOMAIN=LOCAL` for the first host that forwards,
//! `SRS1=HASH=HOST=REST` for all after it, which lead back to the first. The hash is ours alone, so that
//! nobody can make us send to whom he likes; after three weeks it counts no more. There is no standard:
//! the form is that of the paper "Sender Rewriting Scheme" (Wong, 2004), which all follow. Ours has
//! letters and digits of base32 only, since hosts on the way may change case.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use mail::address::{Domain, DomainName, LocalPart, Mailbox, fold};
use mail::reply::Topic;
use mail::{ForwardPath, ReversePath};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::access::{Access, Verdict};
use crate::expansion::Expanded;
use crate::reason::Reason;

/// Days after which an address leads back no more: reports come within five days, plus the time that
/// other hosts kept the letter.
pub const VALID_DAYS: u64 = 21;
/// Days that can be told apart: two digits of base32.
const DAYS: u64 = 1024;
/// Digits of a hash, of five bits each: a thousand million guesses at `RCPT`.
const HASH_DIGITS: usize = 6;
/// Base32 (RFC 4648 §6).
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// How addresses begin; the hash is about this word as well, so that one is never taken for the other.
const FIRST: &str = "SRS0";
const SECOND: &str = "SRS1";
/// What may stand behind `SRS0` and `SRS1`; we write the first.
const SEPARATORS: [char; 3] = ['=', '+', '-'];

/// `[srs]`.
#[derive(Clone)]
pub struct Srs {
    /// What stands behind the `@` of such addresses: a domain whose mail comes here.
    pub domain: DomainName,
    /// Ours alone. The first signs, all are good for what comes back, so that one can take the place
    /// of another.
    pub secrets: Vec<Arc<[u8]>>,
}

impl fmt::Debug for Srs {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Srs({}, {} secrets)", self.domain, self.secrets.len())
    }
}

/// Why a reverse-path stays as it is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Kept {
    /// Nobody is told of such mail.
    #[error("the null reverse-path stays")]
    Null,
    /// It leads to us already.
    #[error("the domain of the sender is ours")]
    Ours,
    /// An address literal has no letters for it.
    #[error("the sender's domain is an address")]
    Literal,
    /// A local-part has 64 octets at most (RFC 5321 §4.5.3.1.1).
    #[error("the address would be longer than a local-part may be (RFC 5321 §4.5.3.1.1)")]
    TooLong,
    /// There is no secret to sign with.
    #[error("there is no secret")]
    NoSecret,
}

/// Why an address leads nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Bad {
    /// It has not the parts it must have.
    #[error("it is not of the form of SRS")]
    Form,
    /// It was not made here, or with a secret that is gone.
    #[error("its hash is not ours")]
    Hash,
    /// It was made too long ago.
    #[error("it is older than {VALID_DAYS} days")]
    Old,
}

impl Srs {
    /// The reverse-path under which mail from `path` is forwarded at `now`.
    ///
    /// # Errors
    /// [`Kept`]: it goes on as it is.
    pub fn forward(
        &self,
        access: &Access,
        path: &ReversePath,
        now: SystemTime,
    ) -> Result<Mailbox, Kept> {
        let ReversePath::Mailbox(sender) = path else { return Err(Kept::Null) };
        let Domain::Name(domain) = &sender.domain else { return Err(Kept::Literal) };
        if access.is_local(&sender.domain) || *domain == self.domain || *domain == access.hostname {
            return Err(Kept::Ours);
        }
        let secret = self.secrets.first().ok_or(Kept::NoSecret)?;
        let domain = domain.ascii().to_ascii_lowercase();
        // The first host that forwards stays the one that reports go to.
        let before = match scheme(&sender.local) {
            Some((Scheme::First, rest)) => Some((domain.as_str(), rest)),
            Some((Scheme::Second, rest)) => signed(rest),
            None => None,
        };
        let local = match before {
            Some((host, rest)) => second(secret, host, rest),
            None => first(secret, now, &domain, sender.local.as_str()),
        };
        let local = LocalPart::from_unquoted_utf8(&local).map_err(|_| Kept::TooLong)?;
        Ok(Mailbox { local, domain: Domain::Name(self.domain.clone()) })
    }

    /// Whom `mailbox` stands for at `now`. None: it is no such address.
    pub fn reverse(&self, mailbox: &Mailbox, now: SystemTime) -> Option<Result<Mailbox, Bad>> {
        if !matches!(&mailbox.domain, Domain::Name(name) if *name == self.domain) {
            return None;
        }
        let (scheme, rest) = scheme(&mailbox.local)?;
        let rest = rest.get(1..).unwrap_or_default();
        Some(match scheme {
            Scheme::First => self.reverse_first(rest, now),
            Scheme::Second => self.reverse_second(rest),
        })
    }

    /// `HASH=TIME=DOMAIN=LOCAL`.
    fn reverse_first(&self, rest: &str, now: SystemTime) -> Result<Mailbox, Bad> {
        let mut parts = rest.splitn(4, '=');
        let (hash, time) = (parts.next().ok_or(Bad::Form)?, parts.next().ok_or(Bad::Form)?);
        let (domain, local) = (parts.next().ok_or(Bad::Form)?, parts.next().ok_or(Bad::Form)?);
        self.verify(hash, &[FIRST, time, domain, local])?;
        let made = day_of(time).ok_or(Bad::Form)?;
        if (day(now) + DAYS - made) % DAYS > VALID_DAYS {
            return Err(Bad::Old);
        }
        mailbox(local, domain)
    }

    /// `HASH=HOST=REST`, where the rest begins with the separator of the first host.
    fn reverse_second(&self, rest: &str) -> Result<Mailbox, Bad> {
        let (hash, signed) = rest.split_once('=').ok_or(Bad::Form)?;
        let (host, rest) = signed.split_once('=').ok_or(Bad::Form)?;
        self.verify(hash, &[SECOND, host, rest])?;
        if !rest.starts_with(SEPARATORS) {
            return Err(Bad::Form);
        }
        mailbox(&format!("{FIRST}{rest}"), host)
    }

    fn verify(&self, hash: &str, parts: &[&str]) -> Result<(), Bad> {
        let hash = hash.to_ascii_uppercase();
        let fits = |secret: &Arc<[u8]>| {
            bool::from(digits_of(secret, parts).as_bytes().ct_eq(hash.as_bytes()))
        };
        // All are tried, so that the time does not tell which fits.
        let fitting = self.secrets.iter().filter(|secret| fits(secret)).count();
        if fitting > 0 { Ok(()) } else { Err(Bad::Hash) }
    }
}

/// Whether `path` is an address of ours that stands for a sender, and whether mail to it is taken. None:
/// it is no such address, and other rules count.
pub fn recipient(srs: &Srs, path: &ForwardPath, now: SystemTime) -> Option<Verdict<Mailbox>> {
    let ForwardPath::Mailbox(mailbox) = path else { return None };
    Some(match srs.reverse(mailbox, now)? {
        Ok(sender) => {
            let reason = format!("{mailbox} stands for the sender {sender} of a forwarded letter");
            Verdict::Accept { accepted: sender, reason: Reason::new(reason) }
        }
        Err(bad) => {
            let reason = format!("{mailbox} stands for nobody: {bad}");
            let text = match bad {
                Bad::Old => "That address is no longer valid: it stood for a sender for 21 days",
                Bad::Form | Bad::Hash => "That address was not made here",
            };
            Verdict::refuse(550, Topic(1, 1), text, reason)
        }
    })
}

/// Gives `expanded`, into which a letter from `came` was expanded, a reverse-path of ours where it goes on
/// to others elsewhere. None: it does not, or the owner of a list answers for it. What the letter itself
/// named elsewhere is relayed, not forwarded, and goes on as it came.
pub fn apply(
    srs: &Srs,
    access: &Access,
    came: &ReversePath,
    expanded: &mut Expanded,
    now: SystemTime,
) -> Option<Reason> {
    let envelope = &mut expanded.envelope;
    let via = expanded.via.as_ref().filter(|_| envelope.reverse_path == *came)?;
    Some(match srs.forward(access, came, now) {
        Ok(sender) => {
            let reason = format!("forwarded by {via}: {came} becomes <{sender}>");
            envelope.reverse_path = ReversePath::Mailbox(sender);
            Reason::new(reason)
        }
        Err(kept) => Reason::new(format!("forwarded by {via} under {came}: {kept}")),
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    First,
    Second,
}

/// `SRS0` or `SRS1`, and what stands behind it, the separator first.
fn scheme(local: &LocalPart) -> Option<(Scheme, &str)> {
    let (name, rest) = local.as_str().split_at_checked(4)?;
    let scheme = match () {
        () if name.eq_ignore_ascii_case(FIRST) => Scheme::First,
        () if name.eq_ignore_ascii_case(SECOND) => Scheme::Second,
        () => return None,
    };
    rest.starts_with(SEPARATORS).then_some((scheme, rest))
}

/// The first host and what it wrote, behind the hash of another.
fn signed(rest: &str) -> Option<(&str, &str)> {
    let (_, signed) = rest.get(1..)?.split_once('=')?;
    signed.split_once('=').filter(|(_, rest)| rest.starts_with(SEPARATORS))
}

fn first(secret: &[u8], now: SystemTime, domain: &str, local: &str) -> String {
    let time = time_of(day(now));
    let hash = digits_of(secret, &[FIRST, &time, domain, local]);
    format!("{FIRST}={hash}={time}={domain}={local}")
}

fn second(secret: &[u8], host: &str, rest: &str) -> String {
    let hash = digits_of(secret, &[SECOND, host, rest]);
    format!("{SECOND}={hash}={host}={rest}")
}

fn mailbox(local: &str, domain: &str) -> Result<Mailbox, Bad> {
    let local = LocalPart::from_unquoted_utf8(local).map_err(|_| Bad::Form)?;
    let domain: DomainName = domain.parse().map_err(|_| Bad::Form)?;
    Ok(Mailbox { local, domain: Domain::Name(domain) })
}

/// Days since 1970, as far as they are told apart.
fn day(now: SystemTime) -> u64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / 86_400 % DAYS
}

fn digit(value: u64) -> char {
    let place = usize::try_from(value % 32).unwrap_or_default();
    char::from(DIGITS.get(place).copied().unwrap_or(b'A'))
}

fn time_of(day: u64) -> String {
    [digit(day / 32), digit(day)].iter().collect()
}

fn day_of(time: &str) -> Option<u64> {
    let value = |octet: u8| {
        let found = DIGITS.iter().position(|&digit| digit == octet.to_ascii_uppercase());
        found.and_then(|place| u64::try_from(place).ok())
    };
    match time.as_bytes() {
        &[high, low] => Some(value(high)? * 32 + value(low)?),
        _ => None,
    }
}

/// The first digits of the HMAC-SHA256 over the parts, in lower case, since their case may change on the
/// way. What stands between them stands in none but the last.
fn digits_of(secret: &[u8], parts: &[&str]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(fold(&parts.join("=")).as_bytes());
    let octets = mac.finalize().into_bytes();
    let bits = octets.iter().take(8).fold(0_u64, |bits, &octet| bits << 8 | u64::from(octet));
    (0..HASH_DIGITS).map(|place| digit(bits >> (59 - 5 * place))).collect()
}
