//! Accounts of a Dovecot, through the socket that it opens for mail servers (its authentication
//! protocol, version 1).
//!
//! Each exchange has a connection of its own: a socket on this machine costs little, and one that
//! is broken off leaves nothing behind. PLAIN and LOGIN come to us as name and password and go on as
//! PLAIN; other mechanisms that Dovecot lists and we know are carried on by it, challenge by
//! challenge.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Doing, LoginFacts, Logins, RelayedLogin};
use queue::submission::Identity;
use smtp::sasl::server::{Answer, Kind, Question};
use smtp::sasl::{Mechanism, wire};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::warn;
use zeroize::Zeroizing;

/// Exchanges at once.
const EXCHANGES_MAX: usize = 64;
/// How long Dovecot may take for one answer; it delays failures by some seconds itself.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Octets of a line: the longest response in base64 and its parameters.
const LINE_MAX: u64 = 32 * 1024;
/// Lines of its greeting.
const GREETING_MAX: usize = 100;
/// The mechanisms that it may carry on for us.
const RELAYED: [Mechanism; 3] =
    [Mechanism::ScramSha256, Mechanism::OauthBearer, Mechanism::XOauth2];
/// What a connection calls its only exchange.
const ID: &str = "1";

/// Accounts of a Dovecot.
pub struct DovecotLogins {
    socket: PathBuf,
    relayed: Vec<Mechanism>,
    room: Arc<Semaphore>,
}

impl DovecotLogins {
    /// Asks the Dovecot at `socket` what it offers. If it does not answer now, PLAIN and LOGIN are
    /// offered, and each login tries again.
    pub async fn new(socket: &Path) -> Self {
        let room = Arc::new(Semaphore::new(EXCHANGES_MAX));
        let mut this = Self { socket: socket.to_owned(), relayed: Vec::new(), room };
        match timeout(TIMEOUT, Connection::open(&this.socket)).await {
            Ok(Ok((_, offered))) => {
                this.relayed = RELAYED.into_iter().filter(|one| offered.contains(one)).collect();
            }
            Ok(Err(error)) => this.tell(&error),
            Err(_) => this.tell(&io::ErrorKind::TimedOut.into()),
        }
        this
    }

    fn tell(&self, error: &io::Error) {
        warn!(event = "dovecot.unavailable", socket = %self.socket.display(), %error);
    }

    /// Begins an exchange: what comes back, and the way to go on.
    async fn begin(
        &self,
        mechanism: &str,
        response: Option<&[u8]>,
        facts: &LoginFacts,
    ) -> Result<(Answer, Connection, OwnedSemaphorePermit), Kind> {
        let permit = self.room.clone().try_acquire_owned().map_err(|_| Kind::Unavailable)?;
        let exchange = async {
            let (mut connection, _) = Connection::open(&self.socket).await?;
            connection.send(&request(mechanism, response, facts)).await?;
            let answer = connection.answer().await?;
            Ok::<_, io::Error>((answer, connection))
        };
        match timeout(TIMEOUT, exchange).await {
            Ok(Ok((answer, connection))) => Ok((answer, connection, permit)),
            Ok(Err(error)) => {
                self.tell(&error);
                Err(Kind::Unavailable)
            }
            Err(_) => {
                self.tell(&io::ErrorKind::TimedOut.into());
                Err(Kind::Unavailable)
            }
        }
    }
}

/// `AUTH` with its parameters; the response comes last.
fn request(mechanism: &str, response: Option<&[u8]>, facts: &LoginFacts) -> Zeroizing<String> {
    let secured = if facts.secured { "\tsecured" } else { "" };
    let (local, client) = (facts.local, facts.client);
    let mut line = Zeroizing::new(format!(
        "AUTH\t{ID}\t{mechanism}\tservice=smtp\tnologin{secured}\tlip={local}\trip={client}"
    ));
    if let Some(response) = response {
        line.push_str("\tresp=");
        line.push_str(&Zeroizing::new(wire::encode(response)));
    }
    line.push('\n');
    line
}

/// A connection to Dovecot after its greeting.
struct Connection {
    wire: BufReader<UnixStream>,
}

impl Connection {
    async fn open(socket: &Path) -> io::Result<(Self, Vec<Mechanism>)> {
        let mut this = Self { wire: BufReader::new(UnixStream::connect(socket).await?) };
        this.send(&format!("VERSION\t1\t1\nCPID\t{}\n", std::process::id())).await?;
        let mut offered = Vec::new();
        for _ in 0..GREETING_MAX {
            let line = this.line().await?;
            let mut words = line.split('\t');
            match (words.next(), words.next()) {
                (Some("VERSION"), Some("1")) => {}
                (Some("VERSION"), _) => return Err(odd("it speaks another version")),
                (Some("MECH"), Some(name)) => offered.extend(name.parse::<Mechanism>()),
                (Some("DONE"), _) => return Ok((this, offered)),
                _ => {}
            }
        }
        Err(odd("its greeting does not end"))
    }

    async fn send(&mut self, lines: &str) -> io::Result<()> {
        self.wire.write_all(lines.as_bytes()).await?;
        self.wire.flush().await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.wire).take(LINE_MAX).read_line(&mut line).await?;
        match line.pop() {
            Some('\n') => Ok(line),
            Some(_) => Err(odd("its line is too long, or cut off")),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// What it says to our exchange.
    async fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let line = self.line().await?;
            let mut words = line.split('\t');
            let (Some(verb), Some(ID)) = (words.next(), words.next()) else { continue };
            return match verb {
                "OK" => match words.find_map(|word| word.strip_prefix("user=")) {
                    Some(login) => Ok(Answer::Accepted { login: unescape(login) }),
                    None => Err(odd("it does not say who logged in")),
                },
                "FAIL" => Ok(Answer::Failed(failure(words))),
                "CONT" => {
                    let octets = wire::decode(words.next().unwrap_or_default().as_bytes());
                    octets.map(Answer::Challenge).map_err(|_| odd("its challenge is no base64"))
                }
                _ => continue,
            };
        }
    }
}

fn failure<'a>(words: impl Iterator<Item = &'a str>) -> Kind {
    let mut kind = Kind::Credentials;
    for word in words {
        match word {
            "temp" | "code=temp_fail" => kind = Kind::Unavailable,
            _ => {}
        }
    }
    kind
}

fn odd(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Its escapes: `\x01` before what cannot stand in a line.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(match c {
            '\x01' => match chars.next() {
                Some('0') => Some('\0'),
                Some('1') => Some('\x01'),
                Some('t') => Some('\t'),
                Some('r') => Some('\r'),
                Some('n') => Some('\n'),
                other => other,
            },
            c => Some(c),
        });
    }
    out
}

impl Logins for DovecotLogins {
    fn mechanisms(&self) -> Vec<Mechanism> {
        [Mechanism::Plain, Mechanism::Login].into_iter().chain(self.relayed()).collect()
    }

    fn relayed(&self) -> Vec<Mechanism> {
        self.relayed.clone()
    }

    fn answer<'a>(&'a self, question: &'a Question, facts: &'a LoginFacts) -> Doing<'a, Answer> {
        Box::pin(async move {
            let Question::Password { login, password } = question else {
                return Answer::Failed(Kind::Mechanism);
            };
            let response = Zeroizing::new(format!("\0{login}\0{}", password.reveal()));
            match self.begin("PLAIN", Some(response.as_bytes()), facts).await {
                Ok((Answer::Challenge(_), ..)) => Answer::Failed(Kind::Unavailable),
                Ok((answer, ..)) => answer,
                Err(kind) => Answer::Failed(kind),
            }
        })
    }

    fn relay<'a>(
        &'a self,
        mechanism: Mechanism,
        facts: &'a LoginFacts,
    ) -> Doing<'a, Result<Box<dyn RelayedLogin>, Kind>> {
        Box::pin(async move {
            if !self.relayed.contains(&mechanism) {
                return Err(Kind::Mechanism);
            }
            let socket = self.socket.clone();
            let begun = Self { socket, relayed: Vec::new(), room: self.room.clone() };
            let state = State::New { logins: begun, mechanism, facts: *facts };
            Ok(Box::new(Relayed { state }) as Box<dyn RelayedLogin>)
        })
    }

    fn identity<'a>(&'a self, login: &'a str) -> Doing<'a, Option<Identity>> {
        let identity = Identity { login: login.to_owned(), ..Identity::default() };
        Box::pin(async move { Some(identity) })
    }
}

/// An exchange that Dovecot carries on.
struct Relayed {
    state: State,
}

enum State {
    New { logins: DovecotLogins, mechanism: Mechanism, facts: LoginFacts },
    Open { connection: Connection, _permit: OwnedSemaphorePermit },
    Over,
}

impl RelayedLogin for Relayed {
    fn respond<'a>(&'a mut self, response: Option<&'a [u8]>) -> Doing<'a, Answer> {
        Box::pin(async move {
            match std::mem::replace(&mut self.state, State::Over) {
                State::New { logins, mechanism, facts } => {
                    match logins.begin(mechanism.name(), response, &facts).await {
                        Ok((answer, connection, permit)) => {
                            self.state = State::Open { connection, _permit: permit };
                            answer
                        }
                        Err(kind) => Answer::Failed(kind),
                    }
                }
                State::Open { mut connection, _permit } => {
                    let line = Zeroizing::new(format!(
                        "CONT\t{ID}\t{}\n",
                        wire::encode(response.unwrap_or_default())
                    ));
                    let exchange = async {
                        connection.send(&line).await?;
                        connection.answer().await
                    };
                    match timeout(TIMEOUT, exchange).await {
                        Ok(Ok(answer)) => {
                            self.state = State::Open { connection, _permit };
                            answer
                        }
                        Ok(Err(error)) => {
                            warn!(event = "dovecot.unavailable", %error);
                            Answer::Failed(Kind::Unavailable)
                        }
                        Err(_) => Answer::Failed(Kind::Unavailable),
                    }
                }
                State::Over => Answer::Failed(Kind::Unavailable),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use smtp::sasl::Secret;
    use tokio::net::UnixListener;

    use super::*;

    const GREETING: &str = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tSCRAM-SHA-256\t\
                            mutual-auth\nMECH\tCRAM-MD5\nSPID\t1\nCUID\t1\nCOOKIE\tabc\nDONE\n";

    fn facts() -> LoginFacts {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        LoginFacts { client: loopback, local: loopback, secured: true }
    }

    /// A Dovecot that answers each line in the order of `script`: what it must hear, what it says.
    /// The first connection only looks at the greeting.
    fn dovecot(socket: &Path, scripts: Vec<Vec<(String, String)>>) -> tokio::task::JoinHandle<()> {
        let listener = UnixListener::bind(socket).unwrap();
        tokio::spawn(async move {
            for script in scripts {
                let (wire, _) = listener.accept().await.unwrap();
                let mut wire = BufReader::new(wire);
                let mut line = String::new();
                wire.read_line(&mut line).await.unwrap();
                assert_eq!(line, "VERSION\t1\t1\n");
                wire.read_line(&mut line).await.unwrap();
                assert!(line.contains("CPID\t"));
                wire.write_all(GREETING.as_bytes()).await.unwrap();
                for (hears, says) in script {
                    let mut line = String::new();
                    wire.read_line(&mut line).await.unwrap();
                    assert_eq!(line, hears);
                    wire.write_all(says.as_bytes()).await.unwrap();
                }
            }
        })
    }

    const HEAD: &str = "service=smtp\tnologin\tsecured\tlip=127.0.0.1\trip=127.0.0.1";

    fn plain(says: &str) -> Vec<(String, String)> {
        // "\0ann\0secret"
        vec![(format!("AUTH\t1\tPLAIN\t{HEAD}\tresp=AGFubgBzZWNyZXQ=\n"), says.to_owned())]
    }

    #[tokio::test]
    async fn passwords() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("auth");
        let scripts = vec![
            vec![],
            plain("OK\t1\tuser=ann@example.net\tx=y\n"),
            plain("FAIL\t1\tuser=ann\n"),
            plain("FAIL\t1\tuser=ann\ttemp\n"),
            plain("FAIL\t1\tuser=ann\tcode=temp_fail\n"),
            plain("OK\t2\tuser=other\nFAIL\t1\n"),
            plain("OK\t1\n"),
            plain("CONT\t1\t\n"),
            plain(""),
        ];
        let server = dovecot(&socket, scripts);
        let logins = DovecotLogins::new(&socket).await;
        let (plain, login, scram) = (Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256);
        assert_eq!(logins.mechanisms(), [plain, login, scram]);
        let question = Question::Password { login: "ann".into(), password: Secret::new("secret") };
        let wants = [
            None,
            Some(Kind::Credentials),
            Some(Kind::Unavailable),
            Some(Kind::Unavailable),
            Some(Kind::Credentials),
            Some(Kind::Unavailable),
            Some(Kind::Unavailable),
            Some(Kind::Unavailable),
        ];
        for (n, want) in wants.into_iter().enumerate() {
            match (logins.answer(&question, &facts()).await, want) {
                (Answer::Accepted { login }, None) => assert_eq!(login, "ann@example.net"),
                (Answer::Failed(kind), Some(want)) => assert_eq!(kind, want, "row {n}"),
                (other, want) => panic!("row {n}: {other:?}, {want:?}"),
            }
        }
        server.await.unwrap();
        // Nobody listens any more.
        assert!(matches!(
            logins.answer(&question, &facts()).await,
            Answer::Failed(Kind::Unavailable)
        ));
    }

    #[tokio::test]
    async fn challenges() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("auth");
        let say = |hears: String, says: &str| (hears, says.to_owned());
        let scripts = vec![
            vec![],
            vec![
                say(
                    format!("AUTH\t1\tSCRAM-SHA-256\t{HEAD}\tresp=Zmlyc3Q=\n"),
                    "CONT\t1\tc2VydmVy\n",
                ),
                say("CONT\t1\tZmluYWw=\n".into(), "CONT\t1\tdj1zaWc=\n"),
                say("CONT\t1\t\n".into(), "OK\t1\tuser=a\x01tb\n"),
            ],
        ];
        let server = dovecot(&socket, scripts);
        let logins = DovecotLogins::new(&socket).await;
        assert!(logins.relay(Mechanism::XOauth2, &facts()).await.is_err());
        let mut relay = logins.relay(Mechanism::ScramSha256, &facts()).await.unwrap();
        let answer = relay.respond(Some(b"first")).await;
        assert!(matches!(answer, Answer::Challenge(octets) if octets == b"server"));
        let answer = relay.respond(Some(b"final")).await;
        assert!(matches!(answer, Answer::Challenge(octets) if octets == b"v=sig"));
        let answer = relay.respond(Some(b"")).await;
        assert!(matches!(answer, Answer::Accepted { login } if login == "a\tb"));
        server.await.unwrap();
        assert!(matches!(relay.respond(Some(b"")).await, Answer::Failed(Kind::Unavailable)));
    }

    #[test]
    fn requests() {
        let open = LoginFacts { secured: false, ..facts() };
        let line = request("LOGIN", None, &open);
        assert_eq!(*line, "AUTH\t1\tLOGIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=127.0.0.1\n");
    }
}
