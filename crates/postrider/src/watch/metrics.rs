//! The figures of a server in the form of OpenMetrics.
//!
//! They are views: counts since the start, and what the spool and the engine hold now. Queues are
//! named while there are few; beyond [`QUEUES_NAMED`] only their sums are told, so that a list of a
//! million domains does not become a million series.

use std::fmt;
use std::time::SystemTime;

use engine::{Engine, Load, Totals};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use spool::{QueueStat, SpoolError};

/// What `text` is.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Queues with series of their own, the fullest first.
const QUEUES_NAMED: usize = 100;
/// Queues looked at in one step.
const PAGE: usize = 1000;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetricsError {
    #[error("the spool does not tell: {0}")]
    Spool(#[from] SpoolError),
    #[error("the figures cannot be written")]
    Form(#[from] fmt::Error),
}

/// Everything at one moment.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) counted: Totals,
    pub(super) load: Load,
    pub(super) ready: bool,
    pub(super) queues: Queues,
}

/// The queues, summed, and the fullest of them.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) count: u64,
    pub(super) jobs: u64,
    pub(super) held: u64,
    pub(super) claimed: u64,
    pub(super) overdue: u64,
    pub(super) fullest: Vec<(String, u64)>,
}

impl Queues {
    pub(super) fn add(&mut self, queue: QueueStat, now: SystemTime) {
        self.count += 1;
        self.jobs += queue.jobs;
        self.held += queue.held;
        self.claimed += queue.claimed;
        self.overdue += u64::from(queue.next_due.is_some_and(|due| due < now));
        let place = self.fullest.partition_point(|(_, jobs)| *jobs >= queue.jobs);
        if place < QUEUES_NAMED {
            self.fullest.insert(place, (queue.queue, queue.jobs));
            self.fullest.truncate(QUEUES_NAMED);
        }
    }
}

/// The figures of `engine` as text.
pub(super) async fn text(engine: &Engine) -> Result<String, MetricsError> {
    let (mut queues, mut after) = (Queues::default(), None::<String>);
    let now = SystemTime::now();
    loop {
        let page = engine.queues(after.as_deref(), PAGE).await?;
        let whole = page.len() == PAGE;
        after = page.last().map(|queue| queue.queue.clone());
        page.into_iter().for_each(|queue| queues.add(queue, now));
        if !whole {
            break;
        }
    }
    let ready = engine.unready().is_none();
    let figures = Figures { counted: engine.totals(), load: engine.load(), ready, queues };
    Ok(written(figures)?)
}

pub(super) fn written(figures: Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("postrider");
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (counted, load, queues) = (&self.counted, &self.load, &self.queues);
        let counts = [
            ("sessions", "Connections that were greeted or turned away", counted.sessions),
            ("sessions_refused", "Connections that were turned away", counted.refused_sessions),
            ("messages", "Messages that the spool took, reports included", counted.messages),
            ("recipients", "Recipients of these messages", counted.recipients),
            (
                "envelope_refused",
                "Senders and recipients that were refused",
                counted.refused_commands,
            ),
            (
                "messages_refused",
                "Whole messages that were refused or could not be stored",
                counted.refused_messages,
            ),
            ("delivered", "Recipients whose mail is delivered or relayed", counted.delivered),
            ("deferred", "Attempts of recipients that are to be made again", counted.deferred),
            ("returned", "Recipients whose mail was returned or dropped", counted.returned),
            ("reports", "Delivery status notifications written", counted.reports),
            ("logins_failed", "Logins that failed", counted.failed_logins),
        ];
        for (name, help, value) in counts {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let gauges = [
            ("ready", "1 while new mail is taken", u64::from(self.ready)),
            ("sessions_open", "Sessions open now", load.sessions as u64),
            ("workers", "Workers that try jobs or wait for one", load.workers as u64),
            ("jobs_in_hand", "Jobs that wait for a worker", load.jobs),
            ("content_memory_bytes", "Content kept until its first attempt", load.memory),
            ("queues", "Queues that hold jobs", queues.count),
            ("queues_overdue", "Queues whose first job waits for its turn", queues.overdue),
            ("jobs", "Jobs in the spool", queues.jobs),
            ("jobs_held", "Jobs that the operator holds", queues.held),
            ("jobs_active", "Jobs that are being tried or are in hand", queues.claimed),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let help = "Jobs in the fullest queues";
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor("queue_jobs", help, None, kind)?;
        for (queue, jobs) in &queues.fullest {
            let gauge = ConstGauge::new(i64::try_from(*jobs).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&[("queue", queue.as_str())])?)?;
        }
        Ok(())
    }
}
