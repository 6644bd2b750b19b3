//! The mechanisms by name, and which of them a server lists.

use std::fmt;
use std::str::FromStr;

use mail::TlsFacts;

/// A way to prove who one is. The order is that of strength: the first of two is preferred.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Mechanism {
    /// The certificate that the client showed in the handshake (RFC 4422 appendix A).
    External,
    /// A proof of the password, bound to this TLS connection (RFC 5802, 7677, 9266).
    ScramSha256Plus,
    /// A proof of the password (RFC 5802, 7677).
    ScramSha256,
    /// A token instead of a password (RFC 7628).
    OauthBearer,
    /// The same in an older form that no RFC describes.
    XOauth2,
    /// Name and password as they are (RFC 4616).
    Plain,
    /// The same in two steps; no RFC describes it, and every mail program knows it.
    Login,
}

impl Mechanism {
    /// All, the strongest first.
    pub const ALL: [Self; 7] = [
        Self::External,
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::OauthBearer,
        Self::XOauth2,
        Self::Plain,
        Self::Login,
    ];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::OauthBearer => "OAUTHBEARER",
            Self::XOauth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Whether who reads along has the secret afterwards: password or token go over the wire.
    pub const fn is_plaintext(self) -> bool {
        matches!(self, Self::Plain | Self::Login | Self::OauthBearer | Self::XOauth2)
    }
}

/// No mechanism of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("that mechanism is not known")]
pub struct UnknownMechanism;

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    /// Without regard to case (RFC 4954 §8).
    fn from_str(text: &str) -> Result<Self, UnknownMechanism> {
        let named = |mechanism: &Self| mechanism.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(UnknownMechanism)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a server lists after EHLO and takes on this connection, the strongest first.
///
/// `available` is what the accounts can be asked for. No plaintext mechanism without TLS unless the
/// operator said `clear` (RFC 4954 §4), channel binding only where both ends of the connection know
/// the same keys, EXTERNAL only where the client has shown a certificate that was verified.
pub fn offered(available: &[Mechanism], tls: Option<&TlsFacts>, clear: bool) -> Vec<Mechanism> {
    let fits = |mechanism: &Mechanism| match mechanism {
        Mechanism::External => tls.is_some_and(|tls| tls.peer.is_some()),
        Mechanism::ScramSha256Plus => tls.is_some_and(|tls| tls.exporter.is_some()),
        mechanism if mechanism.is_plaintext() => tls.is_some() || clear,
        _ => true,
    };
    Mechanism::ALL
        .into_iter()
        .filter(|mechanism| available.contains(mechanism) && fits(mechanism))
        .collect()
}
