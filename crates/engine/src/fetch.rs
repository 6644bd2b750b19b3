//! Mail that another host keeps for us until we ask for it (`[fetch.NAME]`): a host that is not
//! always there, or that nobody may connect to.
//!
//! ETRN (RFC 1985) has the other host send what waits as it would send it anyway, only now. With ATRN
//! (RFC 2645) it comes over the connection that we have made: the roles turn round, and the session
//! is one like those of a listener, with the same doors, decisions and promises.
//!
//! The other end is gone to like any next hop: its name is searched, the connection secured and the
//! login shown by the rules for routes, and what is published of it counts. Nothing is lost by a call
//! that fails: what is not taken stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::{DomainName, Reply};
use queue::fate::Said;
use queue::fetch::{Command, Judged, Standing, judge};
use queue::history::Dialogue;
use queue::{NextHop, Reason, Source};
use smtp::client::{Request, SessionError};
use smtp::grammar::Release;
use smtp::server::SessionOptions;
use tokio::time::sleep_until;
use tracing::{info, warn};

use crate::connection::{Connection, Then};
use crate::depart::Departure;
use crate::dispatch::Ending;
use crate::open::Dialer;
use crate::security::Demand;
use crate::{Engine, Shared, receive};

/// A host that keeps mail for us.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Where it is, and how it is gone to, as the name of a queue says it:
    /// `smtp:[odmr.isp.example]:366;login=office`.
    pub host: String,
    /// What it is asked for.
    pub asking: Asking,
    /// How often; none: when an operator says so.
    pub every: Option<Duration>,
    /// The session in which it hands us our mail over a connection that was turned round.
    pub session: Arc<SessionOptions>,
    /// The line that says so.
    pub source: Option<Source>,
}

/// What a provider is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Asking {
    /// ETRN: to start these queues.
    Release(Vec<Release>),
    /// ATRN: to hand over the mail for these domains; with none, for all that our login may have.
    Turn(Vec<DomainName>),
}

/// What came of one call.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// At whom.
    pub provider: String,
    /// What was asked, in order.
    pub asked: Vec<Asked>,
    /// Letters that came over the connection.
    pub letters: u64,
}

impl Fetched {
    /// Who must act: the worst of all answers.
    pub fn standing(&self) -> Standing {
        self.asked.iter().map(|one| one.judged.standing).max().unwrap_or(Standing::Well)
    }
}

/// One question, and what it was answered.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The command.
    pub command: String,
    /// What was said to it; none where it was not said, or the connection failed.
    pub reply: Option<Reply>,
    /// What that means.
    pub judged: Judged,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.command)?;
        match &self.reply {
            Some(reply) => write!(f, "{reply} ({})", self.judged.reason.text),
            None => f.write_str(&self.judged.reason.text),
        }
    }
}

/// Providers that are called just now: one call at a time each.
#[derive(Debug, Default)]
pub(crate) struct Calls(parking_lot::Mutex<BTreeSet<String>>);

/// A call under way, until it ends in whatever way.
struct Call<'a> {
    calls: &'a Calls,
    name: &'a str,
}

impl<'a> Call<'a> {
    fn begin(calls: &'a Calls, name: &'a str) -> Option<Self> {
        let is_first = calls.0.lock().insert(name.to_owned());
        is_first.then_some(Self { calls, name })
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.0.lock().remove(self.name);
    }
}

/// Calls at each provider when its time has come, until the host goes down. The first call is made
/// at the start: what waits has waited for us.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut stop = pin!(shared.stopping());
    let mut due: BTreeMap<Box<str>, Instant> = BTreeMap::new();
    loop {
        let mut reloaded = pin!(shared.reloaded.notified());
        reloaded.as_mut().enable();
        let next = call_due(&shared, &mut due);
        let sleep = async {
            match next {
                Some(next) => sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = reloaded => {}
            () = sleep => {}
        }
    }
}

/// Begins the calls whose time has come, and gives the time of the next.
fn call_due(shared: &Arc<Shared>, due: &mut BTreeMap<Box<str>, Instant>) -> Option<Instant> {
    let (options, now) = (shared.options(), shared.world.clock.now());
    let regular = || options.providers.iter().filter_map(|one| Some((one, one.every?)));
    due.retain(|name, _| regular().any(|(provider, _)| provider.name == *name));
    let mut next: Option<Instant> = None;
    for (provider, every) in regular() {
        let at = due.entry(provider.name.clone()).or_insert(now);
        // It may be more often since a reload.
        *at = (*at).min(now + every);
        if *at <= now {
            *at = now + every;
            let (shared, provider) = (shared.clone(), provider.clone());
            let tasks = shared.world.tasks.clone();
            tasks.spawn(Box::pin(async move {
                // A call that lasts longer than its period is not joined by another.
                let _ = fetch(&shared, &provider).await;
            }));
        }
        next = Some(next.map_or(*at, |next| next.min(*at)));
    }
    next
}

/// One call, and a line in the log for each answer; none while another is under way.
async fn fetch(shared: &Arc<Shared>, provider: &Provider) -> Option<Fetched> {
    let _call = Call::begin(&shared.calls, &provider.name)?;
    let fetched = call(shared, provider).await;
    let (name, source) = (&provider.name, provider.source.as_ref().map(ToString::to_string));
    for asked in &fetched.asked {
        match asked.judged.standing {
            Standing::Well => info!(event = "fetch.asked", provider = %name, %asked),
            Standing::Later => info!(event = "fetch.refused", provider = %name, %asked),
            Standing::Wrong => warn!(event = "fetch.wrong", provider = %name, %asked, source),
        }
    }
    if fetched.letters > 0 {
        info!(event = "fetch.done", provider = %name, letters = fetched.letters);
    }
    Some(fetched)
}

async fn call(shared: &Arc<Shared>, provider: &Provider) -> Fetched {
    let mut fetched =
        Fetched { provider: provider.name.to_string(), asked: Vec::new(), letters: 0 };
    let connection = match open(shared, provider).await {
        Ok(connection) => connection,
        Err(asked) => {
            fetched.asked.push(asked);
            return fetched;
        }
    };
    match &provider.asking {
        Asking::Release(names) => release(connection, provider, names, &mut fetched).await,
        Asking::Turn(domains) => turn(shared, connection, provider, domains, &mut fetched).await,
    }
    fetched
}

/// A session with the provider, or what came instead of one.
async fn open(shared: &Arc<Shared>, provider: &Provider) -> Result<Connection, Asked> {
    let failed = |standing, what: String| Asked {
        command: format!("connection to {}", provider.host),
        reply: None,
        judged: Judged {
            standing,
            is_final: true,
            reason: Reason::new(what).from_rule(provider.source.clone()),
        },
    };
    let hop = NextHop::parse(&provider.host);
    let hop = hop.map_err(|error| failed(Standing::Wrong, error.to_string()))?;
    let depart = Departure::of_queue(shared, &shared.options(), &provider.host);
    let (demand, mut dialogue) = (Demand::default(), Dialogue::default());
    let opened = async {
        let mut dialer = Dialer::search(shared, &hop, &depart, demand, &mut dialogue).await?;
        dialer.open(shared, demand, &mut dialogue).await
    };
    let opened: Result<Connection, Ending> = opened.await;
    opened.map_err(|Ending { said, remote, .. }| {
        let remote = remote.map(|remote| format!("{remote}: ")).unwrap_or_default();
        match said {
            Said::Refused { step, reply } => {
                let standing = if reply.is_permanent() { Standing::Wrong } else { Standing::Later };
                let what = format!("{remote}it takes no session: {step}");
                Asked { reply: Some(reply), ..failed(standing, what) }
            }
            Said::NoLogin { .. } | Said::Unsendable { .. } => {
                failed(Standing::Wrong, format!("{remote}{said}"))
            }
            said => failed(Standing::Later, format!("{remote}{said}")),
        }
    })
}

/// ETRN for one name after the other. After a refusal for good the others are not asked for (RFC 1985
/// §5.2).
async fn release(
    mut connection: Connection,
    provider: &Provider,
    names: &[Release],
    fetched: &mut Fetched,
) {
    for name in names {
        let request = Request::Release(name.clone());
        let (asked, then) = ask(&mut connection, provider, request, Command::Etrn).await;
        let is_final = asked.judged.is_final;
        fetched.asked.push(asked);
        match then {
            Some(Then::Ready) if !is_final => {}
            Some(Then::Ready) => break,
            _ => return,
        }
    }
    connection.quit().await;
}

/// ATRN, and what comes of it.
async fn turn(
    shared: &Arc<Shared>,
    mut connection: Connection,
    provider: &Provider,
    domains: &[DomainName],
    fetched: &mut Fetched,
) {
    let request = Request::Turn(domains.to_vec());
    let (asked, then) = ask(&mut connection, provider, request, Command::Atrn).await;
    fetched.asked.push(asked);
    match then {
        Some(Then::Turned) => {
            let tls = connection.tls().cloned();
            let name = format!("fetch.{}", provider.name);
            let session = provider.session.clone();
            let wire = connection.into_wire();
            fetched.letters = receive::turned(shared, &name, session, wire, tls).await;
        }
        Some(Then::Ready) => connection.quit().await,
        Some(Then::Closed) | None => {}
    }
}

/// One request; what follows it is none where the session has failed.
async fn ask(
    connection: &mut Connection,
    provider: &Provider,
    request: Request,
    command: Command,
) -> (Asked, Option<Then>) {
    let words = request.to_string();
    let source = provider.source.as_ref();
    match connection.request(request).await {
        Ok((reply, then)) => {
            let judged = judge(command, reply.as_ref(), source);
            (Asked { command: words, reply, judged }, Some(then))
        }
        Err(error) => {
            let (reply, what) = match error {
                SessionError::Refused(_, reply) => (Some(reply), "it ends the session".to_owned()),
                SessionError::Lost(step, lost) => (None, format!("{lost} at {step}")),
                other => (None, format!("{other:?}")),
            };
            let reason = Reason::new(what).from_rule(source.cloned());
            let judged = Judged { standing: Standing::Later, is_final: true, reason };
            (Asked { command: words, reply, judged }, None)
        }
    }
}

impl Engine {
    /// Calls at the provider of this name now. Ends when it has said no, or when all that it hands over
    /// has come.
    ///
    /// # Errors
    /// There is none of that name, or it is being called.
    pub async fn fetch(&self, name: &str) -> Result<Fetched, String> {
        let options = self.shared.options();
        let provider = options.providers.iter().find(|provider| *provider.name == *name);
        let Some(provider) = provider else {
            let names: Vec<&str> = options.providers.iter().map(|one| &*one.name).collect();
            let known = match names.is_empty() {
                true => "there is none yet".to_owned(),
                false => format!("known are {}", names.join(", ")),
            };
            return Err(format!("the configuration has no [fetch.{name}]: {known}"));
        };
        self.call_at(provider).await
    }

    /// Calls at a provider that no configuration names.
    ///
    /// # Errors
    /// It is being called.
    pub async fn call_at(&self, provider: &Provider) -> Result<Fetched, String> {
        let busy = || format!("{} is being called just now", provider.name);
        fetch(&self.shared, provider).await.ok_or_else(busy)
    }
}
