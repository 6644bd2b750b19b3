//! Takes in what programs left in the drop directory while the server was down.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use engine::{Engine, Refusal};
use mail::{Envelope, MailParameters, Recipient, RecipientParameters};
use queue::record::Origin;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::drop::{self, DropError, Dropped, Waiting};

/// Pause between two looks into the directory.
const LOOK: Duration = Duration::from_secs(2);
/// Octets of a letter read at once.
const PIECE: usize = 64 * 1024;

/// Looks into the drop directory of `data_dir` now and from time to time.
pub fn start(data_dir: &Path, engine: Engine) -> JoinHandle<()> {
    let place = data_dir.join("drop");
    tokio::spawn(async move {
        if let Err(error) =
            drop::prepare(&place).and_then(|()| drop::sweep(&place, SystemTime::now()))
        {
            warn!(event = "drop.unusable", %error);
        }
        loop {
            look(&place, &engine).await;
            tokio::time::sleep(LOOK).await;
        }
    })
}

async fn look(place: &Path, engine: &Engine) {
    let letters = match drop::list(place) {
        Ok(letters) => letters,
        Err(error) => {
            warn!(event = "drop.unreadable", %error);
            return;
        }
    };
    for letter in letters {
        if !take(place, &letter, engine).await {
            return;
        }
    }
}

/// False: the spool takes nothing now, so looking on is of no use.
async fn take(place: &Path, letter: &Waiting, engine: &Engine) -> bool {
    let name = &letter.name;
    let dropped = match read(letter.path.clone()).await {
        Ok(dropped) => dropped,
        Err(DropError::Gone) => return true,
        Err(error @ (DropError::Io(_) | DropError::Version(_))) => {
            warn!(event = "drop.unreadable", name, %error);
            return true;
        }
        Err(error @ DropError::Damaged(_)) => {
            match drop::set_aside(place, letter) {
                Ok(kept) => warn!(event = "drop.damaged", name, %error, kept = %kept.display()),
                Err(moving) => warn!(event = "drop.damaged", name, %error, %moving),
            }
            return true;
        }
    };
    match submit(engine, dropped).await {
        Ok(id) => {
            info!(event = "drop.taken", name, id);
            // Only now: a crash before this repeats the letter, and loses none.
            if let Err(error) = drop::remove(&letter.path) {
                warn!(event = "drop.not-removed", name, %error);
            }
            true
        }
        Err(error) => {
            warn!(event = "drop.waits", name, %error);
            false
        }
    }
}

/// The whole letter is checked when it is read: away from the runtime's threads.
async fn read(path: PathBuf) -> Result<Dropped, DropError> {
    let reading = tokio::task::spawn_blocking(move || drop::read(&path));
    reading.await.unwrap_or_else(|error| Err(DropError::Io(std::io::Error::other(error))))
}

async fn submit(engine: &Engine, mut dropped: Dropped) -> Result<String, Refusal> {
    let mut inlet = engine.begin().await?;
    let mut piece = vec![0; PIECE];
    loop {
        let len = dropped
            .read(&mut piece)
            .map_err(|error| Refusal::NotStored(spool::SpoolError::Io(error)))?;
        if len == 0 {
            break;
        }
        inlet.write(Bytes::copy_from_slice(piece.get(..len).unwrap_or_default())).await?;
    }
    let recipient = |path| Recipient { path, parameters: RecipientParameters::default() };
    let envelope = Envelope {
        reverse_path: dropped.envelope.sender,
        parameters: MailParameters {
            size: Some(dropped.size),
            body: dropped.envelope.body,
            ..MailParameters::default()
        },
        recipients: dropped.envelope.recipients.into_iter().map(recipient).collect(),
    };
    let origin = Origin {
        protocol: "local".to_owned(),
        uid: Some(dropped.envelope.uid),
        ..Origin::default()
    };
    Ok(inlet.finish(envelope, origin).await?.id.to_string())
}
