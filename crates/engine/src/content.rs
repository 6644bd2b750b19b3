//! The octets of a message as the next hop or the mailbox gets them: what stands before the
//! content, then the content as received, with the edits of its head applied on the way. Never
//! whole in memory, unless it still is from its reception.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use queue::record::Replace;
use spool::{BodyReader, BoxFut, Spool, SpoolError};

use crate::dispatch::Job;

/// A stream of content.
pub(crate) struct Content {
    body: Body,
    edits: VecDeque<Replace>,
    /// Octets of the stored body given or skipped so far.
    at: u64,
    /// Octets still to be skipped.
    skip: u64,
    chunk: Bytes,
    prepend: Bytes,
}

enum Body {
    Hot(Bytes),
    Stored(Box<dyn BodyReader>),
}

impl Content {
    /// The content of `job` from its start, read from memory where it still is.
    pub(crate) async fn open(spool: &Arc<dyn Spool>, job: &Job) -> Result<Self, SpoolError> {
        let body = match &job.hot {
            Some(hot) => Body::Hot(hot.octets.clone()),
            None => Body::Stored(spool.open_body(job.id.message, 0..job.body_len).await?),
        };
        let edits = job.head.replace.iter().cloned().collect();
        let prepend = job.head.prepend.clone();
        Ok(Self { body, edits, at: 0, skip: 0, chunk: Bytes::new(), prepend })
    }

    /// The next piece, `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        if !self.prepend.is_empty() {
            return Ok(Some(std::mem::take(&mut self.prepend)));
        }
        loop {
            let skipped = self.skip.min(self.chunk.len() as u64);
            self.chunk.advance(skipped as usize);
            self.skip -= skipped;
            self.at += skipped;
            let edit_here =
                self.skip == 0 && self.edits.front().is_some_and(|edit| edit.at == self.at);
            if edit_here && let Some(edit) = self.edits.pop_front() {
                self.skip = edit.len;
                if !edit.with.is_empty() {
                    return Ok(Some(edit.with));
                }
                continue;
            }
            if self.chunk.is_empty() {
                match self.body.next().await? {
                    Some(chunk) => self.chunk = chunk,
                    None => return Ok(None),
                }
                continue;
            }
            let before_edit = self.edits.front().map_or(u64::MAX, |edit| edit.at - self.at);
            let len = before_edit.min(self.chunk.len() as u64);
            self.at += len;
            return Ok(Some(self.chunk.split_to(len as usize)));
        }
    }
}

impl Body {
    async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        match self {
            Self::Hot(octets) if octets.is_empty() => Ok(None),
            Self::Hot(octets) => Ok(Some(std::mem::take(octets))),
            Self::Stored(reader) => reader.next().await,
        }
    }
}

impl BodyReader for Content {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        Box::pin(Content::next(self))
    }
}

/// The octets of the content of `job` with everything that is added to it.
pub(crate) fn content_len(job: &Job) -> u64 {
    let grown: u64 = job.head.replace.iter().map(|edit| edit.with.len() as u64).sum();
    let cut: u64 = job.head.replace.iter().map(|edit| edit.len).sum();
    job.head.prepend.len() as u64 + job.body_len + grown - cut.min(job.body_len + grown)
}
