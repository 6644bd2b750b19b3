//! What broken and hostile servers do to ours when it is the client: each refuses to be one for the
//! first connection, and is a good one for the next. Nothing is said on the bad connection that should
//! not be, and the letter arrives once.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::checks::Checks;
use crate::host::{FAR, Host, within};
use crate::talk::{Talk, wanted};

/// Until the letter has come.
const PATIENCE: Duration = Duration::from_secs(30);
/// A client that says nothing for so long has forgotten us.
const SILENCE: Duration = Duration::from_secs(20);
/// Lines of a reply that has no end.
const ENDLESS: usize = 100_000;

/// What a server says instead of what it should: the command before it, and the octets.
struct Case {
    name: &'static str,
    /// STARTTLS is offered.
    offers_tls: bool,
    /// `greeting`, or the beginning of a command.
    at: &'static str,
    says: &'static str,
    /// Commands that must not be heard on that connection.
    never: &'static [&'static str],
}

const MAIL: &[&str] = &["MAIL", "RCPT", "DATA", "BDAT"];
const CONTENT: &[&str] = &["DATA", "Subject:"];

const CASES: [Case; 12] = [
    Case {
        name: "replies injected behind the 220 of STARTTLS",
        offers_tls: true,
        at: "STARTTLS",
        says: "220 go\r\n250-mx.far.example\r\n250 AUTH PLAIN\r\n",
        never: MAIL,
    },
    Case {
        name: "no handshake but replies in the clear",
        offers_tls: true,
        at: "STARTTLS",
        says: "220 go\r\n+wait+250 mx.far.example\r\n250 ok\r\n",
        never: MAIL,
    },
    Case {
        name: "a greeting that is no reply",
        offers_tls: false,
        at: "greeting",
        says: "HTTP/1.1 400 Bad Request\r\n",
        never: MAIL,
    },
    Case {
        name: "a greeting without end",
        offers_tls: false,
        at: "greeting",
        says: "+endless+220-still greeting\r\n",
        never: MAIL,
    },
    Case {
        name: "a reply to EHLO of mixed codes",
        offers_tls: false,
        at: "EHLO",
        says: "250-mx.far.example\r\n550 PIPELINING\r\n",
        never: MAIL,
    },
    Case {
        name: "a line without end",
        offers_tls: false,
        at: "EHLO",
        says: "+endless+250-xxxxxxxxxxxxxxxxxxxxxxx",
        never: MAIL,
    },
    Case {
        name: "letters for digits",
        offers_tls: false,
        at: "MAIL",
        says: "2S0 ok\r\n",
        never: CONTENT,
    },
    Case {
        name: "a code of one digit",
        offers_tls: false,
        at: "RCPT",
        says: "2\r\n",
        never: CONTENT,
    },
    Case {
        name: "a code that none has",
        offers_tls: false,
        at: "RCPT",
        says: "999 ok\r\n",
        never: CONTENT,
    },
    Case {
        name: "a yes to DATA instead of 354",
        offers_tls: false,
        at: "DATA",
        says: "250 ok\r\n",
        never: &["Subject:"],
    },
    Case { name: "NULs", offers_tls: false, at: "EHLO", says: "\0\0\0\r\n", never: MAIL },
    Case {
        name: "lines that end with LF alone",
        offers_tls: false,
        at: "greeting",
        says: "220 mx.far.example\n",
        never: MAIL,
    },
];

/// What the server is to do, and what it has heard.
#[derive(Default)]
struct State {
    /// The case that the next connection is; none: a good server.
    case: Option<usize>,
    /// What the last bad connection has said.
    heard: Option<Vec<String>>,
    /// Content that a good connection has taken.
    taken: String,
}

type Shared = Arc<Mutex<State>>;

/// Plays them.
///
/// # Errors
/// A server does not start.
pub fn play(checks: &mut Checks, program: &Path, folder: &Path) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let place = listener.local_addr()?;
    let state = Shared::default();
    let serving = Arc::clone(&state);
    // It ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&serving);
            std::thread::spawn(move || serve(stream, &state));
        }
    });
    let mut host = Host::start(program, &folder.join("abuse-client"), place, &["reader"], &[])?;
    for (number, case) in CASES.iter().enumerate() {
        let outcome = attempt(&host, &state, number, case);
        checks.check(&format!("client: {}", case.name), outcome.map_err(|error| error.to_string()));
    }
    let empty = host.await_empty().map_err(|error| error.to_string());
    checks.check("client: nothing is left in the queue", empty);
    host.take()?.stop().map(|_| ())
}

fn attempt(host: &Host, state: &Shared, number: usize, case: &Case) -> io::Result<()> {
    *lock(state) = State { case: Some(number), ..State::default() };
    let subject = format!("client {number}");
    let mut talk = Talk::open(host.address())?;
    wanted(&talk.letter(FAR, &subject)?, "250")?;
    talk.must("QUIT", "221")?;
    let line = format!("Subject: {subject}");
    let came = || (lock(state).taken.matches(&line).count() > 0).then_some(());
    within(PATIENCE, came).ok_or_else(|| io::Error::other("the letter never came"))?;
    let state = lock(state);
    let heard = state.heard.as_ref();
    let heard = heard.ok_or_else(|| io::Error::other("nobody came to the bad server"))?;
    let said = heard.iter().find(|line| case.never.iter().any(|never| line.starts_with(never)));
    super::hold(said.is_none(), || format!("it said {said:?} of {heard:?}"))?;
    let times = state.taken.matches(&line).count();
    super::hold(times == 1, || format!("the letter came {times} times"))
}

fn lock(state: &Shared) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One connection, to its end; a client that goes has had enough.
fn serve(stream: TcpStream, state: &Shared) {
    let case = lock(state).case.take().and_then(|number| CASES.get(number));
    let mut heard = Vec::new();
    let _ = converse(&stream, case, &mut heard, state);
    if case.is_some() {
        lock(state).heard = Some(heard);
    }
}

fn converse(
    stream: &TcpStream,
    case: Option<&Case>,
    heard: &mut Vec<String>,
    state: &Shared,
) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut lines = BufReader::new(stream);
    if let Some(case) = case.filter(|case| case.at == "greeting") {
        return misbehave(stream, &mut lines, case, heard);
    }
    say(stream, "220 mx.far.example\r\n")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        heard.push(line.trim_end().to_owned());
        if let Some(case) = case.filter(|case| case.at.starts_with(&verb)) {
            return misbehave(stream, &mut lines, case, heard);
        }
        let offer = match case {
            Some(case) if case.offers_tls => "250-mx.far.example\r\n250 STARTTLS\r\n",
            _ => "250 mx.far.example\r\n",
        };
        match verb.as_str() {
            "EHLO" => say(stream, offer)?,
            "DATA" => {
                say(stream, "354 go\r\n")?;
                take(&mut lines, state)?;
                // The next letter is to come by a connection of its own.
                return say(stream, "250 taken\r\n");
            }
            "QUIT" => return say(stream, "221 bye\r\n"),
            _ => say(stream, "250 ok\r\n")?,
        }
    }
}

/// Content up to its dot.
fn take(lines: &mut impl BufRead, state: &Shared) -> io::Result<()> {
    let mut content = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == ".\r\n" {
            lock(state).taken.push_str(&content);
            return Ok(());
        }
        content.push_str(&line);
    }
}

/// Says what the case wants, and hears what comes of it until the client has gone.
fn misbehave(
    stream: &TcpStream,
    lines: &mut impl BufRead,
    case: &Case,
    heard: &mut Vec<String>,
) -> io::Result<()> {
    if let Some(line) = case.says.strip_prefix("+endless+") {
        for _ in 0..ENDLESS {
            // It closes as soon as it has had enough.
            if say(stream, line).is_err() {
                break;
            }
        }
    } else {
        for (number, part) in case.says.split("+wait+").enumerate() {
            if number > 0 {
                // The beginning of its handshake is here before anything is answered.
                let _ = lines.fill_buf()?;
            }
            say(stream, part)?;
        }
    }
    loop {
        let mut octets = Vec::new();
        match lines.read_until(b'\n', &mut octets) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) => heard.push(String::from_utf8_lossy(&octets).trim_end().to_owned()),
        }
    }
}

fn say(mut stream: &TcpStream, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())
}
