//! A next hop that keeps every letter whole, and can be made to stop in the midst of one.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Octets of a letter after which a closed gate stops it.
const GATE: usize = 10_000_000;
/// Between two looks at the gate.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Shared {
    letters: Mutex<Vec<Vec<u8>>>,
    /// Letters that stand before the gate, or stood there.
    stopped: AtomicU64,
    closed: AtomicBool,
    over: AtomicBool,
}

/// A running next hop; dropping it ends it.
pub struct Keeper {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Keeper {
    /// Starts to listen on a free address of loopback.
    ///
    /// # Errors
    /// There is none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ours.over.load(Ordering::Acquire) {
                    return;
                }
                let ours = Arc::clone(&ours);
                // A connection that breaks leaves nothing, as it should.
                std::thread::spawn(move || serve(stream, &ours));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on (`true`) large letters stop in their midst, or (`false`) go on.
    pub fn close_gate(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::Release);
    }

    /// Letters that have been stopped so far.
    pub fn stopped(&self) -> u64 {
        self.shared.stopped.load(Ordering::Acquire)
    }

    /// The letters that came whole since the last call.
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.shared.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.close_gate(false);
        // Wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let say = |stream: &mut BufReader<TcpStream>, text: &str| {
        stream.get_mut().write_all(format!("{text}\r\n").as_bytes())
    };
    say(&mut stream, "220 far.example")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end().to_ascii_uppercase().as_str() {
            verb if verb.starts_with("EHLO") => say(&mut stream, "250-far.example\r\n250 SIZE 0")?,
            "DATA" => {
                say(&mut stream, "354 go on")?;
                let letter = content(&mut stream, shared)?;
                shared.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
                say(&mut stream, "250 taken")?;
            }
            "QUIT" => return say(&mut stream, "221 bye"),
            _ => say(&mut stream, "250 ok")?,
        }
    }
}

/// The content without the dots that were stuffed.
fn content(stream: &mut BufReader<TcpStream>, shared: &Shared) -> io::Result<Vec<u8>> {
    let (mut letter, mut waited) = (Vec::new(), false);
    loop {
        let start = letter.len();
        if stream.read_until(b'\n', &mut letter)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if letter.get(start) == Some(&b'.') {
            letter.remove(start);
            if letter.get(start..) == Some(b"\r\n") {
                letter.truncate(start);
                return Ok(letter);
            }
        }
        if letter.len() > GATE && !waited && shared.closed.load(Ordering::Acquire) {
            waited = true;
            shared.stopped.fetch_add(1, Ordering::Release);
            while shared.closed.load(Ordering::Acquire) {
                std::thread::sleep(LOOK);
            }
        }
    }
}
