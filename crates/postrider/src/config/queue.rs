//! `[queue]`: how long and how often mail is tried.

use std::time::Duration;

use queue::schedule::rate::Rate;

use super::destination;
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
            key: "expire-urgent",
            default: Shown::Example("\"1d\""),
            text: "The same for mail whose sender says that it is urgent (MT-PRIORITY above 0); as `expire` where\n\
                   it is not said.",
        },
        OptionDoc {
            key: "expire-bulk",
            default: Shown::Example("\"2d\""),
            text: "The same for mail to more than 50 recipients, or of a priority below 0; as `expire` where it\n\
                   is not said.",
        },
        OptionDoc {
            key: "retry",
            default: Shown::Value("[\"10m\", \"30m\", \"1h\", \"2h\", \"3h\"]"),
            text: "The pauses after failed attempts; the last one repeats. The first is short because many hosts\n\
                   turn away a first attempt for some minutes; the standard's letter is \"30m\". A host that says\n\
                   how long to wait (\"try again in 300 seconds\") is believed, from 30s to 6h.",
        },
        OptionDoc {
            key: "delay-notice",
            default: Shown::Value("\"4h\""),
            text: "When the sender is told that mail is late, once. \"never\": not at all.",
        },
        OptionDoc {
            key: "delay-notice-urgent",
            default: Shown::Example("\"30m\""),
            text: "The same for urgent mail; as `delay-notice` where it is not said.",
        },
        OptionDoc {
            key: "delay-notice-bulk",
            default: Shown::Example("\"never\""),
            text: "The same for mail to many; as `delay-notice` where it is not said.",
        },
        OptionDoc {
            key: "double-bounce",
            default: Shown::Value("\"postmaster\""),
            text: "What becomes of a report of ours that cannot be delivered: \"postmaster\": this host's\n\
                   postmaster is told, once; \"drop\": only the log tells of it.",
        },
        OptionDoc {
            key: "destination-connections",
            default: Shown::Value("20"),
            text: "Connections to one destination at once, at most. It begins with 5, gets one more for each\n\
                   letter that is taken, and fewer when it is too much for it. Mailboxes get 100 letters\n\
                   at once, whatever stands here.",
        },
        OptionDoc {
            key: "destination-letters",
            default: Shown::Value("0"),
            text: "Letters over one connection, at most. 0: any number, within five minutes.",
        },
        OptionDoc {
            key: "destination-recipients",
            default: Shown::Value("100"),
            text: "Recipients of one transaction, at most; every server takes 100. One that takes fewer is given\n\
                   fewer from then on.",
        },
        OptionDoc {
            key: "destination-rate",
            default: Shown::Value("\"none\""),
            text: "Letters to one destination in a time, like \"100/min\", \"20/10s\" or \"5000/h\": never more in any\n\
                   such time. What is beyond it waits, and holds up nobody else. \"none\": as fast as it goes.",
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
    /// When urgent mail goes back.
    pub expire_urgent: Duration,
    /// When mail to many goes back.
    pub expire_bulk: Duration,
    /// The pauses, at least one, none shorter than the one before; the last repeats.
    pub retry: Vec<Duration>,
    /// When the sender is told of a delay, if ever.
    pub delay_notice: Option<Duration>,
    /// The same for urgent mail.
    pub delay_notice_urgent: Option<Duration>,
    /// The same for mail to many.
    pub delay_notice_bulk: Option<Duration>,
    /// Whether the postmaster is told of reports that cannot be delivered.
    pub double_bounces: bool,
    /// Connections to one destination.
    pub destination_connections: usize,
    /// Letters over one connection.
    pub destination_letters: Option<u32>,
    /// Recipients of one transaction.
    pub destination_recipients: usize,
    /// Letters to one destination in a time.
    pub destination_rate: Option<Rate>,
    /// Whether nothing is tried.
    pub paused: bool,
}

pub(super) fn read(section: &Section<'_>) -> Queue {
    section.only(&DOC, &[]);
    let expire = section.duration("expire").unwrap_or(5 * DAY);
    let delay_notice = read_delay(section, "delay-notice", Some(4 * HOUR));
    let queue = Queue {
        expire,
        expire_urgent: section.duration("expire-urgent").unwrap_or(expire),
        expire_bulk: section.duration("expire-bulk").unwrap_or(expire),
        expire_reports: section.duration("expire-reports").unwrap_or(DAY),
        retry: section
            .get("retry")
            .and_then(|value| read_retry(&value))
            .unwrap_or_else(|| vec![10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR]),
        delay_notice,
        delay_notice_urgent: read_delay(section, "delay-notice-urgent", delay_notice),
        delay_notice_bulk: read_delay(section, "delay-notice-bulk", delay_notice),
        double_bounces: read_double_bounce(section),
        destination_connections: destination::connections(section, "destination-connections")
            .unwrap_or(20),
        destination_letters: destination::letters(section, "destination-letters").flatten(),
        destination_recipients: destination::recipients(section, "destination-recipients")
            .unwrap_or(100),
        destination_rate: destination::rate(section, "destination-rate").flatten(),
        paused: section.boolean("paused").unwrap_or(false),
    };
    tell_contradictions(section, &queue);
    queue
}

fn read_double_bounce(section: &Section<'_>) -> bool {
    let Some(value) = section.get("double-bounce") else { return true };
    match value.text() {
        Some("postmaster") | None => true,
        Some("drop") => false,
        Some(_) => {
            let remedy = "another reader: an alias of postmaster";
            value.wrong::<()>("\"postmaster\" or \"drop\"", remedy);
            true
        }
    }
}

fn read_delay(section: &Section<'_>, key: &str, default: Option<Duration>) -> Option<Duration> {
    let Some(value) = section.get(key) else { return default };
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
    let lives = [
        ("expire", queue.expire),
        ("expire-reports", queue.expire_reports),
        ("expire-urgent", queue.expire_urgent),
        ("expire-bulk", queue.expire_bulk),
    ];
    // What follows `expire` is told of there.
    let said = lives.into_iter().filter(|(key, _)| {
        !matches!(*key, "expire-urgent" | "expire-bulk") || section.get(key).is_some()
    });
    for (key, expire) in said {
        if expire <= first
            && let Some(value) = section.get(key).or_else(|| section.get("retry"))
        {
            let title = format!("mail would expire before its second attempt (`queue.{key}`)");
            value.tell(&title, "more time than the first pause of retry", "the default is \"5d\"");
        }
    }
}
