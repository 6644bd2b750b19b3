//! A complete mail transaction, as it is handed over.

use std::sync::Arc;

use mail::{Envelope, TlsFacts};

use super::Kind;

/// How the client introduced itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// The argument of EHLO, HELO or LHLO as it was given, printable ASCII.
    pub name: String,
    /// Whether by EHLO or LHLO.
    pub extended: bool,
}

/// A complete mail transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Who, to whom.
    pub envelope: Envelope,
    /// How the client introduced itself.
    pub hello: Hello,
    /// What the listener is for.
    pub kind: Kind,
    /// The login it authenticated with.
    pub login: Option<String>,
    /// How the connection is secured.
    pub tls: Option<Arc<TlsFacts>>,
    /// Octets of content, dots unstuffed, final dot not counted.
    pub size: u64,
}

impl Transaction {
    /// The `with` word of the Received field (RFC 3848 §1; RFC 6531 §3.7.3).
    pub fn protocol(&self) -> &'static str {
        let place = usize::from(self.tls.is_some()) + 2 * usize::from(self.login.is_some());
        let words = match (self.hello.extended, self.envelope.parameters.utf8) {
            (false, _) => return "SMTP",
            (true, false) => ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"],
            (true, true) => ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"],
        };
        words.get(place).copied().unwrap_or("ESMTP")
    }
}
