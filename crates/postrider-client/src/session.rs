//! The machine of `smtp` and a connection, made to meet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use mail::envelope::{MailParameters, Recipient, RecipientParameters};
use mail::{ForwardPath, TlsFacts};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use smtp::client::{
    Input, Lost, Opening, Output, RecipientResult, Security, Session, SessionError, SessionOptions,
    Step, Timeouts, Transaction,
};
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};

use super::dialogue::{Lines, without_secret};
use super::wire::Wire;
use super::{Client, Content, Dialogue, Parcel, RECIPIENTS_MAX, SendError, Tls};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the server may take to accept what is written (RFC 5321 §4.5.3.2.5).
const WRITE: Duration = Duration::from_secs(180);
/// How long is listened for a last word of a server that takes no more.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Octets of content given at once.
const PIECE: usize = 64 << 10;

/// Opens a connection and sends the letter over it.
pub async fn submit<C, D>(
    client: &Client,
    parcel: Parcel<'_, C>,
    dialogue: &mut D,
    stop: impl Future<Output = ()>,
) -> Result<Vec<RecipientResult>, SendError>
where
    C: Content + ?Sized,
    D: Dialogue + ?Sized,
{
    let mut stop = pin!(stop);
    let opened = before(stop.as_mut(), open(client, dialogue)).await;
    let Some(opened) = opened else {
        let lost = RecipientResult::Lost(Step::Idle, Lost::Aborted);
        return Ok(vec![lost; parcel.recipients.len()]);
    };
    let Opened { wire, security, config } = opened?;
    let options =
        SessionOptions { hostname: client.hostname.clone(), timeouts: Timeouts::default() };
    let opening = Opening { security, login: client.login.clone(), ..Opening::default() };
    let mut driver = Driver {
        session: Session::begun(Arc::new(options), opening, Instant::now()),
        wire: Some(wire),
        config,
        dialogue,
        said: Lines::default(),
        waiting: (0..parcel.recipients.len()).collect(),
        batch: Vec::new(),
        results: vec![None; parcel.recipients.len()],
        parcel,
        dotted: false,
        broken: None,
        failed: None,
    };
    let done = before(stop, driver.run()).await.is_some();
    driver.end(done)
}

/// What comes of `work`; nothing when `stop` is ready first.
async fn before<T>(
    mut stop: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match stop.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(context).map(Some),
    })
    .await
}

/// How a server's certificate is looked at, and the name it must have.
type Check = (Arc<ClientConfig>, ServerName<'static>);

struct Opened {
    wire: Wire,
    security: Security,
    config: Option<Check>,
}

/// A connection to the first server that answers, secured where TLS comes first.
async fn open<D: Dialogue + ?Sized>(
    client: &Client,
    dialogue: &mut D,
) -> Result<Opened, SendError> {
    let mut last = SendError::ServerName(String::new());
    for server in &client.servers {
        let config = check(server, &client.tls)?;
        dialogue.connecting(server);
        let connected = timeout(CONNECT, TcpStream::connect(server)).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = match connected {
            Ok(stream) => stream,
            Err(error) => {
                last = SendError::Connect(server.clone(), error);
                continue;
            }
        };
        // Commands are small and each waits for its reply.
        let _ = stream.set_nodelay(true);
        let wire = Wire::Plain(stream);
        return match (&client.tls, &config) {
            (Tls::Implicit(_), Some(check)) => {
                let secured = secured(wire, check).await;
                let (wire, facts) = secured.map_err(|why| SendError::Tls(server.clone(), why))?;
                dialogue.secured(&facts);
                Ok(Opened { wire, security: Security::Implicit(facts), config })
            }
            (Tls::Upgraded(_), _) => Ok(Opened { wire, security: Security::Required, config }),
            _ => Ok(Opened { wire, security: Security::None, config }),
        };
    }
    Err(last)
}

fn check(server: &str, tls: &Tls) -> Result<Option<Check>, SendError> {
    let (Tls::Upgraded(config) | Tls::Implicit(config)) = tls else { return Ok(None) };
    let name = server.rsplit_once(':').map_or(server, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    match ServerName::try_from(name.clone()) {
        Ok(parsed) => Ok(Some((Arc::clone(config), parsed))),
        Err(_) => Err(SendError::ServerName(name)),
    }
}

async fn secured(wire: Wire, (config, name): &Check) -> Result<(Wire, TlsFacts), String> {
    match timeout(Timeouts::default().handshake, wire.secure(config, name)).await {
        Ok(secured) => secured.map_err(|error| error.to_string()),
        Err(_) => Err("the handshake took too long".into()),
    }
}

struct Driver<'a, C: ?Sized, D: ?Sized> {
    session: Session,
    /// None while it is being secured.
    wire: Option<Wire>,
    config: Option<Check>,
    parcel: Parcel<'a, C>,
    dialogue: &'a mut D,
    /// What came of a reply line whose end has not come.
    said: Lines,
    /// Places in the list of recipients that no transaction has had yet.
    waiting: VecDeque<usize>,
    /// Places of the transaction under way.
    batch: Vec<usize>,
    results: Vec<Option<RecipientResult>>,
    /// The last command was `DATA`.
    dotted: bool,
    /// What the content failed with.
    broken: Option<io::Error>,
    failed: Option<SessionError>,
}

impl<C: Content + ?Sized, D: Dialogue + ?Sized> Driver<'_, C, D> {
    async fn run(&mut self) {
        while self.turn().await {}
        if let Some(wire) = self.wire.take() {
            wire.close().await;
        }
    }

    /// What became of it all; `done`, or broken off.
    fn end(mut self, done: bool) -> Result<Vec<RecipientResult>, SendError> {
        if !done {
            self.break_off();
        }
        let nobody = self.results.iter().all(Option::is_none);
        match (self.broken, self.failed) {
            (Some(error), _) => Err(SendError::Content(error)),
            (None, Some(error)) if nobody && done => Err(SendError::Session(error)),
            _ => {
                let how = if done { Lost::Closed } else { Lost::Aborted };
                let lost = RecipientResult::Lost(Step::Idle, how);
                let results = self.results.into_iter();
                Ok(results.map(|result| result.unwrap_or_else(|| lost.clone())).collect())
            }
        }
    }

    /// The session says how far the transaction was; nothing more goes over the wire.
    fn break_off(&mut self) {
        self.handle(Input::Abort);
        loop {
            match self.session.poll() {
                Output::Done(outcome) => self.record(outcome.recipients),
                Output::Close | Output::Wait(_) | Output::Ready | Output::WantContent => return,
                _ => {}
            }
        }
    }

    /// Does one thing the session wants done. False at the end.
    async fn turn(&mut self) -> bool {
        match self.session.poll() {
            Output::Send(octets) => {
                for line in String::from_utf8_lossy(&octets).lines() {
                    self.dotted = line == "DATA";
                    self.dialogue.command(line);
                }
                self.write(&octets).await;
            }
            Output::SendSecret(octets) => {
                self.dialogue.command(&without_secret(&octets));
                self.write(&octets).await;
            }
            Output::SendContent(octets) => {
                self.dialogue.content(octets.len());
                self.write(&octets).await;
            }
            Output::StartTls => self.secure().await,
            Output::Ready => self.begin(),
            Output::WantContent => self.give_content(),
            Output::Done(outcome) => self.record(outcome.recipients),
            // Nothing is asked for but mail.
            Output::Answered(_) | Output::Turned => {}
            Output::Failed(error) => {
                self.failed.get_or_insert(error);
            }
            Output::Close => return false,
            Output::Wait(until) => self.read(until).await,
        }
        true
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(input, Instant::now());
    }

    /// The next transaction, or the end.
    fn begin(&mut self) {
        let many = self.waiting.len().min(RECIPIENTS_MAX);
        self.batch = self.waiting.drain(..many).collect();
        if self.batch.is_empty() {
            return self.handle(Input::Quit);
        }
        if let Err(error) = self.parcel.content.rewind() {
            self.broken = Some(error);
            return self.handle(Input::Quit);
        }
        let transaction = self.transaction();
        self.handle(Input::Begin(transaction));
    }

    fn transaction(&self) -> Transaction {
        let Parcel { sender, recipients, body, utf8, require_tls, content } = &self.parcel;
        let path = |&place: &usize| recipients.get(place).cloned();
        let recipient =
            |path: ForwardPath| Recipient { path, parameters: RecipientParameters::default() };
        Transaction {
            reverse_path: sender.clone(),
            parameters: MailParameters {
                body: *body,
                utf8: *utf8,
                require_tls: *require_tls,
                ..MailParameters::default()
            },
            recipients: self.batch.iter().filter_map(path).map(recipient).collect(),
            size: content.size(),
        }
    }

    fn give_content(&mut self) {
        let mut buffer = vec![0; PIECE];
        match self.parcel.content.read(&mut buffer) {
            Ok(0) => {
                // Chunks have no dot (RFC 3030 §2).
                if self.dotted {
                    self.dialogue.command(".");
                }
                self.handle(Input::ContentEnd);
            }
            Ok(n) => self.handle(Input::Content(buffer.get(..n).unwrap_or_default())),
            // Nothing was handled, so the session asks again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.handle(Input::Content(b""));
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

    async fn write(&mut self, octets: &[u8]) {
        let Some(wire) = &mut self.wire else { return self.handle(Input::Closed) };
        match timeout(WRITE, wire.write(octets)).await {
            Ok(Ok(())) => self.handle(Input::Sent),
            Ok(Err(_)) | Err(_) => {
                // The peer may have said why before it closed; that counts more than the failure.
                let soon = Instant::now() + LAST_WORD;
                while self.read_some(soon).await == Some(true) {}
                self.handle(Input::Closed);
            }
        }
    }

    async fn secure(&mut self) {
        let (Some(wire), Some(check)) = (self.wire.take(), &self.config) else {
            return self.handle(Input::TlsFailed("no TLS is configured".into()));
        };
        match secured(wire, check).await {
            Ok((wire, facts)) => {
                self.wire = Some(wire);
                self.dialogue.secured(&facts);
                self.handle(Input::Secured(facts));
            }
            Err(why) => self.handle(Input::TlsFailed(why)),
        }
    }

    async fn read(&mut self, until: Instant) {
        match self.read_some(until).await {
            Some(true) => {}
            Some(false) => self.handle(Input::Closed),
            None => self.handle(Input::Tick),
        }
    }

    /// Reads what comes: false when nothing can come any more, none when `until` has passed.
    async fn read_some(&mut self, until: Instant) -> Option<bool> {
        let mut buffer = [0; 4096];
        let Some(wire) = &mut self.wire else { return Some(false) };
        match timeout_at(until.into(), wire.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => Some(false),
            Ok(Ok(n)) => {
                let octets = buffer.get(..n).unwrap_or_default();
                self.said.show(octets, self.dialogue);
                self.handle(Input::Bytes(octets));
                Some(true)
            }
            Err(_) => None,
        }
    }
}
