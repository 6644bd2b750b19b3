//! The keys that every proof begins with.

use std::path::Path;
use std::sync::Arc;

use hickory_proto::dnssec::{PublicKey as _, TrustAnchors};
use hickory_proto::rr::Name;

/// The keys that are trusted without proof.
#[derive(Clone)]
pub struct Anchors {
    pub(super) keys: Arc<TrustAnchors>,
    /// The zones that have a key.
    pub(super) zones: Vec<Name>,
    /// The root is not the public one.
    pub(super) is_own_root: bool,
}

/// Why a file holds no trust anchors.
#[derive(Debug, thiserror::Error)]
pub enum AnchorsError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A line is no DNSKEY record.
    #[error("it is not a list of DNSKEY records: {0}")]
    Syntax(String),
    /// It has no key.
    #[error("it holds no key")]
    Empty,
}

impl Default for Anchors {
    /// The keys of the public root.
    fn default() -> Self {
        let keys = Arc::new(TrustAnchors::default());
        Self { keys, zones: vec![Name::root()], is_own_root: false }
    }
}

impl PartialEq for Anchors {
    fn eq(&self, other: &Self) -> bool {
        let keys = |anchors: &Self| -> Vec<Vec<u8>> {
            let all = (0..anchors.keys.len()).filter_map(|place| anchors.keys.get(place));
            all.map(|key| key.public_bytes().to_vec()).collect()
        };
        self.zones == other.zones && keys(self) == keys(other)
    }
}

impl std::fmt::Debug for Anchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anchors").field("zones", &self.zones).finish_non_exhaustive()
    }
}

impl Anchors {
    /// The DNSKEY records of a file. Keys of the root take the place of the built-in ones; keys of
    /// other zones come beside them.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn of_file(path: &Path) -> Result<Self, AnchorsError> {
        Self::of_text(&std::fs::read_to_string(path)?)
    }

    /// The same from the text of such a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_text(text: &str) -> Result<Self, AnchorsError> {
        let (mut records, mut zones) = (String::new(), Vec::new());
        for line in text.lines() {
            let line = line.split(';').next().unwrap_or_default();
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let Some(owner) = words.first() else { continue };
            // As tools write them: with TTL and class, or without.
            let place = words.iter().position(|word| word.eq_ignore_ascii_case("DNSKEY"));
            let (Some(place @ 1..=3), Ok(name)) = (place, Name::from_ascii(owner)) else {
                return Err(AnchorsError::Syntax(format!("{:?}", line.trim())));
            };
            let key = words.get(place + 1..).unwrap_or_default().join(" ");
            records.push_str(&format!("{owner} IN DNSKEY {key}\n"));
            if !zones.contains(&name) && !name.is_root() {
                zones.push(name);
            }
        }
        let mut keys: TrustAnchors =
            records.parse().map_err(|error| AnchorsError::Syntax(format!("{error}")))?;
        if keys.is_empty() && zones.is_empty() {
            return Err(AnchorsError::Empty);
        }
        let public = TrustAnchors::default();
        let own = (0..keys.len()).filter_map(|place| keys.get(place));
        let is_own_root = own.clone().any(|key| !public.contains(key));
        if keys.is_empty() {
            (0..public.len()).filter_map(|place| public.get(place)).for_each(|key| {
                keys.insert(key);
            });
        }
        zones.push(Name::root());
        Ok(Self { keys: Arc::new(keys), zones, is_own_root })
    }
}
