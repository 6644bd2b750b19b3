//! The extensions a server offers, as far as commands and parameters depend on them.

/// What is offered. An extension that is not has no command and no parameter (RFC 5321 §4.1.1.11).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extensions {
    /// SIZE (RFC 1870).
    pub size: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// CHUNKING (RFC 3030 §2).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030 §3): only with CHUNKING and 8BITMIME.
    pub binary: bool,
    /// SMTPUTF8 (RFC 6531): only with 8BITMIME.
    pub utf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// The parameter of AUTH (RFC 4954 §5).
    pub auth: bool,
    /// DELIVERBY (RFC 2852).
    pub deliver_by: bool,
    /// FUTURERELEASE (RFC 4865): only for authors.
    pub future_release: bool,
    /// MT-PRIORITY (RFC 6710).
    pub priority: bool,
    /// REQUIRETLS (RFC 8689): only within TLS.
    pub require_tls: bool,
    /// LIMITS (RFC 9422).
    pub limits: bool,
}

impl Extensions {
    /// None at all: what HELO gives.
    pub const NONE: Self = Self {
        size: false,
        eight_bit: false,
        chunking: false,
        binary: false,
        utf8: false,
        dsn: false,
        auth: false,
        deliver_by: false,
        future_release: false,
        priority: false,
        require_tls: false,
        limits: false,
    };

    /// The two that need nothing but room.
    pub const LEAST: Self = Self { size: true, eight_bit: true, ..Self::NONE };

    /// All that there are.
    pub const ALL: Self = Self {
        size: true,
        eight_bit: true,
        chunking: true,
        binary: true,
        utf8: true,
        dsn: true,
        auth: true,
        deliver_by: true,
        future_release: true,
        priority: true,
        require_tls: true,
        limits: true,
    };
}
