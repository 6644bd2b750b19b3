//! A disk in memory that keeps the promises of [`Disk`] and not one more.
//!
//! It remembers what was synced and what was not. [`MemoryDisk::crash`] gives the disk that a machine
//! finds after the power came back: each unsynced sector of 512 octets old or new by chance, names
//! that no directory sync covered there or not there. [`MemoryDisk::fail`] makes the n-th change
//! fail. Everything follows from seeds, and a recorded [`Trace`] can be played up to any point.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, File, Lock, LockError, Space};

const SECTOR: usize = 512;
type Sector = [u8; SECTOR];

/// A change of the disk, as a trace keeps it.
#[derive(Clone, Debug)]
enum Change {
    CreateDir(String),
    Create(String, u64),
    Write(u64, u64, Arc<[u8]>),
    Allocate(u64, u64),
    Datasync(u64),
    /// A datasync that failed: what it should have written may be lost, and no later one writes it.
    Lose(u64),
    Rename(String, String),
    Remove(String),
    SyncDir(String),
}

/// What was done to a disk, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace(Vec<Change>);

impl Trace {
    /// Changes in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The disk reports an error; of a write, a part may have been done.
    Eio,
    /// The disk is full.
    Enospc,
    /// A write does half of what was asked and says so; any other call succeeds.
    Short,
}

#[derive(Clone, Default)]
struct Content {
    present: Vec<u8>,
    durable: Vec<u8>,
    /// The states that each sector went through since the last sync.
    dirty: BTreeMap<usize, Vec<Sector>>,
    /// The same of syncs that failed.
    lost: BTreeMap<usize, Vec<Sector>>,
}

impl Content {
    fn sector(&self, n: usize) -> Sector {
        let mut sector = [0; SECTOR];
        let start = (n * SECTOR).min(self.present.len());
        let end = (start + SECTOR).min(self.present.len());
        sector[..end - start].copy_from_slice(&self.present[start..end]);
        sector
    }

    fn write(&mut self, at: usize, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let end = at + data.len();
        if self.present.len() < end {
            self.present.resize(end, 0);
        }
        self.present[at..end].copy_from_slice(data);
        for n in at / SECTOR..=(end - 1) / SECTOR {
            let sector = self.sector(n);
            self.dirty.entry(n).or_default().push(sector);
        }
    }

    fn sync(&mut self) {
        self.durable.resize(self.present.len(), 0);
        for (n, _) in std::mem::take(&mut self.dirty) {
            self.lost.remove(&n);
            let start = n * SECTOR;
            let end = (start + SECTOR).min(self.present.len());
            self.durable[start..end].copy_from_slice(&self.present[start..end]);
        }
    }

    fn lose(&mut self) {
        for (n, states) in std::mem::take(&mut self.dirty) {
            self.lost.entry(n).or_default().extend(states);
        }
    }

    /// What is found after a crash.
    fn crash(&self, chance: &mut Chance) -> Self {
        let mut found = self.durable.clone();
        if self.present.len() > found.len() && chance.one_in(2) {
            found.resize(self.present.len(), 0);
        }
        let touched: BTreeSet<_> = self.dirty.keys().chain(self.lost.keys()).collect();
        for &n in touched {
            let states = || self.lost.get(&n).into_iter().chain(self.dirty.get(&n)).flatten();
            let pick = chance.below(states().count() as u64 + 1) as usize;
            let start = n * SECTOR;
            if let Some(state) = pick.checked_sub(1).and_then(|pick| states().nth(pick))
                && start < found.len()
            {
                let end = (start + SECTOR).min(found.len());
                found[start..end].copy_from_slice(&state[..end - start]);
            }
        }
        Self { durable: found.clone(), present: found, ..Self::default() }
    }
}

/// A change of names that is not durable yet.
#[derive(Clone)]
struct NameChange {
    change: Change,
    waits_for: BTreeSet<String>,
}

#[derive(Clone, Default)]
struct Names {
    dirs: BTreeSet<String>,
    files: BTreeMap<String, u64>,
}

impl Names {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::CreateDir(path) => {
                self.dirs.insert(path.clone());
            }
            Change::Create(path, file) => {
                self.files.insert(path.clone(), *file);
            }
            Change::Rename(from, to) => {
                if let Some(file) = self.files.remove(from) {
                    self.files.insert(to.clone(), file);
                }
            }
            Change::Remove(path) => {
                self.files.remove(path);
            }
            _ => {}
        }
    }
}

#[derive(Clone, Default)]
struct State {
    names: Names,
    durable_names: Names,
    waiting: Vec<NameChange>,
    contents: BTreeMap<u64, Content>,
    next_file: u64,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl State {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(file, at, data) => {
                self.contents.entry(*file).or_default().write(*at as usize, data);
            }
            Change::Allocate(file, len) => {
                let content = self.contents.entry(*file).or_default();
                content.present.resize((*len as usize).max(content.present.len()), 0);
            }
            Change::Datasync(file) => self.contents.entry(*file).or_default().sync(),
            Change::Lose(file) => self.contents.entry(*file).or_default().lose(),
            Change::SyncDir(path) => self.sync_dir(path),
            Change::CreateDir(path) => self.name(change, [parent(path), parent(path)]),
            Change::Create(path, file) => {
                self.next_file = self.next_file.max(*file + 1);
                self.contents.insert(*file, Content::default());
                self.name(change, [parent(path), parent(path)]);
            }
            Change::Rename(from, to) => self.name(change, [parent(from), parent(to)]),
            Change::Remove(path) => self.name(change, [parent(path), parent(path)]),
        }
    }

    fn name(&mut self, change: &Change, dirs: [&str; 2]) {
        self.names.apply(change);
        let waits_for = dirs.into_iter().map(str::to_owned).collect();
        self.waiting.push(NameChange { change: change.clone(), waits_for });
    }

    fn sync_dir(&mut self, path: &str) {
        for waiting in &mut self.waiting {
            waiting.waits_for.remove(path);
        }
        let names = &mut self.durable_names;
        self.waiting.retain(|waiting| {
            if waiting.waits_for.is_empty() {
                names.apply(&waiting.change);
            }
            !waiting.waits_for.is_empty()
        });
    }

    fn crash(&self, chance: &mut Chance) -> Self {
        let mut names = self.durable_names.clone();
        for waiting in &self.waiting {
            // The directories of the log are made once, long before anything depends on them.
            if matches!(waiting.change, Change::CreateDir(_)) || chance.one_in(2) {
                names.apply(&waiting.change);
            }
        }
        let mut contents = BTreeMap::new();
        for file in names.files.values() {
            if let Some(content) = self.contents.get(file) {
                contents.insert(*file, content.crash(chance));
            }
        }
        Self {
            durable_names: names.clone(),
            names,
            waiting: Vec::new(),
            contents,
            next_file: self.next_file,
        }
    }

    fn octets(&self) -> u64 {
        self.names
            .files
            .values()
            .filter_map(|file| self.contents.get(file))
            .map(|content| content.present.len() as u64)
            .sum()
    }
}

struct Shared {
    state: State,
    trace: Option<Trace>,
    /// Changes so far, failed ones counted.
    calls: u64,
    syncs: u64,
    faults: BTreeMap<u64, Fault>,
    broken: Option<Fault>,
    capacity: u64,
    locked: bool,
}

impl Shared {
    fn of(state: State) -> Self {
        Self {
            state,
            trace: None,
            calls: 0,
            syncs: 0,
            faults: BTreeMap::new(),
            broken: None,
            capacity: u64::MAX,
            locked: false,
        }
    }

    /// Counts a call that changes something, and says how it must fail.
    fn count(&mut self) -> Option<Fault> {
        self.calls += 1;
        self.broken.or_else(|| self.faults.remove(&self.calls))
    }

    fn check(&mut self) -> io::Result<()> {
        match self.count() {
            Some(Fault::Eio) => Err(eio()),
            Some(Fault::Enospc) => Err(ErrorKind::StorageFull.into()),
            Some(Fault::Short) | None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) {
        self.state.apply(&change);
        if let Some(trace) = &mut self.trace {
            trace.0.push(change);
        }
    }

    fn file(&self, path: &str) -> io::Result<u64> {
        self.state.names.files.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn eio() -> io::Error {
    io::Error::other("input/output error (simulated)")
}

/// The simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct MemoryDisk {
    shared: Arc<Mutex<Shared>>,
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::of(State::default())
    }

    fn of(state: State) -> Self {
        Self { shared: Arc::new(Mutex::new(Shared::of(state))) }
    }

    /// The disk as it is found after the power went off now. The old one is left as it is, a process
    /// may go on with it in a world of its own.
    pub fn crash(&self, seed: u64) -> Self {
        Self::of(self.shared.lock().state.crash(&mut Chance::new(seed)))
    }

    /// From now on everything is recorded.
    pub fn record(&self) {
        self.shared.lock().trace = Some(Trace::default());
    }

    /// What was recorded so far.
    pub fn trace(&self) -> Trace {
        self.shared.lock().trace.clone().unwrap_or_default()
    }

    /// Changes recorded so far.
    pub fn trace_len(&self) -> usize {
        self.shared.lock().trace.as_ref().map_or(0, Trace::len)
    }

    /// Does the changes `range` of a trace to this disk.
    pub fn play(&self, trace: &Trace, range: std::ops::Range<usize>) {
        let mut shared = self.shared.lock();
        for change in trace.0.get(range).unwrap_or_default() {
            shared.state.apply(change);
        }
    }

    /// The `n`-th change from now (the next one is 1) fails so.
    pub fn fail(&self, n: u64, fault: Fault) {
        let mut shared = self.shared.lock();
        let at = shared.calls + n;
        shared.faults.insert(at, fault);
    }

    /// Every change from now on fails so, until it is mended with `None`.
    pub fn set_broken(&self, fault: Option<Fault>) {
        self.shared.lock().broken = fault;
    }

    /// Takes back every failure that was ordered: the disk works, and has room.
    pub fn mend(&self) {
        let mut shared = self.shared.lock();
        shared.faults.clear();
        shared.broken = None;
        shared.capacity = u64::MAX;
    }

    /// The octets that fit on it.
    pub fn set_capacity(&self, octets: u64) {
        self.shared.lock().capacity = octets;
    }

    /// Changes asked for so far.
    pub fn calls(&self) -> u64 {
        self.shared.lock().calls
    }

    /// Data syncs so far.
    pub fn syncs(&self) -> u64 {
        self.shared.lock().syncs
    }

    /// Every file.
    pub fn files(&self) -> Vec<String> {
        self.shared.lock().state.names.files.keys().cloned().collect()
    }

    /// Turns one bit around, durably and without a word. False when there is no such octet.
    pub fn flip(&self, path: &str, octet: u64, bit: u8) -> bool {
        let mut shared = self.shared.lock();
        let Ok(file) = shared.file(path) else { return false };
        let Some(content) = shared.state.contents.get_mut(&file) else { return false };
        let mut found = false;
        for octets in [&mut content.present, &mut content.durable] {
            if let Some(octet) = octets.get_mut(octet as usize) {
                *octet ^= 1 << (bit % 8);
                found = true;
            }
        }
        found
    }
}

impl Disk for MemoryDisk {
    fn name(&self) -> String {
        "memory".into()
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let mut shared = self.shared.lock();
        shared.check()?;
        if !shared.state.names.dirs.contains(path) {
            shared.change(Change::CreateDir(path.into()));
        }
        Ok(())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let mut shared = self.shared.lock();
        shared.check()?;
        if shared.file(path).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = shared.state.next_file;
        shared.change(Change::Create(path.into(), file));
        Ok(Arc::new(MemoryFile { shared: Arc::clone(&self.shared), file }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = self.shared.lock().file(path)?;
        Ok(Arc::new(MemoryFile { shared: Arc::clone(&self.shared), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut shared = self.shared.lock();
        shared.check()?;
        shared.file(from)?;
        shared.change(Change::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut shared = self.shared.lock();
        shared.check()?;
        shared.file(path)?;
        shared.change(Change::Remove(path.into()));
        Ok(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut shared = self.shared.lock();
        shared.check()?;
        shared.change(Change::SyncDir(path.into()));
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let shared = self.shared.lock();
        let names = &shared.state.names;
        let mut found: Vec<String> = names
            .files
            .keys()
            .chain(&names.dirs)
            .filter(|name| !name.is_empty() && parent(name) == path)
            .map(|name| name.rsplit('/').next().unwrap_or_default().to_owned())
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    fn lock(&self, _path: &str) -> Result<Box<dyn Lock>, LockError> {
        let mut shared = self.shared.lock();
        if std::mem::replace(&mut shared.locked, true) {
            return Err(LockError::Held { pid: None });
        }
        Ok(Box::new(MemoryLock(Arc::clone(&self.shared))))
    }

    fn space(&self) -> io::Result<Space> {
        let shared = self.shared.lock();
        Ok(Space { octets: shared.capacity.saturating_sub(shared.state.octets()), files: u64::MAX })
    }
}

struct MemoryLock(Arc<Mutex<Shared>>);

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}

struct MemoryFile {
    shared: Arc<Mutex<Shared>>,
    file: u64,
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let shared = self.shared.lock();
        let content = shared.state.contents.get(&self.file);
        let octets = content.map_or(&[][..], |content| &content.present);
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(octets.len());
        let len = buffer.len().min(octets.len() - start);
        buffer[..len].copy_from_slice(&octets[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, data: &[u8], at: u64) -> io::Result<usize> {
        let mut shared = self.shared.lock();
        let fault = shared.count();
        let present = shared.state.contents.get(&self.file).map_or(0, |found| found.present.len());
        let grows = (at + data.len() as u64).saturating_sub(present as u64);
        if shared.state.octets().saturating_add(grows) > shared.capacity {
            return Err(ErrorKind::StorageFull.into());
        }
        let len = match fault {
            None => data.len(),
            Some(Fault::Short) => data.len().div_ceil(2),
            Some(Fault::Eio) => data.len() / 2,
            Some(Fault::Enospc) => 0,
        };
        shared.change(Change::Write(self.file, at, data[..len].into()));
        match fault {
            Some(Fault::Eio) => Err(eio()),
            Some(Fault::Enospc) => Err(ErrorKind::StorageFull.into()),
            _ => Ok(len),
        }
    }

    fn datasync(&self) -> io::Result<()> {
        let mut shared = self.shared.lock();
        shared.syncs += 1;
        let result = shared.check();
        let change = match result {
            Ok(()) => Change::Datasync(self.file),
            Err(_) => Change::Lose(self.file),
        };
        shared.change(change);
        result
    }

    fn len(&self) -> io::Result<u64> {
        let shared = self.shared.lock();
        Ok(shared.state.contents.get(&self.file).map_or(0, |found| found.present.len() as u64))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut shared = self.shared.lock();
        shared.check()?;
        let present = shared.state.contents.get(&self.file).map_or(0, |found| found.present.len());
        let grows = len.saturating_sub(present as u64);
        if shared.state.octets().saturating_add(grows) > shared.capacity {
            return Err(ErrorKind::StorageFull.into());
        }
        shared.change(Change::Allocate(self.file, len));
        Ok(())
    }
}

/// Chance from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_octets_stay() {
        for seed in 0..40 {
            let disk = MemoryDisk::new();
            let file = disk.create("a").expect("room");
            file.write_at(&[1; 2000], 0).expect("room");
            file.datasync().expect("synced");
            disk.sync_dir("").expect("synced");
            file.write_at(&[2; 1000], 1000).expect("room");
            let after = disk.crash(seed).open("a").expect("its name is durable");
            let mut found = [0; 2000];
            assert_eq!(after.read_at(&mut found, 0).expect("read"), 2000);
            assert_eq!(found[..1000], [1; 1000]);
            let torn = found[1000..].chunk_by(|a, b| a == b).count();
            assert!(torn <= 4 && found[1000..].iter().all(|&octet| octet == 1 || octet == 2));
        }
    }

    #[test]
    fn names_without_sync_come_and_go() {
        let mut there = 0;
        for seed in 0..40 {
            let disk = MemoryDisk::new();
            disk.create("a").expect("room");
            there += usize::from(disk.crash(seed).open("a").is_ok());
        }
        assert!(there > 5 && there < 35);
    }

    #[test]
    fn a_failed_sync_is_not_mended_by_the_next() {
        let disk = MemoryDisk::new();
        let file = disk.create("a").expect("room");
        disk.sync_dir("").expect("synced");
        file.write_at(&[1; 512], 0).expect("room");
        disk.fail(1, Fault::Eio);
        file.datasync().expect_err("as ordered");
        file.datasync().expect("and says nothing");
        let lost = |seed| {
            let mut found = [0; 512];
            let file = disk.crash(seed).open("a").expect("a name");
            file.read_at(&mut found, 0).expect("read") < 512 || found[0] == 0
        };
        assert!((0..20).any(lost) && !(0..20).all(lost));
    }
}
