//! BDAT and AUTH as no client should send them: sizes that are none, chunks that are not what they
//! announce, lines of a megabyte.

use std::io;

use super::{MESSAGE_SIZE, hold};
use crate::host::{Host, READER};
use crate::talk::{Talk, wanted};

/// Sizes that cannot be read; what follows them must not be taken for commands.
const NO_SIZES: [&str; 6] = ["", "-1", "1x LAST", "LAST", "999999999999999999999", "0x10"];
/// Chunks of one octet, sent in one go.
const FLOOD: usize = 10_000;

fn opened(host: &Host, body: &str) -> io::Result<Talk> {
    let mut talk = Talk::open(host.address())?;
    talk.must(&format!("MAIL FROM:<writer@client.example>{body}"), "250")?;
    talk.must(&format!("RCPT TO:<{READER}>"), "250")?;
    Ok(talk)
}

/// The session ends, and nothing behind the command is answered.
pub fn no_sizes(host: &Host) -> io::Result<()> {
    for size in NO_SIZES {
        let mut talk = opened(host, "")?;
        talk.send(format!("BDAT {size}\r\nNOOP\r\nMAIL FROM:<>\r\n").as_bytes())?;
        wanted(&talk.reply()?, "421 4.5.4")?;
        let rest = talk.rest()?;
        hold(rest.is_empty(), || format!("BDAT {size}: {rest:?}"))?;
    }
    Ok(())
}

/// Sizes of 2^63 and of 64 bits: their octets are dropped as they come, and never are commands.
///
/// Register: 3030-2-g, 3030-2-q.
pub fn endless(host: &Host) -> io::Result<()> {
    let octets = b"QUIT\r\n".repeat(200_000);
    for size in ["9223372036854775808", "18446744073709551615", "99999999999999999999 LAST"] {
        let mut talk = opened(host, "")?;
        talk.send(format!("BDAT {size}\r\n").as_bytes())?;
        for _ in 0..10 {
            talk.send(&octets)?;
        }
    }
    let mut talk = opened(host, "")?;
    let size = MESSAGE_SIZE + 1;
    talk.send(format!("BDAT {size} LAST\r\n").as_bytes())?;
    let line = [&[b'x'; 998][..], b"\r\n"].concat();
    let whole = usize::try_from(size).map_err(io::Error::other)?;
    let content: Vec<u8> = line.iter().copied().cycle().take(whole).collect();
    talk.send(&content)?;
    wanted(&talk.reply()?, "552 5.3.4")?;
    talk.must("RSET", "250")?;
    wanted(&talk.letter(READER, "behind a chunk that is too large")?, "250")
}

/// Announced too small, too large, mixed with DATA, with a bare LF: in step all the time.
///
/// Register: 3030-2-i, 3030-2-m, 3030-2-o.
pub fn out_of_step(host: &Host) -> io::Result<()> {
    let mut talk = opened(host, "")?;
    talk.send(b"BDAT 4 LAST\r\nSub\nject: x\r\n\0\xff\r\n")?;
    wanted(&talk.reply()?, "554 5.5.2")?;
    wanted(&talk.reply()?, "500 5.5.2")?;
    wanted(&talk.reply()?, "500 5.5.2")?;
    talk.must("MAIL FROM:<eve@client.example>", "503 5.5.1")?;
    talk.must("RSET", "250")?;
    talk.must("MAIL FROM:<writer@client.example>", "250")?;
    talk.must(&format!("RCPT TO:<{READER}>"), "250")?;
    talk.send(b"BDAT 5\r\nX: y\nDATA\r\n")?;
    wanted(&talk.reply()?, "554 5.5.2")?;
    wanted(&talk.reply()?, "503 5.5.1")?;
    talk.must("RSET", "250")?;
    // What was to be a command belongs to the chunk.
    talk.send(b"BDAT 6\r\nQUIT\r\nNOOP\r\n")?;
    wanted(&talk.reply()?, "503 5.5.1")?;
    wanted(&talk.reply()?, "250")?;
    wanted(&talk.letter(READER, "behind chunks out of step")?, "250")
}

/// A letter in chunks of one octet.
pub fn crumbs(host: &Host) -> io::Result<()> {
    let mut talk = opened(host, "")?;
    let crumbs = b"BDAT 1\r\nx".repeat(FLOOD);
    // Replies come all the while: they must be taken, or the server waits for us.
    for piece in crumbs.chunks(9 * 500) {
        talk.send(piece)?;
        for _ in 0..piece.len() / 9 {
            wanted(&talk.reply()?, "250 2.0.0")?;
        }
    }
    talk.must("RSET", "250")?;
    wanted(&talk.letter(READER, "behind crumbs")?, "250")
}

/// Lines of AUTH without end, where it is offered and where it is not.
///
/// Register: 4954-4-o.
pub fn auth_lines(host: &Host) -> io::Result<()> {
    for start in ["AUTH PLAIN ", "AUTH ", "AUTH PLAIN =", "auth login \0"] {
        let mut talk = Talk::open(host.address())?;
        talk.send(start.as_bytes())?;
        talk.send(&vec![b'A'; 1_000_000])?;
        talk.send(b"\r\n")?;
        wanted(&talk.reply()?, "500 5.5")?;
        talk.must("*", "500 5.5.2")?;
        wanted(&talk.letter(READER, "behind AUTH")?, "250")?;
    }
    Ok(())
}
