//! What is known of a secured connection: for the Received field, for SASL, for records.

/// The facts of a handshake that has succeeded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The suite by its registered name: `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The key exchange group: `x25519`; none where it is not known.
    pub group: Option<String>,
    /// The name the client asked for (SNI).
    pub server_name: Option<String>,
    /// Whom the peer's certificate names, if it showed one and it was verified.
    pub peer: Option<String>,
    /// What binds a login to this connection: `tls-exporter` (RFC 9266).
    pub exporter: Option<[u8; 32]>,
}
