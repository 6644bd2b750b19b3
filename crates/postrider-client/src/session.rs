//! The machine of `smtp` and a connection, made to meet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::envelope::{MailParameters, Recipient, RecipientParameters};
use mail::{ForwardPath, TlsFacts};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use smtp::client::{
    Input, Login, Lost, Opening, Outcome, Output, RecipientResult, Security, Session, SessionError,
    SessionOptions, Step, Timeouts, Transaction,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::Wire;
use super::{Envelope, SendError, Sent, Tls};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);
/// Octets of content given at once.
const PIECE: usize = 64 << 10;

/// Opens a connection and sends the letter over it.
pub async fn deliver(
    server: &str,
    hostname: &str,
    tls: &Tls,
    login: Option<&Login>,
    envelope: &Envelope<'_>,
) -> Result<Sent, SendError> {
    let config = match tls {
        Tls::None => None,
        Tls::Upgraded(config) | Tls::Implicit(config) => {
            let name = server.rsplit_once(':').map_or(server, |(name, _)| name);
            let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
            let parsed = ServerName::try_from(name.clone());
            Some((Arc::clone(config), parsed.map_err(|_| SendError::ServerName(name))?))
        }
    };
    let connected = timeout(CONNECT, TcpStream::connect(server)).await;
    let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let fail = |error| SendError::Connect(server.to_owned(), error);
    let stream = connected.map_err(fail)?;
    // Commands are small and each waits for its reply.
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::Plain(stream);
    let security = match (tls, &config) {
        (Tls::Implicit(_), Some((config, name))) => {
            let (secured, facts) = wire.secure(config, name).await.map_err(fail)?;
            wire = secured;
            Security::Implicit(facts)
        }
        (Tls::Upgraded(_), _) => Security::Required,
        _ => Security::None,
    };
    let options = SessionOptions { hostname: hostname.to_owned(), timeouts: Timeouts::default() };
    let opening = Opening { security, login: login.cloned(), ..Opening::default() };
    let session = Session::begun(Arc::new(options), opening, Instant::now());
    let driver = Driver { session, wire: Some(wire), config, envelope, given: 0, result: None };
    driver.run().await
}

struct Driver<'a> {
    session: Session,
    /// None while it is being secured.
    wire: Option<Wire>,
    config: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    envelope: &'a Envelope<'a>,
    /// Octets of content given so far.
    given: usize,
    result: Option<Result<Outcome, SessionError>>,
}

impl Driver<'_> {
    async fn run(mut self) -> Result<Sent, SendError> {
        while self.turn().await {}
        let mailboxes = self.envelope.recipients.iter().cloned();
        match self.result {
            Some(Ok(outcome)) => {
                Ok(Sent { recipients: mailboxes.zip(outcome.recipients).collect() })
            }
            Some(Err(error)) => Err(SendError::Session(error)),
            None => {
                let lost = RecipientResult::Lost(Step::Idle, Lost::Closed);
                Ok(Sent { recipients: mailboxes.map(|mailbox| (mailbox, lost.clone())).collect() })
            }
        }
    }

    /// Does one thing the session wants done. False at the end.
    async fn turn(&mut self) -> bool {
        match self.session.poll() {
            Output::Send(octets) | Output::SendSecret(octets) | Output::SendContent(octets) => {
                self.write(&octets).await;
            }
            Output::StartTls => self.secure().await,
            Output::Ready if self.result.is_some() => self.handle(Input::Quit),
            Output::Ready => {
                let transaction = self.transaction();
                self.handle(Input::Begin(transaction));
            }
            Output::WantContent => self.give_content(),
            Output::Done(outcome) => self.result = Some(Ok(outcome)),
            Output::Failed(error) => {
                self.result.get_or_insert(Err(error));
            }
            Output::Close => return false,
            Output::Wait(until) => self.read(until).await,
        }
        true
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(input, Instant::now());
    }

    fn transaction(&self) -> Transaction {
        let parameters = MailParameters {
            body: self.envelope.body,
            utf8: self.envelope.utf8,
            ..MailParameters::default()
        };
        let recipient = |mailbox: &mail::Mailbox| Recipient {
            path: ForwardPath::Mailbox(mailbox.clone()),
            parameters: RecipientParameters::default(),
        };
        Transaction {
            reverse_path: self.envelope.sender.clone(),
            parameters,
            recipients: self.envelope.recipients.iter().map(recipient).collect(),
            size: self.envelope.content.len() as u64,
        }
    }

    fn give_content(&mut self) {
        let rest = self.envelope.content.get(self.given..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest);
        if piece.is_empty() {
            return self.handle(Input::ContentEnd);
        }
        self.given += piece.len();
        self.session.handle(Input::Content(piece), Instant::now());
    }

    async fn write(&mut self, octets: &[u8]) {
        let Some(wire) = &mut self.wire else { return self.handle(Input::Closed) };
        let input = match wire.write(octets).await {
            Ok(()) => Input::Sent,
            Err(_) => Input::Closed,
        };
        self.handle(input);
    }

    async fn secure(&mut self) {
        let (Some(wire), Some((config, name))) = (self.wire.take(), &self.config) else {
            return self.handle(Input::TlsFailed("no TLS is configured".into()));
        };
        let handshake = Timeouts::default().handshake;
        let secured: Result<(Wire, TlsFacts), String> =
            match timeout(handshake, wire.secure(config, name)).await {
                Ok(secured) => secured.map_err(|error| error.to_string()),
                Err(_) => Err("the handshake took too long".into()),
            };
        match secured {
            Ok((wire, facts)) => {
                self.wire = Some(wire);
                self.handle(Input::Secured(facts));
            }
            Err(why) => self.handle(Input::TlsFailed(why)),
        }
    }

    async fn read(&mut self, until: Instant) {
        let mut buffer = [0; 4096];
        let Some(wire) = &mut self.wire else { return self.handle(Input::Closed) };
        match tokio::time::timeout_at(until.into(), wire.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => self.handle(Input::Closed),
            Ok(Ok(n)) => self.handle(Input::Bytes(buffer.get(..n).unwrap_or_default())),
            Err(_) => self.handle(Input::Tick),
        }
    }
}
