//! `[limits]`: what one peer may ask of us.

use std::time::Duration;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "limits",
    text: "What one peer may ask of us. The least values are those of RFC 5321 §4.5.3.",
    options: &[
        OptionDoc {
            key: "message-size",
            default: Shown::Value("\"50MB\""),
            text: "The largest message taken, announced with SIZE. At least \"64KB\".",
        },
        OptionDoc {
            key: "recipients",
            default: Shown::Value("1000"),
            text: "Recipients of one transaction; more get \"452 too many recipients\". At least 100.",
        },
        OptionDoc {
            key: "sessions",
            default: Shown::Value("10000"),
            text: "Sessions at once; more are answered 421. Each needs a file descriptor.",
        },
        OptionDoc {
            key: "errors",
            default: Shown::Value("20"),
            text: "Replies to mistakes before a session is ended with 421.",
        },
        OptionDoc {
            key: "command-timeout",
            default: Shown::Value("\"5m\""),
            text: "How long we wait for the next command. The standard says at least 5 minutes.",
        },
        OptionDoc {
            key: "data-timeout",
            default: Shown::Value("\"3m\""),
            text: "How long we wait for the next part of a message; also bounds a sender that only trickles.",
        },
    ],
};

/// `[limits]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Octets of a message.
    pub message_size: u64,
    /// Recipients of a transaction.
    pub recipients: usize,
    /// Sessions at once.
    pub sessions: usize,
    /// Mistakes in a session.
    pub errors: u32,
    /// For the next command.
    pub command_timeout: Duration,
    /// For the next part of a message.
    pub data_timeout: Duration,
}

pub(super) fn read(section: &Section<'_>) -> Limits {
    section.only(&DOC, &[]);
    let count = |key, least, default: usize| {
        let number = section.number(key, least..=1_000_000);
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    let errors = section.number("errors", 1..=1_000_000);
    let limits = Limits {
        message_size: section.size("message-size").unwrap_or(50_000_000),
        recipients: count("recipients", 100, 1000),
        sessions: count("sessions", 1, 10_000),
        errors: errors.and_then(|number| u32::try_from(number).ok()).unwrap_or(20),
        command_timeout: section.duration("command-timeout").unwrap_or(Duration::from_secs(300)),
        data_timeout: section.duration("data-timeout").unwrap_or(Duration::from_secs(180)),
    };
    let short = Duration::from_secs(1);
    for (key, timeout) in
        [("command-timeout", limits.command_timeout), ("data-timeout", limits.data_timeout)]
    {
        if let Some(value) = section.get(key).filter(|_| timeout < short) {
            let title = format!("`limits.{key}` leaves no time");
            value.tell(&title, "at least \"1s\"", "slow hosts would never get through");
        }
    }
    if let Some(value) = section.get("message-size").filter(|_| limits.message_size < 64_000) {
        let remedy = "every host has to take 64 KB (RFC 5321 §4.5.3.1.7)";
        value.tell("`limits.message-size` is too small", "at least \"64KB\"", remedy);
    }
    limits
}
