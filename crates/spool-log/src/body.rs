//! Bodies on their way in and out, never whole in memory when they are large.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use spool::{Body, BodyReader, BodySink, BoxFut, MessageId, Spilled, SpoolError};

use crate::disk::{Disk, File, read_full, write_all};
use crate::index::{BodyAt, Index};
use crate::meta::BodyRef;
use crate::read::{At, io_error, locate};
use crate::receipt::Receipt;
use crate::segment::BIG;
use crate::shared::{Shared, big_path};

const CHUNK: u64 = 64 * 1024;
/// Octets of a large body after which it is sent to the disk, so that the last sync is short.
const SYNC_EVERY: u64 = 4 << 20;

/// A file that goes away with this, unless it is kept.
struct Unadopted {
    shared: Arc<Shared>,
    token: Option<u64>,
}

impl Unadopted {
    /// The file has another owner from now on.
    fn keep(mut self) {
        self.token = None;
    }
}

impl Drop for Unadopted {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.shared.remove_bodies(vec![token]);
        }
    }
}

struct Big {
    file: Arc<dyn File>,
    owner: Unadopted,
    token: u64,
    len: u64,
    crc: u32,
}

/// Takes a body: in memory as long as it is small, then in a file.
pub(crate) struct Sink {
    shared: Arc<Shared>,
    octets: BytesMut,
    big: Option<Big>,
}

impl Sink {
    pub fn new(shared: Arc<Shared>, hint: Option<u64>) -> Self {
        let limit = shared.options.inline_body as u64;
        let octets = BytesMut::with_capacity(hint.unwrap_or(4096).min(limit) as usize);
        Self { shared, octets, big: None }
    }

    fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
        if self.big.is_none() {
            if self.octets.len() + chunk.len() <= self.shared.options.inline_body {
                self.octets.extend_from_slice(chunk);
                return Ok(());
            }
            let token = self.shared.next_token.fetch_add(1, Ordering::Relaxed);
            let path = big_path(token);
            self.shared.disk.create_dir(path.rsplit_once('/').map_or(BIG, |(dir, _)| dir))?;
            let file = self.shared.disk.create(&path)?;
            let owner = Unadopted { shared: Arc::clone(&self.shared), token: Some(token) };
            let mut big = Big { file, owner, token, len: 0, crc: 0 };
            big.write(&std::mem::take(&mut self.octets))?;
            self.big = Some(big);
        }
        if let Some(big) = &mut self.big {
            let before = big.len / SYNC_EVERY;
            big.write(chunk)?;
            if big.len / SYNC_EVERY > before && self.shared.threads.load(Ordering::Acquire) {
                let file = Arc::clone(&big.file);
                // Only a head start: the sync that counts is the last one.
                self.shared.aside(Box::new(move || drop(file.datasync())));
            }
        }
        Ok(())
    }
}

impl Big {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        write_all(&*self.file, chunk, self.len)?;
        self.crc = crc32c::crc32c_append(self.crc, chunk);
        self.len += chunk.len() as u64;
        Ok(())
    }
}

impl BodySink for Sink {
    fn write(&mut self, chunk: Bytes) -> BoxFut<'_, ()> {
        Box::pin(async move { self.take(&chunk).map_err(io_error) })
    }

    fn len(&self) -> u64 {
        self.big.as_ref().map_or(self.octets.len() as u64, |big| big.len)
    }

    fn finish(self: Box<Self>) -> BoxFut<'static, Body> {
        let Self { shared, octets, big } = *self;
        let Some(Big { file, owner, token, len, crc }) = big else {
            return Box::pin(async move { Ok(Body::Inline(octets.freeze())) });
        };
        Box::pin(async move {
            let (receipt, promise) = Receipt::new();
            let helper = Arc::clone(&shared);
            shared.aside(Box::new(move || {
                let path = big_path(token);
                let dir = path.rsplit_once('/').map_or(BIG, |(dir, _)| dir);
                let synced = file
                    .datasync()
                    .and_then(|()| helper.disk.sync_dir(dir))
                    .and_then(|()| helper.disk.sync_dir(BIG));
                promise.give(synced.map(|()| Vec::new()).map_err(io_error));
            }));
            Answer(receipt).await?;
            owner.keep();
            let discard = move |token| shared.remove_bodies(vec![token]);
            Ok(Body::Spilled(Spilled::new(token, len, crc, discard)))
        })
    }
}

/// The answer of a helper.
struct Answer(Arc<Receipt>);

impl Future for Answer {
    type Output = Result<(), SpoolError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context).map(|outcome| outcome.map(drop))
    }
}

enum Source {
    /// The segment stays as it is while this lives.
    Inline(At),
    Big(Arc<dyn File>),
}

/// Gives a body, 64 KiB at a time.
pub(crate) struct Reader {
    source: Source,
    /// Where the body starts in the file.
    start: u64,
    at: u64,
    end: u64,
    /// When the whole is read: what its checksum must be, and what it is so far.
    check: Option<(u32, u32)>,
    id: MessageId,
}

/// Opens the body of `id`.
pub(crate) fn open(
    index: &Mutex<Index>,
    disk: &dyn Disk,
    id: MessageId,
    range: Range<u64>,
) -> Result<Reader, SpoolError> {
    let index = index.lock();
    let slot = index.find(id).ok_or(SpoolError::NotFound)?;
    let lost = || SpoolError::Corrupt(format!("the body of {id} is lost"));
    let holder = index.body_of(slot).ok_or_else(lost)?;
    let body = holder.body;
    let at = index.find_any(holder.id).and_then(|slot| locate(&index, slot)).ok_or_else(lost)?;
    drop(index);
    let (header, base) = at.base()?;
    let (source, start, len, crc) = match (body, base.body) {
        (BodyAt::Inline(_), BodyRef::Inline) => {
            let start = u64::from(at.offset) + header.head_len();
            let len = u64::from(header.body_len);
            let crc = if len == 0 {
                0
            } else {
                let octets = at.segment.read(start + len, 4).map_err(io_error)?;
                octets.try_into().map_or(0, u32::from_le_bytes)
            };
            (Source::Inline(at), start, len, crc)
        }
        (BodyAt::Big { token, .. }, BodyRef::Big { len, crc, .. }) => {
            let file = disk.open(&big_path(token)).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => lost(),
                _ => io_error(error),
            })?;
            (Source::Big(file), 0, len, crc)
        }
        _ => return Err(lost()),
    };
    let (from, end) = (range.start.min(len), range.end.min(len));
    let whole = from == 0 && end == len;
    Ok(Reader { source, start, at: from, end: end.max(from), check: whole.then_some((crc, 0)), id })
}

impl Reader {
    fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        if self.at >= self.end {
            return match self.check.take() {
                Some((wanted, found)) if wanted != found => Err(self.damaged()),
                _ => Ok(None),
            };
        }
        let len = (self.end - self.at).min(CHUNK) as usize;
        let mut octets = vec![0; len];
        let file = match &self.source {
            Source::Inline(at) => &*at.segment.file,
            Source::Big(file) => &**file,
        };
        if read_full(file, &mut octets, self.start + self.at).map_err(io_error)? < len {
            return Err(self.damaged());
        }
        if let Some((_, found)) = &mut self.check {
            *found = crc32c::crc32c_append(*found, &octets);
        }
        self.at += len as u64;
        Ok(Some(octets.into()))
    }

    fn damaged(&self) -> SpoolError {
        SpoolError::Corrupt(format!("the body of {} does not read back as it was written", self.id))
    }
}

impl BodyReader for Reader {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        Box::pin(async move { self.read() })
    }
}
