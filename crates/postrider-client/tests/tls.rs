//! Letters over TLS, and letters that stay where they are because there is none: a server with
//! certificates made here.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::future::pending;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use mail::content::compose::{Draft, Entity};
use mail::content::{DateTime, NamedMailbox};
use mail::{BodyType, ForwardPath, TlsFacts};
use postrider_client::{Client, Dialogue, Parcel, SendError, Silent, trust};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use smtp::client::{Login, LoginError, Lost, RecipientResult, SessionError, Step};
use smtp::sasl::client::{Credentials, Policy, Proof};
use smtp::sasl::{Mechanism, Nonce, Secret};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

/// An authority that signs for servers.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn believed(&self) -> Arc<ClientConfig> {
        trust::only(self.0.pem().as_bytes()).unwrap()
    }

    /// What a server shows: a certificate for `name`, good until the end of `year`.
    fn signs(&self, name: &str, year: i32, purpose: ExtendedKeyUsagePurpose) -> Shown {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let chain = certificate.pem();
        Shown { chain, key: key.serialize_pem() }
    }

    fn server(&self, name: &str) -> Shown {
        self.signs(name, 2100, ExtendedKeyUsagePurpose::ServerAuth)
    }
}

/// A certificate and its key.
struct Shown {
    chain: String,
    key: String,
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

impl Shown {
    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key);
        Arc::new(config.unwrap())
    }
}

/// How a server begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    Implicit,
    StartTls,
    /// It offers STARTTLS and then says that it cannot.
    Unable,
    /// Somebody in between takes STARTTLS out of the list.
    Stripped,
}

/// What a server heard.
#[derive(Debug, Default)]
struct Heard {
    /// Lines before TLS and after it.
    clear: Vec<String>,
    secured: Vec<String>,
    suites: Vec<u16>,
    /// TLS was ended by the client's last word.
    ended: bool,
}

struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Server {
    /// At 127.0.0.1, for one connection.
    async fn start(manner: Manner, config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let task = tokio::spawn(play(listener, manner, config, Arc::clone(&heard)));
        Self { address, heard, task }
    }

    fn named(&self, name: &str) -> String {
        format!("{name}:{}", self.address.port())
    }

    async fn heard(self) -> Heard {
        self.task.await.unwrap();
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

async fn play(
    listener: TcpListener,
    manner: Manner,
    config: Arc<ServerConfig>,
    heard: Arc<Mutex<Heard>>,
) {
    let (mut stream, _) = listener.accept().await.unwrap();
    if manner != Manner::Implicit {
        let list = match manner {
            Manner::Stripped => "250 AUTH PLAIN OAUTHBEARER",
            _ => "250-STARTTLS\r\n250 AUTH PLAIN OAUTHBEARER",
        };
        let mut lines = Vec::new();
        let asks = talk(&mut stream, list, manner, &mut lines).await;
        heard.lock().unwrap().clear = lines;
        if !asks {
            return;
        }
    }
    let acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
    let Ok(start) = acceptor else { return };
    let suites = start.client_hello().cipher_suites().to_vec();
    heard.lock().unwrap().suites = suites.into_iter().map(u16::from).collect();
    let Ok(mut stream) = start.into_stream(config).await else { return };
    let mut lines = Vec::new();
    let list = "250 AUTH PLAIN OAUTHBEARER";
    let greeted = if manner == Manner::Implicit { manner } else { Manner::Unable };
    talk(&mut stream, list, greeted, &mut lines).await;
    let ended = matches!(stream.read(&mut [0; 8]).await, Ok(0));
    let mut heard = heard.lock().unwrap();
    (heard.secured, heard.ended) = (lines, ended);
}

/// Speaks until QUIT, the end, or a STARTTLS that was taken: then true.
async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    list: &str,
    manner: Manner,
    heard: &mut Vec<String>,
) -> bool {
    let mut lines = BufReader::new(stream);
    // After STARTTLS there is no second greeting (RFC 3207 §4.2).
    if manner != Manner::Unable || list.contains("STARTTLS") {
        lines.write_all(b"220 here\r\n").await.unwrap();
    }
    let mut in_content = false;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        heard.push(line.trim_end().to_owned());
        let reply = match line.trim_end() {
            "." if in_content => {
                in_content = false;
                "250 2.0.0 taken".to_owned()
            }
            _ if in_content => continue,
            "DATA" => {
                in_content = true;
                "354 go on".to_owned()
            }
            "STARTTLS" if manner == Manner::Unable => "454 4.7.0 not now".to_owned(),
            "STARTTLS" => {
                lines.write_all(b"220 go on\r\n").await.unwrap();
                return true;
            }
            "QUIT" => {
                lines.write_all(b"221 bye\r\n").await.unwrap();
                lines.flush().await.unwrap();
                return false;
            }
            // ann, open sesame.
            "AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==" => "235 2.7.0 in".to_owned(),
            line if line.starts_with("AUTH OAUTHBEARER ") => "235 2.7.0 in".to_owned(),
            line if line.starts_with("AUTH ") => "535 5.7.8 no".to_owned(),
            line if line.starts_with("EHLO") => format!("250-here\r\n{list}"),
            _ => "250 ok".to_owned(),
        };
        lines.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
        lines.flush().await.unwrap();
    }
}

fn draft() -> Draft {
    let author = NamedMailbox::named("Ada", "ada@example.net".parse().unwrap());
    let mut draft = Draft::new(author, DateTime::new(SystemTime::UNIX_EPOCH, 60));
    draft.to = vec![NamedMailbox::bare("bob@example.org".parse().unwrap()).into()];
    draft.body = Entity::text("It works.\n");
    draft
}

fn login(proof: Proof) -> Login {
    Login {
        credentials: Credentials { login: "ann".into(), proof },
        policy: Policy::default(),
        host: "localhost".into(),
        port: 465,
        nonces: (0..4).map(|n| Nonce::new([n; Nonce::OCTETS])).collect(),
    }
}

fn password(text: &str) -> Login {
    login(Proof::Password(Secret::new(text)))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Register: 8314-3.3-d, 8314-3.4-b, 8314-3.4-c, 8314-5-d
#[test]
fn both_ways_and_both_versions() {
    let authority = Authority::new();
    let versions: [&[&SupportedProtocolVersion]; 3] =
        [BOTH, &[&rustls::version::TLS12], &[&rustls::version::TLS13]];
    for manner in [Manner::Implicit, Manner::StartTls] {
        for versions in versions {
            let config = authority.server("localhost").config(versions);
            let heard = run(async {
                let server = Server::start(manner, config).await;
                let client = Client::new(server.named("localhost"), "client.example");
                let client = match manner {
                    Manner::Implicit => client.with_tls(authority.believed()),
                    _ => client.with_starttls(authority.believed()),
                };
                let client = client.with_login(password("open sesame"));
                let sent = client.send(&draft()).await.unwrap();
                assert!(sent.is_complete(), "{manner:?}: {sent}");
                server.heard().await
            });
            let clear: &[&str] = match manner {
                Manner::Implicit => &[],
                _ => &["EHLO client.example", "STARTTLS"],
            };
            assert_eq!(heard.clear, clear, "{manner:?}");
            assert_eq!(heard.secured[0], "EHLO client.example");
            assert!(heard.secured[1].starts_with("AUTH PLAIN "), "{heard:?}");
            assert_eq!(heard.secured.last().unwrap(), "QUIT");
            assert!(heard.ended, "{manner:?}");
        }
    }
}

/// Only suites of RFC 9325 §4.2 (and those of TLS 1.3) are offered.
///
/// Register: 8314-5-g
#[test]
fn suites() {
    let authority = Authority::new();
    let heard = run(async {
        let config = authority.server("localhost").config(BOTH);
        let server = Server::start(Manner::Implicit, config).await;
        let client = Client::new(server.named("localhost"), "client.example");
        client.with_tls(authority.believed()).send(&draft()).await.unwrap();
        server.heard().await
    });
    let good = [
        0x1301, 0x1302, 0x1303, // TLS 1.3
        0xc02b, 0xc02c, 0xcca9, // ECDHE-ECDSA with GCM or ChaCha20
        0xc02f, 0xc030, 0xcca8, // ECDHE-RSA
        0x00ff, // the mark that renegotiation is safe, no suite
    ];
    assert!(heard.suites.iter().all(|suite| good.contains(suite)), "{:x?}", heard.suites);
    // What RFC 9325 §4.2 recommends is among them.
    assert!([0xc02b, 0xc02c, 0xc02f, 0xc030].iter().all(|suite| heard.suites.contains(suite)));
}

/// A certificate that is not good for this server: nothing is said, to nobody.
///
/// Register: 8314-3.3-b, 8314-5-c, 8314-5.2-b, 8314-5.2-c, 8314-5.3-a
#[test]
fn bad_certificates() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let purpose = ExtendedKeyUsagePurpose::ServerAuth;
    let rows = [
        ("another name", ours.server("elsewhere.example"), "not valid for name \"localhost\""),
        ("expired", ours.signs("localhost", 2021, purpose), "expired"),
        ("an authority unknown to us", foreign.server("localhost"), "BadSignature"),
        ("for another purpose", client_certificate(&ours), "extended key usage"),
    ];
    for (what, shown, why) in rows {
        for manner in [Manner::Implicit, Manner::StartTls] {
            let config = shown.config(BOTH);
            let (failed, heard) = run(async {
                let server = Server::start(manner, config).await;
                let client = Client::new(server.named("localhost"), "client.example")
                    .with_login(password("open sesame"));
                let client = match manner {
                    Manner::Implicit => client.with_tls(ours.believed()),
                    _ => client.with_starttls(ours.believed()),
                };
                (client.send(&draft()).await.unwrap_err(), server.heard().await)
            });
            let told = failed.to_string();
            assert!(told.contains("cannot be secured"), "{what}: {told}");
            assert!(told.contains(why), "{what}: {told}");
            assert_eq!(heard.secured, [""; 0], "{what}");
            assert!(!heard.clear.iter().any(|line| line.starts_with("AUTH")), "{what}");
            assert!(!heard.clear.iter().any(|line| line.starts_with("MAIL")), "{what}");
        }
    }
}

fn client_certificate(authority: &Authority) -> Shown {
    authority.signs("localhost", 2100, ExtendedKeyUsagePurpose::ClientAuth)
}

/// Without TLS neither the login nor the letter is shown.
///
/// Register: 8314-5.1-a, 8314-5.2-c
#[test]
fn never_back_to_clear_text() {
    let authority = Authority::new();
    for manner in [Manner::Stripped, Manner::Unable] {
        let config = authority.server("localhost").config(BOTH);
        let (failed, heard) = run(async {
            let server = Server::start(manner, config).await;
            let client = Client::new(server.named("localhost"), "client.example")
                .with_starttls(authority.believed())
                .with_login(password("open sesame"));
            (client.send(&draft()).await.unwrap_err(), server.heard().await)
        });
        assert!(matches!(failed, SendError::Session(_)), "{manner:?}: {failed}");
        let said: Vec<&str> = heard.clear.iter().map(String::as_str).collect();
        let want: &[&str] = match manner {
            Manner::Stripped => &["EHLO client.example", "QUIT"],
            _ => &["EHLO client.example", "STARTTLS", "QUIT"],
        };
        assert_eq!(said, want, "{manner:?}");
    }
    // Without any TLS wanted, a password that would be legible is not shown either.
    let config = authority.server("localhost").config(BOTH);
    let (failed, heard) = run(async {
        let server = Server::start(Manner::Stripped, config).await;
        let client = Client::new(server.named("localhost"), "client.example");
        let client = client.with_login(password("open sesame"));
        (client.send(&draft()).await.unwrap_err(), server.heard().await)
    });
    assert!(
        matches!(&failed, SendError::Session(SessionError::Login(LoginError::NoMechanism(_)))),
        "{failed}"
    );
    assert_eq!(heard.clear, ["EHLO client.example", "QUIT"]);
}

#[test]
fn logins() {
    let authority = Authority::new();
    let token = || login(Proof::Token(Secret::new("a.b.c")));
    let only = |mut login: Login, mechanism| {
        login.policy.mechanisms = Some(vec![mechanism]);
        login
    };
    let rows = [
        (password("open sesame"), Ok(Mechanism::Plain)),
        (token(), Ok(Mechanism::OauthBearer)),
        (password("open barley"), Err("no login: PLAIN was answered 535 5.7.8 no")),
        (
            only(password("open sesame"), Mechanism::ScramSha256),
            Err("no login: the server offers no mechanism that fits our credentials"),
        ),
    ];
    for (login, want) in rows {
        let config = authority.server("localhost").config(BOTH);
        let (sent, heard) = run(async {
            let server = Server::start(Manner::Implicit, config).await;
            let client = Client::new(server.named("localhost"), "client.example");
            let client = client.with_tls(authority.believed()).with_login(login);
            (client.send(&draft()).await, server.heard().await)
        });
        match want {
            Ok(mechanism) => {
                assert!(sent.unwrap().is_complete());
                assert!(heard.secured[1].starts_with(&format!("AUTH {mechanism} ")), "{heard:?}");
            }
            Err(why) => {
                assert_eq!(sent.unwrap_err().to_string(), why);
                assert!(!heard.secured.iter().any(|line| line.starts_with("MAIL")));
            }
        }
    }
}

#[derive(Default)]
struct Followed(Vec<String>);

impl Dialogue for Followed {
    fn secured(&mut self, facts: &TlsFacts) {
        self.0.push(format!("{} {}", facts.version, facts.peer.as_deref().unwrap_or("?")));
    }

    fn command(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

const CONTENT: [u8; 17] = *b"Subject: x\r\n\r\ny\r\n";

fn parcel<'a, C>(recipients: &'a [ForwardPath], content: &'a mut C) -> Parcel<'a, C> {
    let sender = "<ada@example.net>".parse().unwrap();
    let (body, utf8, require_tls) = (BodyType::SevenBit, false, false);
    Parcel { sender, recipients, body, utf8, require_tls, content }
}

/// The dialogue is followed without secrets.
#[test]
fn followed() {
    let authority = Authority::new();
    let config = authority.server("localhost").config(BOTH);
    let mut followed = Followed::default();
    run(async {
        let server = Server::start(Manner::Implicit, config).await;
        let client = Client::new(server.named("localhost"), "client.example");
        let client = client.with_tls(authority.believed()).with_login(password("open sesame"));
        let to: [ForwardPath; 1] = ["<bob@example.org>".parse().unwrap()];
        let mut content = Cursor::new(&CONTENT);
        let results = client.submit(parcel(&to, &mut content), &mut followed, pending()).await;
        assert!(matches!(results.unwrap()[0], RecipientResult::Taken(_)));
        server.heard().await
    });
    let want = [
        "TLSv1.3 localhost",
        "EHLO client.example",
        "AUTH PLAIN ...",
        "MAIL FROM:<ada@example.net> AUTH=<>",
        "RCPT TO:<bob@example.org>",
        "DATA",
        ".",
        "QUIT",
    ];
    assert_eq!(followed.0, want);
}

/// A server that hangs is left when the caller says so; nobody is told that it has the letter.
#[test]
fn broken_off() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (hangs, hung) = tokio::sync::oneshot::channel();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.split();
            let mut lines = BufReader::new(read).lines();
            let mut reply = "220 here";
            loop {
                write.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                reply = match lines.next_line().await.unwrap().unwrap().as_str() {
                    "DATA" => "354 go on",
                    _ => "250 ok",
                };
                if reply == "354 go on" {
                    break;
                }
            }
            write.write_all(b"354 go on\r\n").await.unwrap();
            while lines.next_line().await.unwrap().unwrap() != "." {}
            hangs.send(()).unwrap();
            // The client goes away.
            assert_eq!(lines.next_line().await.unwrap_or(None), None);
        });
        let client = Client::new(address.to_string(), "client.example");
        let to: [ForwardPath; 1] = ["<bob@example.org>".parse().unwrap()];
        let mut content = Cursor::new(&CONTENT);
        let parcel = parcel(&to, &mut content);
        let stop = async { hung.await.unwrap() };
        let results = client.submit(parcel, &mut Silent, stop).await.unwrap();
        assert_eq!(results, [RecipientResult::Lost(Step::Dot, Lost::Aborted)]);
        server.await.unwrap();
    });
}

/// A server that asks for a certificate of the client gets none: no account has one to show.
///
/// Register: 8314-5.5-a
#[test]
fn no_certificate_of_the_client() {
    let authority = Authority::new();
    let shown = authority.server("localhost");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.0.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let asks = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(BOTH)
        .unwrap()
        .with_client_cert_verifier(asks.allow_unauthenticated().build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(shown.chain.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap(),
        );
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("localhost:{}", listener.local_addr().unwrap().port());
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
            let mut stream = acceptor.accept(stream).await.unwrap();
            assert!(stream.get_ref().1.peer_certificates().is_none());
            stream.write_all(b"554 that was all\r\n").await.unwrap();
            let mut said = [0; 16];
            let n = stream.read(&mut said).await.unwrap();
            assert_eq!(&said[..n], b"QUIT\r\n");
            stream.write_all(b"221 bye\r\n").await.unwrap();
        });
        let client = Client::new(place, "client.example").with_tls(authority.believed());
        let told = client.send(&draft()).await.unwrap_err().to_string();
        assert_eq!(told, "the server answered 554 that was all");
        server.await.unwrap();
    });
}

/// The first server that answers is taken.
#[test]
fn several_servers() {
    let authority = Authority::new();
    let config = authority.server("localhost").config(BOTH);
    run(async {
        let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let server = Server::start(Manner::Implicit, config).await;
        let client = Client::new(nowhere.to_string(), "client.example")
            .or(server.named("localhost"))
            .with_tls(authority.believed());
        assert!(client.send(&draft()).await.unwrap().is_complete());
        server.heard().await
    });
}
