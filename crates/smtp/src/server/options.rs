//! What a session is told: by the listener it belongs to, and about the peer it speaks with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail::TlsFacts;

use crate::grammar::Extensions;
use crate::sasl::Mechanism;

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Takes mail from other servers (port 25).
    Mx,
    /// Takes mail from authors (ports 587 and 465).
    Submission,
    /// Takes mail by LMTP (RFC 2033): one reply for each recipient. Never on port 25.
    Lmtp,
    /// Hands out mail to hosts that are not always there (RFC 2645, port 366).
    Odmr,
}

/// How clients prove who they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authentication {
    /// What the accounts can be asked for. Which of it is offered depends on the connection too.
    pub mechanisms: Vec<Mechanism>,
    /// Those among them that another authority carries on.
    pub relayed: Vec<Mechanism>,
    /// Plaintext mechanisms are offered without TLS as well (RFC 4954 §4 advises against it).
    pub clear: bool,
    /// Nothing else is taken before (RFC 4954 §6, RFC 6409 §4.3).
    pub required: bool,
    /// Failures before a session is ended; RFC 4954 §9 asks for three at least.
    pub failures: u32,
}

/// What all sessions of one listener share.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The name in greeting and replies.
    pub hostname: String,
    /// What the listener is for.
    pub kind: Kind,
    /// Octets of content at most; announced with SIZE, where 0 means no limit (RFC 1870 §3).
    pub message_size: u64,
    /// Recipients of one transaction at most (RFC 5321 §4.5.3.1.8: at least 100).
    pub recipients: usize,
    /// Domains of the recipients of one transaction at most; none: any number.
    pub recipient_domains: Option<usize>,
    /// Transactions of one session at most; none: any number.
    pub transactions: Option<u32>,
    /// How long the server waits for the next command (RFC 5321 §4.5.3.2.7: at least 5 minutes).
    pub command_timeout: Duration,
    /// How long it waits for the next 1 KiB of content, so that a trickle does not hold a session.
    pub data_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Error replies (syntax, sequence, unknown command) before the next one is a 421 and the end
    /// (RFC 5321 §7.8).
    pub errors: u32,
    /// Extensions that are offered where the kind of the listener and the connection allow it.
    pub extensions: Extensions,
    /// The least time for delivery that is taken with `BY=…;R` (RFC 2852 §3).
    pub deliver_by_min: Duration,
    /// The longest time for which mail is held (RFC 4865 §3).
    pub hold_max: Duration,
    /// STARTTLS is offered where there is a certificate (RFC 3207).
    pub starttls: bool,
    /// Nothing but EHLO, NOOP, STARTTLS and QUIT before TLS (RFC 3207 §4). Never for mail of
    /// other servers, unless the operator wants to hear from few.
    pub tls_required: bool,
    /// AUTH; none: it is not offered.
    pub authentication: Option<Authentication>,
}

impl SessionOptions {
    /// The defaults of a listener of this kind.
    pub fn new(hostname: impl Into<String>, kind: Kind) -> Self {
        Self {
            hostname: hostname.into(),
            kind,
            message_size: 50_000_000,
            recipients: 1000,
            recipient_domains: None,
            transactions: None,
            command_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(180),
            handshake_timeout: Duration::from_secs(60),
            errors: 20,
            extensions: Extensions::ALL,
            deliver_by_min: Duration::ZERO,
            hold_max: Duration::from_secs(30 * 86_400),
            starttls: true,
            tls_required: false,
            authentication: None,
        }
    }
}

/// What a peer may ask for that strangers may not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Privileges {
    /// ETRN is offered and taken (RFC 1985 §5.3).
    pub release: bool,
    /// EXPN is offered: there is a real answer for this peer.
    pub expand: bool,
    /// Its mail may ask to go before that of others (RFC 6710 §4.1).
    pub prioritise: bool,
    /// What it says of the author with `AUTH=` is believed (RFC 4954 §5).
    pub vouch: bool,
    /// It may send without having logged in, whatever its listener asks of others (RFC 6409 §4.3).
    pub submit: bool,
    /// It may speak for other clients: `XCLIENT` and `XFORWARD`.
    pub proxy: bool,
}

/// What is known of a peer when its session begins.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its connection is secured already: TLS came before the greeting (RFC 8314 §3.3).
    pub tls: Option<Arc<TlsFacts>>,
    /// There is a certificate to show, so STARTTLS can be taken.
    pub can_secure: bool,
    /// What it may ask for.
    pub may: Privileges,
    /// The time of day when the session begins.
    pub time: SystemTime,
    /// Fresh chance, for nobody else: the nonces of this session's exchanges are made from it.
    pub chance: [u8; 32],
}

impl Default for Peer {
    /// A stranger without TLS, in 1970.
    fn default() -> Self {
        Self {
            tls: None,
            can_secure: false,
            may: Privileges::default(),
            time: SystemTime::UNIX_EPOCH,
            chance: [0; 32],
        }
    }
}
