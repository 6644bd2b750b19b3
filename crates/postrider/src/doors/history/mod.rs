//! The history of letters on disk, in `<data-dir>/history` (0600).
//!
//! Whoever appends copies an entry into a buffer and goes on; a thread writes what has gathered, five
//! times a second at most, and syncs nothing. So a crash of the machine may lose the last moments of
//! the history, and never any mail: that is in the spool. When entries come faster than the disk takes
//! them, they are counted and the count is told in their place.
//!
//! Letters and refusals lie in files of their own (`lane`), so that a flood of refusals pushes no
//! letter out. A full file gets a sorted index beside it (`segment`); the oldest go by age and size.

mod lane;
mod segment;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use engine::doors::{Detail, Doing, History, Told};
use parking_lot::{Condvar, Mutex};
use queue::history::{ENTRY_MAX, Entry, Event, Key};
use tracing::warn;

pub use lane::Bounds;
use lane::Lanes;
use segment::{Hit, reserve};

/// Octets that wait to be written, at most: half a second of the busiest host.
const BUFFER_MAX: usize = 8 * 1024 * 1024;
/// How long entries gather before they are written together.
const GATHER: Duration = Duration::from_millis(200);
/// How often old files are looked for when nothing is written.
const IDLE: Duration = Duration::from_secs(600);

/// The history in a folder.
pub struct FileHistory {
    inner: Arc<Inner>,
    writer: Option<JoinHandle<()>>,
}

struct Inner {
    detail: AtomicU8,
    buffer: Mutex<Buffer>,
    /// Something has come into an empty buffer, or it is time to stop.
    wake: Condvar,
    /// Locked before the buffer, where both are.
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Buffer {
    /// Frames whose checksums are still missing.
    frames: Vec<u8>,
    dropped: u64,
    stopping: bool,
}

impl FileHistory {
    /// Opens the history in `data_dir`. What a crash left half written ends at the last whole entry.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(data_dir: &Path, detail: Detail, bounds: Bounds) -> io::Result<Self> {
        let lanes = Lanes::open(&folder(data_dir), bounds)?;
        let inner = Arc::new(Inner {
            detail: AtomicU8::new(number_of(detail)),
            buffer: Mutex::default(),
            wake: Condvar::new(),
            lanes: Mutex::new(lanes),
        });
        let writing = inner.clone();
        let thread = std::thread::Builder::new().name("history".to_owned());
        let writer = thread.spawn(move || writing.write_on())?;
        Ok(Self { inner, writer: Some(writer) })
    }

    /// Changes how much is kept, from now on.
    pub fn configure(&self, detail: Detail, bounds: Bounds) {
        self.inner.detail.store(number_of(detail), Ordering::Relaxed);
        self.inner.lanes.lock().set_bounds(bounds);
    }
}

impl Drop for FileHistory {
    fn drop(&mut self) {
        self.inner.buffer.lock().stopping = true;
        self.inner.wake.notify_one();
        if let Some(writer) = self.writer.take() {
            // It ends after what is in the buffer is written; if it panicked, that is lost.
            let _ = writer.join();
        }
    }
}

impl Inner {
    /// The thread that writes, until it is told to stop.
    fn write_on(&self) {
        let mut spare = Vec::new();
        loop {
            let mut buffer = self.buffer.lock();
            if buffer.frames.is_empty() && !buffer.stopping {
                self.wake.wait_for(&mut buffer, IDLE);
            }
            let stopping = buffer.stopping;
            drop(buffer);
            if !stopping {
                std::thread::sleep(GATHER);
            }
            self.write(&mut spare);
            if stopping {
                return;
            }
        }
    }

    /// Writes what has gathered.
    fn write(&self, spare: &mut Vec<u8>) {
        let mut lanes = self.lanes.lock();
        let mut buffer = self.buffer.lock();
        let dropped = std::mem::take(&mut buffer.dropped);
        std::mem::swap(&mut buffer.frames, spare);
        drop(buffer);
        if dropped > 0 {
            warn!(event = "history.dropped", entries = dropped, "they came too fast");
            frame(spare, &Entry { at: SystemTime::now(), event: Event::Dropped(dropped) });
        }
        let lost = lanes.write(spare);
        spare.clear();
        // After a burst the memory goes back.
        spare.shrink_to(BUFFER_MAX / 8);
        drop(lanes);
        if lost > 0 {
            self.buffer.lock().dropped += lost;
        }
    }

    fn search(&self, keys: &[Key], limit: usize) -> io::Result<Told> {
        self.write(&mut Vec::new());
        let view = self.lanes.lock().view();
        told(view.search(keys, limit), limit)
    }
}

impl History for FileHistory {
    fn detail(&self) -> Detail {
        detail_of(self.inner.detail.load(Ordering::Relaxed))
    }

    fn append(&self, entry: &Entry<'_>) {
        let mut buffer = self.inner.buffer.lock();
        if buffer.frames.len() >= BUFFER_MAX {
            buffer.dropped += 1;
            return;
        }
        let was_empty = buffer.frames.is_empty();
        if !frame(&mut buffer.frames, entry) {
            buffer.dropped += 1;
        }
        drop(buffer);
        if was_empty {
            self.inner.wake.notify_one();
        }
    }

    fn search<'a>(&'a self, keys: &'a [Key], limit: usize) -> Doing<'a, io::Result<Told>> {
        let (inner, keys) = (self.inner.clone(), keys.to_vec());
        Box::pin(async move {
            let searching = tokio::task::spawn_blocking(move || inner.search(&keys, limit));
            searching.await.map_err(io::Error::other)?
        })
    }
}

/// Searches a history that no server has open.
///
/// # Errors
/// It cannot be read; `NotFound` where there is none.
pub fn search(data_dir: &Path, keys: &[Key], limit: usize) -> io::Result<Told> {
    told(lane::view(&folder(data_dir))?.search(keys, limit), limit)
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("history")
}

/// The last `limit` of `hits`, the oldest first.
fn told(hits: io::Result<Vec<Hit>>, limit: usize) -> io::Result<Told> {
    let mut hits = hits?;
    // Of one moment the last comes last: so it stands in the files.
    hits.reverse();
    hits.sort_by_key(|hit| hit.at);
    let more = hits.len() > limit;
    hits.drain(..hits.len().saturating_sub(limit));
    Ok(Told { entries: hits.into_iter().map(|hit| hit.entry).collect(), more })
}

/// Appends a frame. False: the entry is too large, and was left out.
fn frame(frames: &mut Vec<u8>, entry: &Entry<'_>) -> bool {
    let begun = frames.len();
    let length_at = reserve(frames);
    let body = frames.len();
    entry.encode(frames);
    let length = frames.len() - body;
    if length > ENTRY_MAX {
        frames.truncate(begun);
        return false;
    }
    let octets = u32::try_from(length).unwrap_or(0).to_le_bytes();
    if let Some(place) = frames.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&octets);
    }
    true
}

fn number_of(detail: Detail) -> u8 {
    match detail {
        Detail::Off => 0,
        Detail::None => 1,
        Detail::Failures => 2,
        Detail::All => 3,
    }
}

fn detail_of(number: u8) -> Detail {
    let all = [Detail::Off, Detail::None, Detail::Failures, Detail::All];
    all.get(usize::from(number)).copied().unwrap_or_default()
}
