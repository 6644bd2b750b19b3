//! What the lists of a large Maildir need, kept in one file beside the letters, so that 100,000
//! letters need not be opened to be listed.
//!
//! Nothing depends on it: it is private (0600), may be deleted at any time, and one that is damaged or
//! of another version is as good as none. A letter never changes under its unique name, so what was
//! once read of it stays true.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Summary;

/// The file's name in the Maildir.
const FILE: &str = "postrider-headers.cache";
/// Names the form of the file. Another form gets another number, and so does another way to read
/// header fields.
const MAGIC: &[u8; 8] = b"PRHEAD02";
/// Octets of a file that is read at all: some millions of letters.
const FILE_MAX: u64 = 4 << 30;
/// Letters of a Maildir below which no cache is kept: opening them is quicker than caring for it.
const WORTH_IT: usize = 200;

/// What is known of letters by their unique names.
#[derive(Default)]
pub struct Cache {
    path: PathBuf,
    octets: Vec<u8>,
    /// Where each letter's record begins.
    records: HashMap<u64, usize>,
    /// Letters asked for and not known.
    missed: usize,
    /// Letters in the file.
    loaded: usize,
}

impl Cache {
    /// Reads the file in `maildir`, when there is a good one.
    pub fn load(maildir: &Path) -> Self {
        let path = maildir.join(FILE);
        let mut cache = Self { octets: read(&path).unwrap_or_default(), path, ..Self::default() };
        match cache.index() {
            Some(records) => {
                cache.loaded = records.len();
                cache.records = records;
            }
            None => cache.octets = Vec::new(),
        }
        cache
    }

    fn index(&self) -> Option<HashMap<u64, usize>> {
        let (body, sum) = self.octets.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut rest = Reader(body.strip_prefix(MAGIC)?);
        let count = rest.number()?;
        let mut records = HashMap::with_capacity(usize::try_from(count).ok()?.min(1 << 24));
        while !rest.0.is_empty() {
            let start = body.len() - rest.0.len();
            let record = rest.octets()?;
            records.insert(hash(Reader(record).octets()?), start);
        }
        Some(records)
    }

    /// Makes ready to be asked for `count` letters.
    pub fn expect(&mut self, _count: usize) {
        self.missed = 0;
    }

    /// What is known of `unique`: the summary and the size.
    pub fn take(&mut self, unique: &str) -> Option<(Summary, u64)> {
        let known = self.records.get(&hash(unique.as_bytes())).and_then(|&start| {
            let record = Reader(self.octets.get(start..)?).octets()?;
            decode(record, unique)
        });
        self.missed += usize::from(known.is_none());
        known
    }

    /// Writes what is known of the letters, if that is worth it. A failure changes nothing.
    pub fn keep(&self, known: &BTreeMap<&str, (&Summary, u64)>) {
        let same = self.missed == 0 && known.len() * 2 > self.loaded;
        if known.len() < WORTH_IT || same {
            return;
        }
        let _ = self.write(&encode(known));
    }

    fn write(&self, octets: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // Made private (0600) under a name nobody guesses, then named in one step.
        let mut file = tempfile::Builder::new().prefix(".postrider-headers").tempfile_in(folder)?;
        file.write_all(octets)?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Never through a symbolic link, and never a file of somebody else: what it says is shown.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    let file: File = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)?;
    let facts = file.metadata()?;
    let is_ours = facts.uid() == nix::unistd::geteuid().as_raw() || facts.uid() == 0;
    if !facts.is_file() || !is_ours || facts.len() > FILE_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut octets = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or_default());
    io::Read::read_to_end(&mut io::Read::take(file, FILE_MAX), &mut octets)?;
    Ok(octets)
}

/// FNV-1a: quick, and a collision only costs a look, as each record has its name.
fn hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn encode(known: &BTreeMap<&str, (&Summary, u64)>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&u64::try_from(known.len()).unwrap_or_default().to_le_bytes());
    let mut record = Vec::new();
    for (unique, (summary, size)) in known {
        record.clear();
        put(&mut record, unique.as_bytes());
        record.extend_from_slice(&size.to_le_bytes());
        record.extend_from_slice(&summary.date.unwrap_or(i64::MIN).to_le_bytes());
        let Summary { date: _, from, to, subject, id, parents } = summary;
        for text in [from, to, subject, id, parents] {
            put(&mut record, text.as_bytes());
        }
        put(&mut out, &record);
    }
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

fn put(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend_from_slice(&u32::try_from(octets.len()).unwrap_or_default().to_le_bytes());
    out.extend_from_slice(octets);
}

fn decode(record: &[u8], unique: &str) -> Option<(Summary, u64)> {
    let mut rest = Reader(record);
    if rest.octets()? != unique.as_bytes() {
        return None;
    }
    let size = rest.number()?;
    let date = i64::from_le_bytes(rest.number()?.to_le_bytes());
    let mut text = || std::str::from_utf8(rest.octets()?).ok().map(Into::into);
    let summary = Summary {
        date: (date != i64::MIN).then_some(date),
        from: text()?,
        to: text()?,
        subject: text()?,
        id: text()?,
        parents: text()?,
    };
    Some((summary, size))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn octets(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk()?;
        let (octets, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        self.0 = rest;
        Some(octets)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn letters() -> Vec<(String, Summary)> {
        let letter = |n: i64| {
            let summary = Summary {
                date: (n % 3 > 0).then_some(n),
                from: format!("Ann {n}").into(),
                subject: "Grüße".into(),
                ..Summary::default()
            };
            (format!("{n}.host"), summary)
        };
        (0..300).map(letter).collect()
    }

    #[test]
    fn kept_and_damaged() {
        let room = tempfile::tempdir().unwrap();
        let letters = letters();
        let known: BTreeMap<&str, (&Summary, u64)> =
            letters.iter().map(|(name, summary)| (name.as_str(), (summary, 7))).collect();
        let mut cache = Cache::load(room.path());
        assert!(cache.take("1.host").is_none());
        cache.keep(&known);
        let mut cache = Cache::load(room.path());
        for (name, summary) in &letters {
            assert_eq!(cache.take(name), Some((summary.clone(), 7)));
        }
        assert!(cache.take("300.host").is_none());
        let file = room.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let octets = fs::read(&file).unwrap();
        for at in [0, 9, 20, octets.len() / 2, octets.len() - 1] {
            let mut damaged = octets.clone();
            damaged[at] ^= 1;
            fs::write(&file, &damaged).unwrap();
            assert!(Cache::load(room.path()).take("1.host").is_none(), "{at}");
            fs::write(&file, &octets[..at]).unwrap();
            assert!(Cache::load(room.path()).take("1.host").is_none(), "{at}");
        }
    }
}
