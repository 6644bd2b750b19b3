//! What is asked of the host that is no mail: that it starts a queue (ETRN, RFC 1985), or that the
//! roles turn round (ATRN, RFC 2645).

use std::fmt;
use std::time::Instant;

use mail::{DomainName, Reply, Severity};

use super::session::{Phase, Session, nonsense};
use super::{Lost, Output, Step};
use crate::grammar::Release;

/// Octets of such a command, its line end counted (RFC 5321 §4.5.3.1.4): neither extension lets it
/// be longer, and neither can be said in two lines.
pub const REQUEST_MAX: usize = 512;

/// A request to the host. Its line has at most [`REQUEST_MAX`] octets; whoever makes it sees to that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// ETRN: to send what waits there.
    Release(Release),
    /// ATRN: to send over this connection what waits for these domains; with none, what waits for all
    /// that the login may have.
    Turn(Vec<DomainName>),
}

impl Request {
    /// Its verb, which is the keyword of its extension too.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Release(_) => "ETRN",
            Self::Turn(_) => "ATRN",
        }
    }

    /// Whether it is longer than a command may be.
    pub fn is_too_long(&self) -> bool {
        self.to_string().len() + 2 > REQUEST_MAX
    }
}

/// The command without its line end.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        match self {
            Self::Release(release) => write!(f, " {release}"),
            Self::Turn(domains) => {
                for (place, domain) in domains.iter().enumerate() {
                    let before = if place == 0 { ' ' } else { ',' };
                    // A command is in ASCII; nothing here says SMTPUTF8.
                    write!(f, "{before}{}", domain.ascii())?;
                }
                Ok(())
            }
        }
    }
}

impl Session {
    /// Says it, where the host offers it, and nothing where it does not (RFC 5321 §2.2.1).
    pub(super) fn request(&mut self, request: &Request, now: Instant) {
        if !matches!(self.phase, Phase::Idle) {
            return self.connection.give(Output::Answered(None));
        }
        if !self.extensions.offers(request.verb()) {
            self.connection.give(Output::Answered(None));
            return self.ready(now);
        }
        self.send(format!("{request}\r\n").into_bytes());
        let phase = match request {
            Request::Release(_) => Phase::Release,
            Request::Turn(_) => Phase::Turn,
        };
        self.enter(phase, now);
    }

    pub(super) fn release_replied(&mut self, reply: Reply, now: Instant) {
        if reply.severity() == Severity::Intermediate {
            return self.lose_at(Step::Release, nonsense(&reply));
        }
        self.connection.give(Output::Answered(Some(reply)));
        self.ready(now);
    }

    /// With a yes the host becomes the client, and waits for our greeting: this machine is at its end
    /// (RFC 2645 §5.3).
    pub(super) fn turn_replied(&mut self, reply: Reply, now: Instant) {
        match reply.severity() {
            Severity::Intermediate => self.lose_at(Step::Turn, nonsense(&reply)),
            // It speaks before it is greeted.
            Severity::Success if self.connection.replies.has_more() => {
                self.lose_at(Step::Turn, Lost::Nonsense(reply.to_string()));
            }
            Severity::Success => {
                self.connection.give(Output::Answered(Some(reply)));
                self.connection.give(Output::Turned);
                self.connection.close();
            }
            Severity::Transient | Severity::Permanent => {
                self.connection.give(Output::Answered(Some(reply)));
                self.ready(now);
            }
        }
    }
}
