//! What a report returns, on its way into it.

use bytes::Bytes;

use crate::content::transfer::Base64Encoder;

/// Lets the returned octets pass as they are, or encodes them in base64.
#[derive(Debug)]
pub struct Enclosed(Option<Base64Encoder>);

impl Enclosed {
    pub(super) fn new(encode: bool) -> Self {
        Self(encode.then(Base64Encoder::new))
    }

    /// The next octets, as they go into the report.
    pub fn feed(&mut self, octets: Bytes) -> Bytes {
        let Some(encoder) = &mut self.0 else { return octets };
        let mut out = Vec::with_capacity(octets.len() / 2 * 3);
        encoder.feed(&octets, &mut out);
        Bytes::from(out)
    }

    /// No octets follow: what is left.
    pub fn finish(self) -> Bytes {
        let mut out = Vec::new();
        if let Some(encoder) = self.0 {
            encoder.finish(&mut out);
        }
        Bytes::from(out)
    }
}
