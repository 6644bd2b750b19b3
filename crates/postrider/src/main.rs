//! `postrider`: Internet mail in one binary. By its first argument, or by the name it is called with
//! (`sendmail`, `mailq`, `newaliases`, `mail`, `mailx`), it is each of the programs of a mail system.

use std::ffi::OsString;
use std::process::ExitCode;

/// A server makes and drops many small things on threads that hand them to each other: this is what it
/// spends least on (see `ARCHITECTURE.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    postrider::cli::run(arguments)
}
