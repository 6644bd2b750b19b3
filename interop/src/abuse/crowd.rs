//! Too many at once.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{SESSIONS, hold};
use crate::host::{Host, READER, within};
use crate::talk::{Talk, wanted};

/// Connections that only sit there.
const CROWD: usize = 1000;
/// Connections that do not read; some sessions stay for others.
const DEAF: usize = SESSIONS - 40;
/// Rounds in which they write what they can.
const ROUNDS: usize = 20;
/// Connections that are closed as soon as they are made.
const FLEETING: usize = 2000;
/// Until the sessions of connections that are gone are free again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until a new connection is greeted as usual.
fn room_again(host: &Host) -> io::Result<()> {
    within(PATIENCE, || Talk::open(host.address()).ok())
        .map(drop)
        .ok_or_else(|| io::Error::other("new connections are still turned away"))
}

/// Those over the limit are told so at once; the others are served meanwhile.
pub fn idle(host: &Host) -> io::Result<()> {
    let talks: io::Result<Vec<_>> = (0..CROWD).map(|_| Talk::greeted(host.address())).collect();
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    for (talk, greeting) in talks? {
        match greeting.starts_with("220") {
            true => served.push(talk),
            false => refused.push((talk, greeting)),
        }
    }
    // The last session of the play before may have been about to end.
    hold((SESSIONS - 1..=SESSIONS).contains(&served.len()), || format!("{} in", served.len()))?;
    for (mut talk, greeting) in refused {
        wanted(&greeting, "421 4.")?;
        let rest = talk.rest()?;
        hold(rest.is_empty(), || format!("after it said {rest:?}"))?;
    }
    for talk in &mut served {
        talk.must("EHLO client.example", "250")?;
    }
    if let Some(talk) = served.first_mut() {
        wanted(&talk.letter(READER, "within a crowd")?, "250")?;
        host.await_letter("within a crowd")?;
    }
    drop(served);
    room_again(host)
}

/// Asks for long replies as long as the server takes questions, and never reads one.
pub fn deaf(host: &Host) -> io::Result<()> {
    let mut streams = Vec::new();
    for _ in 0..DEAF {
        let stream = TcpStream::connect(host.address())?;
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let questions = b"HELP\r\n".repeat(10_000);
    for _ in 0..ROUNDS {
        for stream in &mut streams {
            while let Ok(1..) = stream.write(&questions) {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    host.good_letter("beside the deaf")?;
    drop(streams);
    room_again(host)
}

/// Neither descriptors nor places of sessions are lost.
pub fn fleeting(host: &Host) -> io::Result<()> {
    for number in 0..FLEETING {
        match TcpStream::connect(host.address()) {
            Ok(mut stream) if number % 2 == 0 => {
                // What becomes of it nobody waits to see.
                let _ = stream.write_all(b"EHLO client.example\r\nMAIL FROM:<>\r\n");
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(error),
            // The machine's ports are used up for the moment.
            Err(_) => {}
        }
    }
    room_again(host)
}
