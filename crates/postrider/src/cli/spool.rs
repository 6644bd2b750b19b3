//! `postrider spool …`: looking after the spool.

use std::path::Path;
use std::process::ExitCode;

use spool_log::os::OsDisk;

use crate::agent::sysexits::{EX_DATAERR, EX_IOERR};

/// Reads every segment and checks every checksum.
pub fn verify(data_dir: &Path, json: bool) -> ExitCode {
    let folder = data_dir.join("spool");
    let disk = match OsDisk::read_only(&folder) {
        Ok(disk) => disk,
        Err(error) => {
            eprintln!("postrider: the spool {} cannot be read: {error}", folder.display());
            return EX_IOERR.into();
        }
    };
    let report = match spool_log::verify(&disk) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("postrider: the spool {} cannot be read: {error}", folder.display());
            return EX_IOERR.into();
        }
    };
    if json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    if report.is_sound() { ExitCode::SUCCESS } else { EX_DATAERR.into() }
}
