//! Takes in what programs left in the drop directory while the server was down, or could not reach.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use engine::{Engine, Refusal};
use queue::record::Origin;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::drop::{self, DropError, Dropped};

/// Pause between two looks into the directory.
const LOOK: Duration = Duration::from_secs(2);
/// Octets of a letter read at once.
const PIECE: usize = 64 * 1024;

/// Looks into the drop directory of `data_dir` now and from time to time.
pub fn start(data_dir: &Path, engine: Engine) -> JoinHandle<()> {
    let data_dir = data_dir.to_path_buf();
    tokio::spawn(async move {
        if let Err(error) = drop::prepare(&data_dir) {
            warn!(event = "drop.unusable", %error);
        }
        loop {
            look(&data_dir, &engine).await;
            tokio::time::sleep(LOOK).await;
        }
    })
}

async fn look(data_dir: &Path, engine: &Engine) {
    let letters = match drop::list(data_dir) {
        Ok(letters) => letters,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            warn!(event = "drop.unreadable", %error);
            return;
        }
    };
    for letter in letters {
        if !take(data_dir, &letter, engine).await {
            return;
        }
    }
}

/// False: the spool takes nothing now, so looking on is of no use.
async fn take(data_dir: &Path, letter: &PathBuf, engine: &Engine) -> bool {
    let name = letter.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dropped = match drop::read(letter) {
        Ok(dropped) => dropped,
        Err(DropError::Io(error)) => {
            warn!(event = "drop.unreadable", name, %error);
            return true;
        }
        Err(error) => {
            warn!(event = "drop.damaged", name, %error, "moved to drop/bad");
            if let Err(error) = drop::set_aside(data_dir, letter) {
                warn!(event = "drop.not-moved", name, %error);
            }
            return true;
        }
    };
    match submit(engine, dropped).await {
        Ok(id) => {
            info!(event = "drop.taken", name, id);
            // Only now: a crash before this repeats the letter, and loses none.
            if let Err(error) = drop::remove(letter) {
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

async fn submit(engine: &Engine, mut dropped: Dropped) -> Result<String, Refusal> {
    let mut inlet = engine.begin().await?;
    let mut piece = vec![0; PIECE];
    loop {
        let len = dropped.read_content(&mut piece).map_err(|error| Refusal::NotStored(spool::SpoolError::Io(error)))?;
        if len == 0 {
            break;
        }
        inlet.write(Bytes::copy_from_slice(piece.get(..len).unwrap_or_default())).await?;
    }
    let origin = Origin { protocol: "local".to_owned(), uid: dropped.uid, ..Origin::default() };
    Ok(inlet.finish(dropped.envelope, origin).await?.id.to_string())
}
