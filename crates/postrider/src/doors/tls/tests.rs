//! Handshakes between two ends in memory: rows of what the server shows and what the client wants.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::aws_lc_rs::digest;
use engine::doors::{Tls, TlsCheck, TlsFailure, TlsWish, Tlsa, Wire};
use mail::TlsFacts;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use super::*;

struct Pipe(DuplexStream);

impl Wire for Pipe {
    fn peer(&self) -> SocketAddr {
        "192.0.2.1:25".parse().unwrap()
    }

    fn local(&self) -> SocketAddr {
        "192.0.2.2:40000".parse().unwrap()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// An authority, and what it has signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let this = Self { issuer, folder: tempfile::tempdir().unwrap() };
        std::fs::write(this.path("ca.pem"), this.issuer.pem()).unwrap();
        this
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for `name` that was good until the end of `year`, with the authority's own
    /// after it, and its octets.
    fn signs(&self, name: &str, year: i32) -> (Certified, Vec<u8>) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        self.signs_all(name, &params)
    }

    /// The same with all that a certificate can say; `name` is that of its files.
    fn signs_all(&self, name: &str, params: &CertificateParams) -> (Certified, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = certificate.pem() + &self.issuer.pem();
        let (certificate_path, key_path) = (self.path(name), self.path(&format!("{name}.key")));
        std::fs::write(&certificate_path, chain).unwrap();
        std::fs::write(&key_path, key.serialize_pem()).unwrap();
        let der = certificate.der().to_vec();
        (certified(&certificate_path, &key_path).unwrap(), der)
    }

    fn roots(&self) -> Arc<RootCertStore> {
        roots(&self.path("ca.pem")).unwrap()
    }
}

fn tls(material: Material) -> RustlsTls {
    RustlsTls::new(material).unwrap()
}

fn server(certified: &Certified) -> RustlsTls {
    let names = Some(Names::new(certified.clone(), []));
    tls(Material { names, ..Material::default() })
}

/// A handshake, a word each way, and what both ends know.
async fn meet(
    server: &RustlsTls,
    client: &RustlsTls,
    wish: &TlsWish,
) -> Result<(TlsFacts, TlsFacts), TlsFailure> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accepting = server.accept(Box::new(Pipe(far)));
    let connecting = client.connect(Box::new(Pipe(near)), wish);
    let (accepted, connected) = tokio::join!(accepting, connecting);
    let (mut connected, mut accepted) = (connected?, accepted?);
    let mut heard = [0; 4];
    connected.wire.write_all(b"EHLO").await.unwrap();
    connected.wire.flush().await.unwrap();
    accepted.wire.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"EHLO");
    // Cut without a last word: the end of the connection, no error.
    drop(accepted.wire);
    assert_eq!(connected.wire.read(&mut heard).await.unwrap(), 0);
    Ok((accepted.facts, connected.facts))
}

fn wish(name: &str, check: TlsCheck) -> TlsWish {
    TlsWish { server_name: Some(name.parse().unwrap()), check }
}

fn names(names: &[&str]) -> Vec<DomainName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

use mail::DomainName;

fn sha256(octets: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, octets).as_ref().to_vec()
}

fn record(usage: u8, selector: u8, matching: u8, data: Vec<u8>) -> Tlsa {
    Tlsa { usage, selector, matching, data }
}

fn is_certificate<T>(result: &Result<T, TlsFailure>) -> bool {
    matches!(result, Err(TlsFailure::Certificate(..)))
}

/// Register: 8461-7.1-d, 8461-7.2-a.
#[tokio::test]
async fn facts_are_known_at_both_ends() {
    let authority = Authority::new();
    let (certified, _) = authority.signs("mx.example.org", 2999);
    let client = tls(Material::default());
    let wish = wish("mx.example.org", TlsCheck::Nothing);
    let (theirs, ours) = meet(&server(&certified), &client, &wish).await.unwrap();
    assert_eq!(ours.version, "TLSv1.3");
    assert!(ours.cipher.starts_with("TLS_AES_") || ours.cipher.starts_with("TLS_CHACHA20"));
    assert_eq!(theirs.server_name.as_deref(), Some("mx.example.org"));
    assert_eq!((&ours.cipher, &ours.group), (&theirs.cipher, &theirs.group));
    assert!(ours.group.is_some());
    assert!(ours.exporter.is_some() && ours.exporter == theirs.exporter);
    assert_eq!(ours.peer, None, "nothing was looked at");
}

/// Register: 7817-3-a, 7817-3-c, 8461-4.2-a, 8461-4.2-b.
#[tokio::test]
async fn chains_and_names() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let (good, _) = authority.signs("mx.example.org", 2999);
    let (expired, _) = authority.signs("old.example.org", 2001);
    let (foreign, _) = stranger.signs("mx.example.org", 2999);
    let client = tls(Material { roots: Some(authority.roots()), ..Material::default() });
    for (shown, asked, expected) in [
        (&good, &["mx.example.org"][..], true),
        (&good, &["example.org", "mx.example.org"], true),
        (&good, &["other.example.org"], false),
        (&good, &[], false),
        (&expired, &["old.example.org"], false),
        (&foreign, &["mx.example.org"], false),
    ] {
        let wish = wish("mx.example.org", TlsCheck::Names(names(asked)));
        let met = meet(&server(shown), &client, &wish).await;
        assert_eq!(met.is_ok(), expected, "{asked:?}: {met:?}");
        assert!(expected || is_certificate(&met), "{met:?}");
        if let Ok((_, facts)) = met {
            assert_eq!(facts.peer.as_deref(), Some("mx.example.org"));
        }
    }
    // The same server, looked at by nobody.
    let wish = wish("mx.example.org", TlsCheck::Nothing);
    assert!(meet(&server(&expired), &client, &wish).await.is_ok());
}

/// Register: 7672-3.1.1-a, 7672-3.1.1-b, 7672-3.2-a, 7672-3.2.1-a.
#[tokio::test]
async fn records_of_the_domain() {
    let authority = Authority::new();
    let (certified, octets) = authority.signs("mx.example.org", 2999);
    let (expired, old) = authority.signs("old.example.org", 2001);
    let anchor = authority.issuer.der().to_vec();
    let key = |der: &[u8]| {
        let der = rustls::pki_types::CertificateDer::from(der.to_vec());
        webpki::EndEntityCert::try_from(&der).unwrap().subject_public_key_info().to_vec()
    };
    let good = names(&["mx.example.org"]);
    let other = names(&["other.example.org"]);
    let wrong = || record(3, 1, 1, vec![7; 32]);
    let sha512 = digest::digest(&digest::SHA512, &octets).as_ref().to_vec();
    type Row<'a> = (&'a str, &'a Certified, Vec<Tlsa>, &'a [DomainName], bool);
    let rows: Vec<Row<'_>> = vec![
        ("3 1 1", &certified, vec![record(3, 1, 1, sha256(&key(&octets)))], &good, true),
        ("3 0 1", &certified, vec![record(3, 0, 1, sha256(&octets))], &good, true),
        ("3 0 2", &certified, vec![record(3, 0, 2, sha512)], &good, true),
        ("3 0 0", &certified, vec![record(3, 0, 0, octets.clone())], &good, true),
        ("3 1 0", &certified, vec![record(3, 1, 0, key(&octets))], &good, true),
        ("usage 3, any name", &certified, vec![record(3, 0, 1, sha256(&octets))], &other, true),
        ("usage 3, expired", &expired, vec![record(3, 0, 1, sha256(&old))], &good, true),
        ("one of two", &certified, vec![wrong(), record(3, 0, 1, sha256(&octets))], &good, true),
        ("none matches", &certified, vec![wrong()], &good, false),
        ("no record", &certified, vec![], &good, false),
        ("2 0 1", &certified, vec![record(2, 0, 1, sha256(&anchor))], &good, true),
        ("2 1 1", &certified, vec![record(2, 1, 1, sha256(&key(&anchor)))], &good, true),
        ("2 0 0", &certified, vec![record(2, 0, 0, anchor.clone())], &good, true),
        ("usage 2, other name", &certified, vec![record(2, 0, 1, sha256(&anchor))], &other, false),
        ("usage 2, expired", &expired, vec![record(2, 0, 1, sha256(&anchor))], &good, false),
        ("usage 2 on the leaf", &certified, vec![record(2, 0, 1, sha256(&octets))], &good, false),
        ("unknown selector", &certified, vec![record(3, 9, 1, sha256(&octets))], &good, false),
        ("unknown matching", &certified, vec![record(3, 0, 9, sha256(&octets))], &good, false),
    ];
    let client = tls(Material::default());
    for (name, shown, records, names, expected) in rows {
        let check = TlsCheck::Dane { records, names: names.to_vec() };
        let met = meet(&server(shown), &client, &wish("mx.example.org", check)).await;
        assert_eq!(met.is_ok(), expected, "{name}: {met:?}");
        assert!(expected || is_certificate(&met), "{name}: {met:?}");
    }
}

/// Only names of hosts count, whole or with a star for one whole label; other kinds of names and
/// the subject's common name do not.
///
/// Register: 4954-14-d, 7672-3.2.3-a, 7672-3.2.3-b, 7817-3-d, 7817-3-f, 8461-4.2-c.
#[tokio::test]
async fn names_of_other_kinds() {
    let authority = Authority::new();
    let client = tls(Material { roots: Some(authority.roots()), ..Material::default() });
    let host = |name: &str| rcgen::SanType::DnsName(name.try_into().unwrap());
    let place = |name: &str| rcgen::SanType::URI(name.try_into().unwrap());
    type Row = (&'static str, Vec<rcgen::SanType>, &'static str, bool);
    let rows: Vec<Row> = vec![
        ("a name", vec![host("mx.example.org")], "unlike.example", true),
        ("two names", vec![host("other.example"), host("mx.example.org")], "", true),
        ("a star", vec![host("*.example.org")], "", true),
        ("half a star", vec![host("m*.example.org")], "", false),
        ("a star for two labels", vec![host("*.org")], "", false),
        ("a place", vec![place("smtp://mx.example.org")], "", false),
        ("a common name alone", vec![place("x:y")], "mx.example.org", false),
        ("a common name beside another", vec![host("other.example")], "mx.example.org", false),
    ];
    for (what, subjects, common, expected) in rows {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = subjects;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, common);
        let (shown, _) = authority.signs_all("shown", &params);
        let names = names(&["mx.example.org"]);
        let records = vec![record(2, 0, 1, sha256(authority.issuer.der()))];
        let checks = [TlsCheck::Names(names.clone()), TlsCheck::Dane { records, names }];
        for check in checks {
            let met = meet(&server(&shown), &client, &wish("mx.example.org", check)).await;
            assert_eq!(met.is_ok(), expected, "{what}: {met:?}");
        }
    }
}

/// Both ends offer only suites with forward secrecy that seal what they hide, of TLS 1.2 and 1.3.
///
/// Register: 7672-8.2-a, 8314-4-f, 8314-4-g, 8314-4-h, 8461-7.2-b.
#[test]
fn suites() {
    let authority = Authority::new();
    let (certified, _) = authority.signs("mx.example.org", 2999);
    let server = server(&certified);
    let (near, far) = (server.server().unwrap(), server.client(&TlsCheck::Nothing).unwrap());
    for provider in [near.crypto_provider(), far.crypto_provider()] {
        let suites = &provider.cipher_suites;
        assert!(suites.iter().any(|suite| suite.tls13().is_some()));
        assert!(suites.iter().any(|suite| suite.tls13().is_none()));
        for suite in suites {
            let name = format!("{:?}", suite.suite());
            let fresh = name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
            let sealed = name.contains("_GCM_") || name.contains("CHACHA20_POLY1305");
            assert!(fresh && sealed, "{name}");
        }
    }
}

/// Who names no host, or one that is not here, is shown the first certificate.
///
/// Register: 7672-8.1-c, 7672-8.1-d, 8461-7.1-b, 8461-7.1-c.
#[tokio::test]
async fn the_certificate_that_fits_the_name_is_shown() {
    let authority = Authority::new();
    let (one, _) = authority.signs("one.example.org", 2999);
    let (two, _) = authority.signs("two.example.org", 2999);
    let (wild, _) = authority.signs("*.wild.example", 2999);
    let named = [("two.example.org".to_owned(), two), ("*.wild.example".to_owned(), wild)];
    let server = tls(Material { names: Some(Names::new(one, named)), ..Material::default() });
    let client = tls(Material { roots: Some(authority.roots()), ..Material::default() });
    for (asked, named) in [
        ("one.example.org", "one.example.org"),
        ("TWO.example.org", "two.example.org"),
        ("a.wild.example", "*.wild.example"),
        ("unknown.example", "one.example.org"),
    ] {
        let lower = asked.to_ascii_lowercase();
        let fitting = if named == "one.example.org" { named } else { &lower };
        let check = TlsCheck::Names(names(&[fitting]));
        let met = meet(&server, &client, &wish(asked, check)).await.unwrap();
        assert_eq!(met.1.peer.as_deref(), Some(named), "{asked}");
    }
    let unnamed =
        TlsWish { server_name: None, check: TlsCheck::Names(names(&["one.example.org"])) };
    let met = meet(&server, &client, &unnamed).await.unwrap();
    assert_eq!(met.1.peer.as_deref(), Some("one.example.org"));
    assert_eq!(met.0.server_name, None);
}

#[tokio::test]
async fn other_certificates_are_taken_without_a_new_start() {
    let authority = Authority::new();
    let (one, _) = authority.signs("one.example.org", 2999);
    let (two, _) = authority.signs("two.example.org", 2999);
    let server = server(&one);
    let client = tls(Material { roots: Some(authority.roots()), ..Material::default() });
    let wants = |name| wish(name, TlsCheck::Names(names(&[name])));
    assert!(meet(&server, &client, &wants("one.example.org")).await.is_ok());
    let names = Some(Names::new(two, []));
    server.replace(Material { names, ..Material::default() }).unwrap();
    assert!(meet(&server, &client, &wants("two.example.org")).await.is_ok());
    assert!(meet(&server, &client, &wants("one.example.org")).await.is_err());
    assert!(server.can_accept());
    server.replace(Material::default()).unwrap();
    assert!(!server.can_accept());
}

/// Register: 8314-4.2-b.
#[tokio::test]
async fn clients_may_show_who_they_are() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let (own, _) = authority.signs("mx.example.org", 2999);
    let (known, _) = authority.signs("client.example.org", 2999);
    let (unknown, _) = stranger.signs("client.example.org", 2999);
    let server = tls(Material {
        names: Some(Names::new(own, [])),
        client_roots: Some(authority.roots()),
        ..Material::default()
    });
    let client = |shown: Option<Certified>| tls(Material { client: shown, ..Material::default() });
    let wish = wish("mx.example.org", TlsCheck::Nothing);
    let (facts, _) = meet(&server, &client(Some(known.clone())), &wish).await.unwrap();
    assert_eq!(facts.peer.as_deref(), Some("client.example.org"));
    // Where no authority is named, nobody is asked.
    let (own, _) = authority.signs("mx2.example.org", 2999);
    let plain = tls(Material { names: Some(Names::new(own, [])), ..Material::default() });
    let (facts, _) = meet(&plain, &client(Some(known)), &wish).await.unwrap();
    assert_eq!(facts.peer, None);
    let (facts, _) = meet(&server, &client(None), &wish).await.unwrap();
    assert_eq!(facts.peer, None);
    assert!(meet(&server, &client(Some(unknown)), &wish).await.is_err());
}

#[tokio::test]
async fn only_the_newest_version_where_it_is_said() {
    let authority = Authority::new();
    let (certified, _) = authority.signs("mx.example.org", 2999);
    let names = Some(Names::new(certified, []));
    let server = tls(Material { names, only_tls13: true, ..Material::default() });
    let wish = wish("mx.example.org", TlsCheck::Nothing);
    let (facts, _) = meet(&server, &tls(Material::default()), &wish).await.unwrap();
    assert_eq!(facts.version, "TLSv1.3");
}

#[test]
fn files_that_do_not_serve_are_told() {
    let authority = Authority::new();
    authority.signs("one.example.org", 2999);
    authority.signs("two.example.org", 2999);
    std::fs::write(authority.path("empty"), "").unwrap();
    let one = authority.path("one.example.org");
    let told = |certificate: &Path, key: &Path| certified(certificate, key).unwrap_err();
    let rows = [
        (one.clone(), authority.path("two.example.org.key"), "does not belong to"),
        (one.clone(), authority.path("missing"), "missing cannot be read: No such file"),
        (one.clone(), authority.path("empty"), "empty is no PEM file with a private key"),
        (authority.path("empty"), one.clone(), "empty is no PEM file with certificates"),
        (one.clone(), one, "is no PEM file with a private key"),
    ];
    for (certificate, key, expected) in rows {
        let error = told(&certificate, &key).to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(roots(&authority.path("empty")).is_err());
}
