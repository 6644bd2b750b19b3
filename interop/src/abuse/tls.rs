//! STARTTLS with what should not follow it: silence, half a handshake, octets that are none, commands
//! in the clear behind it.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::{HANDSHAKE_TIMEOUT, hold};
use crate::host::{Host, READER, within};
use crate::talk::{Talk, broken, wanted};

/// The beginning of a handshake: a record of 512 octets with a ClientHello, of which no more comes.
const HALF: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
/// Handshakes that stall at once.
const CROWD: usize = 50;
/// Until the log has told.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two octets of a trickle.
const PAUSE: Duration = Duration::from_millis(100);

/// At the place where the handshake is to begin.
fn begun(host: &Host) -> io::Result<Talk> {
    let mut talk = Talk::open(host.address())?;
    talk.must("STARTTLS", "220")?;
    Ok(talk)
}

/// Closed without a word in the clear, not before the time and not long after.
fn given_up(talk: &mut Talk, since: Instant) -> io::Result<()> {
    let rest = talk.rest()?;
    let took = since.elapsed().as_millis();
    let bounds = u128::from(HANDSHAKE_TIMEOUT * 900)..u128::from(HANDSHAKE_TIMEOUT * 6000);
    hold(bounds.contains(&took), || format!("given up after {took} ms"))?;
    hold(rest.is_empty(), || format!("it said {rest:?}"))
}

/// A client that goes silent instead of a handshake, and one that stops in its midst.
pub fn stalled(host: &Host) -> io::Result<()> {
    for octets in [&b""[..], HALF] {
        let mut talk = begun(host)?;
        let since = Instant::now();
        talk.send(octets)?;
        given_up(&mut talk, since)?;
    }
    Ok(())
}

/// One that is never silent, and never done: the bound is on the whole handshake.
pub fn trickled(host: &Host) -> io::Result<()> {
    let mut talk = begun(host)?;
    let since = Instant::now();
    talk.send(HALF)?;
    talk.socket().set_read_timeout(Some(PAUSE))?;
    loop {
        // Whoever has closed takes no more.
        match talk.send(b"\0") {
            Err(error) if broken(&error) => break,
            sent => sent?,
        }
        match talk.socket().peek(&mut [0]) {
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if broken(&error) => break,
            Err(error) => return Err(error),
        }
        hold(since.elapsed().as_secs() < HANDSHAKE_TIMEOUT * 6, || "it is never cut".into())?;
    }
    given_up(&mut talk, since)
}

/// Many at once hold up nobody else.
pub fn crowd(host: &Host) -> io::Result<()> {
    let talks: io::Result<Vec<Talk>> = (0..CROWD).map(|_| begun(host)).collect();
    let (mut talks, since) = (talks?, Instant::now());
    let mut other = Talk::open(host.address())?;
    wanted(&other.letter(READER, "beside stalled handshakes")?, "250")?;
    for talk in &mut talks {
        let rest = talk.rest()?;
        hold(rest.is_empty(), || format!("it said {rest:?}"))?;
    }
    let took = since.elapsed().as_secs();
    hold(took < HANDSHAKE_TIMEOUT * 6, || format!("the last was given up after {took} s"))
}

/// Commands where the handshake should be are no commands: an alert at most, and the end.
pub fn no_handshake(host: &Host) -> io::Result<()> {
    let mut talk = begun(host)?;
    let envelope = format!("MAIL FROM:<eve@client.example>\r\nRCPT TO:<{READER}>\r\nDATA\r\n");
    talk.send(envelope.as_bytes())?;
    let rest = talk.rest()?;
    hold(!rest.contains("250") && !rest.contains("354"), || format!("it said {rest:?}"))
}

/// What somebody puts behind STARTTLS in the clear, so that it counts as said within TLS: the session
/// ends, nothing of it is answered, and the log tells.
///
/// Register: 3207-4.2-a.
pub fn injected(host: &Host) -> io::Result<()> {
    let letter = "DATA\r\nSubject: injected\r\n\r\nx\r\n.\r\n";
    let behind = [
        "RSET\r\n".to_owned(),
        "E".to_owned(),
        format!("EHLO eve\r\nMAIL FROM:<eve@client.example>\r\nRCPT TO:<{READER}>\r\n{letter}"),
        "\r\n".to_owned(),
    ];
    for behind in &behind {
        let mut talk = Talk::open(host.address())?;
        talk.send(format!("STARTTLS\r\n{behind}").as_bytes())?;
        wanted(&talk.reply()?, "421")?;
        let rest = talk.rest()?;
        hold(rest.is_empty(), || format!("behind {behind:?} it said {rest:?}"))?;
    }
    // The log is written by another thread.
    let told = || (host.log().matches("STARTTLS").count() >= behind.len()).then_some(());
    within(PATIENCE, told).ok_or_else(|| io::Error::other(format!("the log: {}", host.log())))?;
    hold(host.count("reader", "injected") == 0, || "it was delivered".into())?;
    Ok(())
}
