//! How long the list of a large Maildir takes, the first time and after it.
//!
//!     cargo run --release -p postrider --example list_maildir -- 100000
//!
//! It makes the letters in a folder of its own below the current one, and removes them.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use postrider::agent::folder::Folder;
use postrider::agent::reading::thread;

fn main() -> io::Result<()> {
    let letters = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let room = tempfile::tempdir_in(".")?;
    fill(room.path(), letters)?;
    let goal = Duration::from_secs(1);
    for (round, name) in ["the first time", "after it", "once more"].into_iter().enumerate() {
        let begin = Instant::now();
        let folder = Folder::open(room.path()).map_err(io::Error::other)?;
        let opened = begin.elapsed();
        let places = thread::ordered(&folder.items).len();
        let threaded = begin.elapsed() - opened;
        assert_eq!(places, letters, "all letters are listed");
        println!("{name}: {letters} letters in {opened:?}, put in threads in {threaded:?}");
        if round > 0 && opened > goal {
            println!("that is more than {goal:?}");
        }
        folder.keep_cache();
    }
    let size = fs::metadata(room.path().join("postrider-headers.cache"))?.len();
    println!("the file beside the letters has {size} octets; at most {} in memory", peak());
    Ok(())
}

/// Letters as they come: some answer others, every third is in `new`.
fn fill(path: &Path, letters: usize) -> io::Result<()> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(path.join(part))?;
    }
    for n in 0..letters {
        let letter = format!(
            "Return-Path: <ann{n}@example.net>\nReceived: from mx.example.net by mx.example.org with ESMTP\n\
             \tid {n:x}; Tue, 24 Nov 2026 18:22:48 +0000\nDate: Tue, 24 Nov 2026 18:22:48 +0000\n\
             From: =?utf-8?Q?Ann_Stra=C3=9Fe?= <ann{n}@example.net>\nTo: bob@example.org\n\
             Subject: =?utf-8?B?R3LDvMOfZQ==?= number {n}\nMessage-ID: <{n}@example.net>\n\
             In-Reply-To: <{}@example.net>\n\nSome text.\n",
            n / 2
        );
        let file =
            format!("{}.M{n}P1Q{n}.mx.example.org,S={}", 1_700_000_000 + n / 10, letter.len());
        let file = if n % 3 == 0 { format!("new/{file}") } else { format!("cur/{file}:2,S") };
        fs::write(path.join(file), letter)?;
    }
    Ok(())
}

/// The most memory this process has had.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("an unknown amount").trim().to_owned()
}
