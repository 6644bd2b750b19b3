//! The largest letter that is taken by default: streamed through, never whole in memory, and whole
//! or not at all after a crash.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use memchr::memmem;

use crate::checks::{Checks, that};
use crate::host::{FAR, Host, READER, within};
use crate::keeper::Keeper;
use crate::talk::{Talk, wanted};

/// Octets of the letter; 50 MB is the limit.
const SIZE: usize = 49_999_000;
/// What the server may grow by while it passes on such a letter.
const GROWTH_KIB: u64 = 40 * 1024;
/// Until the letter must have arrived.
const PATIENCE: Duration = Duration::from_secs(60);
/// How it begins; what the server adds stands before that.
const MARK: &[u8] = b"X-Large: begins here\r\n";

/// Plays it.
///
/// # Errors
/// The server does not start, also after a crash.
pub fn play(checks: &mut Checks, program: &Path, folder: &Path) -> io::Result<()> {
    println!("large, a letter of {SIZE} octets");
    let failed = checks.failed();
    let keeper = Keeper::start()?;
    let mut host = Host::start(program, &folder.join("large"), keeper.address(), &["reader"], &[])?;
    let letter = letter();
    println!("  idle with {} KiB", host.idle_kib());
    host.forget_peak();
    let outcome = passes(&host, &keeper, &letter).map_err(|error| error.to_string());
    checks.check("it is relayed and delivered octet by octet", outcome);
    let growth = host.growth_kib();
    println!("        with {growth} KiB over idle");
    let small = that(growth < GROWTH_KIB, || format!("it grew by {growth} KiB"));
    checks.check("it is never whole in memory", small);
    let plays: [(&str, Crash); 3] = [
        ("killed in the midst of receiving: nothing is left", while_receiving),
        ("killed in the midst of relaying: it arrives whole", while_relaying),
        ("killed as soon as it is taken: it arrives whole", when_taken),
    ];
    for (name, crash) in plays {
        let outcome = crash(&mut host, &keeper, &letter).and_then(|()| host.await_empty());
        checks.check(name, outcome.map_err(|error| error.to_string()));
    }
    let stopped = host.take()?.stop().and_then(|_| host.verify(true));
    checks.check("its spool is sound and empty", stopped.map_err(|error| error.to_string()));
    if checks.failed() > failed {
        println!("--- the server's log\n{}", host.log());
    }
    Ok(())
}

type Crash = fn(&mut Host, &Keeper, &[u8]) -> io::Result<()>;

fn passes(host: &Host, keeper: &Keeper, letter: &[u8]) -> io::Result<()> {
    wanted(&send(host, &[READER, FAR], letter)?, "250")?;
    relayed(keeper, letter)?;
    delivered(host, letter)?;
    host.await_empty()
}

/// Without a 250 it is not taken, and its half is swept away.
fn while_receiving(host: &mut Host, keeper: &Keeper, letter: &[u8]) -> io::Result<()> {
    let mut talk = Talk::open(host.address())?;
    talk.envelope(FAR)?;
    let (half, _) = letter.split_at(letter.len() / 2);
    talk.send(&stuffed(half))?;
    let begun = within(PATIENCE, || (!host.bodies().is_empty()).then_some(()));
    begun.ok_or_else(|| io::Error::other("it is in no file of its own"))?;
    host.kill9()?;
    host.restart()?;
    host.await_empty()?;
    match keeper.take().len() {
        0 => Ok(()),
        count => Err(io::Error::other(format!("{count} halves were relayed"))),
    }
}

fn while_relaying(host: &mut Host, keeper: &Keeper, letter: &[u8]) -> io::Result<()> {
    keeper.close_gate(true);
    let before = keeper.stopped();
    wanted(&send(host, &[FAR], letter)?, "250")?;
    let midst = within(PATIENCE, || (keeper.stopped() > before).then_some(()));
    let killed = host.kill9();
    keeper.close_gate(false);
    midst.ok_or_else(|| io::Error::other("it was never on its way"))?;
    killed?;
    host.restart()?;
    relayed(keeper, letter)
}

fn when_taken(host: &mut Host, _: &Keeper, letter: &[u8]) -> io::Result<()> {
    wanted(&send(host, &[READER], letter)?, "250")?;
    host.kill9()?;
    host.restart()?;
    delivered(host, letter)
}

fn send(host: &Host, recipients: &[&str], letter: &[u8]) -> io::Result<String> {
    let mut talk = Talk::open(host.address())?;
    talk.must(&format!("MAIL FROM:<writer@client.example> SIZE={}", letter.len()), "250")?;
    for recipient in recipients {
        talk.must(&format!("RCPT TO:<{recipient}>"), "250")?;
    }
    talk.must("DATA", "354")?;
    talk.send(&stuffed(letter))?;
    talk.ask(".")
}

fn relayed(keeper: &Keeper, letter: &[u8]) -> io::Result<()> {
    let found = within(PATIENCE, || Some(keeper.take()).filter(|letters| !letters.is_empty()));
    let found = found.ok_or_else(|| io::Error::other("it was never relayed"))?;
    found.iter().try_for_each(|found| same(found, MARK, letter))
}

/// In a mailbox lines end with LF. Takes the letter away.
fn delivered(host: &Host, letter: &[u8]) -> io::Result<()> {
    let folder = host.maildir("reader").join("new");
    let files = || -> Vec<_> {
        let entries = fs::read_dir(&folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let found = within(PATIENCE, || Some(files()).filter(|files| !files.is_empty()));
    let found = found.ok_or_else(|| io::Error::other("it was never delivered"))?;
    let (mark, letter) = (without_cr(MARK), without_cr(letter));
    for file in found {
        same(&fs::read(&file)?, &mark, &letter)?;
        fs::remove_file(file)?;
    }
    Ok(())
}

fn same(found: &[u8], mark: &[u8], letter: &[u8]) -> io::Result<()> {
    let start = memmem::find(found, mark).unwrap_or_default();
    let found = found.get(start..).unwrap_or_default();
    if found == letter {
        return Ok(());
    }
    let place = found.iter().zip(letter).position(|(one, other)| one != other);
    let text = format!("{} octets came, other from {place:?} on", found.len());
    Err(io::Error::other(text))
}

/// Lines of all lengths, many with dots at their start.
fn letter() -> Vec<u8> {
    let mut letter = [MARK, b"Subject: large\r\n\r\n"].concat();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while letter.len() < SIZE - 200 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        letter.resize(letter.len() + (state % 5).saturating_sub(2) as usize, b'.');
        for place in 0..state % 21 {
            letter.extend_from_slice(
                format!("{:07x}", state.rotate_left(place as u32) >> 36).as_bytes(),
            );
        }
        letter.extend_from_slice(b"\r\n");
    }
    letter
}

fn without_cr(octets: &[u8]) -> Vec<u8> {
    octets.iter().copied().filter(|octet| *octet != b'\r').collect()
}

/// Dots stuffed (RFC 5321 §4.5.2); the end is not there.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len() + content.len() / 8);
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    octets
}
