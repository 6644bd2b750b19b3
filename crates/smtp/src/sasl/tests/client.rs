//! What a client makes of servers that do not play by the rules.

use super::super::client::{Context, Credentials, Exchange, Failure, Proof};
use super::super::{ITERATIONS_MAX, Mechanism, PrepareError, Secret};
use super::nonce;

fn start(mechanism: Mechanism, login: &str, password: &str) -> Result<Exchange, Failure> {
    let proof = Proof::Password(Secret::new(password));
    let credentials = Credentials { login: login.to_owned(), proof };
    let context = Context {
        tls: None,
        offered: &[Mechanism::ScramSha256],
        host: "mx.example",
        port: 587,
        nonce: nonce(),
    };
    Exchange::start(mechanism, &credentials, &context)
}

#[test]
fn our_own_mistakes() {
    let long = "a".repeat(256);
    let rows = [
        ("", "secret", PrepareError::Empty),
        ("ann", "", PrepareError::Empty),
        ("a\0nn", "secret", PrepareError::Prohibited),
        ("ann", "se\0cret", PrepareError::Prohibited),
        ("ann", "se\r\ncret", PrepareError::Prohibited),
        (&long, "secret", PrepareError::TooLong),
    ];
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
        for (login, password, want) in rows {
            let got = start(mechanism, login, password).err();
            assert_eq!(got, Some(Failure::Credentials(want)), "{mechanism} {login:?}");
        }
    }
    assert_eq!(start(Mechanism::External, "ann", "secret").err(), Some(Failure::Proof));
    assert_eq!(start(Mechanism::XOauth2, "ann", "secret").err(), Some(Failure::Proof));
}

/// Register: 4954-4-a.
#[test]
fn late_initial_response() {
    let mut exchange = start(Mechanism::Plain, "ann", "secret").unwrap();
    assert_eq!(exchange.respond(b"").as_deref(), Ok(&b"\0ann\0secret"[..]));
    assert_eq!(exchange.respond(b""), Err(Failure::TooLong));
    let mut exchange = start(Mechanism::Plain, "ann", "secret").unwrap();
    assert_eq!(exchange.respond(b"what?"), Err(Failure::Malformed));
}

#[test]
fn hostile_scram_servers() {
    let ours = nonce().as_str().to_owned();
    let more = ITERATIONS_MAX + 1;
    let rows = [
        (format!("r={ours}x,s=c2FsdA==,i=4095"), Failure::Iterations(4095)),
        (format!("r={ours}x,s=c2FsdA==,i=1"), Failure::Iterations(1)),
        (format!("r={ours}x,s=c2FsdA==,i={more}"), Failure::Iterations(more)),
        (format!("r={ours}x,s=c2FsdA==,i=4294967296"), Failure::Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=+4096"), Failure::Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=04096"), Failure::Malformed),
        // Our nonce only, another nonce, no nonce.
        (format!("r={ours},s=c2FsdA==,i=4096"), Failure::Malformed),
        ("r=other,s=c2FsdA==,i=4096".to_owned(), Failure::Malformed),
        ("s=c2FsdA==,i=4096".to_owned(), Failure::Malformed),
        (format!("r={ours}x,s=!,i=4096"), Failure::Malformed),
        (format!("r={ours}x,s=,i=4096"), Failure::Malformed),
        (format!("m=new,r={ours}x,s=c2FsdA==,i=4096"), Failure::Malformed),
        (format!("r={ours}{},s=c2FsdA==,i=4096", "x".repeat(2000)), Failure::Malformed),
        ("e=other-error".to_owned(), Failure::Malformed),
        (String::new(), Failure::Malformed),
    ];
    for (challenge, want) in rows {
        let mut exchange = start(Mechanism::ScramSha256, "ann", "secret").unwrap();
        exchange.take_initial();
        assert_eq!(exchange.respond(challenge.as_bytes()), Err(want), "{challenge}");
        assert_eq!(exchange.succeeded(), Err(Failure::Impostor));
    }
    let first = format!("r={ours}x,s=c2FsdA==,i=4096");
    let wrong = format!("v={}=", "A".repeat(43));
    for last in [wrong.as_str(), "v=AAAA", "e=invalid-proof", ""] {
        let mut exchange = start(Mechanism::ScramSha256, "ann", "secret").unwrap();
        exchange.take_initial();
        assert!(exchange.respond(first.as_bytes()).is_ok());
        assert_eq!(exchange.respond(last.as_bytes()), Err(Failure::Impostor), "{last}");
        assert_eq!(exchange.succeeded(), Err(Failure::Impostor));
    }
    // A server that says 235 at once never proved anything.
    assert_eq!(
        start(Mechanism::ScramSha256, "ann", "secret").unwrap().succeeded(),
        Err(Failure::Impostor)
    );
}
