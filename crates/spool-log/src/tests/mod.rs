//! Tests of the whole log: the contract, the walk beside the model, crashes, faults, damage.

mod contract;
mod crash;
mod damage;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spool::Spool;
use spool::contract::Subject;

use crate::disk::Disk;
use crate::{Drive, Log, MemoryDisk, OpenError, Options, OsDisk, Recovery};

/// Options for small tests: small segments, no thread, chance from a seed.
pub fn options(seed: u64) -> Options {
    let state = AtomicU64::new(seed);
    let random = move || {
        let n = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    Options {
        segment_size: 64 * 1024,
        min_free_octets: 0,
        min_free_files: 0,
        drive: Drive::Inline,
        ..Options::new(Arc::new(random))
    }
}

pub fn open(disk: &MemoryDisk, options: Options) -> Result<(Log, Recovery), OpenError> {
    Log::open(Arc::new(disk.clone()), options)
}

/// A log that can be opened again.
pub struct Life {
    disk: Arc<dyn Disk>,
    options: Options,
    log: Option<Log>,
    _dir: Option<tempfile::TempDir>,
}

impl Life {
    pub fn in_memory(options: Options) -> Self {
        Self::on(Arc::new(MemoryDisk::new()), options, None)
    }

    pub fn on_disk(options: Options) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self::on(Arc::new(OsDisk::new(dir.path().join("spool"))), options, Some(dir))
    }

    fn on(disk: Arc<dyn Disk>, options: Options, dir: Option<tempfile::TempDir>) -> Self {
        let mut life = Self { disk, options, log: None, _dir: dir };
        life.restart();
        life
    }
}

impl Subject for Life {
    fn spool(&self) -> &dyn Spool {
        self.log.as_ref().expect("open")
    }

    fn restart(&mut self) {
        self.log = None;
        let opened = Log::open(Arc::clone(&self.disk), self.options.clone());
        self.log = Some(opened.unwrap_or_else(|error| panic!("{error}")).0);
    }
}
