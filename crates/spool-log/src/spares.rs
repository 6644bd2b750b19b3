//! Empty segments, kept ready so that a commit never waits for the file system to find room, and so
//! that results and tombstones can be written when the disk is full.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::segment::{FREE, Lane, Life, Segment};
use crate::shared::Shared;

/// Segments that new mail may not take.
pub(crate) const RESERVE: usize = 2;

fn new_path(shared: &Shared) -> (String, String) {
    let name = format!("{:016}.seg", shared.next_name.fetch_add(1, Ordering::Relaxed));
    let path = format!("{FREE}/{name}");
    (name, path)
}

/// Makes one more, in the thread of the caller; `written` writes every octet of it first.
fn make(shared: &Shared, written: bool) -> io::Result<String> {
    let size = u64::from(shared.options.segment_size);
    let (name, path) = new_path(shared);
    let made = if written {
        shared.disk.written(&path, size).map(drop)
    } else {
        let file = shared.disk.create(&path);
        file.and_then(|file| {
            file.allocate(size)?;
            file.datasync()
        })
    };
    let made = made.and_then(|()| shared.disk.sync_dir(FREE));
    if let Err(error) = made {
        let _ = shared.disk.remove(&path);
        return Err(error);
    }
    Ok(name)
}

/// Keeps as many ready as results may need and one more.
pub(crate) fn refill(shared: &Arc<Shared>) {
    if shared.free.lock().len() > RESERVE {
        shared.health.lock().no_segment = None;
        return;
    }
    let helper = Arc::clone(shared);
    shared.aside(Box::new(move || {
        let threads = helper.threads.load(Ordering::Acquire);
        let mut problem = None;
        while problem.is_none() && helper.free.lock().len() <= RESERVE {
            match make(&helper, threads) {
                Ok(name) => helper.free.lock().push(name),
                Err(error) => problem = Some(format!("no room for another segment: {error}")),
            }
        }
        helper.health.lock().no_segment = problem;
        helper.look_at_room();
    }));
}

/// The name of an empty segment. New mail leaves the reserve alone.
fn take(shared: &Shared, insert: bool) -> io::Result<String> {
    let kept = if insert { RESERVE } else { 0 };
    let mut free = shared.free.lock();
    if free.len() > kept
        && let Some(name) = free.pop()
    {
        return Ok(name);
    }
    drop(free);
    match make(shared, false) {
        Ok(name) => Ok(name),
        Err(error) if insert => Err(error),
        Err(error) => shared.free.lock().pop().ok_or(error),
    }
}

/// Begins a segment.
///
/// # Errors
/// Those of the disk; the file that failed is not used again.
pub(crate) fn begin(shared: &Arc<Shared>, life: Life, insert: bool) -> io::Result<Arc<Segment>> {
    let name = take(shared, insert)?;
    let path = format!("{FREE}/{name}");
    let begun =
        shared.disk.open(&path).and_then(|file| Segment::begin(&*shared.disk, life, file, &path));
    refill(shared);
    begun
}

/// Gives a segment back that nothing needs: to the free ones, or to the file system. When this
/// returns `Ok`, its name is durably gone.
pub(crate) fn give_back(shared: &Shared, segment: &Segment) -> io::Result<()> {
    let path = segment.path();
    let fits = segment.life.size == shared.options.segment_size;
    if fits && shared.free.lock().len() < shared.options.spare_segments {
        let (name, free) = new_path(shared);
        shared.disk.rename(&path, &free)?;
        shared.disk.sync_dir(segment.life.lane.dir())?;
        shared.disk.sync_dir(FREE)?;
        shared.free.lock().push(name);
    } else {
        shared.disk.remove(&path)?;
        shared.disk.sync_dir(segment.life.lane.dir())?;
    }
    let _ = shared.disk.remove(&segment.index_path());
    Ok(())
}

/// A life for the next segment of `lane`.
pub(crate) fn life(shared: &Shared, seq: u32, lane: Lane, first_txn: u64) -> Life {
    Life {
        uuid: shared.uuid,
        seq,
        lane,
        salt: (shared.options.random)() as u32,
        size: shared.options.segment_size,
        first_txn,
        last_id: shared.index.lock().last_id,
        cut: None,
    }
}
