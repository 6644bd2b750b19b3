//! ATRN (RFC 2645): a host that is not always there has called and logged in, and now its mail goes
//! to it over the connection that it made.
//!
//! While that lasts nobody else takes up its queues. What is left when the connection ends waits as
//! it did before.

use std::net::IpAddr;
use std::sync::Arc;

use mail::{DomainName, Reply, Topic};
use queue::fate::Said;
use queue::history::Dialogue;
use queue::route::NextHop;
use smtp::client::{Opening, Security, Session};
use spool::{ClaimRequest, Op, SpoolError, Txn};
use tracing::{info, warn};

use crate::connection::{Connection, Handshake, remote_name};
use crate::deliver::{self, Tried};
use crate::dispatch::Ending;
use crate::doors::{TlsCheck, TlsWish, Wire};
use crate::relay::Relay;
use crate::{RELAXED, Shared, release};

/// Jobs claimed at once: each waits for those before it.
const CLAIM: usize = 20;

/// What ATRN is answered, and the queues that are meant (RFC 2645 §5.2.1).
pub(crate) async fn requested(
    shared: &Shared,
    client: IpAddr,
    login: &str,
    domains: &[DomainName],
) -> (Reply, Vec<String>) {
    let allowed = match shared.options().trust.turns(login, domains) {
        Ok(allowed) => allowed,
        Err(reply) => {
            info!(event = "turn.refused", %client, login, %reply);
            return (reply, Vec::new());
        }
    };
    let mut names = Vec::new();
    for domain in &allowed {
        match release::queues_of(shared, |found| found == domain, domain).await {
            Ok(found) => names.extend(found),
            Err(error) => {
                warn!(event = "turn.failed", %client, login, %error);
                let text = "The queue cannot be read now, try again later";
                return (Reply::new(451, Topic(3, 0), text), Vec::new());
            }
        }
    }
    // What ends here, or is a program's, is nobody's to fetch.
    let is_hosts = |name: &str| NextHop::parse(name).is_ok_and(|hop| hop.is_remote());
    names.retain(|(name, jobs)| *jobs > 0 && is_hosts(name));
    names.sort();
    names.dedup();
    let jobs: u64 = names.iter().map(|(_, jobs)| jobs).sum();
    info!(event = "turn.requested", %client, login, jobs);
    if jobs == 0 {
        return (Reply::new(453, Topic(0, 0), "You have no mail"), Vec::new());
    }
    let reply = Reply::new(250, Topic(0, 0), "Now you are the server");
    (reply, names.into_iter().map(|(name, _)| name).collect())
}

/// Queues that belong to one connection for a while.
struct Reserved<'a> {
    shared: &'a Shared,
    queues: Vec<String>,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.shared.dispatcher.open_up(&self.queues);
    }
}

/// Sends what waits in `queues` over `wire`, whose other end is the server now.
pub(crate) async fn send(shared: &Arc<Shared>, wire: Box<dyn Wire>, queues: Vec<String>) {
    shared.dispatcher.reserve(&queues);
    let reserved = Reserved { shared, queues };
    let remote = remote_name("turned", wire.peer());
    let mut connection = match open(shared, wire, remote.clone()).await {
        Ok(connection) => connection,
        Err(error) => return info!(event = "turn.broken", remote, ?error),
    };
    for queue in &reserved.queues {
        let mut relay = Relay::over(shared, queue.as_str().into(), connection);
        if let Err(error) = drain(shared, &mut relay, queue).await {
            warn!(event = "turn.failed", queue, %error);
        }
        match relay.into_connection() {
            Some(open) => connection = open,
            None => return,
        }
    }
    connection.quit().await;
}

async fn open(
    shared: &Arc<Shared>,
    wire: Box<dyn Wire>,
    remote: String,
) -> Result<Connection, smtp::client::SessionError> {
    let clock = shared.world.clock.clone();
    // The connection is as secure as it was made: it is not begun anew.
    let opening = Opening { security: Security::None, ..Opening::default() };
    let session = Session::begun(shared.client_options(), opening, clock.now());
    let wish = TlsWish { server_name: None, check: TlsCheck::Nothing };
    let tls = Handshake { tls: shared.world.tls.clone(), wish, failure: Arc::default() };
    let timeout = shared.options().timeouts.handshake;
    Connection::open(wire, session, tls, timeout, clock, remote, &mut Dialogue::default()).await
}

/// Tries what waits in `queue`, once each, until nothing is left or the connection has ended.
async fn drain(shared: &Arc<Shared>, relay: &mut Relay<'_>, queue: &str) -> Result<(), SpoolError> {
    let hop = NextHop::parse(queue).ok();
    release::release(shared, Some(queue)).await?;
    loop {
        let quota = |name: &str| if name == queue { CLAIM } else { 0 };
        let now = shared.world.clock.wall();
        let request = ClaimRequest { max: CLAIM, per_queue: CLAIM, quota: &quota, now };
        let claimed = shared.world.spool.claim_due(request).await?;
        if claimed.is_empty() {
            return Ok(());
        }
        for claimed in claimed {
            let id = claimed.job;
            let job = match deliver::ready(claimed) {
                Ok(job) if relay.is_open() && !shared.is_stopping() => job,
                Ok(_) => {
                    give_back(shared, id).await;
                    continue;
                }
                Err((job, error)) => {
                    deliver::hold(shared, job, &error).await;
                    continue;
                }
            };
            if let Tried::NoPlace(job) = deliver::attempt(shared, relay, hop.as_ref(), job).await {
                give_back(shared, job.id).await;
            }
        }
        if !relay.is_open() || shared.is_stopping() {
            return Ok(());
        }
    }
}

/// Lets go of a job that was not tried.
async fn give_back(shared: &Shared, job: spool::JobId) {
    let ops = vec![Op::SetDue { job, due: shared.world.clock.wall() }];
    if let Err(error) = shared.world.spool.commit(Txn { ops, durability: RELAXED }).await {
        warn!(event = "job.not-released", %job, %error);
    }
}

/// What recipients are told whose turn did not come before the connection ended.
pub(crate) fn gone() -> Ending {
    Ending::here(Said::Ours("the host that had called for its mail is gone".to_owned()))
}
