//! What a session is told: by the listener it belongs to, and about the peer it speaks with.

use std::sync::Arc;
use std::time::Duration;

use mail::TlsFacts;

/// What a listener is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Takes mail from other servers (port 25).
    Mx,
    /// Takes mail from authors (ports 587 and 465).
    Submission,
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
    /// How long the server waits for the next command (RFC 5321 §4.5.3.2.7: at least 5 minutes).
    pub command_timeout: Duration,
    /// How long it waits for the next 1 KiB of content, so that a trickle does not hold a session.
    pub data_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Error replies (syntax, sequence, unknown command) before the next one is a 421 and the end
    /// (RFC 5321 §7.8).
    pub errors: u32,
    /// STARTTLS is offered where there is a certificate (RFC 3207).
    pub starttls: bool,
    /// Nothing but EHLO, NOOP, STARTTLS and QUIT before TLS (RFC 3207 §4). Never for mail of
    /// other servers, unless the operator wants to hear from few.
    pub tls_required: bool,
}

impl SessionOptions {
    /// The defaults of a listener of this kind.
    pub fn new(hostname: impl Into<String>, kind: Kind) -> Self {
        Self {
            hostname: hostname.into(),
            kind,
            message_size: 50_000_000,
            recipients: 1000,
            command_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(180),
            handshake_timeout: Duration::from_secs(60),
            errors: 20,
            starttls: true,
            tls_required: false,
        }
    }
}

/// What is known of a peer when its session begins.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its connection is secured already: TLS came before the greeting (RFC 8314 §3.3).
    pub tls: Option<Arc<TlsFacts>>,
    /// There is a certificate to show, so STARTTLS can be taken.
    pub can_secure: bool,
}
