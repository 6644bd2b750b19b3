//! The examples printed in the RFCs.

use super::super::client::{self, Credentials, Proof};
use super::super::server::{Answer, Context, Exchange, Question, Step};
use super::super::{Mechanism, Nonce, Secret, Verifier, wire};

/// RFC 7677 §3.
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

#[test]
fn scram_server() {
    let context = Context {
        binding: None,
        binding_offered: false,
        certified: None,
        nonce: Nonce::known(SERVER_NONCE),
    };
    let first = Some(CLIENT_FIRST.as_bytes());
    let (mut exchange, step) = Exchange::start(Mechanism::ScramSha256, first, context);
    let Step::Ask(Question::Verifier { login }) = step else { panic!("{step:?}") };
    assert_eq!(login, "user");
    let salt = wire::decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let verifier = Verifier::derive("pencil", &salt, 4096).unwrap();
    let step = exchange.answer(Answer::Verifier { login, verifier });
    assert!(matches!(step, Step::Challenge(octets) if octets == SERVER_FIRST.as_bytes()));
    let step = exchange.respond(CLIENT_FINAL.as_bytes());
    assert!(matches!(step, Step::Challenge(octets) if octets == SERVER_FINAL.as_bytes()));
    assert!(matches!(exchange.respond(b""), Step::Done { login } if login == "user"));
}

#[test]
fn scram_client() {
    let credentials =
        Credentials { login: "user".to_owned(), proof: Proof::Password(Secret::new("pencil")) };
    let context = client::Context {
        tls: None,
        offered: &[Mechanism::ScramSha256],
        host: "mx.example",
        port: 587,
        nonce: Nonce::known(CLIENT_NONCE),
    };
    let mut exchange =
        client::Exchange::start(Mechanism::ScramSha256, &credentials, &context).unwrap();
    assert_eq!(exchange.take_initial().as_deref(), Some(CLIENT_FIRST.as_bytes()));
    assert_eq!(exchange.respond(SERVER_FIRST.as_bytes()).as_deref(), Ok(CLIENT_FINAL.as_bytes()));
    assert_eq!(exchange.succeeded(), Err(client::Failure::Impostor));
    assert_eq!(exchange.respond(SERVER_FINAL.as_bytes()).as_deref(), Ok(&b""[..]));
    assert_eq!(exchange.succeeded(), Ok(()));
}

/// RFC 4616 §4 and RFC 4954 §4.
///
/// Register: 4616-2-a.
#[test]
fn plain() {
    let rows = [
        ("\0tim\0tanstaaftanstaaf", Some(("tim", "tanstaaftanstaaf"))),
        ("Kurt\0Kurt\0xipj3plmq", Some(("Kurt", "xipj3plmq"))),
        // Acting for another needs a permission that nobody has.
        ("Ursel\0Kurt\0xipj3plmq", None),
        ("\0test\x001234", Some(("test", "1234"))),
    ];
    for (message, want) in rows {
        let initial = Some(message.as_bytes());
        let (_, step) = Exchange::start(Mechanism::Plain, initial, super::context(None));
        let got = match &step {
            Step::Ask(Question::Password { login, password }) => {
                Some((login.as_str(), password.reveal()))
            }
            _ => None,
        };
        assert_eq!(got, want, "{message:?}");
    }
}

/// RFC 7628 §4.1, with our own order of the keys.
#[test]
fn bearer() {
    let credentials = Credentials {
        login: "user@example.com".to_owned(),
        proof: Proof::Token(Secret::new("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")),
    };
    let context = client::Context {
        tls: None,
        offered: &[Mechanism::OauthBearer, Mechanism::XOauth2],
        host: "server.example.com",
        port: 587,
        nonce: super::nonce(),
    };
    let start = |mechanism| client::Exchange::start(mechanism, &credentials, &context).unwrap();
    let mut exchange = start(Mechanism::OauthBearer);
    let want = "n,a=user@example.com,\x01host=server.example.com\x01port=587\x01\
                auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
    assert_eq!(exchange.take_initial().as_deref(), Some(want.as_bytes()));
    let json = br#"{"status":"invalid_token"}"#;
    assert_eq!(exchange.respond(json).as_deref(), Ok(&b"\x01"[..]));
    assert_eq!(exchange.told(), Some(r#"{"status":"invalid_token"}"#));

    let mut exchange = start(Mechanism::XOauth2);
    let want = "user=user@example.com\x01\
                auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
    assert_eq!(exchange.take_initial().as_deref(), Some(want.as_bytes()));
    assert_eq!(exchange.respond(json).as_deref(), Ok(&b""[..]));
    assert_eq!(exchange.respond(json), Err(client::Failure::TooLong));
}
