//! One delivery into an mbox: locked, appended, synced; cut back to what it was if that fails
//! (RFC 4155; quoted so that it can be undone).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use engine::doors::MailboxError;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::Letter;
use super::disk::{self, Owner};
use super::lock::Lock;
use super::text::LocalText;

/// Octets of the reverse-path in a `From_` line.
const FROM_MAX: usize = 256;

/// Delivers `letter`, waiting at most `lock_wait` for other programs.
pub(super) fn deliver(
    mut letter: Letter,
    root: &Path,
    lock_wait: Duration,
) -> Result<(), MailboxError> {
    let owner = Owner::of(&letter.user)?;
    let path = letter.path.clone();
    let parent = disk::open_parent(&path, root)?;
    let (mut file, made) = open(&path, owner)?;
    let _lock = Lock::take(&file, &path, lock_wait)?;
    let before = file.metadata().map_err(|error| disk::io_failure(&path, &error))?.len();
    if let Err(error) = append(&mut file, before, &mut letter) {
        // A torn letter must not become part of the next one.
        let _ = file.set_len(before).and_then(|()| file.sync_all());
        return Err(error);
    }
    if made {
        disk::sync_directory(parent).map_err(|errno| disk::failure(&path, errno))?;
    }
    Ok(())
}

/// Opens the file, made (0600) when missing; tells whether its name may not be durable yet.
fn open(path: &Path, owner: Owner) -> Result<(File, bool), MailboxError> {
    let fail = |errno| disk::failure(path, errno);
    let flags = OFlag::O_RDWR | OFlag::O_APPEND;
    let made = flags | OFlag::O_CREAT | OFlag::O_EXCL;
    let (file, made) = match disk::open_file(None, path, made) {
        Ok(file) => {
            owner.take(&file).map_err(fail)?;
            (file, true)
        }
        Err(Errno::EEXIST) => (disk::open_file(None, path, flags).map_err(fail)?, false),
        Err(errno) => return Err(fail(errno)),
    };
    let facts = file.metadata().map_err(|error| disk::io_failure(path, &error))?;
    if !facts.is_file() || facts.nlink() != 1 {
        let text = format!("{}: not a plain file with one name", path.display());
        return Err(MailboxError::Broken(text));
    }
    // An empty file may be one whose maker crashed before its name was durable.
    let young = made || facts.len() == 0;
    Ok((file, young))
}

fn append(file: &mut File, before: u64, letter: &mut Letter) -> Result<(), MailboxError> {
    let path = letter.path.clone();
    let fail = |error| disk::io_failure(&path, &error);
    let mut lead = gap_after(file, before).map_err(fail)?.to_vec();
    lead.extend_from_slice(from_line(&letter.from, letter.time).as_bytes());
    let text = LocalText::quoted();
    disk::write_letter(file, &path, &lead, &letter.head, &mut letter.feed, text)?;
    std::io::Write::write_all(file, b"\n").map_err(fail)?;
    file.sync_all().map_err(fail)
}

/// What must stand between the last letter and the next: an empty line, of which a crash or another
/// program may have left out a part.
fn gap_after(file: &mut File, before: u64) -> std::io::Result<&'static [u8]> {
    let mut end = [0; 2];
    match before {
        0 => return Ok(b""),
        1 => return Ok(b"\n\n"),
        _ => {
            file.seek(SeekFrom::End(-2))?;
            file.read_exact(&mut end)?;
        }
    }
    Ok(match end {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

/// `From ann@example.net Tue Nov 24 18:22:48 2026`, in UTC (RFC 4155).
fn from_line(from: &str, time: SystemTime) -> String {
    // A blank would end the address: what is exact stands in Return-Path.
    let keep = |octet: char| if octet.is_ascii_graphic() { octet } else { '-' };
    let from: String = from.chars().take(FROM_MAX).map(keep).collect();
    let from = if from.is_empty() { "MAILER-DAEMON" } else { &from };
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("From {from} {}\n", time.strftime("%a %b %e %H:%M:%S %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_lines() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_544_568);
        let rows = [
            ("ann@example.net", "From ann@example.net Tue Nov 24 18:22:48 2026\n"),
            ("", "From MAILER-DAEMON Tue Nov 24 18:22:48 2026\n"),
            ("\"a b\"@x.example", "From \"a-b\"@x.example Tue Nov 24 18:22:48 2026\n"),
        ];
        for (from, want) in rows {
            assert_eq!(from_line(from, time), want);
        }
    }
}
