//! What would become of a letter, by the decisions that would be made about it, without a letter:
//! access, expansion, route, exchangers, transport policy, limits, schedule, each with its reason.
//!
//! The decisions are those of the flows, with the same options through the same doors. Names are
//! asked for, tables looked up and policies fetched; nothing is dialled, nothing is taken.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail::{Envelope, ForwardPath, MailParameters, Recipient, RecipientParameters, ReversePath};
use queue::access::{self, Accepted, Verdict};
use queue::expansion::{self, Answers, Expanded, Node, Progress};
use queue::reason::Reason;
use queue::record::HeadEdits;
use queue::route::{NextHop, Routed, route_recipient};
use queue::schedule::Rank;
use queue::search::{Exchanger, Facts, Failure, Search, Step};
use queue::submission::{self, Identity};
use queue::target::Target;

use crate::depart::Departure;
use crate::security::{Demand, Way};
use crate::smarthost::Account;
use crate::{Engine, Options, Shared, expand};

/// Tries that are told of.
const TRIES: usize = 12;

/// The letter that is asked about.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Its reverse-path.
    pub from: ReversePath,
    /// Its recipient.
    pub to: ForwardPath,
    /// Where it comes from; none: this host.
    pub client: Option<IpAddr>,
    /// As whom its author has logged in.
    pub identity: Option<Identity>,
}

/// What would become of it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Whether it may begin.
    pub sender: Verdict<()>,
    /// Whether its recipient is taken.
    pub recipient: Verdict<Accepted>,
    /// Who it is for in the end; none where it is not taken.
    pub expansion: Option<Spread>,
    /// The way to each of them.
    pub ends: Vec<End>,
}

/// What an address comes to.
#[derive(Clone, Debug)]
pub enum Spread {
    /// Nothing stands for it.
    Plain,
    /// That is not known now.
    NotNow(Reason),
    /// These.
    Trees(Vec<Node>),
}

/// The way to one recipient.
#[derive(Clone, Debug)]
pub struct End {
    /// The recipient.
    pub path: ForwardPath,
    /// The reverse-path that the mail to it has.
    pub from: ReversePath,
    /// Where it ends, if the address does not say so.
    pub target: Option<Target>,
    /// The user here whose mailbox it is.
    pub user: Option<String>,
    /// Where it goes next.
    pub routed: Routed,
    /// The hosts there.
    pub hops: Vec<Hop>,
    /// What the destination gets at most.
    pub limits: Vec<Reason>,
    /// When it would be tried if every try failed for now: the first of them, from the arrival.
    pub tries: Vec<Duration>,
    /// When the sender would hear that it is late.
    pub notice: Option<Duration>,
    /// When it would be given up.
    pub life: Duration,
}

/// A next hop that is another host, or hosts.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Which.
    pub hop: NextHop,
    /// How its hosts were searched, step by step.
    pub trail: Vec<Reason>,
    /// The hosts in the order in which they would be tried.
    pub hosts: Result<Vec<Host>, Failure>,
    /// How we would log in; the secret is not told.
    pub login: Option<String>,
}

/// One host.
#[derive(Clone, Debug)]
pub struct Host {
    /// It, with its addresses.
    pub exchanger: Exchanger,
    /// What the connection must be like and why, or why the host must not be used.
    pub policy: Result<String, String>,
}

impl Engine {
    /// Explains what would become of a letter.
    pub async fn explain(&self, inquiry: &Inquiry) -> Explanation {
        let shared = &self.shared;
        let options = shared.options();
        let (sender, recipient) = access(shared, &options, inquiry).await;
        let taken =
            [matches!(sender, Verdict::Accept { .. }), matches!(recipient, Verdict::Accept { .. })];
        if taken != [true, true] {
            return Explanation { sender, recipient, expansion: None, ends: Vec::new() };
        }
        let (spread, envelopes) = spread(shared, &options, inquiry).await;
        let mut ends = Vec::new();
        for Expanded { envelope, targets, .. } in envelopes {
            for (number, recipient) in (0..).zip(&envelope.recipients) {
                let target = targets.get(&number).cloned();
                ends.push(end(shared, &options, &envelope, recipient, target).await);
            }
        }
        Explanation { sender, recipient, expansion: Some(spread), ends }
    }
}

/// What MAIL and RCPT would be answered.
async fn access(
    shared: &Shared,
    options: &Options,
    inquiry: &Inquiry,
) -> (Verdict<()>, Verdict<Accepted>) {
    let Inquiry { from, to, client, identity } = inquiry;
    let rules = &options.access;
    match identity {
        Some(_) => {
            let identity = identity.as_ref();
            let decide = |answers: &_| submission::recipient(rules, identity, to, answers);
            let recipient = expand::knowing(&shared.world, decide).await;
            (submission::sender(rules, identity, from), recipient)
        }
        None => {
            let decide = |answers: &_| access::recipient_knowing(rules, *client, to, answers);
            let recipient = expand::knowing(&shared.world, decide).await;
            (access::sender(rules, *client, from), recipient)
        }
    }
}

async fn spread(shared: &Shared, options: &Options, inquiry: &Inquiry) -> (Spread, Vec<Expanded>) {
    let recipient =
        Recipient { path: inquiry.to.clone(), parameters: RecipientParameters::default() };
    let mut envelope = Envelope {
        reverse_path: inquiry.from.clone(),
        parameters: MailParameters::default(),
        recipients: vec![recipient],
    };
    if let Some(masquerade) = &options.masquerade {
        masquerade.apply(&mut envelope, &[], &mut HeadEdits::default());
    }
    let mut answers = Answers::new();
    loop {
        match expansion::expand::<&str>(&options.access, &envelope, &[], &answers) {
            Progress::Plain => {
                let plain = Expanded { envelope, targets: Default::default(), via: None };
                return (Spread::Plain, vec![plain]);
            }
            Progress::Ask(questions) => {
                expand::ask_all(&shared.world, questions, &mut answers).await;
            }
            Progress::NotNow(reason) => return (Spread::NotNow(reason), Vec::new()),
            Progress::Done(expansion) => {
                return (Spread::Trees(expansion.trees), expansion.envelopes);
            }
        }
    }
}

async fn end(
    shared: &Arc<Shared>,
    options: &Options,
    envelope: &Envelope,
    recipient: &Recipient,
    target: Option<Target>,
) -> End {
    let path = recipient.path.clone();
    let from = &envelope.reverse_path;
    let routed = route_recipient(&options.routes, &options.access, from, &path, target.as_ref());
    let rank = Rank::of(&envelope.reverse_path, &envelope.parameters, envelope.recipients.len());
    let arrival = SystemTime::UNIX_EPOCH;
    let tries = options.schedule.tries(arrival, rank, TRIES).into_iter();
    let since = |moment: SystemTime| moment.duration_since(arrival).unwrap_or_default();
    let depart = Departure::of_queue(shared, options, &routed.queue_name());
    let mut hops = Vec::new();
    for one in routed.next_hop.each() {
        hops.extend(hop(shared, options, one, &depart).await);
    }
    End {
        from: envelope.reverse_path.clone(),
        user: options.access.user(&path),
        path,
        target,
        limits: options.limits.of(&routed.next_hop).reasons(),
        routed,
        hops,
        tries: tries.map(since).collect(),
        notice: options.schedule.notice(rank),
        life: options.schedule.life(rank),
    }
}

/// The hosts of `hop`; none where it is not another host.
async fn hop(
    shared: &Arc<Shared>,
    options: &Options,
    hop: &NextHop,
    depart: &Departure,
) -> Option<Hop> {
    if !matches!(hop, NextHop::Exchangers(_) | NextHop::Host { .. }) {
        return None;
    }
    let mut way = Way::new(shared, hop, depart.login(), Demand::default());
    let facts = Facts { checked: way.asks_dane(), ..depart.facts(shared) };
    let mut search = Search::new(hop, facts, shared.world.random.next());
    let found = loop {
        match search.poll() {
            Step::Ask(questions) => {
                for question in &questions {
                    let answer = shared.names.ask(&shared.world, question).await;
                    search.answer(question, &answer);
                }
            }
            Step::Done(found) => break found,
        }
    };
    let hosts = match found {
        Err(failure) => Err(failure),
        Ok(exchangers) => {
            let mut hosts = Vec::new();
            for exchanger in exchangers {
                let policy = way.to(shared, &exchanger, Demand::default()).await;
                let policy = policy.map(|wanted| wanted.requirement.reason);
                hosts.push(Host { exchanger, policy: policy.map_err(|(refusal, _)| refusal.what) });
            }
            Ok(hosts)
        }
    };
    Some(Hop {
        hop: hop.clone(),
        trail: search.trail().to_vec(),
        hosts,
        login: Account::at(&options.smarthosts, hop, depart.login()).map(|account| account.told()),
    })
}
