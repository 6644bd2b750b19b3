//! `postrider spool …`: looking after the spool.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use spool_log::{Damage, OsDisk, Report};

use crate::agent::sysexits::{EX_DATAERR, EX_IOERR, EX_NOINPUT};

/// Reads every segment and checks every checksum; changes nothing.
pub fn verify(data_dir: &Path, as_json: bool) -> ExitCode {
    let folder = data_dir.join("spool");
    if !folder.is_dir() {
        eprintln!(
            "postrider: there is no spool at {}; name another with --data-dir",
            folder.display()
        );
        return EX_NOINPUT.into();
    }
    match spool_log::verify(&OsDisk::new(&folder)) {
        Ok(report) => {
            print!("{}", if as_json { to_json(&report) } else { to_text(&report) });
            if report.damage.is_empty() { ExitCode::SUCCESS } else { EX_DATAERR.into() }
        }
        Err(error) => {
            eprintln!("postrider: {error}");
            EX_IOERR.into()
        }
    }
}

fn to_text(report: &Report) -> String {
    let Report { messages, segments, records, bodies, orphans, without_index, damage } = report;
    let mut text = format!(
        "{messages} messages in {segments} segments, {records} records and {bodies} large bodies read\n"
    );
    if orphans + without_index > 0 {
        text += &format!(
            "{orphans} bodies that nobody needs and {without_index} missing side indexes: the next start mends both\n"
        );
    }
    for place in damage {
        text += &format!("damaged: {place}\n");
    }
    text += if damage.is_empty() { "the spool is sound\n" } else { "the spool is damaged\n" };
    text
}

fn to_json(report: &Report) -> String {
    let Report { messages, segments, records, bodies, orphans, without_index, damage } = report;
    let place = |damage: &Damage| {
        json!({
            "file": damage.file, "offset": damage.offset, "octets": damage.len,
            "message": damage.message.map(|id| id.to_string()), "what": damage.what,
        })
    };
    let damage: Vec<_> = damage.iter().map(place).collect();
    let report = json!({
        "messages": messages, "segments": segments, "records": records, "bodies": bodies,
        "orphans": orphans, "without-index": without_index, "damage": damage,
    });
    format!("{report}\n")
}
