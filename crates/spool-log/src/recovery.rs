//! The start: from what is on the disk to an index that knows all of it, or a precise word why not.
//!
//! Only the end of the log may be torn, and only there where nobody was told that it is safe. All
//! other damage stops the start, unless the operator has asked for quarantine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Condvar, Mutex};
use spool::MessageId;

use crate::committer::Committer;
use crate::disk::{Disk, Lock, LockError};
use crate::index::Index;
use crate::lane::seal;
use crate::options::{Damage, OpenError, Options};
use crate::record::Entry;
use crate::scan::{self, Scan, Wish, scan};
use crate::segment::{ASIDE, BIG, COLD, FREE, LOG, Lane, START, Segment, seq_of};
use crate::shared::{Health, Inbox, Shared, Tasks};
use crate::side_index::{self, Entries};
use crate::spares;

const FORMAT: &str = "FORMAT";
const SUPPORTED: &str = "postrider spool 1";

/// What a start has found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Messages held.
    pub messages: u64,
    /// Their jobs. Those that were in delivery are due again: what came of that is not known.
    pub jobs: u64,
    /// Segments of the log.
    pub segments: u64,
    /// Segments known from their side index.
    pub from_index: u64,
    /// Segments that were read.
    pub scanned: u64,
    /// Files of bodies that no message needs, removed.
    pub orphans_removed: u64,
    /// What could not be read, with [`Options::quarantine`].
    pub damage: Vec<Damage>,
}

/// Names what failed.
pub(crate) struct Trouble<'a>(pub &'a dyn Disk);

impl Trouble<'_> {
    pub fn at(&self, what: &str) -> impl FnOnce(io::Error) -> OpenError + use<> {
        let (path, what) = (self.0.name(), what.to_owned());
        move |source| OpenError::Disk { path, what, source }
    }
}

/// Makes the directories and takes the lock.
pub(crate) fn lock(disk: &dyn Disk) -> Result<Box<dyn Lock>, OpenError> {
    let trouble = Trouble(disk);
    disk.create_dir("").map_err(trouble.at("making the directory"))?;
    disk.lock("LOCK").map_err(|error| match error {
        LockError::Held { pid } => OpenError::Locked { path: disk.name(), pid },
        LockError::Io(source) => trouble.at("making the file LOCK")(source),
    })
}

/// Reads `FORMAT`; the number that names the spool, `None` where there is no spool yet.
pub(crate) fn read_format(disk: &dyn Disk) -> Result<Option<u128>, OpenError> {
    let trouble = Trouble(disk);
    let file = match disk.open(FORMAT) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble.at("reading FORMAT")(error)),
    };
    let mut octets = [0; 128];
    let len = crate::disk::read_full(&*file, &mut octets, 0);
    let len = len.map_err(trouble.at("reading FORMAT"))?;
    let text = String::from_utf8_lossy(octets.get(..len).unwrap_or_default()).into_owned();
    let mut lines = text.lines();
    let found = lines.next().unwrap_or_default().to_owned();
    let uuid = lines.next().and_then(|line| u128::from_str_radix(line, 16).ok());
    match uuid.filter(|_| found == SUPPORTED) {
        Some(uuid) => Ok(Some(uuid)),
        None => Err(OpenError::Format { path: disk.name(), found, supported: SUPPORTED }),
    }
}

fn write_format(disk: &dyn Disk, uuid: u128) -> io::Result<()> {
    let new = "FORMAT.new";
    let _ = disk.remove(new);
    let file = disk.create(new)?;
    crate::disk::write_all(&*file, format!("{SUPPORTED}\n{uuid:032x}\n").as_bytes(), 0)?;
    file.datasync()?;
    disk.rename(new, FORMAT)?;
    disk.sync_dir("")
}

fn make_dirs(disk: &dyn Disk) -> io::Result<()> {
    for dir in [LOG, FREE, COLD, BIG] {
        disk.create_dir(dir)?;
    }
    for dir in ["", LOG] {
        disk.sync_dir(dir)?;
    }
    Ok(())
}

/// A segment before its entries are read.
struct Found {
    segment: Arc<Segment>,
    /// Where another segment says that this one was cut.
    limit: Option<u32>,
    /// Read already, to find the tail.
    read: Option<Read>,
}

/// The content of a segment.
struct Read {
    entries: Entries,
    end: u32,
    sealed: bool,
    from_index: bool,
    octets: Option<Vec<u8>>,
    damage: Vec<scan::Damage>,
}

impl Read {
    fn of(scan: Scan, sealed: bool) -> Self {
        Self {
            entries: Entries::new(scan.entries.clone()),
            end: scan.end,
            sealed,
            from_index: false,
            octets: Some(scan.entries),
            damage: scan.damage,
        }
    }
}

/// What the segments of a disk say together.
pub(crate) struct Reading<'a> {
    disk: &'a dyn Disk,
    lenient: bool,
    pub damage: Vec<Damage>,
    pub report: Recovery,
    next_txn: u64,
    next_seq: u32,
    last_id: Option<MessageId>,
    /// Segments without a record.
    unused: Vec<Arc<Segment>>,
    /// Segments that lack a seal or a side index: their end, entries, and whether to seal.
    unfinished: Vec<(Arc<Segment>, u32, Vec<u8>, bool)>,
}

impl<'a> Reading<'a> {
    pub fn new(disk: &'a dyn Disk, lenient: bool) -> Self {
        Self {
            disk,
            lenient,
            damage: Vec::new(),
            report: Recovery::default(),
            next_txn: 1,
            next_seq: 1,
            last_id: None,
            unused: Vec::new(),
            unfinished: Vec::new(),
        }
    }

    /// The segments of both lanes, in order.
    fn find(&mut self, uuid: u128) -> io::Result<BTreeMap<Lane, Vec<Found>>> {
        let mut lanes = BTreeMap::new();
        let mut cuts = BTreeMap::new();
        for lane in [Lane::Hot, Lane::Cold] {
            let mut found = Vec::new();
            for name in self.disk.list(lane.dir())? {
                let Some(seq) = seq_of(&name) else { continue };
                self.next_seq = self.next_seq.max(seq.saturating_add(1));
                let file = format!("{}/{name}", lane.dir());
                match Segment::open(self.disk, lane, &name)? {
                    Ok(segment) if segment.life.uuid == uuid => {
                        cuts.extend(segment.life.cut);
                        self.next_txn = self.next_txn.max(segment.life.first_txn);
                        self.last_id = self.last_id.max(segment.life.last_id);
                        let segment = Arc::new(segment);
                        found.push(Found { segment, limit: None, read: None });
                    }
                    Ok(_) => self.damage.push(whole_file(file, "it belongs to another spool")),
                    Err(_) => self.damage.push(whole_file(file, "its header cannot be read")),
                }
            }
            lanes.insert(lane, found);
        }
        for found in lanes.values_mut().flatten() {
            found.limit = cuts.get(&found.segment.seq()).copied();
        }
        Ok(lanes)
    }

    /// Sets the unused segments at the end of a lane aside and marks its tail.
    fn find_tail(&mut self, lane: &mut Vec<Found>) -> io::Result<()> {
        while let Some(mut last) = lane.pop() {
            if last.limit.is_none() && side_index::read(self.disk, &last.segment).is_none() {
                let wish = Wish { limit: None, tail: true, bodies: true, lenient: self.lenient };
                let scan = scan(&last.segment, wish)?;
                if scan.count == 0 && scan.damage.is_empty() && !scan.sealed {
                    self.unused.push(last.segment);
                    continue;
                }
                let sealed = scan.sealed;
                last.read = Some(Read::of(scan, sealed));
            }
            lane.push(last);
            break;
        }
        Ok(())
    }

    fn read(&self, found: &mut Found) -> io::Result<Read> {
        if let Some(read) = found.read.take() {
            return Ok(read);
        }
        if let Some((end, entries)) = side_index::read(self.disk, &found.segment)
            && found.limit.is_none_or(|limit| limit == end)
        {
            let damage = Vec::new();
            let octets = None;
            return Ok(Read { entries, end, sealed: true, from_index: true, octets, damage });
        }
        let wish = Wish { limit: found.limit, tail: false, bodies: false, lenient: self.lenient };
        let mut scan = scan(&found.segment, wish)?;
        // It was begun, but something failed before its first record.
        if scan.is_unused() {
            scan.damage.clear();
        }
        Ok(Read::of(scan, true))
    }

    /// Brings `index` to the state that the disk describes.
    pub fn replay(&mut self, uuid: u128, index: &mut Index) -> io::Result<()> {
        let mut lanes = self.find(uuid)?;
        for lane in lanes.values_mut() {
            self.find_tail(lane)?;
        }
        for found in lanes.values().flatten() {
            self.report.segments += 1;
            // Tombstones name segments of either lane: all must be in the books before the first.
            index.ledger.add(Arc::clone(&found.segment), START, true);
        }
        let mut hot = LaneEntries::new(lanes.remove(&Lane::Hot).unwrap_or_default());
        let mut cold = LaneEntries::new(lanes.remove(&Lane::Cold).unwrap_or_default());
        loop {
            self.fill(&mut hot, index)?;
            self.fill(&mut cold, index)?;
            let txn = |lane: &LaneEntries| lane.next.as_ref().map_or(u64::MAX, |next| next.1.txn);
            let lane = if txn(&hot) <= txn(&cold) { &mut hot } else { &mut cold };
            let Some((segment, entry)) = lane.next.take() else { break };
            self.next_txn = self.next_txn.max(entry.txn.saturating_add(1));
            index.apply(segment, &entry);
        }
        index.last_id = index.last_id.max(self.last_id);
        for id in index.end_replay() {
            self.damage.push(Damage {
                file: LOG.into(),
                offset: 0,
                len: 0,
                message: Some(id),
                what: "a body that other messages share is lost".into(),
            });
        }
        self.report.messages = index.len() as u64;
        self.report.jobs = index.job_count() as u64;
        Ok(())
    }

    /// Makes sure that the lane has a next entry, if it has one at all.
    fn fill(&mut self, lane: &mut LaneEntries, index: &mut Index) -> io::Result<()> {
        while lane.next.is_none() {
            if let Some((segment, entries)) = &mut lane.current
                && let Some(entry) = entries.next()
            {
                lane.next = Some((*segment, entry));
                return Ok(());
            }
            let Some(mut found) = lane.waiting.pop_front() else { return Ok(()) };
            let read = self.read(&mut found)?;
            lane.current = Some((found.segment.seq(), self.book(index, &found, read)));
        }
        Ok(())
    }

    /// Puts a segment into the books.
    fn book(&mut self, index: &mut Index, found: &Found, read: Read) -> Entries {
        let segment = &found.segment;
        if let Some(account) = index.ledger.get_mut(segment.seq()) {
            account.end = read.end;
            account.damaged = !read.damage.is_empty();
        }
        for damage in &read.damage {
            self.damage.push(Damage {
                file: segment.path(),
                offset: damage.from,
                len: damage.to.saturating_sub(damage.from),
                message: damage.id,
                what: damage.what.into(),
            });
        }
        if read.from_index {
            self.report.from_index += 1;
        } else {
            self.report.scanned += 1;
        }
        if let Some(octets) = read.octets.filter(|_| read.damage.is_empty()) {
            self.unfinished.push((Arc::clone(segment), read.end, octets, !read.sealed));
        }
        read.entries
    }

    /// Writes the seals and side indexes that were missing.
    fn finish(&mut self) -> io::Result<()> {
        for (segment, end, entries, needs_seal) in self.unfinished.drain(..) {
            if needs_seal {
                seal(&segment, end)?;
            }
            let _ = side_index::write(self.disk, &segment, end, &entries);
        }
        Ok(())
    }
}

fn whole_file(file: String, what: &str) -> Damage {
    Damage { file, offset: 0, len: 0, message: None, what: what.into() }
}

/// The entries of a lane, one segment after the other, each read when its turn comes.
struct LaneEntries {
    waiting: VecDeque<Found>,
    current: Option<(u32, Entries)>,
    next: Option<(u32, Entry)>,
}

impl LaneEntries {
    fn new(lane: Vec<Found>) -> Self {
        Self { waiting: lane.into(), current: None, next: None }
    }
}

/// The files of large bodies on the disk.
pub(crate) fn big_files(disk: &dyn Disk) -> io::Result<Vec<(u64, String)>> {
    let mut files = Vec::new();
    for dir in disk.list(BIG)? {
        let dir = format!("{BIG}/{dir}");
        // A file where a directory should be is none of ours.
        for name in disk.list(&dir).unwrap_or_default() {
            if let Ok(token) = u64::from_str_radix(&name, 16) {
                files.push((token, format!("{dir}/{name}")));
            }
        }
    }
    Ok(files)
}

/// Opens the log on a disk that is locked.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Arc<Shared>, Committer, Recovery), OpenError> {
    let trouble = Trouble(&*disk);
    make_dirs(&*disk).map_err(trouble.at("making its directories"))?;
    let random = Arc::clone(&options.random);
    let wide = move || u128::from(random()) << 64 | u128::from(random());
    let uuid = match read_format(&*disk)? {
        Some(uuid) => uuid,
        None => {
            let uuid = wide();
            write_format(&*disk, uuid).map_err(trouble.at("writing FORMAT"))?;
            uuid
        }
    };
    let mut index = Index::new();
    let mut reading = Reading::new(&*disk, options.quarantine);
    reading.replay(uuid, &mut index).map_err(trouble.at("reading the log"))?;
    let files = big_files(&*disk).map_err(trouble.at("listing the large bodies"))?;
    let needed = index.tokens();
    let there: BTreeSet<_> = files.iter().map(|(token, _)| *token).collect();
    for token in needed.difference(&there) {
        let file = crate::shared::big_path(*token);
        reading.damage.push(whole_file(file, "the file of a large body is not there"));
    }
    if !reading.damage.is_empty() && !options.quarantine {
        return Err(OpenError::Damaged { path: disk.name(), damage: reading.damage });
    }
    reading.finish().map_err(trouble.at("sealing the log"))?;
    for (token, path) in &files {
        if !needed.contains(token) && disk.remove(path).is_ok() {
            reading.report.orphans_removed += 1;
        }
    }
    let Reading { mut report, damage, next_txn, next_seq, unused, .. } = reading;
    report.damage = damage;
    let last_token = there.last().copied().unwrap_or(0).max(index.last_token);
    let shared = Arc::new(Shared {
        epoch: (options.random)(),
        uuid,
        index: Mutex::new(index),
        inbox: Mutex::new(Inbox::default()),
        news: Condvar::new(),
        tasks: Mutex::new(Tasks::default()),
        task_news: Condvar::new(),
        health: Mutex::new(Health::default()),
        next_token: AtomicU64::new(last_token.saturating_add(1)),
        next_name: AtomicU64::new(1),
        free: Mutex::new(Vec::new()),
        threads: AtomicBool::new(false),
        disk: Arc::clone(&disk),
        options,
    });
    take_stock(&shared, &unused).map_err(trouble.at("looking at the free segments"))?;
    let mut committer = Committer::new(Arc::clone(&shared), next_txn, next_seq);
    set_aside(&shared, &mut committer, &report.damage)
        .map_err(trouble.at("setting damaged segments aside"))?;
    shared.look_at_room();
    committer.begin().map_err(trouble.at("beginning a segment"))?;
    committer.recycle();
    Ok((shared, committer, report))
}

/// Finds the empty segments.
fn take_stock(shared: &Shared, unused: &[Arc<Segment>]) -> io::Result<()> {
    let size = u64::from(shared.options.segment_size);
    let mut highest = 0;
    for name in shared.disk.list(FREE)? {
        let path = format!("{FREE}/{name}");
        let Some(number) = name.strip_suffix(".seg").and_then(|name| name.parse::<u64>().ok())
        else {
            continue;
        };
        highest = highest.max(number);
        if shared.disk.open(&path)?.len()? == size {
            shared.free.lock().push(name);
        } else {
            shared.disk.remove(&path)?;
        }
    }
    // A name may have survived without its directory having been synced.
    shared.disk.sync_dir(FREE)?;
    shared.next_name.store(highest + 1, std::sync::atomic::Ordering::Relaxed);
    for segment in unused {
        spares::give_back(shared, segment)?;
    }
    Ok(())
}

/// Copies what can be read out of damaged segments and puts their files away.
fn set_aside(shared: &Arc<Shared>, committer: &mut Committer, damage: &[Damage]) -> io::Result<()> {
    if damage.is_empty() {
        return Ok(());
    }
    shared.disk.create_dir(ASIDE)?;
    let index = shared.index.lock();
    let damaged: Vec<_> = index
        .ledger
        .iter()
        .filter(|account| account.damaged)
        .map(|account| Arc::clone(&account.segment))
        .collect();
    drop(index);
    let mut gone: Vec<(String, Option<u32>)> = Vec::new();
    for segment in damaged {
        // What cannot be copied keeps the segment in its place, and the next start will say so again.
        if committer.evacuate_all(segment.seq()).is_ok() {
            gone.push((segment.path(), Some(segment.seq())));
        }
    }
    let headless = damage.iter().filter(|damage| damage.file.ends_with(".seg"));
    for damage in headless.filter(|damage| damage.len == 0) {
        gone.push((damage.file.clone(), None));
    }
    for (path, seq) in gone {
        let name = path.replace('/', "-");
        shared.disk.rename(&path, &format!("{ASIDE}/{name}"))?;
        shared.disk.sync_dir(path.rsplit_once('/').map_or("", |(dir, _)| dir))?;
        shared.disk.sync_dir(ASIDE)?;
        if let Some(seq) = seq {
            shared.index.lock().segment_gone(seq);
        }
    }
    Ok(())
}
