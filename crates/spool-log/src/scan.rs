//! Reads a segment from its first record to its last, and tells a normal end from damage.
//!
//! Only the tail of the log may end anywhere: after a crash the last flush group is there in part.
//! Everything before it was synced, so a record of a *later* group behind an invalid one is damage,
//! as is any invalid record in a segment that was sealed.

use std::io;

use spool::MessageId;

use crate::disk::{File, read_full};
use crate::record::{Entry, Fact, HEADER, Header, Kind, MAX_META};
use crate::segment::{START, Segment};
use crate::side_index::put_entry;

const WINDOW: usize = 256 * 1024;

/// What is asked of a scan.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    /// Where the valid part is known to end.
    pub limit: Option<u32>,
    /// The last segment of its lane: it may end anywhere.
    pub tail: bool,
    /// Read the bodies and check them too.
    pub bodies: bool,
    /// Go on behind damage.
    pub lenient: bool,
}

/// A part of a segment that does not read back.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub from: u64,
    pub to: u64,
    pub id: Option<MessageId>,
    pub what: &'static str,
    /// No valid record follows.
    pub nothing_behind: bool,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Scan {
    /// Encoded entries of the whole transactions.
    pub entries: Vec<u8>,
    pub count: u64,
    /// Where the valid part ends.
    pub end: u32,
    pub sealed: bool,
    pub last_txn: u64,
    pub damage: Vec<Damage>,
}

impl Scan {
    /// Not one record of the present life is there.
    pub fn is_unused(&self) -> bool {
        self.count == 0 && !self.sealed && self.damage.iter().all(|damage| damage.nothing_behind)
    }

    fn take(&mut self, pending: &mut Vec<Entry>, end: u64) {
        for entry in pending.drain(..) {
            self.last_txn = self.last_txn.max(entry.txn);
            self.count += 1;
            put_entry(&mut self.entries, &entry);
        }
        self.end = end as u32;
    }
}

struct Window<'a> {
    file: &'a dyn File,
    octets: Vec<u8>,
    start: u64,
}

impl Window<'_> {
    /// `len` octets from `at`, `None` when the file ends before.
    fn get(&mut self, at: u64, len: usize) -> io::Result<Option<&[u8]>> {
        let inside = at >= self.start && at + len as u64 <= self.start + self.octets.len() as u64;
        if !inside {
            self.octets.resize(len.max(WINDOW), 0);
            self.start = at;
            let found = read_full(self.file, &mut self.octets, at)?;
            self.octets.truncate(found);
        }
        let from = (at - self.start) as usize;
        Ok(self.octets.get(from..from + len))
    }
}

struct Scanner<'a> {
    window: Window<'a>,
    salt: u32,
    size: u64,
    bodies: bool,
}

/// A record that reads back.
struct Found {
    header: Header,
    /// `None` of a seal.
    fact: Option<Fact>,
}

impl Scanner<'_> {
    fn record(&mut self, at: u64) -> io::Result<Result<Found, &'static str>> {
        let Some(header) = self.window.get(at, HEADER)?.and_then(Header::read) else {
            return Ok(Err("no record"));
        };
        let sane = header.salt == self.salt
            && at + header.len() <= self.size
            && header.meta_len as usize <= MAX_META;
        if !sane {
            return Ok(Err("no record"));
        }
        let head_len = header.head_len() as usize;
        let Some(head) = self.window.get(at, head_len)?.filter(|head| header.fits(head)) else {
            return Ok(Err("the checksum of a record does not fit"));
        };
        if header.kind == Kind::Seal {
            return Ok(Ok(Found { header, fact: None }));
        }
        let Ok(fact) = Fact::read(&header, head.get(HEADER..).unwrap_or_default()) else {
            return Ok(Err("the content of a record cannot be read"));
        };
        if self.bodies && header.body_len > 0 {
            let len = header.body_len as usize;
            let body = self.window.get(at + header.head_len(), len + 4)?;
            let fits = body
                .and_then(|body| body.split_at_checked(len))
                .is_some_and(|(body, crc)| crc32c::crc32c(body).to_le_bytes() == crc);
            if !fits {
                return Ok(Err("the checksum of a body does not fit"));
            }
        }
        Ok(Ok(Found { header, fact: Some(fact) }))
    }

    /// The next place at or behind `at` with a valid record that `wanted` accepts.
    fn search(
        &mut self,
        mut at: u64,
        limit: u64,
        wanted: impl Fn(&Header) -> bool,
    ) -> io::Result<Option<u64>> {
        let salt = self.salt.to_le_bytes();
        while at + HEADER as u64 <= limit {
            let Some(octets) = self.window.get(at, HEADER)? else { return Ok(None) };
            let hit = octets.get(32..36) == Some(&salt) && Header::read(octets).is_some();
            if hit
                && let Ok(found) = self.record(at)?
                && wanted(&found.header)
            {
                return Ok(Some(at));
            }
            at += 8;
        }
        Ok(None)
    }
}

/// Reads `segment`.
///
/// # Errors
/// Those of the disk.
pub(crate) fn scan(segment: &Segment, wish: Wish) -> io::Result<Scan> {
    let file_len = segment.file.len()?;
    let size = wish.limit.map_or(file_len, u64::from).min(file_len);
    let mut scanner = Scanner {
        window: Window { file: &*segment.file, octets: Vec::new(), start: 0 },
        salt: segment.life.salt,
        size,
        bodies: wish.bodies || wish.tail,
    };
    let mut scan = Scan { end: START, ..Scan::default() };
    let mut pending = Vec::new();
    let mut at = u64::from(START);
    // Behind damage the rest of a torn transaction is taken as well: mail is better than none.
    let mut behind_damage = false;
    loop {
        if wish.limit.is_some_and(|limit| at >= limit.into()) && pending.is_empty() {
            return Ok(scan);
        }
        let problem = match scanner.record(at)? {
            Ok(Found { header, fact }) if header.first == pending.is_empty() || behind_damage => {
                let Some(fact) = fact else {
                    scan.sealed = true;
                    return Ok(scan);
                };
                let Header { id, txn, .. } = header;
                pending.push(Entry { id, txn, offset: at as u32, fact });
                at += header.len();
                if header.last || behind_damage {
                    behind_damage &= !header.last;
                    scan.take(&mut pending, at);
                }
                continue;
            }
            Ok(_) => "a transaction is not whole",
            Err(problem) => problem,
        };
        let valid_end = u64::from(scan.end);
        let later = |header: &Header| u64::from(header.group) > valid_end;
        if wish.tail && scanner.search(valid_end, size, later)?.is_none() {
            return Ok(scan);
        }
        let id = scanner.window.get(at, HEADER)?.and_then(Header::read);
        let id = id.filter(|header| header.salt == segment.life.salt).map(|header| header.id);
        let next = scanner.search(at + 8, size, |_| true)?;
        let to = next.unwrap_or(size);
        scan.damage.push(Damage {
            from: at,
            to,
            id,
            what: problem,
            nothing_behind: next.is_none(),
        });
        let Some(next) = next.filter(|_| wish.lenient) else { return Ok(scan) };
        scan.take(&mut pending, at);
        behind_damage = true;
        at = next;
    }
}
