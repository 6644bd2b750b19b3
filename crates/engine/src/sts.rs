//! The policies of MTA-STS (RFC 8461): looked for before a delivery, fetched where one is announced,
//! kept in memory and on the shelf, and fetched anew each day while they are in use. What is to be
//! done when is a rule of `msgauth`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail::lookup::{Answer, Kind, Question, Record};
use msgauth::mta_sts::{self, Announced, Failed, Held, Mode, Plan, Policy};
use msgauth::tlsrpt::{Against, Failure, PolicyType, ResultType, Session};
use parking_lot::Mutex;
use tokio::sync::{Mutex as Gate, OnceCell};
use tracing::{debug, info, warn};

use crate::Shared;
use crate::doors::{Drawer, WebFailure};
use crate::tally::Tally;

/// Domains whose policy, or a failure to fetch it, is remembered.
const DOMAINS_MAX: usize = 10_000;
/// Aliases followed from one record.
const ALIASES_MAX: usize = 10;
/// How often policies in use are looked through for those that are to be fetched anew.
pub(crate) const UPKEEP: Duration = Duration::from_secs(3_600);
/// Policies fetched anew in one such round; the others come in the next.
const ROUND_MAX: usize = 100;
/// Where a policy host has its policy (RFC 8461 §3.2).
const PATH: &str = "/.well-known/mta-sts.txt";

/// What is known of the policy of a domain.
#[derive(Clone, Default)]
struct Known {
    held: Option<Arc<Held>>,
    failed: Option<Failed>,
    /// When mail went by the policy last.
    used: Option<SystemTime>,
    /// Held by whoever fetches it: others wait, and find it here then.
    gate: Arc<Gate<()>>,
}

/// The policies that are known.
#[derive(Default)]
pub(crate) struct Policies {
    domains: Mutex<BTreeMap<String, Known>>,
    /// What the shelf held was taken: no delivery goes before.
    loaded: OnceCell<()>,
}

/// Whether a domain has a policy.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// None, for this reason.
    None(String),
    /// This one.
    Policy(Arc<Held>),
}

impl Policies {
    /// Ends when what the shelf holds from before this start is known.
    pub(crate) async fn ready(shared: &Shared) {
        shared.policies.loaded.get_or_init(|| shared.policies.load(shared)).await;
    }

    async fn load(&self, shared: &Shared) {
        let now = shared.world.clock.wall();
        for (domain, octets) in shared.world.shelf.all(Drawer::Policies).await {
            match Held::decode(&octets).filter(|held| held.is_live(now)) {
                Some(held) => {
                    let known = Known { used: Some(now), ..Known::of(Arc::new(held)) };
                    self.domains.lock().entry(domain).or_insert(known);
                }
                None => shared.world.shelf.remove(Drawer::Policies, &domain).await,
            }
        }
    }

    /// The policy of `domain` for a delivery now. A first or another version is fetched before this
    /// returns; the daily look goes on beside it.
    pub(crate) async fn of(shared: &Arc<Shared>, domain: &str) -> Standing {
        Self::ready(shared).await;
        let announced = announced(shared, domain).await;
        let this = &shared.policies;
        match this.plan(domain, &announced, shared.world.clock.wall()) {
            Plan::Keep => {}
            Plan::Refresh => {
                let (shared, domain) = (shared.clone(), domain.to_owned());
                let (tasks, gate) = (shared.world.tasks.clone(), this.gate(&domain));
                tasks.spawn(Box::pin(async move {
                    // One fetches; the others need not.
                    if let Ok(_alone) = gate.try_lock() {
                        fetch(&shared, &domain, &held_id(&shared, &domain)).await;
                    }
                }));
            }
            Plan::Fetch => {
                let gate = this.gate(domain);
                let _alone = gate.lock().await;
                // Another delivery may have fetched it while this one waited.
                if let (Announced::Id(id), Plan::Fetch) =
                    (&announced, this.plan(domain, &announced, shared.world.clock.wall()))
                {
                    fetch(shared, domain, id).await;
                }
            }
        }
        this.standing(domain, &announced, shared.world.clock.wall())
    }

    fn plan(&self, domain: &str, announced: &Announced, now: SystemTime) -> Plan {
        let known = self.domains.lock().get(domain).cloned().unwrap_or_default();
        mta_sts::plan(known.held.as_deref(), announced, known.failed.as_ref(), now)
    }

    fn gate(&self, domain: &str) -> Arc<Gate<()>> {
        self.with(domain, |known| known.gate.clone())
    }

    fn standing(&self, domain: &str, announced: &Announced, now: SystemTime) -> Standing {
        let mut domains = self.domains.lock();
        let known = domains.get_mut(domain);
        let live = known.and_then(|known| {
            let held = known.held.clone().filter(|held| held.is_live(now))?;
            known.used = Some(now);
            Some(held)
        });
        match (live, announced) {
            (Some(held), _) => Standing::Policy(held),
            (None, Announced::Id(_)) => {
                Standing::None("no MTA-STS: the policy that is announced cannot be had".to_owned())
            }
            (None, Announced::Nothing(why)) => Standing::None(format!("no MTA-STS: {why}")),
            (None, Announced::Unknown(why)) => {
                Standing::None(format!("no MTA-STS known: the TXT record is not to be had: {why}"))
            }
        }
    }

    /// What is known of `domain`, with a place made for it.
    fn with<T>(&self, domain: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut domains = self.domains.lock();
        if !domains.contains_key(domain) && domains.len() >= DOMAINS_MAX {
            // Who holds nothing goes first.
            let least = domains.iter().find(|(_, known)| known.held.is_none());
            let least = least.or_else(|| domains.first_key_value()).map(|(name, _)| name.clone());
            least.and_then(|least| domains.remove(&least));
        }
        change(domains.entry(domain.to_owned()).or_default())
    }

    /// The policies that are to be fetched anew: in use since they were fetched.
    fn due(&self, now: SystemTime) -> Vec<(String, String)> {
        let domains = self.domains.lock();
        let due = domains.iter().filter_map(|(domain, known)| {
            let held = known.held.as_ref()?;
            let wanted = held.is_live(now)
                && held.is_due(now)
                && known.used.is_some_and(|used| used >= held.fetched);
            wanted.then(|| (domain.clone(), held.id.clone()))
        });
        due.take(ROUND_MAX).collect()
    }
}

impl Known {
    fn of(held: Arc<Held>) -> Self {
        Self { held: Some(held), ..Self::default() }
    }
}

/// What the TXT record of `domain` says, aliases followed (RFC 8461 §3.1).
async fn announced(shared: &Shared, domain: &str) -> Announced {
    Announced::of(&texts(shared, &mta_sts::record_name(domain)).await)
}

/// The TXT records at `name`, aliases followed.
async fn texts(shared: &Shared, name: &str) -> Answer {
    let mut name = name.to_owned();
    for _ in 0..=ALIASES_MAX {
        let answer = shared.names.ask(&shared.world, &Question::new(&name, Kind::Txt)).await;
        match &answer {
            Answer::Found { records, .. } => match records.last() {
                Some(Record::Cname(target)) => name = target.clone(),
                _ => return answer,
            },
            _ => return answer,
        }
    }
    Answer::Failed("the aliases do not end".to_owned())
}

/// The version that is held, for a look without a record.
fn held_id(shared: &Shared, domain: &str) -> String {
    let domains = shared.policies.domains.lock();
    let held = domains.get(domain).and_then(|known| known.held.as_ref());
    held.map(|held| held.id.clone()).unwrap_or_default()
}

/// Fetches the policy of `domain`, announced as `id`, and keeps it or why there is none.
async fn fetch(shared: &Arc<Shared>, domain: &str, id: &str) {
    let host = mta_sts::policy_host(domain);
    let got = shared.world.web.text(&host, PATH).await;
    let now = shared.world.clock.wall();
    let policy = match got {
        Ok(body) => Policy::parse(&body).map_err(|error| {
            (ResultType::StsPolicyInvalid, format!("the policy cannot be used: {error}"))
        }),
        Err(failure @ WebFailure::Certificate(_)) => {
            Err((ResultType::StsWebpkiInvalid, failure.to_string()))
        }
        Err(failure) => Err((ResultType::StsPolicyFetchError, failure.to_string())),
    };
    match policy {
        Ok(policy) => keep(shared, domain, Held { id: id.to_owned(), fetched: now, policy }).await,
        Err((result, why)) => failed(shared, domain, id, result, why, now),
    }
}

async fn keep(shared: &Arc<Shared>, domain: &str, held: Held) {
    let mode = held.policy.mode;
    info!(event = "policy.fetched", domain, id = held.id, ?mode, max_age = ?held.policy.max_age);
    let octets = held.encode();
    let held = Arc::new(held);
    shared.policies.with(domain, |known| {
        known.held = Some(held);
        known.failed = None;
    });
    if let Err(error) = shared.world.shelf.put(Drawer::Policies, domain, octets.as_bytes()).await {
        warn!(event = "policy.keep", domain, %error, "it will be fetched again after a restart");
    }
}

/// A policy could not be had: a version that was announced, or the daily look at one that is held
/// (RFC 8461 §3.3: told, unless the policy says none; §6: reported).
fn failed(
    shared: &Arc<Shared>,
    domain: &str,
    id: &str,
    result: ResultType,
    why: String,
    now: SystemTime,
) {
    let held = shared.policies.with(domain, |known| {
        known.failed = Some(Failed { id: id.to_owned(), at: now });
        known.held.clone().filter(|held| held.is_live(now))
    });
    match &held {
        Some(held) if held.policy.mode == Mode::None => {
            debug!(event = "policy.failed", domain, why);
            return;
        }
        Some(held) => {
            let until = held.fetched + held.policy.max_age;
            let left = until.duration_since(now).unwrap_or_default();
            warn!(event = "policy.failed", domain, why, left = ?left, "the old one counts until then");
        }
        None => warn!(event = "policy.failed", domain, why, "mail goes as without a policy"),
    }
    let against = match &held {
        Some(held) => Against {
            kind: PolicyType::Sts,
            lines: held.policy.lines().to_vec(),
            hosts: held.policy.patterns(),
        },
        None => Against { kind: PolicyType::Sts, lines: Vec::new(), hosts: Vec::new() },
    };
    let failure = Failure { result, sending_ip: None, host: None, receiving_ip: None, reason: why };
    let session = Session { domain: domain.to_owned(), against, failure: Some(failure) };
    Tally::count(shared, session);
}

/// One round of the upkeep: policies in use are fetched before they end (RFC 8461 §3.3).
pub(crate) async fn refresh(shared: &Arc<Shared>) {
    let now = shared.world.clock.wall();
    for (domain, held) in shared.policies.due(now) {
        if shared.is_stopping() {
            return;
        }
        let id = match announced(shared, &domain).await {
            Announced::Id(id) => id,
            Announced::Nothing(_) | Announced::Unknown(_) => held,
        };
        fetch(shared, &domain, &id).await;
    }
}
