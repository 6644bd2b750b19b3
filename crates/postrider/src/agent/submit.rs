//! Hands a letter to the mail service: the client machine of `smtp` over a blocking socket.
//!
//! One connection carries as many transactions as the recipients need. What a failure means for
//! the letter is decided in [`outbox`](super::outbox).

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::{DomainName, ForwardPath, MailParameters, Recipient, RecipientParameters, ReversePath};
use smtp::client::{
    Input, Lost, Output, RecipientResult, Session, SessionError, SessionOptions, Step, Timeouts,
    Transaction,
};

use super::letter::{Letter, PIECE};

/// Recipients of one transaction: what every server must take (RFC 5321 §4.5.3.1.8).
const RECIPIENTS: usize = 100;
/// How long a connection to our own service may take to come about.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the service may take to accept what is written (RFC 5321 §4.5.3.2.5).
const WRITE: Duration = Duration::from_secs(180);
/// Octets of a reply line shown at once.
const SHOWN_MAX: usize = 512;

/// Follows the dialogue as it happens.
pub trait Dialogue {
    /// A connection to the service is tried.
    fn connecting(&mut self, _to: SocketAddr) {}
    /// A command went out.
    fn command(&mut self, _line: &str) {}
    /// Octets of the letter went out.
    fn content(&mut self, _octets: usize) {}
    /// A line came in.
    fn reply(&mut self, _line: &str) {}
}

/// Follows nothing.
pub struct Silent;

impl Dialogue for Silent {}

/// Why no recipient's fate is known.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Nothing listens: the service is not running.
    #[error("the mail service does not answer")]
    Down(#[source] io::Error),
    /// There was a connection and no session.
    #[error("the mail service did not begin a session")]
    Session(SessionError),
    /// The letter itself could not be read.
    #[error("the letter cannot be read")]
    Letter(#[source] io::Error),
}

/// Offers `letter` for all `recipients`; one result each, in order.
///
/// # Errors
/// [`SubmitError`] when the service has taken the letter for nobody and said so about nobody.
pub fn submit(
    addresses: &[SocketAddr],
    hostname: &DomainName,
    reverse_path: &ReversePath,
    recipients: &[ForwardPath],
    letter: &mut Letter,
    dialogue: &mut dyn Dialogue,
) -> Result<Vec<RecipientResult>, SubmitError> {
    let stream = connect(addresses, dialogue).map_err(SubmitError::Down)?;
    let options = SessionOptions { hostname: hostname.to_string(), timeouts: Timeouts::default() };
    let (size, body) = (letter.size(), letter.body_type());
    let reverse_path = reverse_path.clone();
    let driver = Driver {
        session: Session::new(Arc::new(options), Instant::now()),
        stream,
        dialogue,
        letter,
        broken: None,
        said: Vec::new(),
        template: Transaction {
            reverse_path,
            parameters: MailParameters { body, ..MailParameters::default() },
            recipients: vec![],
            size,
        },
        recipients,
        waiting: (0..recipients.len()).collect(),
        batch: Vec::new(),
        results: recipients.iter().map(|_| None).collect(),
        failed: None,
        dotted: false,
    };
    driver.run()
}

/// A connection to the first address that answers.
///
/// # Errors
/// The last failure, when none does.
pub fn connect(addresses: &[SocketAddr], dialogue: &mut dyn Dialogue) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "no submission address is configured");
    for &address in addresses {
        let address = reachable(address);
        dialogue.connecting(address);
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                // Commands are small and each waits for its reply.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A service that listens everywhere is reached by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Driver<'a> {
    session: Session,
    stream: TcpStream,
    dialogue: &'a mut dyn Dialogue,
    letter: &'a mut Letter,
    /// What the letter failed with.
    broken: Option<io::Error>,
    /// The beginning of a reply line whose end has not come.
    said: Vec<u8>,
    template: Transaction,
    recipients: &'a [ForwardPath],
    /// Places in `recipients` that no transaction has had yet.
    waiting: VecDeque<usize>,
    /// Places of the transaction under way.
    batch: Vec<usize>,
    results: Vec<Option<RecipientResult>>,
    failed: Option<SessionError>,
    /// The last command was `DATA`.
    dotted: bool,
}

impl Driver<'_> {
    fn run(mut self) -> Result<Vec<RecipientResult>, SubmitError> {
        self.stream.set_write_timeout(Some(WRITE)).map_err(SubmitError::Down)?;
        while self.turn() {}
        let nobody = self.results.iter().all(Option::is_none);
        match (self.broken, self.failed) {
            (Some(error), _) => Err(SubmitError::Letter(error)),
            (None, Some(error)) if nobody => Err(SubmitError::Session(error)),
            _ => {
                let unreached = RecipientResult::Lost(Step::Idle, Lost::Closed);
                let results = self.results.into_iter();
                Ok(results.map(|result| result.unwrap_or_else(|| unreached.clone())).collect())
            }
        }
    }

    /// Does one thing the session wants done. False at the end.
    fn turn(&mut self) -> bool {
        match self.session.poll() {
            Output::Send(octets) => {
                for line in String::from_utf8_lossy(&octets).lines() {
                    self.dotted = line == "DATA";
                    self.dialogue.command(line);
                }
                self.write(&octets);
            }
            Output::SendSecret(octets) => self.write(&octets),
            Output::SendContent(octets) => {
                self.dialogue.content(octets.len());
                self.write(&octets);
            }
            Output::Ready => self.begin(),
            Output::WantContent => self.give_content(),
            Output::Done(outcome) => self.record(outcome.recipients),
            Output::Failed(error) => self.failed = Some(error),
            // The session was not told to secure itself.
            Output::StartTls => {}
            Output::Close => return false,
            Output::Wait(until) => self.read(until),
        }
        true
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(input, Instant::now());
    }

    fn begin(&mut self) {
        let many = self.waiting.len().min(RECIPIENTS);
        self.batch = self.waiting.drain(..many).collect();
        if self.batch.is_empty() {
            return self.handle(Input::Quit);
        }
        if let Err(error) = self.letter.rewind() {
            self.broken = Some(error);
            return self.handle(Input::Quit);
        }
        let paths = self.batch.iter().filter_map(|&place| self.recipients.get(place).cloned());
        let recipient = |path| Recipient { path, parameters: RecipientParameters::default() };
        let recipients = paths.map(recipient).collect();
        let transaction = Transaction { recipients, ..self.template.clone() };
        self.handle(Input::Begin(transaction));
    }

    fn give_content(&mut self) {
        let mut buffer = vec![0; PIECE];
        match self.letter.read(&mut buffer) {
            Ok(0) => {
                // Chunks have no dot (RFC 3030 §2).
                if self.dotted {
                    self.dialogue.command(".");
                }
                self.handle(Input::ContentEnd);
            }
            Ok(n) => self.handle(Input::Content(buffer.get(..n).unwrap_or_default())),
            // Nothing was handled, so the session asks again.
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.handle(Input::Content(b""))
            }
            Err(error) => {
                self.broken = Some(error);
                self.handle(Input::Abort);
            }
        }
    }

    /// Notes what became of the transaction under way. Recipients who were too many for it get
    /// another one, as long as that leads on.
    fn record(&mut self, outcome: Vec<RecipientResult>) {
        let leads_on = outcome.iter().any(|result| matches!(result, RecipientResult::Taken(_)));
        for (&place, result) in self.batch.iter().zip(outcome) {
            match result {
                RecipientResult::Later(_) | RecipientResult::Excess if leads_on => {
                    self.waiting.push_back(place);
                }
                result => {
                    if let Some(slot) = self.results.get_mut(place) {
                        *slot = Some(result);
                    }
                }
            }
        }
    }

    fn write(&mut self, octets: &[u8]) {
        match self.stream.write_all(octets) {
            Ok(()) => self.handle(Input::Sent),
            Err(_) => {
                // The peer may have said why before it closed; that counts more than the failure.
                let soon = Instant::now() + Duration::from_secs(1);
                while self.read_some(soon) {}
                self.handle(Input::Closed);
            }
        }
    }

    fn read(&mut self, until: Instant) {
        if !self.read_some(until) {
            let input = if Instant::now() >= until { Input::Tick } else { Input::Closed };
            self.handle(input);
        }
    }

    /// Reads what comes before `until`; false when that moment passed or nothing can come.
    fn read_some(&mut self, until: Instant) -> bool {
        let mut buffer = [0; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return false;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(n) => {
                    let octets = buffer.get(..n).unwrap_or_default();
                    self.show_replies(octets);
                    self.handle(Input::Bytes(octets));
                    return true;
                }
                // The loop looks at the clock.
                Err(error) if is_pause(&error) => {}
                Err(_) => return false,
            }
        }
    }

    fn show_replies(&mut self, octets: &[u8]) {
        for &byte in octets {
            if byte != b'\n' && self.said.len() < SHOWN_MAX {
                self.said.push(byte);
            } else {
                let line = String::from_utf8_lossy(&self.said);
                self.dialogue.reply(line.trim_end_matches('\r'));
                self.said.clear();
            }
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
