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
        OptionDoc {
            key: "handshake-timeout",
            default: Shown::Value("\"1m\""),
            text: "How long the whole handshake of TLS may take.",
        },
        OptionDoc {
            key: "session-messages",
            default: Shown::Value("0"),
            text: "Messages of one session; 0: any number. Announced with LIMITS.",
        },
        OptionDoc {
            key: "recipient-domains",
            default: Shown::Value("0"),
            text: "Domains of the recipients of one transaction; 0: any number. Announced with LIMITS.",
        },
        OptionDoc {
            key: "client-connections",
            default: Shown::Value("50"),
            text: "Connections of one client at once. A client is an IPv4 address or an IPv6 /64; those in\n\
                   relay.networks are not counted. 0: any number, here and below.",
        },
        OptionDoc {
            key: "client-connection-rate",
            default: Shown::Value("200"),
            text: "New connections of one client in a minute.",
        },
        OptionDoc {
            key: "client-message-rate",
            default: Shown::Value("600"),
            text: "Messages of one client in a minute.",
        },
        OptionDoc {
            key: "client-errors",
            default: Shown::Value("30"),
            text: "Mistakes and refused recipients of one client in ten minutes before each further reply to\n\
                   it is held back; after twice as many it is turned away for a while.",
        },
        OptionDoc {
            key: "tarpit",
            default: Shown::Value("\"5s\""),
            text: "How long replies to such a client are held back. At most \"1m\".",
        },
        OptionDoc {
            key: "deliver-by-min",
            default: Shown::Value("\"0s\""),
            text: "The least time that a sender may set for delivery with DELIVERBY, or have it returned.",
        },
        OptionDoc {
            key: "hold-max",
            default: Shown::Value("\"30d\""),
            text: "How long authors may have a message held back with FUTURERELEASE; \"0s\": not at all.",
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
    /// For the whole handshake of TLS.
    pub handshake_timeout: Duration,
    /// Messages of a session; 0: any number.
    pub session_messages: u32,
    /// Domains of the recipients of a transaction; 0: any number.
    pub recipient_domains: usize,
    /// Connections of a client at once; 0: any number.
    pub client_connections: u32,
    /// New connections of a client in a minute; 0: any number.
    pub client_connection_rate: u32,
    /// Messages of a client in a minute; 0: any number.
    pub client_message_rate: u32,
    /// Mistakes of a client in ten minutes; 0: any number.
    pub client_errors: u32,
    /// How long replies are held back after more.
    pub tarpit: Duration,
    /// The least time for `BY=…;R`.
    pub deliver_by_min: Duration,
    /// The longest time of a hold.
    pub hold_max: Duration,
}

pub(super) fn read(section: &Section<'_>) -> Limits {
    section.only(&DOC, &[]);
    let count = |key, least, default: usize| {
        let number = section.number(key, least..=1_000_000);
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    let errors = section.number("errors", 1..=1_000_000);
    let few = |key, default: u32| {
        let number = section.number(key, 0..=1_000_000);
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let tarpit = section.duration("tarpit").unwrap_or(Duration::from_secs(5));
    let limits = Limits {
        message_size: section.size("message-size").unwrap_or(50_000_000),
        recipients: count("recipients", 100, 1000),
        sessions: count("sessions", 1, 10_000),
        errors: errors.and_then(|number| u32::try_from(number).ok()).unwrap_or(20),
        command_timeout: section.duration("command-timeout").unwrap_or(Duration::from_secs(300)),
        data_timeout: section.duration("data-timeout").unwrap_or(Duration::from_secs(180)),
        handshake_timeout: section.duration("handshake-timeout").unwrap_or(Duration::from_secs(60)),
        session_messages: few("session-messages", 0),
        recipient_domains: count("recipient-domains", 0, 0),
        client_connections: few("client-connections", 50),
        client_connection_rate: few("client-connection-rate", 200),
        client_message_rate: few("client-message-rate", 600),
        client_errors: few("client-errors", 30),
        tarpit,
        deliver_by_min: section.duration("deliver-by-min").unwrap_or_default(),
        hold_max: section.duration("hold-max").unwrap_or(Duration::from_secs(30 * 86_400)),
    };
    if let Some(value) = section.get("tarpit").filter(|_| tarpit > Duration::from_secs(60)) {
        let remedy =
            "a client waits five minutes for a reply, and each that waits is a session of ours";
        value.tell("`limits.tarpit` is too long", "at most \"1m\"", remedy);
    }
    let short = Duration::from_secs(1);
    let timeouts = [
        ("command-timeout", limits.command_timeout),
        ("data-timeout", limits.data_timeout),
        ("handshake-timeout", limits.handshake_timeout),
    ];
    for (key, timeout) in timeouts {
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
