//! The disk fills up while mail comes in, and is freed again: senders are told to come again, and
//! every letter with a 250 arrives once.
//!
//! The disk is a file system in memory in a mount namespace of our own, so nothing of it outlives
//! this process. That needs root.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench::ledger::Ledger;
use bench::letter::Template;
use bench::scenario::settle;
use bench::server::free_address;
use bench::sink::Sink;
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use toml::Value;

use crate::balance::exactly_once;
use crate::checks::{Checks, that};
use crate::host::{FAR, Host, within};
use crate::talk::{Talk, wanted};

/// Octets of the disk: a few segments of the spool, its spares, and some room.
const DISK: &str = "size=600m";
/// Connections that send all the time.
const SENDERS: usize = 20;
/// More letters than are sent.
const LETTERS: usize = 1_000_000;
/// Their sizes, in turn: small, large, and large enough for a file of its own.
const SIZES: [usize; 3] = [2_000, 100_000, 400_000];
/// Octets from which on a letter surely gets one.
const LARGE: usize = 300_000;
/// Until something that must happen has happened.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two letters of a sender.
const PAUSE: Duration = Duration::from_millis(1);
/// Before a sender that was told to come again does.
const LATER: Duration = Duration::from_millis(50);
/// Refusals to be seen while the disk is full, and letters taken before and after.
const ENOUGH: u64 = 200;

/// Plays it twice: mail flows on while the disk fills, with the reserve of the configuration; and
/// mail piles up until the last octet is taken, with none.
///
/// # Errors
/// The server does not start.
pub fn play(checks: &mut Checks, program: &Path, folder: &Path) -> io::Result<()> {
    let folder = folder.join("full");
    fs::create_dir_all(&folder)?;
    let disk = match Disk::mount(&folder) {
        Ok(disk) => disk,
        Err(error) => {
            checks.missing("a full disk", true, &format!("only root can mount one: {error}"));
            return Ok(());
        }
    };
    for (reserve, paused) in [("64MB", false), ("0B", true)] {
        println!("full, {reserve} are kept free, {}", if paused { "paused" } else { "flowing" });
        let sink = Sink::start(free_address()?)?;
        let options = [
            ("spool", "free-space", Value::from(reserve)),
            ("spool", "size", Value::from("100%")),
            ("queue", "paused", Value::from(paused)),
        ];
        let place = disk.folder.join("host");
        let failed = checks.failed();
        let mut host = Host::start(program, &place, sink.address(), &["reader"], &options)?;
        once(checks, &mut host, &sink, &disk)?;
        if checks.failed() > failed {
            println!("--- the server's log\n{}", host.log());
        }
    }
    Ok(())
}

/// A mounted disk; dropping it unmounts it.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn mount(folder: &Path) -> io::Result<Self> {
        let nothing = None::<&Path>;
        unshare(CloneFlags::CLONE_NEWNS)?;
        // What is mounted here is seen by us and by those we start, by nobody else.
        mount(nothing, Path::new("/"), nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
        mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(DISK))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// Takes all the room there is.
    fn fill(&self) -> io::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.filler())?;
        let block = vec![0; 1 << 20];
        let mut length = block.len();
        while length > 0 {
            match file.write_all(block.get(..length).unwrap_or_default()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => length /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It goes with the namespace at the latest.
        let _ = umount(&self.folder);
    }
}

/// What the senders share.
struct Office {
    ledger: Arc<Ledger>,
    next: AtomicU32,
    over: AtomicBool,
    taken: AtomicU64,
    /// Refusals for the time being of letters that need no file of their own: the log is full.
    later: AtomicU64,
    /// Replies that nobody should get.
    strange: Mutex<Vec<String>>,
}

fn once(checks: &mut Checks, host: &mut Host, sink: &Sink, disk: &Disk) -> io::Result<()> {
    let office = Arc::new(Office {
        ledger: Arc::new(Ledger::new(LETTERS)),
        next: AtomicU32::new(0),
        over: AtomicBool::new(false),
        taken: AtomicU64::new(0),
        later: AtomicU64::new(0),
        strange: Mutex::default(),
    });
    sink.open(&office.ledger);
    let address = host.address();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| Arc::clone(&office))
        .map(|office| std::thread::spawn(move || office.send(address)))
        .collect();
    let more = |counter: &AtomicU64| counter.load(Ordering::Relaxed) + ENOUGH;
    let reached = |counter: &AtomicU64, goal: u64| {
        within(PATIENCE, || (counter.load(Ordering::Relaxed) >= goal).then_some(()))
            .ok_or_else(|| format!("only {} of {goal}", counter.load(Ordering::Relaxed)))
    };
    let goal = more(&office.taken);
    checks.check("mail is taken", reached(&office.taken, goal));
    let goal = more(&office.later);
    let filled = within(PATIENCE, || {
        // What the server frees meanwhile is taken as well.
        let filled = disk.fill();
        let full = office.later.load(Ordering::Relaxed) >= goal;
        (full || filled.is_err()).then_some(filled)
    });
    checks.check(
        "the disk is full: 452 or 451",
        match filled {
            Some(filled) => filled.map_err(|error| error.to_string()),
            None => Err("nobody was told to come again".into()),
        },
    );
    let alive = Talk::open(address).and_then(|mut talk| talk.must("NOOP", "250"));
    checks.check("service goes on", alive.map(drop).map_err(|error| error.to_string()));
    fs::remove_file(disk.filler())?;
    let goal = more(&office.taken);
    checks.check("with room it takes mail again", reached(&office.taken, goal));
    office.over.store(true, Ordering::Relaxed);
    for sender in senders {
        let done = sender.join().map_err(|_| io::Error::other("a sender panicked"))?;
        office.note(done);
    }
    let strange = office.strange.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!(
        "  {} taken, {} told to come again",
        office.taken.load(Ordering::Relaxed),
        office.later.load(Ordering::Relaxed),
    );
    checks.check("nothing else was said", that(strange.is_empty(), || strange.join("; ")));
    if host.set("queue", "paused", false.into()) == Some(true.into()) {
        host.take()?.stop()?;
        host.restart()?;
    }
    settle(&office.ledger);
    exactly_once(checks, &office.ledger);
    let ended =
        host.await_empty().and_then(|()| host.take()?.stop()).and_then(|_| host.verify(true));
    checks.check("its spool is sound and empty", ended.map_err(|error| error.to_string()));
    Ok(())
}

impl Office {
    fn note(&self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            let mut strange = self.strange.lock().unwrap_or_else(PoisonError::into_inner);
            strange.push(error.to_string());
        }
    }

    /// Sends letters over one connection until it is over.
    fn send(&self, address: std::net::SocketAddr) -> io::Result<()> {
        let letters = SIZES.map(|size| Template::new("writer@client.example", FAR, size));
        let mut talk = Talk::open(address)?;
        while !self.over.load(Ordering::Relaxed) {
            let sequence = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(letter) = letters.get(sequence as usize % SIZES.len()) else { return Ok(()) };
            let reply = self.letter(&mut talk, sequence, letter)?;
            if reply.starts_with("250") {
                self.ledger.accepted(sequence);
                self.taken.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            } else {
                wanted(&reply, "45")?;
                if letter.size() < LARGE {
                    self.later.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(LATER);
            }
        }
        talk.must("QUIT", "221").map(drop)
    }

    /// The reply to the letter, or the first that is not as it should be.
    fn letter(&self, talk: &mut Talk, sequence: u32, letter: &Template) -> io::Result<String> {
        let reply = talk.ask("MAIL FROM:<writer@client.example>")?;
        if !reply.starts_with("250") {
            return Ok(reply);
        }
        talk.must(&format!("RCPT TO:<{FAR}>"), "250")?;
        talk.must("DATA", "354")?;
        let mut octets = Vec::with_capacity(letter.size() + 3);
        letter.write(self.ledger.number(sequence), &mut octets);
        self.ledger.sent(sequence);
        talk.send(&octets)?;
        talk.reply()
    }
}
