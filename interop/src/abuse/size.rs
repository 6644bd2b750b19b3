//! Letters that are too large, said before and not said.

use std::io;
use std::time::{Duration, Instant};

use super::{MESSAGE_SIZE, hold};
use crate::host::{Host, READER};
use crate::talk::{Talk, broken, wanted};

/// A gigabyte.
const HUGE: u64 = 1 << 30;
/// Until it has been read to its end.
const PATIENCE: Duration = Duration::from_secs(90);

/// Register: 1870-6.1-c.
pub fn declared(host: &Host) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    for size in [HUGE, MESSAGE_SIZE + 1, u64::MAX] {
        let begin = Instant::now();
        talk.must(&format!("MAIL FROM:<writer@client.example> SIZE={size}"), "552 5.3.4")?;
        let took = begin.elapsed();
        hold(took < Duration::from_secs(5), || format!("it took {took:?}"))?;
    }
    // Twenty digits are the most that the grammar has (RFC 1870 §4).
    for size in ["99999999999999999999", "100000000000000000000"] {
        talk.must(&format!("MAIL FROM:<writer@client.example> SIZE={size}"), "5")?;
    }
    talk.must("RCPT TO:<reader@abuse.example>", "503")?;
    wanted(&talk.letter(READER, "behind a size")?, "250")?;
    host.await_letter("behind a size")
}

/// Register: 1870-6.1-d.
///
/// Read to its true end and then refused, or cut; never kept.
pub fn undeclared(host: &Host) -> io::Result<()> {
    let begin = Instant::now();
    let mut talk = Talk::open(host.address())?;
    talk.envelope(READER)?;
    let line =
        [&b"MAIL FROM:<writer@client.example> is no command here. ".repeat(15), &b"\r\n"[..]];
    let block = line.concat().repeat(80);
    let mut sent = 0;
    while sent < HUGE {
        match talk.send(&block) {
            Ok(()) => sent += block.len() as u64,
            Err(error) if broken(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        hold(begin.elapsed() < PATIENCE, || format!("only {sent} octets in {PATIENCE:?}"))?;
    }
    let left = host.bodies();
    hold(left.is_empty(), || format!("{left:?} is kept although it is too large"))?;
    talk.send(b".\r\n")?;
    wanted(&talk.reply()?, "552 5.3.4")?;
    wanted(&talk.letter(READER, "behind a gigabyte")?, "250")?;
    host.await_letter("behind a gigabyte")
}
