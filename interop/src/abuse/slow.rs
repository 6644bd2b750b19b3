//! Senders that do not finish what they began.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::{DATA_TIMEOUT, hold};
use crate::host::{Host, READER};
use crate::talk::{Talk, wanted};

/// Octets of half a letter: more than the spool keeps in memory.
const HALF: usize = 1_000_000;
/// Connections that break in the midst of their letters.
const BREAKING: usize = 40;
/// Between two octets of a trickle.
const PAUSE: Duration = Duration::from_millis(100);

fn half(host: &Host, subject: &str) -> io::Result<Talk> {
    let mut talk = Talk::open(host.address())?;
    talk.envelope(READER)?;
    talk.send(format!("Subject: {subject}\r\n\r\n").as_bytes())?;
    talk.send(&b"Half a letter is no letter.\r\n".repeat(HALF / 29))?;
    Ok(talk)
}

/// Says 421 not before the time and not long after, and closes.
fn cut(talk: &mut Talk, since: Instant) -> io::Result<()> {
    wanted(&talk.reply()?, "421 4.4.2")?;
    let took = since.elapsed().as_millis();
    let bounds = u128::from(DATA_TIMEOUT * 900)..u128::from(DATA_TIMEOUT * 5000);
    hold(bounds.contains(&took), || format!("cut after {took} ms"))?;
    let rest = talk.rest()?;
    hold(rest.is_empty(), || format!("after it said {rest:?}"))
}

/// Nothing of it is left and nothing was delivered.
fn gone(host: &Host, subject: &str) -> io::Result<()> {
    host.await_empty()?;
    let found = host.count("reader", subject);
    hold(found == 0, || format!("{found} halves were delivered"))
}

/// A sender that stops in the midst is cut, and what it sent is dropped.
pub fn silence(host: &Host) -> io::Result<()> {
    let mut talk = half(host, "half and silence")?;
    cut(&mut talk, Instant::now())?;
    gone(host, "half and silence")
}

/// A sender that is never silent, yet never gets on, is cut as well.
pub fn trickle(host: &Host) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    talk.envelope(READER)?;
    talk.send(b"Subject: trickled\r\n\r\n")?;
    let begin = Instant::now();
    talk.socket().set_read_timeout(Some(PAUSE))?;
    loop {
        talk.send(b"a")?;
        match talk.socket().peek(&mut [0]) {
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        hold(begin.elapsed().as_secs() < DATA_TIMEOUT * 5, || "it is never cut".into())?;
    }
    cut(&mut talk, begin)?;
    gone(host, "trickled")
}

/// Register: 5321-4.1.1.10-f.
pub fn reset(host: &Host) -> io::Result<()> {
    let talks: io::Result<Vec<Talk>> = (0..BREAKING).map(|_| half(host, "reset")).collect();
    talks?.into_iter().for_each(Talk::reset);
    gone(host, "reset")
}

/// The same, with goodbye only to the kernel; also with the dot, but not its line end.
pub fn end(host: &Host) -> io::Result<()> {
    for ending in [&b""[..], b"\r\n", b".", b".\r"] {
        let mut talk = half(host, "ended")?;
        talk.send(ending)?;
        talk.finish_sending();
        let rest = talk.rest()?;
        hold(!rest.starts_with('2'), || format!("it said {rest:?}"))?;
    }
    gone(host, "ended")
}
