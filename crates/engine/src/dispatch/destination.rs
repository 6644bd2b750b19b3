//! What is known of one next hop while there is work for it, or a failure to remember.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use queue::reason::Reason;
use queue::schedule::crowd::{Crowd, Went};
use queue::schedule::limits::Limits;
use queue::schedule::line::{Line, Ticket};
use queue::schedule::rate::Pace;
use queue::schedule::{self, Destination as BackOff, Gate};
use tokio::sync::Notify;

use super::{Ending, Job};

/// One next hop.
pub(super) struct Destination {
    pub(super) line: Line<Job>,
    /// With those that leave: they have their connections until they have said goodbye.
    pub(super) workers: usize,
    pub(super) leaving: usize,
    pub(super) idle: usize,
    pub(super) wake: Arc<Notify>,
    pub(super) back_off: BackOff,
    pub(super) failure: Option<Ending>,
    /// One worker tries whether it is still dead; the others leave it the field.
    pub(super) probing: bool,
    /// Sessions that are open.
    pub(super) sessions: usize,
    /// The operator's bounds.
    pub(super) limits: Limits,
    /// How many connections it bears.
    pub(super) crowd: Crowd,
    /// When letters to it began, where their rate is limited.
    pub(super) pace: Pace,
    /// As much as its rate allows has gone: it is woken when there may be more.
    pub(super) resting: bool,
    /// Recipients that it has taken in one transaction when it was offered more.
    pub(super) recipients: Option<usize>,
    /// Jobs in line below which more are claimed, once.
    pub(super) low: Option<usize>,
}

impl Destination {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            line: Line::default(),
            workers: 0,
            leaving: 0,
            idle: 0,
            wake: Arc::default(),
            back_off: BackOff::default(),
            failure: None,
            probing: false,
            sessions: 0,
            limits,
            crowd: Crowd::default(),
            pace: Pace::default(),
            resting: false,
            recipients: None,
            low: None,
        }
    }

    /// Puts `job` in line.
    pub(super) fn queue_up(&mut self, job: Job, ticket: Ticket) {
        self.line.push(job, ticket);
        if self.idle > 0 && !self.resting {
            self.wake.notify_one();
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.back_off.fails() == 0
    }

    /// Workers at most, now.
    pub(super) fn most(&self) -> usize {
        match self.is_healthy() {
            true => self.crowd.limit(self.limits.connections.value),
            false => 1,
        }
    }

    /// Whether more waits than its workers see to.
    pub(super) fn wants_worker(&self) -> bool {
        !self.resting && self.line.len() > self.idle && self.workers < self.most()
    }

    /// Whether fewer workers are wanted than there are.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_healthy() && self.workers > self.most() + self.leaving
    }

    /// Until when nothing may go to it because enough has gone.
    pub(super) fn rests_until(&self, now: impl Fn() -> Instant) -> Option<Instant> {
        let rate = self.limits.rate.value.as_ref()?;
        self.pace.waits_until(rate, now())
    }

    /// `job` is tried now.
    pub(super) fn begin(&mut self, job: &Job, now: impl Fn() -> Instant) {
        if let Some(rate) = &self.limits.rate.value {
            let transactions = job.open.len().div_ceil(self.limits.recipients.value.max(1));
            self.pace.begin(rate, transactions, now());
        }
    }

    /// What holds for it, bounds of the operator first.
    pub(super) fn reasons(&self, now: SystemTime, moment: Instant) -> Vec<Reason> {
        let mut reasons = self.limits.reasons();
        reasons.push(self.crowd.reason(self.limits.connections.value, moment));
        if let Some(recipients) = self.recipients {
            let text =
                format!("it has taken {recipients} recipients at once, and put off the others");
            reasons.push(Reason::new(text));
        }
        reasons.extend(self.waits(now, moment));
        reasons
    }

    /// What keeps its jobs waiting.
    pub(super) fn waits(&self, now: SystemTime, moment: Instant) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Some(until) = self.rests_until(|| moment) {
            let wait = schedule::words(until.duration_since(moment));
            let text = format!(
                "{} letters wait in hand; as many as the rate allows have gone, the next one goes in {wait}",
                self.line.len()
            );
            reasons.push(Reason::new(text));
        }
        if let Gate::Closed { reason, .. } = self.back_off.gate(now) {
            reasons.push(reason);
        }
        reasons
    }

    /// How an attempt went.
    pub(super) fn learn(&mut self, went: Went, now: impl Fn() -> Instant) {
        let most = self.limits.connections.value;
        match went {
            Went::Well => self.crowd.well(most, now()),
            Went::Strained => self.crowd.strained(most, now()),
            Went::Neither => {}
        }
    }

    /// Nobody works for it and nothing waits.
    pub(super) fn is_quiet(&self) -> bool {
        self.line.is_empty() && self.workers == 0 && self.sessions == 0
    }

    /// Nothing is left to know of it.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_quiet()
            && self.is_healthy()
            && self.limits.rate.value.is_none()
            && !self.crowd.is_troubled()
    }

    /// What is known of it may be forgotten for the sake of others: all but how much has gone.
    pub(super) fn is_spare(&self, now: Instant) -> bool {
        self.is_quiet()
            && self.limits.rate.value.as_ref().is_none_or(|rate| self.pace.is_over(rate, now))
    }

    /// The probe is over; what it found is told by `alive` or `dead`, or it found nothing.
    pub(super) fn end_probe(&mut self) {
        if std::mem::take(&mut self.probing) {
            self.back_off.forget_probe();
        }
    }

    pub(super) fn leave(&mut self) {
        self.workers = self.workers.saturating_sub(1);
    }
}
