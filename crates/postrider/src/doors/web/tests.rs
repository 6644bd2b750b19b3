//! Policy hosts on loopback, and what is made of what they say.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::doors::{Doing, Names};
use mail::lookup::Security;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::tls::{Material, roots};
use super::*;

const HOST: &str = "mta-sts.example.org";
/// Between two octets of a slow host.
const DRIP: Duration = Duration::from_millis(20);
const PATH: &str = "/.well-known/mta-sts.txt";
const BODY: &str = "version: STSv1\r\nmode: none\r\nmax_age: 60\r\n";

/// Every host is on loopback, by an alias.
struct Loopback;

impl Names for Loopback {
    fn ask<'a>(&'a self, question: &'a Question) -> Doing<'a, Answer> {
        let (ttl, security) = (Duration::ZERO, Security::Unchecked);
        let answer = match (question.name.as_str(), question.kind) {
            ("nobody.example", _) => Answer::NoName { ttl, security },
            ("down.example", _) => Answer::Failed("SERVFAIL".into()),
            ("real.example", Kind::A) => {
                Answer::Found { records: vec![Record::A([127, 0, 0, 1].into())], ttl, security }
            }
            ("real.example", _) => Answer::NoData { ttl, security },
            _ => {
                Answer::Found { records: vec![Record::Cname("real.example".into())], ttl, security }
            }
        };
        Box::pin(async { answer })
    }
}

/// What a made host does.
#[derive(Clone)]
enum Reply {
    /// Says these octets and closes.
    Says(Vec<u8>),
    /// Says an octet of them now and then, and counts them.
    Drips(Vec<u8>, Arc<AtomicUsize>),
    /// Says the head and a body without end.
    Endless(String),
    /// Says nothing.
    Silent,
}

struct World {
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        Self { authority, folder }
    }

    fn ca(&self) -> &Path {
        self.folder.path()
    }

    /// A policy host for `names` whose certificate is good until the end of `year`, signed by this
    /// authority or, for `None`, by itself. Gives its port.
    async fn host(&self, names: &[&str], year: i32, by_authority: bool, reply: Reply) -> u16 {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = if by_authority {
            params.signed_by(&key, &self.authority).unwrap()
        } else {
            params.self_signed(&key).unwrap()
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = vec![0; 4096];
                let len = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..len]).to_ascii_lowercase();
                assert!(
                    request.starts_with("get /.well-known/mta-sts.txt http/1.1\r\n"),
                    "{request}"
                );
                assert!(request.contains("host: "), "{request}");
                answer(&mut stream, &reply).await;
            }
        });
        port
    }

    fn web(&self, port: u16) -> HttpsWeb {
        let roots = Some(roots(&self.ca().join("ca.pem")).unwrap());
        let tls = RustlsTls::new(Material { roots, ..Material::default() }).unwrap();
        HttpsWeb::new(Arc::new(Loopback), Arc::new(tls), port)
    }
}

async fn answer(stream: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) {
    match reply {
        Reply::Says(octets) => {
            let _ = stream.write_all(octets).await;
            let _ = stream.shutdown().await;
        }
        Reply::Drips(octets, said) => {
            for octet in octets {
                if stream.write_all(&[*octet]).await.is_err() {
                    return;
                }
                said.fetch_add(1, Ordering::Relaxed);
                // On the clock of the test, which stands still but for this.
                tokio::time::sleep(DRIP).await;
            }
        }
        Reply::Endless(head) => {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
        }
        Reply::Silent => std::future::pending().await,
    }
}

fn says(head: &str, body: &str) -> Reply {
    let len = body.len();
    Reply::Says(format!("HTTP/1.1 {head}\r\nContent-Length: {len}\r\n\r\n{body}").into_bytes())
}

/// Every reply that counts, and those that do not.
///
/// Register: 8461-3.2-a, 8461-3.3-b, 8461-3.3-c, 8461-3.3-d, 8461-3.3-f, 8461-8.2-a.
#[tokio::test]
async fn replies() {
    let world = World::new();
    let ok = "200 OK\r\nContent-Type: text/plain";
    let chunked = format!(
        "HTTP/1.1 {ok}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n",
        BODY.len()
    );
    let long = "x".repeat(TEXT_MAX + 1);
    let endless = format!("HTTP/1.1 {ok}\r\n\r\n");
    let heads = format!("HTTP/1.1 {ok}\r\nX: {}\r\n\r\n", "y".repeat(HEAD_MAX * 2));
    let rows: Vec<(&str, Reply, Result<&str, &str>)> = vec![
        ("a policy", says(ok, BODY), Ok(BODY)),
        (
            "with parameters",
            says("200 OK\r\nContent-Type: Text/Plain; charset=utf-8; x=y", BODY),
            Ok(BODY),
        ),
        (
            "with a cache",
            says(&format!("{ok}\r\nCache-Control: max-age=1\r\nAge: 9"), BODY),
            Ok(BODY),
        ),
        ("in chunks", Reply::Says(chunked.into_bytes()), Ok(BODY)),
        (
            "until the end",
            Reply::Says(format!("HTTP/1.1 {ok}\r\n\r\n{BODY}").into_bytes()),
            Ok(BODY),
        ),
        ("another type", says("200 OK\r\nContent-Type: text/html", BODY), Err("text/html")),
        ("no type", says("200 OK", BODY), Err("media type")),
        (
            "moved",
            says(
                "301 Moved\r\nLocation: https://elsewhere.example/\r\nContent-Type: text/plain",
                BODY,
            ),
            Err("status 301"),
        ),
        (
            "partial",
            says("206 Partial Content\r\nContent-Type: text/plain", BODY),
            Err("status 206"),
        ),
        ("not there", says("404 Not Found\r\nContent-Type: text/plain", BODY), Err("status 404")),
        ("broken", says("500 Oops\r\nContent-Type: text/plain", BODY), Err("status 500")),
        ("too long", says(ok, &long), Err("over 65536 octets")),
        ("without end", Reply::Endless(endless), Err("over 65536 octets")),
        ("a head without end", Reply::Says(heads.into_bytes()), Err("no reply")),
        (
            "cut off",
            Reply::Says(format!("HTTP/1.1 {ok}\r\nContent-Length: 99\r\n\r\n{BODY}").into_bytes()),
            Err("cut off"),
        ),
        ("no HTTP", Reply::Says(b"220 mx ESMTP\r\n".to_vec()), Err("no reply")),
        ("nothing", Reply::Says(Vec::new()), Err("")),
    ];
    for (what, reply, want) in rows {
        let port = world.host(&[HOST], 2100, true, reply).await;
        let got = world.web(port).text(HOST, PATH).await;
        match (&got, want) {
            (Ok(body), Ok(want)) => assert_eq!(body, want.as_bytes(), "{what}"),
            (Err(failure), Err(want)) => {
                assert!(failure.to_string().contains(want), "{what}: {failure}");
            }
            _ => panic!("{what}: {got:?}"),
        }
    }
}

/// A host that says nothing, or an octet now and then, does not hold anybody up for long.
///
/// Register: 8461-3.3-f.
#[tokio::test(start_paused = true)]
async fn slow_hosts() {
    let world = World::new();
    let whole =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{}", "x".repeat(60_000));
    let said = Arc::new(AtomicUsize::new(0));
    for reply in [Reply::Silent, Reply::Drips(whole.into_bytes(), said.clone())] {
        let port = world.host(&[HOST], 2100, true, reply).await;
        let begin = tokio::time::Instant::now();
        let failure = world.web(port).text(HOST, PATH).await.unwrap_err();
        assert!(matches!(&failure, WebFailure::Unavailable(_)), "{failure:?}");
        assert!(begin.elapsed() <= TOTAL + DRIP, "{:?}", begin.elapsed());
    }
    assert!(said.load(Ordering::Relaxed) > 100, "the host has begun to speak");
}

/// Register: 8461-3.3-a, 8461-7.1-a.
#[tokio::test]
async fn certificates() {
    let world = World::new();
    let rows: &[(&str, &[&str], i32, bool, bool)] = &[
        ("its name", &[HOST], 2100, true, true),
        ("a wildcard", &["*.example.org"], 2100, true, true),
        ("one of several names", &["www.example.org", HOST], 2100, true, true),
        ("another name", &["example.org"], 2100, true, false),
        ("a wildcard above", &["*.org"], 2100, true, false),
        ("over", &[HOST], 2001, true, false),
        ("by itself", &[HOST], 2100, false, false),
    ];
    for (what, names, year, by_authority, good) in rows {
        let ok = says("200 OK\r\nContent-Type: text/plain", BODY);
        let port = world.host(names, *year, *by_authority, ok).await;
        let got = world.web(port).text(HOST, PATH).await;
        match good {
            true => assert_eq!(got.as_deref(), Ok(BODY.as_bytes()), "{what}"),
            false => assert!(matches!(&got, Err(WebFailure::Certificate(_))), "{what}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn hosts_that_cannot_be_reached() {
    let world = World::new();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for (host, want) in [
        ("nobody.example", "no address"),
        ("down.example", "SERVFAIL"),
        (HOST, "127.0.0.1"),
        ("no name", "certificate"),
    ] {
        let failure = world.web(closed).text(host, PATH).await.unwrap_err();
        assert!(failure.to_string().contains(want), "{host}: {failure}");
    }
}
