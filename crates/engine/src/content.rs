//! The octets of a message as the next hop or the mailbox gets them: what stands before the
//! content, then the content as received, with the edits of its head applied on the way, converted
//! where the next hop takes fewer octets than it has. Never whole in memory, unless it still is from
//! its reception.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use mail::convert::{self, Conversion, Plan, Refusal, Survey, Target};
use queue::record::{HeadEdits, Replace};
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
    conversion: Option<Conversion>,
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
        Ok(Self::new(body, &job.head, job.body_len))
    }

    /// The content in `body`, which has `len` octets as stored.
    pub(crate) fn stored(body: Box<dyn BodyReader>, head: &HeadEdits, len: u64) -> Self {
        Self::new(Body::Stored(body), head, len)
    }

    fn new(body: Body, head: &HeadEdits, body_len: u64) -> Self {
        let edits = edits(head, body_len).cloned().collect();
        let prepend = head.prepend.clone();
        Self { body, edits, at: 0, skip: 0, chunk: Bytes::new(), prepend, conversion: None }
    }

    /// The same content, converted by a plan that was made of it.
    pub(crate) fn converted(self, plan: Plan) -> Self {
        Self { conversion: Some(Conversion::new(plan)), ..self }
    }

    /// The next piece, `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        let mut out = Vec::new();
        loop {
            let chunk = self.unconverted().await?;
            match (&mut self.conversion, chunk) {
                (None, chunk) => return Ok(chunk),
                (Some(conversion), Some(chunk)) => conversion.feed(&chunk, &mut out),
                (Some(_), None) => {
                    if let Some(conversion) = self.conversion.take() {
                        conversion.finish(&mut out);
                    }
                    return Ok((!out.is_empty()).then(|| out.into()));
                }
            }
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
    }

    async fn unconverted(&mut self) -> Result<Option<Bytes>, SpoolError> {
        if !self.prepend.is_empty() {
            return Ok(Some(std::mem::take(&mut self.prepend)));
        }
        loop {
            let skipped = self.skip.min(self.chunk.len() as u64);
            self.chunk.advance(skipped as usize);
            self.skip -= skipped;
            self.at += skipped;
            let edit_here =
                self.skip == 0 && self.edits.front().is_some_and(|edit| edit.at <= self.at);
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
            let before_edit =
                self.edits.front().map_or(u64::MAX, |edit| edit.at.saturating_sub(self.at));
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

/// How the content of `job` is converted for a hop, found by reading it once; or why it cannot be.
pub(crate) async fn plan(
    spool: &Arc<dyn Spool>,
    job: &Job,
    target: Target,
    options: convert::Options,
) -> Result<Result<Plan, Refusal>, SpoolError> {
    let mut content = Content::open(spool, job).await?;
    let mut survey = Survey::new(target, options);
    while let Some(chunk) = content.next().await? {
        survey.feed(&chunk);
    }
    Ok(survey.finish())
}

/// The octets of the content of `job` with everything that is added to it.
pub(crate) fn content_len(job: &Job) -> u64 {
    edited_len(&job.head, job.body_len)
}

fn edited_len(head: &HeadEdits, body_len: u64) -> u64 {
    let (grown, cut) = edits(head, body_len)
        .fold((0, 0), |(grown, cut), edit| (grown + edit.with.len() as u64, cut + edit.len));
    head.prepend.len() as u64 + body_len + grown - cut
}

/// The edits that fit a body of `body_len` octets: each behind the one before, none beyond the end.
/// Others come from a damaged record only, and the octets of a letter are not to suffer from that.
fn edits(head: &HeadEdits, body_len: u64) -> impl Iterator<Item = &Replace> {
    let mut from = 0;
    head.replace.iter().filter(move |edit| {
        let end = edit.at.checked_add(edit.len).filter(|end| edit.at >= from && *end <= body_len);
        from = end.unwrap_or(from);
        end.is_some()
    })
}
