//! Carries content from the spool (async) to the thread that writes it.

use bytes::Bytes;
use engine::doors::MailboxError;
use spool::{BodyReader, SpoolError};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Octets read before a writer starts: most letters are whole by then and need no channel.
const FIRST_MAX: usize = 256 * 1024;
/// Chunks on the way to the writer, at most 64 KiB each.
const ON_THE_WAY: usize = 4;

enum Piece {
    Chunk(Bytes),
    /// Everything was read. Without it the content is not complete, whatever was written.
    End,
    Failed(SpoolError),
}

/// The writer's end.
pub(super) struct Feed {
    first: std::vec::IntoIter<Bytes>,
    rest: Option<Receiver<Piece>>,
}

/// The reader's end. It is run beside the writer.
pub(super) struct Pump {
    rest: Option<(Box<dyn BodyReader>, Sender<Piece>)>,
}

/// Reads the start of `body`; the pump brings the rest.
pub(super) async fn open(mut body: Box<dyn BodyReader>) -> Result<(Feed, Pump), MailboxError> {
    let (mut first, mut octets) = (Vec::new(), 0);
    while octets < FIRST_MAX {
        match body.next().await.map_err(MailboxError::Content)? {
            Some(chunk) => {
                octets += chunk.len();
                first.push(chunk);
            }
            None => {
                return Ok((Feed { first: first.into_iter(), rest: None }, Pump { rest: None }));
            }
        }
    }
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let feed = Feed { first: first.into_iter(), rest: Some(receiver) };
    Ok((feed, Pump { rest: Some((body, sender)) }))
}

impl Pump {
    /// Sends the rest, until the end, a failure, or the writer has gone.
    pub(super) async fn run(self) {
        let Some((mut body, sender)) = self.rest else { return };
        loop {
            let piece = match body.next().await {
                Ok(Some(chunk)) => Piece::Chunk(chunk),
                Ok(None) => Piece::End,
                Err(error) => Piece::Failed(error),
            };
            let last = !matches!(piece, Piece::Chunk(_));
            if sender.send(piece).await.is_err() || last {
                return;
            }
        }
    }
}

impl Feed {
    /// Whether all of the content is at hand.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// The next chunk, `None` at the end of the content. Blocks.
    ///
    /// # Errors
    /// The content cannot be read, or the reader has gone: what was given must not be used.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, MailboxError> {
        if let Some(chunk) = self.first.next() {
            return Ok(Some(chunk));
        }
        let Some(rest) = &mut self.rest else { return Ok(None) };
        match rest.blocking_recv() {
            Some(Piece::Chunk(chunk)) => Ok(Some(chunk)),
            Some(Piece::End) => {
                self.rest = None;
                Ok(None)
            }
            Some(Piece::Failed(error)) => Err(MailboxError::Content(error)),
            None => Err(MailboxError::Unavailable("the delivery was broken off".into())),
        }
    }
}
