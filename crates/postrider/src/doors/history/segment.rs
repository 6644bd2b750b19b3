//! One file of the history: frames one after the other, and beside it, once it is full, an index.
//!
//! A frame is a length and a CRC-32C (four octets each, lowest first) and an entry. The index is a
//! magic word, a count, and pairs of key and place, sorted by key. Both are written once. An index
//! that is missing or does not read is made anew from its file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use queue::history::{ENTRY_MAX, Entry, Key, keys_of};

/// Octets before an entry: length and checksum.
const HEAD: usize = 8;
/// How an index begins. Another layout gets another word.
const MAGIC: &[u8; 8] = b"PRHIDX1\n";
/// Octets of the head of an index, and of one of its pairs.
const INDEX_HEAD: u64 = 12;
const PAIR: u64 = 8;
/// Octets read of a file at once when it is scanned.
const SCAN: usize = 256 * 1024;

/// A key as an index has it, and where its entry begins.
pub(super) type Pair = (u32, u32);

/// An entry that was found.
pub(super) struct Hit {
    pub(super) at: SystemTime,
    pub(super) entry: Vec<u8>,
}

/// The part of a key that is in an index.
pub(super) fn short(key: Key) -> u32 {
    (key >> 32) as u32
}

/// Makes room for the head of a frame. Gives the place of its length.
pub(super) fn reserve(frames: &mut Vec<u8>) -> usize {
    let at = frames.len();
    frames.extend_from_slice(&[0; HEAD]);
    at
}

/// The frames in `octets`, each as it stands there: the entry, and how long the frame is.
pub(super) fn frames(octets: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut left = octets;
    std::iter::from_fn(move || {
        let (length, _) = head(left)?;
        let entry = left.get(HEAD..HEAD + length)?;
        left = left.get(HEAD + length..)?;
        Some((entry, HEAD + length))
    })
}

/// Appends `entry` as a frame with its checksum.
pub(super) fn push(entry: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(entry).to_le_bytes());
    out.extend_from_slice(entry);
}

/// Length and checksum of the frame that begins here.
fn head(octets: &[u8]) -> Option<(usize, u32)> {
    let (&length, rest) = octets.split_first_chunk::<4>()?;
    let (&sum, _) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    (length > 0 && length <= ENTRY_MAX).then_some((length, u32::from_le_bytes(sum)))
}

/// A private file that is new.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Looks at every whole frame of a file, until its end or the first that is torn. Gives the octets
/// that are sound.
pub(super) fn scan(file: &File, mut each: impl FnMut(u32, &[u8])) -> io::Result<u64> {
    let mut buffer = vec![0; SCAN];
    let (mut place, mut filled) = (0_u64, 0);
    loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let read = file.read_at(room, place + filled as u64)?;
        filled += read;
        let mut used = 0;
        while let Some((length, sum)) = head(buffer.get(used..filled).unwrap_or_default()) {
            let body = used + HEAD;
            let Some(entry) = buffer.get(body..(body + length).min(filled)) else { break };
            if entry.len() < length {
                break;
            }
            if crc32c::crc32c(entry) != sum {
                return Ok(place + used as u64);
            }
            each(u32::try_from(place + used as u64).unwrap_or(u32::MAX), entry);
            used = body + length;
        }
        if read == 0 {
            return Ok(place + used as u64);
        }
        place += used as u64;
        buffer.copy_within(used..filled, 0);
        filled -= used;
        if filled == buffer.len() {
            if filled > ENTRY_MAX + HEAD {
                // No frame is so long: what begins here is none.
                return Ok(place);
            }
            buffer.resize(filled * 2, 0);
        }
    }
}

/// The pairs of all entries in a file, and the octets that are sound.
pub(super) fn index_of(file: &File) -> io::Result<(Vec<Pair>, u64)> {
    let mut pairs = Vec::new();
    let sound = scan(file, |place, entry| {
        keys_of(entry, |key| pairs.push((short(key), place)));
    })?;
    Ok((pairs, sound))
}

/// Writes the index of `log` beside it. Gives its octets.
pub(super) fn write_index(log: &Path, pairs: &mut Vec<Pair>) -> io::Result<u64> {
    pairs.sort_unstable();
    pairs.dedup();
    let mut octets = Vec::with_capacity(12 + 8 * pairs.len());
    octets.extend_from_slice(MAGIC);
    octets.extend_from_slice(&u32::try_from(pairs.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (key, place) in pairs.iter() {
        octets.extend_from_slice(&key.to_le_bytes());
        octets.extend_from_slice(&place.to_le_bytes());
    }
    let beside = log.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create(&beside)?.write_all(&octets)?;
    std::fs::rename(&beside, index_path(log))?;
    Ok(octets.len() as u64)
}

/// Where the index of `log` is.
pub(super) fn index_path(log: &Path) -> PathBuf {
    log.with_extension("idx")
}

/// The places of `keys` in the file, the last first. None: there is no sound index.
pub(super) fn look_up(log: &Path, keys: &[Key]) -> io::Result<Option<Vec<u32>>> {
    let index = match File::open(index_path(log)) {
        Ok(index) => index,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut start = [0; 12];
    if index.read_exact_at(&mut start, 0).is_err() || start.first_chunk::<8>() != Some(MAGIC) {
        return Ok(None);
    }
    let count = start.last_chunk::<4>().map_or(0, |count| u32::from_le_bytes(*count));
    if index.metadata()?.len() != INDEX_HEAD + PAIR * u64::from(count) {
        return Ok(None);
    }
    let mut places = Vec::new();
    for key in keys {
        places_of(&index, count, short(*key), &mut places)?;
    }
    places.sort_unstable();
    places.dedup();
    places.reverse();
    Ok(Some(places))
}

/// Finds `key` by halving, then reads on while it is the same.
fn places_of(index: &File, count: u32, key: u32, places: &mut Vec<u32>) -> io::Result<()> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if pair(index, middle)?.0 < key {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while low < count {
        let (found, place) = pair(index, low)?;
        if found != key {
            break;
        }
        places.push(place);
        low += 1;
    }
    Ok(())
}

fn pair(index: &File, number: u32) -> io::Result<Pair> {
    let mut octets = [0; 8];
    index.read_exact_at(&mut octets, INDEX_HEAD + PAIR * u64::from(number))?;
    let [a, b, c, d, e, f, g, h] = octets;
    Ok((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
}

/// The entry at `place`, if it is sound and has one of `keys`.
pub(super) fn read(file: &File, place: u32, keys: &[Key]) -> io::Result<Option<Hit>> {
    let mut start = [0; HEAD];
    file.read_exact_at(&mut start, u64::from(place))?;
    let Some((length, sum)) = head(&start) else { return Ok(None) };
    let mut entry = vec![0; length];
    file.read_exact_at(&mut entry, u64::from(place) + HEAD as u64)?;
    Ok((crc32c::crc32c(&entry) == sum).then(|| hit(&entry, keys)).flatten())
}

/// `entry`, if it has one of `keys`.
pub(super) fn hit(entry: &[u8], keys: &[Key]) -> Option<Hit> {
    let mut found = false;
    keys_of(entry, |key| found |= keys.contains(&key));
    let at = Entry::decode(entry).ok().flatten().filter(|_| found)?.at;
    Some(Hit { at, entry: entry.to_vec() })
}
