//! Who is next at one destination: letters of many senders share it fairly.
//!
//! Every sender has a lane. A letter costs as much as it has recipients, and its turn comes when as
//! much of every other waiting lane has gone as of its own (start-time fair queueing): a list with
//! ten thousand letters in line delays the first letter of somebody else by one letter. Letters of
//! one sender keep their order. Priority (RFC 6710) moves a letter ahead by a fixed number of turns,
//! so that what has waited long enough is not overtaken any more.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hash, Hasher};

use mail::{Domain, ReversePath};

use crate::record::{Class, Origin, Stored};

/// How many turns one step of priority overtakes.
const OVERTAKES: i64 = 100;
/// Turns that one letter costs at most.
const COST_MAX: usize = 1000;
/// Lanes that nobody waits in, kept before they are swept.
const SPARE: usize = 64;

/// The lane of a sender.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Lane(u64);

impl Lane {
    /// The lane of a message: that of the login it came with, or else of its reverse-path without
    /// what differs from letter to letter of one list (VERP, SRS, BATV, tags). Reports of ours have
    /// one together.
    pub fn of(reverse_path: &ReversePath, origin: &Origin, class: Class) -> Self {
        let mut hasher = DefaultHasher::new();
        match (reverse_path, &origin.login) {
            (_, Some(login)) => (1_u8, login).hash(&mut hasher),
            (ReversePath::Null, None) if class != Class::Ordinary => 2_u8.hash(&mut hasher),
            (ReversePath::Null, None) => (3_u8, origin.client).hash(&mut hasher),
            (ReversePath::Mailbox(mailbox), None) => {
                (4_u8, base(mailbox.local.as_str())).hash(&mut hasher);
                match &mailbox.domain {
                    Domain::Name(name) => name.hash(&mut hasher),
                    Domain::Literal(literal) => literal.hash(&mut hasher),
                }
            }
        }
        Self(hasher.finish())
    }
}

/// What all letters of one list have in common in their local-parts: `bounces+7-ada=example.org`
/// and `bounces+8-bob=example.org`, `prvs=1234=ada`, `SRS0=aa=bb=example.org=ada`.
fn base(local: &str) -> &str {
    let ends: &[char] = if local.contains('=') { &['+', '-', '='] } else { &['+'] };
    match local.find(ends) {
        Some(0) | None => local,
        Some(end) => local.get(..end).unwrap_or(local),
    }
}

/// What decides about the place of a letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// Whose it is.
    pub lane: Lane,
    /// Recipients.
    pub cost: usize,
    /// As its sender said (RFC 6710), from -9 to 9.
    pub priority: i8,
}

impl Ticket {
    /// For a letter with so many open recipients.
    pub fn of(stored: &Stored, recipients: usize) -> Self {
        Self {
            lane: Lane::of(&stored.reverse_path, &stored.origin, stored.class),
            cost: recipients,
            priority: stored.parameters.priority.unwrap_or(0),
        }
    }
}

struct Waiting<T> {
    /// The lowest is next; of the same, the one that came first.
    turn: (i64, i64),
    /// Where it begins in the time of the line, priority aside.
    start: i64,
    lane: Lane,
    item: T,
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.turn.cmp(&self.turn)
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl<T> Eq for Waiting<T> {}

#[derive(Default)]
struct Used {
    /// Where its last letter ends.
    finish: i64,
    waiting: usize,
}

/// The line before one destination.
pub struct Line<T> {
    waiting: BinaryHeap<Waiting<T>>,
    lanes: BTreeMap<Lane, Used>,
    /// Where the last letter that left began.
    clock: i64,
    /// The furthest finish of all lanes.
    latest: i64,
    came: i64,
    gave_back: i64,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            lanes: BTreeMap::new(),
            clock: 0,
            latest: 0,
            came: 0,
            gave_back: 0,
        }
    }
}

impl<T> Line<T> {
    /// Letters in line.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Letters in line of this sender.
    pub fn of_lane(&self, lane: Lane) -> usize {
        self.lanes.get(&lane).map_or(0, |used| used.waiting)
    }

    /// Senders known.
    #[cfg(test)]
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Puts `item` in line.
    pub fn push(&mut self, item: T, ticket: Ticket) {
        let cost = i64::try_from(ticket.cost.clamp(1, COST_MAX)).unwrap_or(1);
        let used = self.lanes.entry(ticket.lane).or_default();
        let start = used.finish.max(self.clock);
        used.finish = start + cost;
        used.waiting += 1;
        self.latest = self.latest.max(used.finish);
        self.came += 1;
        let turn = (start - i64::from(ticket.priority) * OVERTAKES, self.came);
        self.waiting.push(Waiting { turn, start, lane: ticket.lane, item });
    }

    /// Puts back `item`, which had its turn and could not use it: it is the next one.
    pub fn give_back(&mut self, item: T, lane: Lane) {
        let first = self.waiting.peek().map_or(self.clock, |first| first.turn.0);
        self.gave_back -= 1;
        self.lanes.entry(lane).or_default().waiting += 1;
        let turn = (first, self.gave_back);
        self.waiting.push(Waiting { turn, start: self.clock, lane, item });
    }

    /// The next.
    pub fn pop(&mut self) -> Option<T> {
        let Waiting { start, lane, item, .. } = self.waiting.pop()?;
        if let Some(used) = self.lanes.get_mut(&lane) {
            used.waiting = used.waiting.saturating_sub(1);
        }
        self.clock = match self.waiting.is_empty() {
            // Nobody waits: nobody owes anybody anything.
            true => self.latest,
            false => self.clock.max(start),
        };
        if self.lanes.len() > SPARE + 2 * self.waiting.len() {
            let clock = self.clock;
            self.lanes.retain(|_, used| used.waiting > 0 || used.finish > clock);
        }
        Some(item)
    }

    /// Takes the first that `wanted` means out of the line, wherever it stands.
    pub fn take_out(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let mut waiting = std::mem::take(&mut self.waiting).into_vec();
        let place = waiting.iter().position(|waiting| wanted(&waiting.item));
        let taken = place.map(|place| waiting.swap_remove(place));
        self.waiting = waiting.into();
        let Waiting { lane, item, .. } = taken?;
        if let Some(used) = self.lanes.get_mut(&lane) {
            used.waiting = used.waiting.saturating_sub(1);
        }
        Some(item)
    }

    /// The next without its turn being taken.
    pub fn peek(&self) -> Option<&T> {
        self.waiting.peek().map(|waiting| &waiting.item)
    }
}
