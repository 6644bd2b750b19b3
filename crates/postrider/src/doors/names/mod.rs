//! Asks name servers (RFC 1035 §4, §7): a stub that believes what recursive servers tell it, or
//! checks it against the signatures of DNSSEC where that is asked for.
//!
//! Each question goes out from a socket and with an id of its own, so that a forger has to guess
//! both (RFC 5452 §4); replies to anything else are passed over. Caches, restarts at an alias and
//! what an answer means for mail are left to the engine.

mod anchors;
mod chain;
mod check;
mod exchange;
mod message;
mod servers;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Doing, Names};
use mail::lookup::{Answer, Question, Security};

pub use anchors::{Anchors, AnchorsError};
use check::Checker;
pub use check::Checks;
use exchange::Exchange;
pub use exchange::Patience;
use message::{Query, Wish};
pub use servers::NameServers;

/// Who proves an answer when a question asks for proof.
#[derive(Clone, Debug, Default)]
pub enum Proof {
    /// Nobody: every answer is [`Security::Unchecked`], so DANE never takes place.
    #[default]
    Off,
    /// The name servers on this host and these, by the AD bit (RFC 6840 §5.8). The path to each must
    /// be safe (RFC 7672 §2.1.1).
    TrustAd(Vec<IpAddr>),
    /// This process.
    Check(Checks),
}

/// The stub resolver.
#[derive(Debug)]
pub struct Stub {
    exchange: Arc<Exchange>,
    prover: Prover,
}

#[derive(Debug)]
enum Prover {
    Nobody,
    Servers(Vec<IpAddr>),
    Us(Box<Checker>),
}

impl Stub {
    /// A stub that asks `servers`, in their order of preference.
    pub fn new(servers: Vec<SocketAddr>, proof: Proof) -> Self {
        Self::with_patience(servers, proof, Patience::default())
    }

    /// The same with other waits.
    pub fn with_patience(servers: Vec<SocketAddr>, proof: Proof, patience: Patience) -> Self {
        let exchange = Arc::new(Exchange::new(servers, patience));
        let prover = match proof {
            Proof::Off => Prover::Nobody,
            Proof::TrustAd(trusted) => Prover::Servers(trusted),
            Proof::Check(checks) => {
                Prover::Us(Box::new(Checker::new(checks, Arc::clone(&exchange))))
            }
        };
        Self { exchange, prover }
    }

    async fn resolve(&self, question: &Question) -> Answer {
        let Some(query) = Query::new(question) else {
            // No server can know a name that cannot be asked for.
            return Answer::NoName { ttl: Duration::ZERO, security: Security::Unchecked };
        };
        match &self.prover {
            Prover::Us(checker) if question.checked => match checker.answer(&query).await {
                Some(answer) => answer,
                None => self.relay(&query, |_| Security::Unchecked).await,
            },
            Prover::Servers(trusted) if question.checked => {
                let query = query.wishing(Wish::Verdict);
                self.relay(&query, |server| match is_trusted(trusted, server.ip()) {
                    true => Security::Secure,
                    false => Security::Unchecked,
                })
                .await
            }
            _ => self.relay(&query, |_| Security::Unchecked).await,
        }
    }

    /// Asks without a check of our own. `trust`: what the AD bit of a server is worth.
    async fn relay(&self, query: &Query, trust: impl Fn(SocketAddr) -> Security) -> Answer {
        let asked = self.exchange.ask(query, |message, server| {
            let security = match (trust(server), message.metadata.authentic_data) {
                (Security::Secure, true) => Security::Secure,
                // A trusted server that does not vouch says that the zone is not signed.
                (Security::Secure, false) => Security::Insecure,
                (other, _) => other,
            };
            query.answer(message, security)
        });
        asked.await.unwrap_or_else(Answer::Failed)
    }
}

/// Whether the word of a server counts: it is on this host, or the operator vouches for the path.
fn is_trusted(trusted: &[IpAddr], server: IpAddr) -> bool {
    server.is_loopback() || trusted.contains(&server.to_canonical())
}

impl Names for Stub {
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer> {
        Box::pin(self.resolve(question))
    }
}

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod tests;
