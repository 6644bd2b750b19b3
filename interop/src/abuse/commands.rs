//! Command lines that no client should send.

use std::io::{self, Write};

use super::{ERRORS, RECIPIENTS, hold};
use crate::host::{DOMAIN, Host, READER};
use crate::talk::{Talk, broken, wanted};

/// Lengths of lines without end.
const LENGTHS: [usize; 2] = [100_000, 10_000_000];
/// Unknown verbs, and recipients, sent in one go.
const FLOOD: usize = 10_000;

/// Lines with octets that have no place in a command; each gets one error of this class.
const OCTETS: [&[u8]; 16] = [
    b"NO\0OP",
    b"NOOP \0",
    b"\0",
    b"\0NOOP",
    b"NOOP\0",
    b"QUIT\0",
    b"MAIL FROM:<wri\0ter@client.example>",
    b"MAIL FROM:<writer@client.example>\0",
    b"MAIL FROM:<wr\xc3\xaeter@client.example>",
    b"MAIL FROM:<writer@cli\xeant.example>",
    b"\xff\xf4\xff\xfd\x06",
    b"EHLO caf\xe9.example",
    b"NOOP\nQUIT",
    b"NOOP\rQUIT",
    b"NOOP\r",
    b"MAIL FROM:<writer@client.example>\nRCPT TO:<reader@abuse.example>\nDATA",
];

/// They are dropped as they come, and answered once, when their end has come.
pub fn endless(host: &Host) -> io::Result<()> {
    for length in LENGTHS {
        for octet in [b'A', b'\n', b'\r', 0] {
            let mut talk = Talk::open(host.address())?;
            let line = vec![octet; length];
            talk.send(&line)?;
            talk.send(b"\r\n")?;
            wanted(&talk.reply()?, "500 5.5.2")?;
            wanted(&talk.letter(READER, "behind a long line")?, "250")?;
            // And one whose end never comes.
            talk.send(&line)?;
        }
    }
    Ok(())
}

/// Register: 5321-2.3.8-a.
pub fn octets(host: &Host) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    for line in OCTETS {
        talk.send(&[line, b"\r\n"].concat())?;
        let reply = talk.reply()?;
        // 550 5.6.7 where all that lacks is SMTPUTF8.
        wanted(&reply, "5").map_err(|error| {
            io::Error::other(format!("{:?}: {error}", line.escape_ascii().to_string()))
        })?;
        talk.must("NOOP", "250 2.0.0")?;
    }
    wanted(&talk.letter(READER, "behind strange octets")?, "250")?;
    host.await_letter("behind strange octets")
}

/// The end comes after the limit, however many wait behind it.
pub fn unknown(host: &Host) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    match talk.send(&b"XYZZY\r\n".repeat(FLOOD)) {
        // It need not take them all.
        Err(error) if !broken(&error) => return Err(error),
        _ => {}
    }
    let said = talk.rest()?;
    let codes: Vec<&str> = said.lines().filter_map(|line| line.get(..9)).collect();
    let mut expected = vec!["500 5.5.2"; ERRORS];
    expected.push("421 4.7.0");
    hold(codes == expected, || format!("it said {said:?}"))
}

/// What stands behind QUIT is not obeyed (RFC 5321 §4.1.1.10).
pub fn behind_quit(host: &Host) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    talk.send(
        b"QUIT\r\nMAIL FROM:<writer@client.example>\r\nRCPT TO:<reader@abuse.example>\r\nDATA\r\n\
          Subject: behind QUIT\r\n\r\nHere.\r\n.\r\n",
    )?;
    let said = talk.rest()?;
    hold(said.starts_with("221") && said.lines().count() == 1, || format!("it said {said:?}"))?;
    host.await_empty()?;
    let found = host.count("reader", "behind QUIT");
    hold(found == 0, || format!("{found} letters came"))
}

/// Register: 5321-4.5.3.1.8-d, 5321-4.5.3.1.10-a, 5321-4.5.3.1.10-d.
pub fn recipients(host: &Host) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    talk.must("MAIL FROM:<writer@client.example>", "250")?;
    let mut sending = talk.socket().try_clone()?;
    let name = |number: usize| number % RECIPIENTS;
    let writer = std::thread::spawn(move || {
        let line = |number| format!("RCPT TO:<u{}@{DOMAIN}>\r\n", name(number));
        sending.write_all((0..FLOOD).map(line).collect::<String>().as_bytes())
    });
    for number in 0..FLOOD {
        let code = if number < RECIPIENTS { "250 2.1.5" } else { "452 4.5.3" };
        wanted(&talk.reply()?, code)
            .map_err(|error| io::Error::other(format!("recipient {number}: {error}")))?;
    }
    writer.join().map_err(|_| io::Error::other("the writer panicked"))??;
    talk.must("DATA", "354")?;
    talk.must("Subject: to many\r\n\r\nGood.\r\n.", "250")?;
    wanted(&talk.letter(READER, "behind many recipients")?, "250")?;
    host.await_empty()?;
    for number in 0..RECIPIENTS {
        let found = host.count(&format!("u{number}"), "to many");
        hold(found == 1, || format!("u{number} has {found}"))?;
    }
    Ok(())
}
