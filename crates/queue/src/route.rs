//! Where a recipient's mail goes next: a rule of the operator, our own mailboxes, or the
//! exchangers of the domain (RFC 5321 §5).
//!
//! Here is only the choice of the next hop; its addresses are found by [`search`](crate::search).
//! `transport` reads what the configuration says, `hop` names what comes of it, `rules` holds the
//! lines of the operator.

mod by_sender;
mod hop;
mod rules;
#[cfg(test)]
mod tests;
mod transport;

use mail::address::{Domain, DomainName, ForwardPath, Literal, Mailbox, ReversePath};
use mail::reply::{EnhancedStatus, Reply, Topic};

use crate::access::{self, Accepted, Access};
use crate::reason::Reason;
use crate::target::Target;

pub use by_sender::{Sender, SenderRule, of_sender};
pub use hop::{NextHop, Via};
pub use rules::{AddressPattern, AddressTable, Routes, Rule};
pub use transport::{
    HOSTS_MAX, Host, HostLookup, LMTP_PORT, SMTP_PORT, SMTPS_PORT, Service, Transport,
    TransportError, Verdict, is_name,
};

/// A next hop, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Routed {
    /// Where to.
    pub next_hop: NextHop,
    /// From which of our addresses, and as whom.
    pub via: Via,
    /// Why there.
    pub reason: Reason,
}

impl Routed {
    fn new(next_hop: NextHop, reason: Reason) -> Self {
        Self { next_hop, via: Via::default(), reason }
    }

    /// The name of the queue of all that goes there by that way. It is stored in the spool.
    pub fn queue_name(&self) -> String {
        let mut name = self.next_hop.queue_name();
        if self.via != Via::default() {
            name.push_str(&self.via.to_string());
        }
        name
    }
}

/// The next hop of mail for `domain`, whoever it is from.
///
/// A rule for exactly this domain wins, then our own domains, then the rule for the longest suffix,
/// then the default. No rule names an address literal: it is ours, or follows a default that is a
/// fixed host ("all to the hub"), or is connected to without asking DNS (RFC 5321 §4.1.3). The
/// local-part is never looked at (RFC 1123 §5.2.16).
pub fn route(routes: &Routes, access: &Access, domain: &Domain) -> Routed {
    route_from(routes, access, None, domain)
}

/// As [`route`], for a recipient and the sender of its mail.
///
/// The postmaster of this host is at home whatever the rules say (RFC 5321 §4.5.1). Then a rule for
/// this recipient counts, then what is said of its domain, as above. Only where nothing is, before
/// the default, a rule for the sender counts: it says by which way mail leaves, while a rule about the
/// destination knows where mail has to arrive. So a sender whose mail goes out by his own provider
/// still reaches our mailboxes and the stores behind us. Reports have no sender.
pub fn route_path<'a>(
    routes: &Routes,
    access: &Access,
    sender: impl Into<Sender<'a>>,
    path: &ForwardPath,
) -> Routed {
    let mailbox = match path {
        ForwardPath::Mailbox(mailbox) if !access.is_our_postmaster(mailbox) => mailbox,
        _ => return Routed::new(NextHop::Local, Reason::new("the postmaster of this host")),
    };
    if let Some((pattern, rule)) = routes.recipients.get(mailbox) {
        let text = format!("the route of the recipient {pattern}");
        return match &mailbox.domain {
            Domain::Name(name) => by_rule(rule, name, text),
            Domain::Literal(literal) => to_literal(rule, literal, text),
        };
    }
    route_from(routes, access, Some(sender.into()), &mailbox.domain)
}

fn route_from(
    routes: &Routes,
    access: &Access,
    sender: Option<Sender<'_>>,
    domain: &Domain,
) -> Routed {
    let by_sender = || {
        let Sender { path, rule } = sender?;
        if let Some(SenderRule { rule, text }) = rule {
            return Some((rule, text.clone()));
        }
        let (pattern, rule) = routes.senders.get(path.mailbox()?)?;
        Some((rule, format!("the route of the sender {pattern}")))
    };
    let otherwise =
        || by_sender().unwrap_or_else(|| (&routes.default, "the default route".to_owned()));
    let name = match domain {
        Domain::Literal(literal) if access.is_local(domain) => {
            let reason = Reason::new(format!("{literal} is an address of this host"));
            return Routed::new(NextHop::Local, reason);
        }
        Domain::Literal(literal) => {
            let (rule, text) = otherwise();
            return to_literal(rule, literal, text);
        }
        Domain::Name(name) => name,
    };
    if let Some(rule) = routes.table.exact(name) {
        return by_rule(rule, name, format!("the route of {name}"));
    }
    if access.ends_here(domain) {
        let kind = if access.is_local(domain) { "local" } else { "virtual" };
        let reason = Reason::new(format!("{name} is a {kind} domain"));
        return Routed::new(NextHop::Local, reason);
    }
    if let Some((suffix, rule)) = routes.table.below(name) {
        return by_rule(rule, name, format!("the route of .{suffix}"));
    }
    let (rule, text) = otherwise();
    by_rule(rule, name, text)
}

/// What a session says of a recipient, where the routes have a word in it: `verdict` is what
/// [`access`] says.
///
/// Mail that would only go back is refused at once, and nobody's inbox gets a report that he did not
/// ask for. A name of ours that has no mailbox is taken all the same where a rule names exactly this
/// recipient. A rule for senders is not asked: its mail is answered when it is delivered.
pub fn at_session(
    routes: &Routes,
    access: &Access,
    verdict: access::Verdict<Accepted>,
    path: &ForwardPath,
) -> access::Verdict<Accepted> {
    if !routes.can_answer() {
        return verdict;
    }
    match verdict {
        access::Verdict::Accept { accepted, reason } => {
            let routed = route_path(routes, access, &ReversePath::Null, path);
            match routed.next_hop {
                NextHop::Error(said) => {
                    access::Verdict::Refuse { reply: said.reply(), reason: routed.reason }
                }
                _ => access::Verdict::Accept { accepted, reason },
            }
        }
        access::Verdict::Refuse { reply, reason } => match named(routes, access, path) {
            Some((mailbox, rule)) if is_unknown(&reply) => match &rule.transport {
                Transport::Error(said) => access::Verdict::Refuse {
                    reply: said.reply(),
                    reason: rule.reason(format!("the route of the recipient {mailbox}")),
                },
                _ => access::Verdict::Accept {
                    accepted: Accepted { mailbox: mailbox.clone(), user: None },
                    reason: rule.reason(format!("the route of the recipient {mailbox}")),
                },
            },
            _ => access::Verdict::Refuse { reply, reason },
        },
    }
}

/// The rule for exactly this recipient, where it is one of our domains.
fn named<'a>(
    routes: &'a Routes,
    access: &Access,
    path: &'a ForwardPath,
) -> Option<(&'a Mailbox, &'a Rule)> {
    let ForwardPath::Mailbox(mailbox) = path else { return None };
    match routes.recipients.get(mailbox)? {
        (AddressPattern::Address(_), rule) if access.ends_here(&mailbox.domain) => {
            Some((mailbox, rule))
        }
        _ => None,
    }
}

fn is_unknown(reply: &Reply) -> bool {
    reply.status() == Some(EnhancedStatus::permanent(Topic(1, 1)))
}

/// As [`route_path`], for a recipient of which it is known where it ends: files and commands are of
/// this host, whatever the routes say of the domain. Mailboxes may be kept by a store elsewhere.
pub fn route_recipient<'a>(
    routes: &Routes,
    access: &Access,
    sender: impl Into<Sender<'a>>,
    path: &ForwardPath,
    target: Option<&Target>,
) -> Routed {
    let next_hop = match target {
        None | Some(Target::Mailbox { .. }) => return route_path(routes, access, sender, path),
        // A program that hangs must not keep mailboxes waiting.
        Some(Target::Command { .. }) => NextHop::Commands,
        Some(_) => NextHop::Local,
    };
    let end = target.map(ToString::to_string).unwrap_or_default();
    Routed::new(next_hop, Reason::new(format!("it ends in {end}")))
}

fn by_rule(rule: &Rule, domain: &DomainName, text: String) -> Routed {
    Routed {
        next_hop: NextHop::by(&rule.transport, domain),
        via: rule.via.clone(),
        reason: rule.reason(text),
    }
}

fn to_literal(rule: &Rule, literal: &Literal, text: String) -> Routed {
    match (&rule.transport, literal) {
        (Transport::Mx, Literal::Ip(address)) => Routed {
            next_hop: NextHop::Host {
                service: Service::Smtp,
                host: Host::Address(*address),
                port: SMTP_PORT,
                lookup: HostLookup::Addresses,
            },
            via: rule.via.clone(),
            reason: Reason::new(format!("{literal} is an address: no DNS")),
        },
        // Nobody but us can be asked about a literal of a kind we do not know: it fails here as an
        // unknown mailbox. `access` refuses it before.
        (Transport::Local, _) | (Transport::Mx, Literal::Other(_)) => Routed::new(
            NextHop::Local,
            Reason::new(format!("there is no way to {literal} but our own mailboxes")),
        ),
        (Transport::Hosts(hosts), _) => {
            let each = hosts.iter().map(|transport| {
                let one = Rule { transport: transport.clone(), ..rule.clone() };
                to_literal(&one, literal, String::new()).next_hop
            });
            // Exchangers of an unknown literal are nobody.
            let hops: Vec<_> = each.filter(|hop| *hop != NextHop::Local).collect();
            let next_hop = match <[NextHop; 1]>::try_from(hops) {
                Ok([hop]) => hop,
                Err(hops) => NextHop::Hosts(hops),
            };
            Routed { next_hop, via: rule.via.clone(), reason: rule.reason(text) }
        }
        (transport, _) => Routed {
            // Only `mx` asks for the domain.
            next_hop: NextHop::by_fixed(transport),
            via: rule.via.clone(),
            reason: rule.reason(text),
        },
    }
}
