//! Texts that other domains serve over HTTPS.

use super::Doing;

/// Why a text was not to be had over HTTPS.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebFailure {
    /// No host, no connection, no reply in time.
    #[error("{0}")]
    Unavailable(String),
    /// The host has no certificate for its name that is trusted.
    #[error("the certificate is not accepted: {0}")]
    Certificate(String),
    /// It answered with something else: another status than 200, another media type, too much.
    #[error("{0}")]
    Unfit(String),
}

/// Texts that other domains serve over HTTPS: their policies.
pub trait Web: Send + Sync {
    /// Gets the text at `path` of `host`, whose certificate must be trusted. No redirect is followed
    /// and no cache asked (RFC 8461 §3.3). Ends within a minute and 64 KiB.
    fn text<'a>(&'a self, host: &'a str, path: &'a str) -> Doing<'a, Result<Vec<u8>, WebFailure>>;
}

/// No web at all: no policy can be fetched.
#[derive(Clone, Copy, Debug)]
pub struct NoWeb;

impl Web for NoWeb {
    fn text<'a>(&'a self, _: &'a str, _: &'a str) -> Doing<'a, Result<Vec<u8>, WebFailure>> {
        Box::pin(async { Err(WebFailure::Unavailable("this host fetches nothing".to_owned())) })
    }
}
