//! From a next hop to an open session: the search for its hosts, then one address after the other
//! until one answers (RFC 5321 §5.1).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use queue::fate::Said;
use queue::route::NextHop;
use queue::search::{Facts, Search, Step};
use smtp::client::{Lost, Session, SessionError, Step as Phase};
use tracing::{debug, info};

use crate::Shared;
use crate::connection::{Connection, connect, remote_name};

/// One address of one host, in the order in which they are tried.
struct Candidate {
    host: String,
    address: SocketAddr,
}

/// The addresses of a next hop that are still to be tried.
pub(crate) struct Dialer {
    candidates: VecDeque<Candidate>,
    /// The last failure; a permanent refusal counts only when no host said anything better.
    failure: Option<Said>,
}

impl Dialer {
    /// Searches the hosts of `hop`.
    ///
    /// # Errors
    /// What the recipients are to be told when there is none.
    pub(crate) async fn search(shared: &Arc<Shared>, hop: &NextHop) -> Result<Self, Said> {
        let facts = Facts {
            own_names: vec![shared.options.hostname.to_string().to_ascii_lowercase()],
            own_addresses: own_addresses(shared),
            port: shared.options.outbound_port,
            ..Facts::default()
        };
        let mut search = Search::new(hop.clone(), facts, shared.world.random.next());
        loop {
            match search.poll() {
                Step::Ask(questions) => {
                    for question in questions {
                        let answer = shared.names.ask(&shared.world, &question).await;
                        search.answer(&question, answer);
                    }
                }
                Step::Done(Ok(exchangers)) => {
                    let candidates = exchangers.into_iter().flat_map(|exchanger| {
                        let (host, port) = (exchanger.host, exchanger.port);
                        exchanger.addresses.into_iter().map(move |address| Candidate {
                            host: host.clone(),
                            address: SocketAddr::new(address, port),
                        })
                    });
                    return Ok(Self { candidates: candidates.collect(), failure: None });
                }
                Step::Done(Err(failure)) => return Err(Said::NoRoute(failure)),
            }
        }
    }

    /// A session that was opened failed before it took anything: that counts as this address's answer.
    pub(crate) fn failed(&mut self, said: Said) {
        self.failure = Some(said);
    }

    /// Opens a session with the next address that answers.
    ///
    /// # Errors
    /// What the recipients are to be told when none does.
    pub(crate) async fn open(&mut self, shared: &Arc<Shared>) -> Result<Connection, Said> {
        while let Some(Candidate { host, address }) = self.candidates.pop_front() {
            let remote = remote_name(&host, address);
            match session(shared, address, &remote).await {
                Ok(connection) => return Ok(connection),
                Err(said) => {
                    debug!(event = "host.failed", remote, why = %said);
                    let refused = said.is_permanent();
                    if refused {
                        // 5yz to the greeting speaks for the host, not for one address of it.
                        self.candidates.retain(|other| other.host != host || host.is_empty());
                    }
                    let keep = self.failure.as_ref().is_none_or(|known| known.is_permanent());
                    if keep || !refused {
                        self.failure = Some(said);
                    }
                }
            }
        }
        let nothing = || Said::Unreachable { remote: String::new(), error: "no address left".into() };
        Err(self.failure.clone().unwrap_or_else(nothing))
    }
}

/// Connects and says EHLO; a host that hangs up on EHLO is asked once more with HELO.
async fn session(shared: &Arc<Shared>, to: SocketAddr, remote: &str) -> Result<Connection, Said> {
    let mut hello_only = false;
    loop {
        let until = shared.world.clock.now() + shared.options.connect_timeout;
        let dialling = shared.world.network.connect(to, source(shared, to.ip()));
        let wire = connect(dialling, until).await.map_err(|error| Said::Unreachable {
            remote: remote.to_owned(),
            error: error.to_string(),
        })?;
        let clock = shared.world.clock.clone();
        let begin = if hello_only { Session::hello_only } else { Session::new };
        let machine = begin(shared.client_options.clone(), clock.now());
        let opened = Connection::open(wire, machine, clock, remote.to_owned()).await;
        match opened {
            Ok(connection) => {
                debug!(event = "connection.opened", remote);
                return Ok(connection);
            }
            Err(SessionError::Lost(Phase::Hello, Lost::Closed)) if !hello_only => {
                info!(event = "connection.hello", remote);
                hello_only = true;
            }
            Err(SessionError::Refused(step, reply)) => {
                return Err(Said::Refused { remote: remote.to_owned(), step: step.to_string(), reply });
            }
            Err(SessionError::Lost(step, lost)) => {
                let what = lost.to_string();
                return Err(Said::Lost { remote: remote.to_owned(), step: step.to_string(), what });
            }
        }
    }
}

fn source(shared: &Shared, to: IpAddr) -> Option<IpAddr> {
    shared.options.outbound_source.iter().find(|from| from.is_ipv4() == to.is_ipv4()).copied()
}

fn own_addresses(shared: &Shared) -> Vec<IpAddr> {
    let mut own = shared.world.network.own_addresses();
    own.extend_from_slice(&shared.options.own_addresses);
    own
}
