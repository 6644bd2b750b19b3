//! Ends of content that are none: a second message may never be smuggled in behind them.

use std::io;

use super::hold;
use crate::host::{Host, READER};
use crate::talk::{Talk, wanted};

/// What a host that takes the near miss for the end would obey. Its own end is the true one.
const SMUGGLED: &[u8] =
    b"MAIL FROM:<smuggler@client.example>\r\nRCPT TO:<reader@abuse.example>\r\n\
DATA\r\nSubject: smuggled\r\n\r\nHere.\r\n.\r\n";

/// Octets between content and [`SMUGGLED`] that some host takes or took for the end of data.
const NEAR_MISSES: [&[u8]; 20] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\n.\r\0\n",
    b"\r\n\r.\r\n",
    b"\r\n\n.\r\n",
    b"\r\0\n.\r\n",
    b"\n\r.\n\r",
    b"\n\n.\n\n",
    b"\r\r.\r\r",
    b"\x85.\n",
    b" and\n",
    b" and\r and ",
    b"\n\r",
];

/// The same for octets that hold no bare CR or LF: content like any other.
const SOUND: [&[u8]; 6] = [
    b"\r\n..\r\n",
    b"\r\n. \r\n",
    b"\r\n.\0\r\n",
    b"\r\n\0.\r\n",
    b"\r\n .\r\n",
    b"\r\n\x85.\x85\r\n",
];

/// Sends a letter with `near` in it, cut in two before octet `cut` of that; one reply comes.
fn send(talk: &mut Talk, subject: &str, near: &[u8], cut: usize) -> io::Result<String> {
    talk.envelope(READER)?;
    let (before, after) = near.split_at(cut.min(near.len()));
    let head = format!("Subject: {subject}\r\n\r\nBefore");
    talk.send(&[head.as_bytes(), before].concat())?;
    talk.send(&[after, SMUGGLED].concat())?;
    let reply = talk.reply()?;
    // Were there another one, it would come now.
    talk.must("RSET", "250 2.0.0")?;
    Ok(reply)
}

/// Register: 5321-2.3.8-a, 5321-4.1.1.4-f.
pub fn near_misses(host: &Host) -> io::Result<()> {
    for near in NEAR_MISSES {
        let mut talk = Talk::open(host.address())?;
        for cut in 0..=near.len() {
            let reply = send(&mut talk, "flawed", near, cut)?;
            wanted(&reply, "554 5.5.2").map_err(|e| {
                io::Error::other(format!("{:?} cut at {cut}: {e}", near.escape_ascii().to_string()))
            })?;
        }
        wanted(&talk.letter(READER, "behind near misses")?, "250")?;
        talk.must("QUIT", "221")?;
    }
    host.await_empty()?;
    let wrong = host.count("reader", "flawed") + host.count("reader", "smuggled");
    hold(wrong == 0, || format!("{wrong} such letters were delivered"))?;
    let good = host.count("reader", "behind near misses");
    hold(good == NEAR_MISSES.len(), || format!("{good} good letters arrived"))
}

/// The dot goes, the rest stays, and nothing of it is obeyed.
pub fn sound(host: &Host) -> io::Result<()> {
    for (number, near) in SOUND.into_iter().enumerate() {
        let mut talk = Talk::open(host.address())?;
        let subject = format!("sound {number}");
        for cut in 0..=near.len() {
            let reply = send(&mut talk, &subject, near, cut)?;
            wanted(&reply, "250").map_err(|error| {
                io::Error::other(format!("{:?}: {error}", near.escape_ascii().to_string()))
            })?;
        }
        talk.must("QUIT", "221")?;
    }
    host.await_empty()?;
    for (number, near) in SOUND.into_iter().enumerate() {
        let found = host.count("reader", &format!("sound {number}"));
        hold(found == near.len() + 1, || format!("{found} letters with {near:?}"))?;
    }
    let smuggled = host.count("reader", "smuggled");
    hold(smuggled == 0, || format!("{smuggled} letters were smuggled in"))
}
