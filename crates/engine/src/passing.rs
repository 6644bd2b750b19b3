//! What is seen of content while it passes on its way into the spool.

use mail::content::HeaderScanner;

/// Octets of a header section kept for those who read it; a longer one passes as it is.
const HEADER_MAX: usize = 256 * 1024;

/// Watches content pass.
pub(crate) struct Passing {
    /// What the header section and the octets show.
    pub(crate) scanner: HeaderScanner,
    header: Option<Vec<u8>>,
}

impl Passing {
    /// Before the first octet. `keep`: keep the header section.
    pub(crate) fn new(keep: bool) -> Self {
        Self { scanner: HeaderScanner::new(), header: keep.then(Vec::new) }
    }

    /// The next octets.
    pub(crate) fn feed(&mut self, octets: &[u8]) {
        let before = self.scanner.in_body();
        self.scanner.feed(octets);
        if let Some(header) = self.header.as_mut().filter(|_| !before) {
            header.extend_from_slice(octets);
            if header.len() > HEADER_MAX {
                self.header = None;
            }
        }
    }

    /// The header section, if it was kept and is not too long.
    pub(crate) fn whole_header(&self) -> Option<&[u8]> {
        self.header.as_ref().map(|_| self.header())
    }

    /// The header section, where it was kept whole.
    pub(crate) fn header(&self) -> &[u8] {
        let header = self.header.as_deref().unwrap_or_default();
        let len = usize::try_from(self.scanner.head_len()).unwrap_or(usize::MAX);
        header.get(..len).unwrap_or(header)
    }
}
