//! What a report returns, on its way into it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Octets that one encoded line of 76 stands for (RFC 2045 §6.8).
const LINE: usize = 57;

/// Lets the returned octets pass as they are, or encodes them in base64.
#[derive(Debug)]
pub struct Enclosed {
    /// Octets that do not fill a line yet; none where nothing is encoded.
    held: Option<Vec<u8>>,
}

impl Enclosed {
    pub(super) fn new(encode: bool) -> Self {
        Self { held: encode.then(Vec::new) }
    }

    /// The next octets, as they go into the report.
    pub fn feed(&mut self, octets: Bytes) -> Bytes {
        let Some(held) = &mut self.held else { return octets };
        held.extend_from_slice(&octets);
        let whole = held.len() - held.len() % LINE;
        let rest = held.split_off(whole);
        let lines = std::mem::replace(held, rest);
        encoded(&lines)
    }

    /// No octets follow: what is left.
    pub fn finish(self) -> Bytes {
        encoded(&self.held.unwrap_or_default())
    }
}

fn encoded(octets: &[u8]) -> Bytes {
    let mut out = String::with_capacity(octets.len() / LINE * 78 + 80);
    for line in octets.chunks(LINE) {
        STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    Bytes::from(out)
}
