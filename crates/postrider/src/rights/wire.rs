//! What the server and the keeper of rights say to each other: frames of a length and octets.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::doors::MailboxError;
use queue::program::End;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spool::{BodyReader, BoxFut, SpoolError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::Mutex;

/// Octets of a frame that says something: arguments and a head, far below what a system takes.
const WORDS_MAX: u32 = 1024 * 1024;
/// Octets of content in a frame.
const CONTENT_MAX: usize = 64 * 1024;

/// An order, and the proof that the server gives it.
#[derive(Deserialize, Serialize)]
pub(super) struct Sealed {
    pub(super) secret: String,
    pub(super) order: Order,
}

#[derive(Deserialize, Serialize)]
pub(super) enum Order {
    Run(Run),
    Store(Store),
}

/// See `engine::doors::CommandRun`.
#[derive(Deserialize, Serialize)]
pub(super) struct Run {
    pub(super) command: Vec<String>,
    pub(super) user: String,
    pub(super) directory: Option<PathBuf>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) from: Option<(String, Duration)>,
    pub(super) head: Vec<u8>,
    pub(super) time_limit: Duration,
    pub(super) output_max: u64,
}

/// See `engine::doors::MailboxDelivery`.
#[derive(Deserialize, Serialize)]
pub(super) struct Store {
    pub(super) user: String,
    pub(super) path: String,
    pub(super) head: Vec<u8>,
    pub(super) from: String,
    pub(super) time: Duration,
    pub(super) unique: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Reply {
    Ran {
        end: Ended,
        output: Vec<u8>,
    },
    Stored,
    Failed(Failed),
    /// It is not done, for this reason.
    Refused(String),
}

/// See `queue::program::End`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Ended {
    Exit(i32),
    Signal(i32),
    TimeLimit(Duration),
    Flood(u64),
    Unfit(String),
    NoRoom(String),
}

/// See `engine::doors::MailboxError`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Failed {
    Full(String),
    NoSpace(String),
    Unavailable(String),
    Broken(String),
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        match end {
            End::Exit(code) => Self::Exit(code),
            End::Signal(number) => Self::Signal(number),
            End::TimeLimit(limit) => Self::TimeLimit(limit),
            End::Flood(limit) => Self::Flood(limit),
            End::Unfit(why) => Self::Unfit(why),
            End::NoRoom(why) => Self::NoRoom(why),
        }
    }
}

impl From<Ended> for End {
    fn from(end: Ended) -> Self {
        match end {
            Ended::Exit(code) => Self::Exit(code),
            Ended::Signal(number) => Self::Signal(number),
            Ended::TimeLimit(limit) => Self::TimeLimit(limit),
            Ended::Flood(limit) => Self::Flood(limit),
            Ended::Unfit(why) => Self::Unfit(why),
            Ended::NoRoom(why) => Self::NoRoom(why),
        }
    }
}

impl From<MailboxError> for Failed {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Full(why) | MailboxError::Over(why) => Self::Full(why),
            MailboxError::NoSpace(why) => Self::NoSpace(why),
            MailboxError::Unavailable(why) => Self::Unavailable(why),
            MailboxError::Broken(why) | MailboxError::Unknown(why) => Self::Broken(why),
            MailboxError::Content(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Writes a frame that says something.
pub(super) async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    what: &impl Serialize,
) -> io::Result<()> {
    let octets = serde_json::to_vec(what)?;
    let length = u32::try_from(octets.len()).ok().filter(|length| *length <= WORDS_MAX);
    let length = length.ok_or_else(|| io::Error::other("more than a frame can hold"))?;
    to.write_all(&[&length.to_be_bytes()[..], &octets].concat()).await
}

/// Reads one.
pub(super) async fn receive<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    let octets = frame(from, WORDS_MAX).await?;
    Ok(serde_json::from_slice(&octets)?)
}

/// Writes content.
pub(super) async fn content(to: &mut (impl AsyncWrite + Unpin), chunk: &[u8]) -> io::Result<()> {
    for piece in chunk.chunks(CONTENT_MAX) {
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        to.write_all(&length.to_be_bytes()).await?;
        to.write_all(piece).await?;
    }
    Ok(())
}

/// Says that the content is complete.
pub(super) async fn end(to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    to.write_all(&0_u32.to_be_bytes()).await
}

async fn frame(from: &mut (impl AsyncRead + Unpin), max: u32) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    if length > max {
        return Err(io::Error::other("a frame that is too long"));
    }
    let mut octets = vec![0; usize::try_from(length).unwrap_or(0)];
    from.read_exact(&mut octets).await?;
    Ok(octets)
}

/// Content that comes in frames; whoever lends the connection has it back when this is dropped.
pub(super) struct Framed {
    from: Arc<Mutex<OwnedReadHalf>>,
    is_whole: bool,
}

impl Framed {
    pub(super) fn new(from: Arc<Mutex<OwnedReadHalf>>) -> Self {
        Self { from, is_whole: false }
    }
}

impl BodyReader for Framed {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        Box::pin(async {
            if self.is_whole {
                return Ok(None);
            }
            let max = u32::try_from(CONTENT_MAX).unwrap_or(u32::MAX);
            let octets = frame(&mut *self.from.lock().await, max).await.map_err(SpoolError::Io)?;
            self.is_whole = octets.is_empty();
            Ok((!self.is_whole).then(|| Bytes::from(octets)))
        })
    }
}
