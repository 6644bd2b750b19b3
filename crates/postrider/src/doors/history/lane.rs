//! The files of the history in their two lanes: what happened to letters, and what was refused. The
//! refusals have a quarter of the room, so that whoever is refused ten thousand times a minute does
//! not make the history forget any letter.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use queue::history::{Key, keys_of};
use tracing::warn;

use super::segment::{self, Hit, Pair, short};

/// Octets of a file before the next one is begun: small enough to be read whole in a moment.
const SEGMENT: u64 = 16 * 1024 * 1024;

/// How much is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// How long.
    pub keep: Duration,
    /// How many octets, indexes counted.
    pub size: u64,
}

/// A full file.
#[derive(Clone)]
struct Sealed {
    number: u64,
    octets: u64,
    /// When it was full.
    last: SystemTime,
}

/// The file that is written to.
struct Open {
    file: File,
    number: u64,
    octets: u64,
    pairs: Vec<Pair>,
}

struct Lane {
    folder: PathBuf,
    name: &'static str,
    sealed: VecDeque<Sealed>,
    open: Option<Open>,
    next: u64,
    /// Octets to be written.
    out: Vec<u8>,
}

/// Both lanes.
pub(super) struct Lanes {
    letters: Lane,
    refusals: Lane,
    bounds: Bounds,
}

/// The names of the lanes.
const NAMES: [&str; 2] = ["letters", "refused"];

impl Lanes {
    pub(super) fn open(folder: &Path, bounds: Bounds) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let [letters, refusals] = NAMES;
        let mut lanes = Self {
            letters: Lane::open(folder, letters)?,
            refusals: Lane::open(folder, refusals)?,
            bounds,
        };
        lanes.prune();
        Ok(lanes)
    }

    pub(super) fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        self.prune();
    }

    /// Writes the frames of a buffer. Gives the number of entries that could not be written.
    pub(super) fn write(&mut self, buffer: &[u8]) -> u64 {
        let mut keys = Vec::new();
        for (entry, _) in segment::frames(buffer) {
            keys.clear();
            let of_letter = keys_of(entry, |key| keys.push(key));
            let lane = if of_letter { &mut self.letters } else { &mut self.refusals };
            lane.take(entry, &keys);
        }
        let lost = self.letters.flush() + self.refusals.flush();
        self.prune();
        lost
    }

    fn prune(&mut self) {
        let Bounds { keep, size } = self.bounds;
        let since = SystemTime::now().checked_sub(keep).unwrap_or(SystemTime::UNIX_EPOCH);
        self.refusals.prune(since, size / 4);
        let left = size.saturating_sub(self.refusals.octets());
        self.letters.prune(since, left);
    }

    /// The files as they are now, to be searched without holding anybody up.
    pub(super) fn view(&self) -> View {
        let lanes = [&self.letters, &self.refusals];
        View(lanes.into_iter().map(Lane::view).collect())
    }
}

impl Lane {
    /// Finds the files there are; those without an index get one.
    fn open(folder: &Path, name: &'static str) -> io::Result<Self> {
        let numbers = numbers(folder, name)?;
        let next = numbers.last().map_or(1, |last| last + 1);
        let mut lane = Self {
            folder: folder.to_owned(),
            name,
            sealed: VecDeque::new(),
            open: None,
            next,
            out: Vec::new(),
        };
        for number in numbers {
            match lane.adopt(number) {
                Ok(sealed) => lane.sealed.push_back(sealed),
                Err(error) => {
                    let file = lane.path(number);
                    warn!(event = "history.unreadable", file = %file.display(), %error);
                }
            }
        }
        Ok(lane)
    }

    fn adopt(&self, number: u64) -> io::Result<Sealed> {
        let path = self.path(number);
        let index = segment::index_path(&path);
        let indexed = std::fs::metadata(&index).map(|about| about.len());
        let indexed = match indexed {
            Ok(octets) => octets,
            Err(_) => {
                let (mut pairs, _) = segment::index_of(&File::open(&path)?)?;
                segment::write_index(&path, &mut pairs)?
            }
        };
        let about = std::fs::metadata(&path)?;
        Ok(Sealed { number, octets: about.len() + indexed, last: about.modified()? })
    }

    fn path(&self, number: u64) -> PathBuf {
        path(&self.folder, self.name, number)
    }

    fn octets(&self) -> u64 {
        let open = self.open.as_ref().map_or(0, |open| open.octets);
        self.sealed.iter().map(|sealed| sealed.octets).sum::<u64>() + open
    }

    /// Takes an entry that is to be written.
    fn take(&mut self, entry: &[u8], keys: &[Key]) {
        if self.open.is_none() {
            self.open = self.begin();
        }
        let Some(open) = &mut self.open else { return };
        let place = open.octets + self.out.len() as u64;
        if let Ok(place) = u32::try_from(place) {
            open.pairs.extend(keys.iter().map(|key| (short(*key), place)));
        }
        segment::push(entry, &mut self.out);
    }

    fn begin(&mut self) -> Option<Open> {
        let number = self.next;
        match segment::create(&self.path(number)) {
            Ok(file) => {
                self.next += 1;
                Some(Open { file, number, octets: 0, pairs: Vec::new() })
            }
            Err(error) => {
                warn!(event = "history.not-begun", lane = self.name, %error);
                None
            }
        }
    }

    /// Writes what was taken. Gives the number of entries that are lost.
    fn flush(&mut self) -> u64 {
        let out = std::mem::take(&mut self.out);
        let Some(open) = &mut self.open else { return segment::frames(&out).count() as u64 };
        if let Err(error) = open.file.write_all(&out) {
            warn!(event = "history.not-written", lane = self.name, %error);
            // What was written in part is torn: nothing may follow it in this file.
            self.seal();
            return segment::frames(&out).count() as u64;
        }
        open.octets += out.len() as u64;
        if open.octets >= SEGMENT {
            self.seal();
        }
        self.out = out;
        self.out.clear();
        self.out.shrink_to(1024 * 1024);
        0
    }

    /// The file is full.
    fn seal(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let path = self.path(open.number);
        // Places behind the end are of entries that were not written.
        open.pairs.retain(|(_, place)| u64::from(*place) < open.octets);
        let index = segment::write_index(&path, &mut open.pairs);
        let indexed = index.unwrap_or_else(|error| {
            // Searched from end to end until the next start makes one.
            warn!(event = "history.no-index", file = %path.display(), %error);
            0
        });
        let (number, octets) = (open.number, open.octets + indexed);
        self.sealed.push_back(Sealed { number, octets, last: SystemTime::now() });
    }

    /// Removes the oldest files that are too old or too much.
    fn prune(&mut self, since: SystemTime, size: u64) {
        while let Some(oldest) = self.sealed.front()
            && (oldest.last < since || self.octets() > size)
        {
            let path = self.path(oldest.number);
            for path in [segment::index_path(&path), path] {
                if let Err(error) = std::fs::remove_file(&path)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    warn!(event = "history.not-removed", file = %path.display(), %error);
                }
            }
            self.sealed.pop_front();
        }
    }

    fn view(&self) -> LaneView {
        let mut files: Vec<_> = self.sealed.iter().map(|sealed| self.path(sealed.number)).collect();
        let open = self.open.as_ref().map(|open| (self.path(open.number), open.pairs.clone()));
        files.reverse();
        LaneView { files, open }
    }
}

fn path(folder: &Path, name: &str, number: u64) -> PathBuf {
    folder.join(format!("{name}-{number:010}.log"))
}

/// The numbers of the files of a lane, in order.
fn numbers(folder: &Path, name: &str) -> io::Result<Vec<u64>> {
    let number = |entry: std::fs::DirEntry| {
        let file = entry.file_name().into_string().ok()?;
        let number = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".log")?;
        number.parse().ok()
    };
    let mut numbers: Vec<u64> =
        std::fs::read_dir(folder)?.filter_map(|entry| number(entry.ok()?)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The files of a lane at one moment, the newest first.
struct LaneView {
    files: Vec<PathBuf>,
    /// The file that is written to, with its index as far as it goes.
    open: Option<(PathBuf, Vec<Pair>)>,
}

/// All files at one moment.
pub(super) struct View(Vec<LaneView>);

/// The files of a history that nobody has open.
pub(super) fn view(folder: &Path) -> io::Result<View> {
    let lane = |name| {
        let numbers = numbers(folder, name)?;
        let files = numbers.into_iter().rev().map(|number| path(folder, name, number));
        Ok(LaneView { files: files.collect(), open: None })
    };
    NAMES.into_iter().map(lane).collect::<io::Result<_>>().map(View)
}

impl View {
    /// The last entries with one of `keys`, the last first: of each lane one more than `limit`, if there are so many.
    pub(super) fn search(&self, keys: &[Key], limit: usize) -> io::Result<Vec<Hit>> {
        let mut hits = Vec::new();
        for lane in &self.0 {
            lane.search(keys, limit + 1, &mut hits)?;
        }
        Ok(hits)
    }
}

impl LaneView {
    fn search(&self, keys: &[Key], limit: usize, hits: &mut Vec<Hit>) -> io::Result<()> {
        let mut left = limit;
        if let Some((path, pairs)) = &self.open {
            let wanted: Vec<u32> = keys.iter().map(|key| short(*key)).collect();
            let mut places: Vec<u32> =
                pairs.iter().filter(|(key, _)| wanted.contains(key)).map(|pair| pair.1).collect();
            places.dedup();
            places.reverse();
            read(path, &places, keys, &mut left, hits)?;
        }
        for path in &self.files {
            if left == 0 {
                break;
            }
            match segment::look_up(path, keys)? {
                Some(places) => read(path, &places, keys, &mut left, hits)?,
                None => through(path, keys, &mut left, hits)?,
            }
        }
        Ok(())
    }
}

/// Reads the entries at `places`, until `left` have been found. A file that has been removed meanwhile
/// has none.
fn read(
    path: &Path,
    places: &[u32],
    keys: &[Key],
    left: &mut usize,
    hits: &mut Vec<Hit>,
) -> io::Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    for place in places {
        if *left == 0 {
            break;
        }
        if let Some(hit) = segment::read(&file, *place, keys)? {
            hits.push(hit);
            *left -= 1;
        }
    }
    Ok(())
}

/// Looks through a file without an index.
fn through(path: &Path, keys: &[Key], left: &mut usize, hits: &mut Vec<Hit>) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut found = VecDeque::new();
    segment::scan(&file, |_, entry| {
        found.extend(segment::hit(entry, keys));
        if found.len() > *left {
            found.pop_front();
        }
    })?;
    *left -= found.len();
    hits.extend(found.into_iter().rev());
    Ok(())
}
