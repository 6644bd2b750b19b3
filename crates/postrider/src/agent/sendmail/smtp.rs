//! `sendmail -bs`: a program speaks SMTP over our standard input and output.
//!
//! With the service up, octets pass both ways untouched and the service answers. With it down, the
//! same server machine runs here and each message is dropped durably before its `250`. The peer is
//! our own user, so nobody is refused, and no clock runs: who holds a pipe to us may be slow.
//!
//! It is always the service of this machine, whatever `[submission]` of `mail.toml` says: a dialogue has
//! one answer to a letter of many recipients, and what a server elsewhere does not take for one of them
//! has no place in it. A login and its secret are for letters that the person's own commands send.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use mail::{Reply, Topic};
use smtp::grammar::Extensions;
use smtp::server::{Input, Kind, Output, Peer, Question, Session, SessionOptions, Transaction};
use tempfile::SpooledTempFile;

use crate::agent::letter::PIECE;
use crate::agent::outbox::not_queued;
use crate::agent::site::Site;
use crate::agent::submit::reachable;
use crate::agent::sysexits::{EX_IOERR, EX_OK, Exit};
use crate::drop;

/// Octets of a message: what the service takes by default.
const MESSAGE_MAX: u64 = 50_000_000;
/// Recipients of a message: ten times what any server must take (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 1000;
/// Errors until the session ends.
const ERRORS_MAX: u32 = 20;
const DAY: Duration = Duration::from_secs(86_400);
/// How long a connection to our own service may take to come about.
const CONNECT: Duration = Duration::from_secs(30);
/// Octets of content kept in memory before a file is made.
const IN_MEMORY: usize = 1 << 20;

/// Speaks SMTP with who is at `input` and `output`.
pub(super) fn run(site: &Site, input: impl Read + Send + 'static, output: &mut dyn Write) -> Exit {
    let done = match connect(site) {
        Some(stream) => pass(stream, input, output),
        None => Counter::new(site, output).serve(input),
    };
    if done.is_ok() { EX_OK } else { EX_IOERR }
}

/// A connection to the first address of the service that answers.
fn connect(site: &Site) -> Option<TcpStream> {
    let stream = |address: &SocketAddr| TcpStream::connect_timeout(&reachable(*address), CONNECT);
    let stream = site.submission.iter().find_map(|address| stream(address).ok())?;
    // Commands are small and each waits for its reply.
    let _ = stream.set_nodelay(true);
    Some(stream)
}

/// Octets both ways until the service closes.
fn pass(
    mut stream: TcpStream,
    mut input: impl Read + Send + 'static,
    output: &mut dyn Write,
) -> io::Result<()> {
    let mut up = stream.try_clone()?;
    // Not waited for: it may hang in a read that never ends when the service has closed.
    thread::spawn(move || {
        let _ = io::copy(&mut input, &mut up);
        let _ = up.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; PIECE];
    loop {
        let n = match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        output.write_all(buffer.get(..n).unwrap_or_default())?;
        output.flush()?;
    }
}

/// Takes messages over the counter while the service is down.
struct Counter<'a> {
    site: &'a Site,
    output: &'a mut dyn Write,
    session: Session,
    content: SpooledTempFile,
    /// The content could not be kept.
    broken: Option<io::Error>,
}

impl<'a> Counter<'a> {
    fn new(site: &'a Site, output: &'a mut dyn Write) -> Self {
        let options = SessionOptions {
            message_size: MESSAGE_MAX,
            recipients: RECIPIENTS_MAX,
            command_timeout: DAY,
            data_timeout: DAY,
            errors: ERRORS_MAX,
            starttls: false,
            // The drop keeps no parameter but BODY.
            extensions: Extensions::LEAST,
            ..SessionOptions::new(site.hostname.to_string(), Kind::Submission)
        };
        let session = Session::new(Arc::new(options), Peer::default(), Instant::now());
        Self { site, output, session, content: fresh(), broken: None }
    }

    fn serve(mut self, mut input: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        loop {
            match self.session.poll() {
                Output::Send(octets) => {
                    self.output.write_all(&octets)?;
                    self.output.flush()?;
                }
                Output::Content(octets) => self.keep(&octets),
                Output::Discard => (self.content, self.broken) = (fresh(), None),
                Output::Ask(question) => {
                    let answer = self.answer(question);
                    self.session.handle(Input::Answer(answer), Instant::now());
                }
                // There is no TLS at this counter, and nothing to tell but what is said.
                Output::StartTls => self.session.handle(Input::TlsFailed, Instant::now()),
                Output::Notice(_) | Output::Turn => {}
                Output::Close => return Ok(()),
                Output::Wait(_) => match input.read(&mut buffer) {
                    Ok(0) => self.session.handle(Input::Closed, Instant::now()),
                    Ok(n) => {
                        let octets = buffer.get(..n).unwrap_or_default();
                        self.session.handle(Input::Bytes(octets), Instant::now());
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                },
            }
        }
    }

    fn keep(&mut self, octets: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.content.write_all(octets).err();
        }
    }

    fn answer(&mut self, question: Question) -> Reply {
        match question {
            Question::Sender { .. } => Reply::new(250, Topic(1, 0), "sender ok"),
            Question::Recipient { .. } => Reply::new(250, Topic(1, 5), "recipient ok"),
            Question::Message(transaction) => self.store(&transaction),
            Question::Verify(_) => Reply::new(252, Topic(5, 0), "cannot verify, will try"),
            // Nothing of these is offered here.
            Question::Expand(_)
            | Question::Login(_)
            | Question::Release(_)
            | Question::Turn { .. }
            | Question::Client(_) => {
                Reply::new(502, Topic(5, 1), "the mail service is not running")
            }
        }
    }

    /// The `250` is made from the durable file alone.
    fn store(&mut self, transaction: &Transaction) -> Reply {
        let mut content = std::mem::replace(&mut self.content, fresh());
        let envelope = &transaction.envelope;
        let envelope = drop::Envelope {
            sender: envelope.reverse_path.clone(),
            recipients: envelope.recipients.iter().map(|to| to.path.clone()).collect(),
            body: envelope.parameters.body,
            uid: nix::unistd::Uid::effective().as_raw(),
            time: SystemTime::now(),
        };
        let broken = self.broken.take().map_or(Ok(()), Err);
        let stored = broken
            .and_then(|()| io::Seek::rewind(&mut content))
            .and_then(|()| drop::write(&self.site.drop_dir(), &envelope, &mut content));
        match stored {
            Ok(name) => {
                let text = format!("queued as drop/{name}; the mail service is not running");
                Reply::new(250, Topic(0, 0), text)
            }
            Err(error) => Reply::new(451, Topic(3, 0), not_queued(self.site, &error)),
        }
    }
}

fn fresh() -> SpooledTempFile {
    tempfile::spooled_tempfile(IN_MEMORY)
}
