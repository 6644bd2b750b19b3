//! Reads everything that is stored and checks every checksum, without changing anything.

use std::collections::BTreeMap;

use crate::disk::{Disk, File};
use crate::index::Index;
use crate::options::{Damage, OpenError};
use crate::read::locate;
use crate::recovery::{Reading, Trouble, big_files, read_format};
use crate::scan::{Wish, scan};
use crate::shared::big_path;
use crate::side_index;

/// What [`verify`] has found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Messages held.
    pub messages: u64,
    /// Segments read.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Files of large bodies read.
    pub bodies: u64,
    /// Files of bodies that no message needs: swept at the next start.
    pub orphans: u64,
    /// Segments whose side index is absent or does not fit: written again at the next start.
    pub without_index: u64,
    /// What does not read back as it was written.
    pub damage: Vec<Damage>,
}

/// Checks the log on `disk`. It should not be open meanwhile: what is being written looks torn.
///
/// # Errors
/// When it cannot be read at all, or has a format of another version.
pub fn verify(disk: &dyn Disk) -> Result<Report, OpenError> {
    let trouble = Trouble(disk);
    let Some(uuid) = read_format(disk)? else { return Ok(Report::default()) };
    let mut index = Index::new();
    let mut reading = Reading::new(disk, true);
    reading.replay(uuid, &mut index).map_err(trouble.at("reading the log"))?;
    let mut report = Report { damage: reading.damage, ..Report::default() };
    for account in index.ledger.iter() {
        let segment = &account.segment;
        let known = side_index::read(disk, segment).map(|(end, _)| end);
        report.without_index += u64::from(known.is_none());
        let limit = Some(account.end);
        let wish = Wish { limit, tail: false, bodies: true, lenient: true };
        let found = scan(segment, wish).map_err(trouble.at(&segment.path()))?;
        report.segments += 1;
        report.records += found.count;
        for damage in found.damage {
            let damage = Damage {
                file: segment.path(),
                offset: damage.from,
                len: damage.to.saturating_sub(damage.from),
                message: damage.id,
                what: damage.what.into(),
            };
            if !report.damage.contains(&damage) {
                report.damage.push(damage);
            }
        }
    }
    report.messages = index.len() as u64;
    let files = big_files(disk).map_err(trouble.at("listing the large bodies"))?;
    let needed = index.tokens();
    report.orphans = files.iter().filter(|(token, _)| !needed.contains(token)).count() as u64;
    let files: BTreeMap<_, _> = files.into_iter().collect();
    for (slot, token) in index.big_bodies() {
        report.bodies += 1;
        let Some(at) = locate(&index, slot) else { continue };
        let wanted = at.base().ok().map(|(_, base)| base.body);
        let what = match (files.get(&token), wanted) {
            (None, _) => "the file of a large body is not there",
            (Some(path), Some(crate::meta::BodyRef::Big { len, crc, .. })) => {
                match disk.open(path).and_then(|file| checksum(&*file)) {
                    Ok(found) if found == (len, crc) => continue,
                    Ok(_) => "the checksum of a large body does not fit",
                    Err(_) => "the file of a large body cannot be read",
                }
            }
            // Reported with its segment.
            _ => continue,
        };
        report.damage.retain(|damage| damage.file != big_path(token));
        report.damage.push(Damage {
            file: big_path(token),
            offset: 0,
            len: 0,
            message: Some(at.id),
            what: what.into(),
        });
    }
    Ok(report)
}

fn checksum(file: &dyn File) -> std::io::Result<(u64, u32)> {
    let mut octets = vec![0; 1 << 20];
    let (mut len, mut crc) = (0, 0);
    loop {
        let read = crate::disk::read_full(file, &mut octets, len)?;
        if read == 0 {
            return Ok((len, crc));
        }
        crc = crc32c::crc32c_append(crc, octets.get(..read).unwrap_or_default());
        len += read as u64;
    }
}
