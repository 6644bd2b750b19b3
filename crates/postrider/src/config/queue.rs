//! `[queue]`: how long and how often mail is tried.

use std::time::Duration;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::{Section, Value};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "queue",
    text: "How long and how often mail is tried (RFC 5321 §4.5.4.1).",
    options: &[
        OptionDoc {
            key: "expire",
            default: Shown::Value("\"5d\""),
            text: "When mail that could not be delivered goes back to its sender. The standard says 4 to 5 days.",
        },
        OptionDoc {
            key: "expire-reports",
            default: Shown::Value("\"1d\""),
            text: "The same for mail without a sender to go back to, mostly reports: it is dropped.",
        },
        OptionDoc {
            key: "retry",
            default: Shown::Value("[\"10m\", \"30m\", \"1h\", \"2h\", \"3h\"]"),
            text: "The pauses after failed attempts; the last one repeats. The first is short because many hosts\n\
                   turn away a first attempt for some minutes; the standard's letter is \"30m\".",
        },
        OptionDoc {
            key: "delay-notice",
            default: Shown::Value("\"4h\""),
            text: "When the sender is told that mail is late, once. \"never\": not at all.",
        },
        OptionDoc {
            key: "destination-connections",
            default: Shown::Value("20"),
            text: "Connections to one destination at once.",
        },
        OptionDoc {
            key: "paused",
            default: Shown::Value("false"),
            text: "true: mail is taken and kept, and nothing is tried.",
        },
    ],
};

/// `[queue]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// When mail goes back.
    pub expire: Duration,
    /// When mail with a null reverse-path is dropped.
    pub expire_reports: Duration,
    /// The pauses, at least one, none shorter than the one before; the last repeats.
    pub retry: Vec<Duration>,
    /// When the sender is told of a delay, if ever.
    pub delay_notice: Option<Duration>,
    /// Connections to one destination.
    pub destination_connections: usize,
    /// Whether nothing is tried.
    pub paused: bool,
}

pub(super) fn read(section: &Section<'_>) -> Queue {
    section.only(&DOC, &[]);
    let queue = Queue {
        expire: section.duration("expire").unwrap_or(5 * DAY),
        expire_reports: section.duration("expire-reports").unwrap_or(DAY),
        retry: section
            .get("retry")
            .and_then(|value| read_retry(&value))
            .unwrap_or_else(|| vec![10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR]),
        delay_notice: read_delay(section),
        destination_connections: section
            .number("destination-connections", 1..=10_000)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(20),
        paused: section.boolean("paused").unwrap_or(false),
    };
    tell_contradictions(section, &queue);
    queue
}

fn read_delay(section: &Section<'_>) -> Option<Duration> {
    let Some(value) = section.get("delay-notice") else { return Some(4 * HOUR) };
    match value.text_quietly() {
        Some("never") => None,
        _ => value.duration(),
    }
}

fn read_retry(value: &Value<'_>) -> Option<Vec<Duration>> {
    let items = value.items();
    if items.is_empty() {
        value.tell(
            "`queue.retry` is empty",
            "at least one pause",
            "like [\"30m\", \"1h\", \"3h\"]",
        );
        return None;
    }
    let mut pauses: Vec<Duration> = Vec::new();
    for item in &items {
        let Some(pause) = item.duration() else { continue };
        if pause < Duration::from_secs(1) {
            item.tell(
                "a pause is too short",
                "at least \"1s\"",
                "others block hosts that hammer them",
            );
        } else if pauses.last().is_some_and(|&before| pause < before) {
            let remedy = "write the pauses from the shortest to the longest";
            item.tell("a pause is shorter than the one before", "at least the one before", remedy);
        } else {
            pauses.push(pause);
        }
    }
    (!pauses.is_empty()).then_some(pauses)
}

/// What each value allows and both together do not.
fn tell_contradictions(section: &Section<'_>, queue: &Queue) {
    let first = queue.retry.first().copied().unwrap_or_default();
    for (key, expire) in [("expire", queue.expire), ("expire-reports", queue.expire_reports)] {
        if expire <= first
            && let Some(value) = section.get(key).or_else(|| section.get("retry"))
        {
            let title = format!("mail would expire before its second attempt (`queue.{key}`)");
            value.tell(&title, "more time than the first pause of retry", "the default is \"5d\"");
        }
    }
}
