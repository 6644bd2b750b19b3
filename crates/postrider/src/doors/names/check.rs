//! Checks answers against their signatures, in this process (RFC 4035 §5): a chain of keys from a
//! trust anchor down to the answer, or the proof that the zone is not signed.
//!
//! The signatures are judged by hickory's validator. Around it stands what mail needs: aliases are
//! followed one by one, each with its own proof; a denial counts as insecure only when it comes from
//! above the name; names of private zones are not looked for in the public tree; and where the name
//! servers hand out no signatures at all, that is found once and said, instead of holding up all mail.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::xfer::DnsHandle;
use hickory_net::{DnsError, NetError};
use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{DnsRequestOptions, DnsResponse, Query as WireQuery, ResponseCode};
use hickory_proto::rr::{LowerName, Name, RData, Record as WireRecord, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use mail::lookup::{Answer, Record, Security};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::anchors::Anchors;
use super::chain::{Upstream, bounded, is_denial, is_expanded};
use super::exchange::Exchange;
use super::message::{ALIASES_MAX, ENDLESS, Query, known, negative_ttl, positive_ttl, text_of};

/// Verdicts over record sets that are kept.
const VERDICTS_MAX: usize = 10_000;
/// How long name servers without signatures are left alone before they are tried again.
const RETRY: Duration = Duration::from_secs(300);
/// Below these names there is no public zone, so no chain of trust (RFC 6761 §6, RFC 6762 §3, the
/// reserved `internal`, and what networks at home and at work call themselves).
const PRIVATE: [&str; 10] = [
    "localhost",
    "test",
    "invalid",
    "local",
    "internal",
    "home.arpa",
    "lan",
    "home",
    "corp",
    "intranet",
];

/// How answers are checked.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// The keys to begin with.
    pub anchors: Anchors,
    /// Names below these are not checked: private zones that no public zone knows of.
    pub unsigned: Vec<String>,
    /// Checks even when the name servers hand out no signatures: then every checked answer is bogus.
    pub insist: bool,
}

/// What is known of the name servers.
#[derive(Clone, Copy, Debug)]
enum Servers {
    Unknown,
    /// They handed out the signatures of the anchor: from here on whatever lacks them is bogus.
    Able,
    /// They did not, until this moment.
    Unable(Instant),
}

/// Checks answers.
pub(super) struct Checker {
    validator: DnssecDnsHandle<Upstream>,
    zones: Vec<Name>,
    private: Vec<Name>,
    insist: bool,
    total: Duration,
    servers: Mutex<Servers>,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("zones", &self.zones).finish_non_exhaustive()
    }
}

/// What one name has of a type.
enum Link {
    Records(Vec<Record>),
    Alias(Name),
    NoData,
    NoName,
}

/// One name, proved.
struct Proved {
    link: Link,
    ttl: Duration,
    security: Security,
}

/// Why a name is not proved.
enum Unproved {
    Failed(String),
    Bogus,
}

impl Checker {
    pub(super) fn new(checks: Checks, exchange: Arc<Exchange>) -> Self {
        let Checks { anchors, unsigned, insist } = checks;
        let total = exchange.patience.total;
        let validator =
            DnssecDnsHandle::with_trust_anchor(Upstream::new(exchange), Arc::clone(&anchors.keys))
                .validation_cache_size(VERDICTS_MAX);
        let built_in = PRIVATE.iter().filter(|_| !anchors.is_own_root);
        let private = built_in.copied().chain(unsigned.iter().map(String::as_str));
        Self {
            validator,
            private: private.filter_map(absolute).collect(),
            zones: anchors.zones,
            insist,
            total,
            servers: Mutex::new(Servers::Unknown),
        }
    }

    /// The answer, proved or found to be bogus; none where there is no chain to check it by.
    pub(super) async fn answer(&self, query: &Query) -> Option<Answer> {
        if self.is_private(&query.name) {
            return None;
        }
        let within = timeout(self.total, async {
            if !self.is_able().await {
                return None;
            }
            Some(self.follow(query).await)
        });
        let late = || Some(Answer::Failed("it could not be proved in time".into()));
        within.await.unwrap_or_else(|_| late())
    }

    /// Whether `name` lies where no chain from the public root leads. A nearer anchor goes before.
    fn is_private(&self, name: &Name) -> bool {
        let depth = |zones: &[Name]| {
            let above = zones.iter().filter(|zone| zone.zone_of(name));
            above.map(|zone| zone.num_labels()).max()
        };
        let private = match name.num_labels() {
            // A name of one label is known to this network only; no public zone of that kind has mail.
            1 => Some(1),
            _ => depth(&self.private),
        };
        private.is_some_and(|private| depth(&self.zones).is_none_or(|zone| zone < private))
    }

    /// Whether the name servers hand out signatures: asked once, and again after a while if not.
    async fn is_able(&self) -> bool {
        let known = *self.servers.lock();
        match known {
            Servers::Able => return true,
            Servers::Unable(until) if Instant::now() < until => return false,
            Servers::Unknown | Servers::Unable(_) if self.insist => return true,
            Servers::Unknown | Servers::Unable(_) => {}
        }
        let zone = self.zones.first().cloned().unwrap_or_else(Name::root);
        let (proved, _) = bounded(self.link(&zone, RecordType::SOA)).await;
        let able = proved.is_ok_and(|proved| proved.security.is_secure());
        let before = {
            let mut servers = self.servers.lock();
            let now = if able { Servers::Able } else { Servers::Unable(Instant::now() + RETRY) };
            std::mem::replace(&mut *servers, now)
        };
        match (before, able) {
            (_, true) => info!(event = "dnssec.on", %zone),
            (Servers::Unknown, false) => warn!(
                event = "dnssec.off",
                %zone,
                "the name servers hand out no signatures that fit the trust anchor: no DANE until they do"
            ),
            _ => {}
        }
        able
    }

    /// From the name asked for along its aliases (RFC 7672 §2.1.3: what follows an insecure alias is
    /// insecure).
    async fn follow(&self, query: &Query) -> Answer {
        let (mut owner, mut records) = (query.name.clone(), Vec::new());
        let (mut ttl, mut security) = (Duration::MAX, Security::Secure);
        for _ in 0..=ALIASES_MAX {
            let proved = match self.prove(&owner, query.kind).await {
                Ok(proved) => proved,
                Err(unproved) => return unproved,
            };
            ttl = ttl.min(proved.ttl);
            security = security.min(proved.security);
            match proved.link {
                Link::Alias(target) => {
                    records.push(Record::Cname(text_of(&target)));
                    owner = target;
                }
                Link::Records(found) => {
                    records.extend(found);
                    return Answer::Found { records, ttl, security };
                }
                Link::NoData => return Answer::NoData { ttl, security },
                Link::NoName => return Answer::NoName { ttl, security },
            }
        }
        Answer::Failed(ENDLESS.into())
    }

    async fn prove(&self, owner: &Name, kind: RecordType) -> Result<Proved, Answer> {
        let (proved, failure) = bounded(async {
            match self.link(owner, kind).await {
                Err(Unproved::Bogus) => self.renamed(owner, kind).await.ok_or(Unproved::Bogus),
                proved => proved,
            }
        })
        .await;
        proved.map_err(|unproved| match (unproved, failure) {
            (Unproved::Failed(what), _) => Answer::Failed(what),
            // A key or a delegation could not be had: nobody has lied.
            (Unproved::Bogus, Some(what)) => Answer::Failed(format!("no proof: {what}")),
            (Unproved::Bogus, None) => {
                self.validator.inner().forget();
                let name = text_of(owner);
                Answer::Bogus(format!("the signatures of {name} {kind} do not fit (DNSSEC: bogus)"))
            }
        })
    }

    /// One name, one type.
    async fn link(&self, owner: &Name, kind: RecordType) -> Result<Proved, Unproved> {
        let question = WireQuery::query(owner.clone(), kind);
        let mut reply = self.validator.lookup(question, DnsRequestOptions::default());
        let reply = poll_fn(|context| Pin::new(&mut reply).poll_next(context)).await;
        match reply {
            Some(Ok(response)) => read(&response, owner, kind),
            // Too many rounds of NSEC3 to be worth a proof: counts as not signed (RFC 9276 §3.2).
            Some(Err(NetError::Dns(DnsError::Nsec {
                proof: Proof::Insecure, response, ..
            }))) => Ok(nothing(&response, Security::Insecure)),
            // The validator does not know the proof that the wildcard itself gives.
            Some(Err(NetError::Dns(DnsError::Nsec { response, .. })))
                if is_nearest_wildcard(&response, owner) =>
            {
                read(&response, owner, kind)
            }
            Some(Err(NetError::Dns(DnsError::Nsec { .. } | DnsError::DnssecBogus))) => {
                Err(Unproved::Bogus)
            }
            Some(Err(error)) => Err(Unproved::Failed(error.to_string())),
            None => Err(Unproved::Failed("no reply".into())),
        }
    }

    /// An alias without signature may follow from a signed DNAME above (RFC 6672 §5.3.1).
    async fn renamed(&self, owner: &Name, kind: RecordType) -> Option<Proved> {
        let mut above = owner.base_name();
        while kind != RecordType::CNAME && above.num_labels() > 0 {
            let question = WireQuery::query(above.clone(), RecordType::DNAME);
            let mut reply = self.validator.lookup(question, DnsRequestOptions::default());
            let reply = poll_fn(|context| Pin::new(&mut reply).poll_next(context)).await?;
            if let Ok(response) = reply
                && let Some(record) = response.answers.iter().find(|record| {
                    record.record_type() == RecordType::DNAME && record.name == above
                })
            {
                let security = security_of(std::iter::once(record))?;
                let target = substituted(owner, &above, record)?;
                let ttl = positive_ttl(record.ttl);
                return Some(Proved { link: Link::Alias(target), ttl, security });
            }
            above = above.base_name();
        }
        None
    }
}

/// `owner` with the end `above` replaced by what the DNAME record names.
fn substituted(owner: &Name, above: &Name, record: &WireRecord) -> Option<Name> {
    let RData::Unknown { rdata, .. } = &record.data else { return None };
    let target = Name::read(&mut BinDecoder::new(&rdata.anything)).ok()?;
    let kept = usize::from(owner.num_labels().checked_sub(above.num_labels())?);
    let prefix = Name::from_labels(owner.iter().take(kept)).ok()?;
    prefix.append_domain(&target).ok()
}

/// What a reply says of `owner`, when every record of it was judged.
fn read(response: &DnsResponse, owner: &Name, kind: RecordType) -> Result<Proved, Unproved> {
    let of = |kind| {
        response
            .answers
            .iter()
            .filter(move |record| record.record_type() == kind && record.name == *owner)
    };
    let wanted = if of(kind).next().is_some() { kind } else { RecordType::CNAME };
    let Some(first) = of(wanted).next() else { return denial(response, owner) };
    let security = security_of(of(wanted)).ok_or(Unproved::Bogus)?;
    // A wildcard stands for a name only with the proof that there is none of that name
    // (RFC 4035 §5.3.4).
    let is_expanded = response.answers.iter().any(is_expanded);
    let is_denied = response.authorities.iter().any(is_proved_denial);
    if security.is_secure() && is_expanded && !is_denied {
        return Err(Unproved::Bogus);
    }
    let ttl = of(wanted).map(|record| record.ttl).min().unwrap_or_default();
    let link = match &first.data {
        RData::CNAME(target) if wanted != kind => Link::Alias(target.0.clone()),
        _ => Link::Records(of(kind).filter_map(|record| known(&record.data)).collect()),
    };
    Ok(Proved { link, ttl: positive_ttl(ttl), security })
}

/// Whether the wildcard that the answer was made from is the nearest to `owner`, and there is no
/// such name itself: a signed NSEC record spans `owner`, and neither of its ends shares more labels
/// with it than the wildcard does (RFC 4035 §5.3.4, RFC 4592 §3.3.1).
fn is_nearest_wildcard(response: &DnsResponse, owner: &Name) -> bool {
    let wildcard = response.answers.iter().find_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature))
            if is_expanded(record) && record.name == *owner =>
        {
            Some(signature.input())
        }
        _ => None,
    });
    let Some(wildcard) = wildcard else { return false };
    response.authorities.iter().any(|record| {
        let RData::DNSSEC(DNSSECRData::NSEC(nsec)) = &record.data else { return false };
        let (from, to) = (&record.name, nsec.next_domain_name());
        let is_last = to <= from;
        record.proof == Proof::Secure
            && wildcard.signer_name.zone_of(from)
            && wildcard.signer_name.zone_of(to)
            && from < owner
            && (owner < to || is_last)
            // The name is not on the way to the next one: it would exist without records then.
            && !owner.zone_of(to)
            && shared_labels(from, owner).max(shared_labels(to, owner)) == wildcard.num_labels
    })
}

/// How many labels two names have in common, from the right.
fn shared_labels(one: &Name, other: &Name) -> u8 {
    let longer = (1..=one.num_labels().min(other.num_labels())).rev();
    longer
        .into_iter()
        .find(|&labels| one.trim_to(labels.into()) == other.trim_to(labels.into()))
        .unwrap_or(0)
}

/// The state that all `records` share: they are one set. `None`: bogus, or not to be known.
fn security_of<'a>(mut records: impl Iterator<Item = &'a WireRecord>) -> Option<Security> {
    records.try_fold(Security::Secure, |least, record| match record.proof {
        Proof::Secure => Some(least),
        Proof::Insecure => Some(least.min(Security::Insecure)),
        Proof::Bogus | Proof::Indeterminate => None,
    })
}

fn is_proved_denial(record: &WireRecord) -> bool {
    record.proof == Proof::Secure && is_denial(record)
}

/// There is nothing. The validator has judged the denials it found; what it lets pass without any
/// must come from an unsigned zone above `owner`, or anybody could deny a signed name with a scrap
/// of some unsigned zone.
fn denial(response: &DnsResponse, owner: &Name) -> Result<Proved, Unproved> {
    if response.authorities.iter().any(is_proved_denial) {
        return Ok(nothing(response, Security::Secure));
    }
    let above = |record: &WireRecord| LowerName::from(&record.name).zone_of(&owner.into());
    let scrap = response.authorities.iter().any(|record| {
        matches!(record.record_type(), RecordType::SOA | RecordType::NS)
            && !(record.proof == Proof::Insecure && above(record))
    });
    let from_above = response.authorities.iter().any(|record| {
        record.proof == Proof::Insecure && record.record_type() == RecordType::SOA && above(record)
    });
    if scrap || !(from_above || response.authorities.is_empty()) {
        return Err(Unproved::Bogus);
    }
    Ok(nothing(response, Security::Insecure))
}

fn nothing(response: &DnsResponse, security: Security) -> Proved {
    let link = match response.metadata.response_code {
        ResponseCode::NXDomain => Link::NoName,
        _ => Link::NoData,
    };
    Proved { link, ttl: negative_ttl(response), security }
}

/// A name with its final dot.
fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
