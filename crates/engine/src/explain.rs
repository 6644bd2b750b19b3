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
use queue::copy::{self, Copy};
use queue::expansion::{self, Answers, Expanded, Kind, Node, Progress};
use queue::reason::Reason;
use queue::record::Class;
use queue::rewrite::Change;
use queue::route::{NextHop, Routed, Sender, route_recipient};
use queue::schedule::Rank;
use queue::search::{Exchanger, Facts, Failure, Search, Step};
use queue::srs;
use queue::submission::{self, Identity};
use queue::target::Target;

use crate::depart::Departure;
use crate::security::{Demand, Way};
use crate::smarthost::Account;
use crate::{Engine, Options, Shared, admit, copies, expand, rewrite};

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
    /// Addresses of its envelope that become others.
    pub rewritten: Vec<Change>,
    /// Who it is for in the end; none where it is not taken.
    pub expansion: Option<Spread>,
    /// Who gets a copy for an archive, with those who stand for him.
    pub copies: Vec<Node>,
    /// The way to each of them.
    pub ends: Vec<End>,
}

/// What an address comes to.
#[derive(Clone, Debug, Default)]
pub enum Spread {
    /// Nothing stands for it.
    #[default]
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
    /// Why that is an address of ours (SRS).
    pub forwarded: Option<Reason>,
    /// Where it ends, if the address does not say so.
    pub target: Option<Target>,
    /// What its message is to us.
    pub class: Class,
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
            let (rewritten, copies, ends) = Default::default();
            return Explanation { sender, recipient, rewritten, expansion: None, copies, ends };
        }
        let Course { rewritten, spread, copies, envelopes } =
            course(shared, &options, inquiry).await;
        let mut ends = Vec::new();
        for (Expanded { envelope, targets, .. }, class, forwarded) in envelopes {
            for (number, recipient) in (0..).zip(&envelope.recipients) {
                let target = targets.get(&number).cloned();
                let mut end = end(shared, &options, &envelope, class, recipient, target).await;
                end.forwarded = forwarded.clone();
                ends.push(end);
            }
        }
        Explanation { sender, recipient, rewritten, expansion: Some(spread), copies, ends }
    }
}

/// Whether the letter is from an author or host of ours.
fn is_own(options: &Options, inquiry: &Inquiry) -> bool {
    inquiry.identity.is_some() || options.access.trusts(inquiry.client)
}

/// What MAIL and RCPT would be answered.
async fn access(
    shared: &Shared,
    options: &Options,
    inquiry: &Inquiry,
) -> (Verdict<()>, Verdict<Accepted>) {
    let Inquiry { from, to, client, identity } = inquiry;
    let rules = &options.access;
    let now = shared.world.clock.wall();
    if let Some(verdict) = options.srs.as_ref().and_then(|srs| srs::recipient(srs, to, now)) {
        let verdict = match verdict {
            Verdict::Accept { accepted, reason } => {
                Verdict::Accept { accepted: Accepted { mailbox: accepted, user: None }, reason }
            }
            Verdict::Refuse { reply, reason } => Verdict::Refuse { reply, reason },
        };
        return (access::sender(rules, *client, from), verdict);
    }
    let (sender, recipient) = match identity {
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
    };
    let own = is_own(options, inquiry);
    let recipient = rewrite::at_session(&shared.world, options, to, recipient, own).await;
    (sender, queue::route::at_session(&options.routes, rules, recipient, to))
}

/// What becomes of the letter before it is in the spool.
#[derive(Default)]
struct Course {
    rewritten: Vec<Change>,
    spread: Spread,
    copies: Vec<Node>,
    /// Each with its class, and why its reverse-path is ours.
    envelopes: Vec<(Expanded, Class, Option<Reason>)>,
}

impl Course {
    fn not_now(why: String) -> Self {
        Self { spread: Spread::NotNow(Reason::new(why)), ..Self::default() }
    }
}

/// The steps of an admission, in its order.
async fn course(shared: &Shared, options: &Options, inquiry: &Inquiry) -> Course {
    let recipient =
        Recipient { path: inquiry.to.clone(), parameters: RecipientParameters::default() };
    let mut envelope = Envelope {
        reverse_path: inquiry.from.clone(),
        parameters: MailParameters::default(),
        recipients: vec![recipient],
    };
    let (world, now) = (&shared.world, shared.world.clock.wall());
    let own = is_own(options, inquiry);
    let rewritten = match rewrite::envelope(world, options, &mut envelope, own).await {
        Ok(rewritten) => rewritten,
        Err(why) => return Course::not_now(why),
    };
    for recipient in &mut envelope.recipients {
        let reversed =
            options.srs.as_ref().and_then(|srs| srs::recipient(srs, &recipient.path, now));
        if let Some(Verdict::Accept { accepted, .. }) = reversed {
            recipient.path = ForwardPath::Mailbox(accepted);
        }
    }
    let copies = match copies::decide(world, options, &envelope).await {
        Ok(copies) => copies,
        Err(why) => return Course::not_now(why),
    };
    let came = envelope.reverse_path.clone();
    let parameters = envelope.parameters.clone();
    let (spread, expanded) = self::spread(shared, options, envelope).await;
    let mut course = Course { rewritten, spread, ..Course::default() };
    for mut expanded in expanded {
        let srs = options.srs.as_ref();
        let forwarded =
            srs.and_then(|srs| srs::apply(srs, &options.access, &came, &mut expanded, now));
        course.envelopes.push((expanded, Class::Ordinary, forwarded));
    }
    let Some(rules) = &options.copies else { return course };
    for Copy { to, reason, .. } in copies {
        let own = copy::envelope(rules, &parameters, &to);
        let (spread, expanded) = self::spread(shared, options, own).await;
        let members = match spread {
            Spread::Trees(trees) => trees.into_iter().flat_map(|tree| tree.members).collect(),
            Spread::Plain | Spread::NotNow(_) => Vec::new(),
        };
        let path = ForwardPath::Mailbox(to);
        course.copies.push(Node { path, kind: Kind::Copy, reason, members });
        course.envelopes.extend(expanded.into_iter().map(|one| (one, Class::Copy, None)));
    }
    course
}

async fn spread(shared: &Shared, options: &Options, envelope: Envelope) -> (Spread, Vec<Expanded>) {
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
    class: Class,
    recipient: &Recipient,
    target: Option<Target>,
) -> End {
    let path = recipient.path.clone();
    let from = &envelope.reverse_path;
    let rule = admit::by_sender(&shared.world, options, from).await;
    let (rule, unknown) = match rule {
        Ok(rule) => (rule, None),
        Err(why) => (None, Some(why)),
    };
    let sender = Sender { path: from, rule: rule.as_ref() };
    let mut routed =
        route_recipient(&options.routes, &options.access, sender, &path, target.as_ref());
    if let Some(why) = unknown {
        let text =
            format!("not known now, so it is answered 451: {why}; else {}", routed.reason.text);
        routed.reason.text = text.into();
    }
    let (parameters, many) = (&envelope.parameters, envelope.recipients.len());
    let rank = Rank::of_class(class, &envelope.reverse_path, parameters, many);
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
        forwarded: None,
        class,
        user: options.access.user(&path),
        path,
        target,
        limits: options.limits.of(&routed.next_hop).reasons(),
        routed,
        hops,
        tries: tries.map(since).collect(),
        notice: options.schedule.notice(rank).filter(|_| !from.is_null()),
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
