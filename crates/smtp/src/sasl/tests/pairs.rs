//! Our two sides with each other, with every mechanism.

use mail::TlsFacts;

use super::super::client::{self, Credentials, Failure, Policy, Proof};
use super::super::server::{Exchange, Kind, Step};
use super::super::{Mechanism, Secret, offered};
use super::{context, nonce, secured, settled};

/// How an exchange ended, for each side.
#[derive(Debug, PartialEq)]
enum End {
    In(String),
    Refused(Kind),
    BrokenOff(Failure),
}

fn talk(
    mechanism: Mechanism,
    credentials: &Credentials,
    tls: (Option<&TlsFacts>, Option<&TlsFacts>),
    seen: &[Mechanism],
    with_initial: bool,
) -> End {
    let from = client::Context {
        tls: tls.0,
        offered: seen,
        host: "mx.example",
        port: 587,
        nonce: nonce(),
    };
    let mut client = match client::Exchange::start(mechanism, credentials, &from) {
        Ok(client) => client,
        Err(failure) => return End::BrokenOff(failure),
    };
    let initial = if with_initial { client.take_initial() } else { None };
    let (mut server, mut step) = Exchange::start(mechanism, initial.as_deref(), context(tls.1));
    loop {
        step = match settled(&mut server, step) {
            Step::Done { login } => {
                return match client.succeeded() {
                    Ok(()) => End::In(login),
                    Err(failure) => End::BrokenOff(failure),
                };
            }
            Step::Failed(failure) => return End::Refused(failure.kind),
            Step::Challenge(challenge) => match client.respond(&challenge) {
                Ok(response) => server.respond(&response),
                Err(failure) => return End::BrokenOff(failure),
            },
            Step::Ask(_) => unreachable!("settled"),
        };
    }
}

fn ann(password: &str) -> Credentials {
    Credentials { login: "ann".to_owned(), proof: Proof::Password(Secret::new(password)) }
}

#[test]
fn in_or_out() {
    let tls = secured();
    let both = (Some(&tls), Some(&tls));
    let list = offered(&Mechanism::ALL, Some(&tls), false);
    let by_password = [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256Plus];
    for mechanism in by_password {
        for with_initial in [true, false] {
            let end =
                |credentials: &Credentials| talk(mechanism, credentials, both, &list, with_initial);
            assert_eq!(end(&ann("wonderland")), End::In("ann".to_owned()), "{mechanism}");
            assert_eq!(end(&ann("Wonderland")), End::Refused(Kind::Credentials), "{mechanism}");
            let nobody = Credentials { login: "bob".to_owned(), ..ann("wonderland") };
            assert_eq!(end(&nobody), End::Refused(Kind::Credentials), "{mechanism}");
        }
    }
    let certified = Credentials { login: String::new(), proof: Proof::Certificate };
    let end = talk(Mechanism::External, &certified, both, &list, true);
    assert_eq!(end, End::In("mx.example".to_owned()));
    let other = Credentials { login: "ann".to_owned(), proof: Proof::Certificate };
    let end = talk(Mechanism::External, &other, both, &list, true);
    assert_eq!(end, End::Refused(Kind::Credentials));
}

/// RFC 5802 §6: who can bind and is told that the server cannot notices it.
#[test]
fn bindings() {
    let tls = secured();
    let other = TlsFacts { exporter: Some([8; 32]), ..secured() };
    let whole = offered(&Mechanism::ALL, Some(&tls), false);
    let shorter: Vec<_> =
        whole.iter().copied().filter(|m| *m != Mechanism::ScramSha256Plus).collect();
    let (plus, plain) = (Mechanism::ScramSha256Plus, Mechanism::ScramSha256);
    let bound = End::In("ann".to_owned());
    let rows = [
        // The list came as it was sent.
        (plus, Some(&tls), Some(&tls), &whole, &bound),
        // Two TLS connections with somebody between them.
        (plus, Some(&other), Some(&tls), &whole, &End::Refused(Kind::Binding)),
        // The list was made shorter on the way.
        (plain, Some(&tls), Some(&tls), &shorter, &End::Refused(Kind::Binding)),
        // TLS ends before the server, which so cannot offer binding.
        (plain, Some(&tls), None, &shorter, &bound),
        (plain, None, None, &shorter, &bound),
        // The client knows the offer and has another reason not to bind.
        (plain, Some(&tls), Some(&tls), &whole, &bound),
        (plus, None, Some(&tls), &whole, &End::BrokenOff(Failure::Proof)),
    ];
    for (n, (mechanism, near, far, seen, want)) in rows.into_iter().enumerate() {
        let end = talk(mechanism, &ann("wonderland"), (near, far), seen, true);
        assert_eq!(&end, want, "row {n}");
    }
}

/// The strongest first, nothing readable without TLS to a server that is who it says.
///
/// Register: 4954-14-a.
#[test]
fn choices() {
    use client::NoMechanism::{None as Nothing, Unsafe};
    let tls = secured();
    let unverified = TlsFacts { peer: None, ..secured() };
    let unbound = TlsFacts { exporter: None, ..secured() };
    let all = &Mechanism::ALL[..];
    let readable = &[Mechanism::Plain, Mechanism::Login][..];
    let careful = Policy::default();
    let careless = Policy { clear: true, ..Policy::default() };
    let narrow = Policy { mechanisms: Some(vec![Mechanism::Login]), clear: false };
    let rows = [
        (all, &careful, Some(&tls), &[][..], Ok(Mechanism::ScramSha256Plus)),
        (all, &careful, Some(&unbound), &[], Ok(Mechanism::ScramSha256)),
        (all, &careful, Some(&unverified), &[], Ok(Mechanism::ScramSha256Plus)),
        (all, &careful, None, &[], Ok(Mechanism::ScramSha256)),
        (all, &careful, Some(&tls), &Mechanism::ALL[..3], Ok(Mechanism::Plain)),
        (all, &careful, Some(&unverified), &Mechanism::ALL[..3], Err(Unsafe)),
        (all, &careful, Some(&tls), all, Err(Nothing)),
        (readable, &careful, Some(&tls), &[], Ok(Mechanism::Plain)),
        (readable, &careful, Some(&unverified), &[], Err(Unsafe)),
        (readable, &careful, None, &[], Err(Unsafe)),
        (readable, &careless, None, &[], Ok(Mechanism::Plain)),
        (readable, &narrow, Some(&tls), &[], Ok(Mechanism::Login)),
        (&[Mechanism::ScramSha256], &narrow, Some(&tls), &[], Err(Nothing)),
        (&[Mechanism::External, Mechanism::XOauth2], &careful, Some(&tls), &[], Err(Nothing)),
    ];
    for (n, (list, policy, facts, refused, want)) in rows.into_iter().enumerate() {
        let got = client::choose(list, &ann("wonderland"), policy, facts, refused);
        assert_eq!(got, want, "row {n}");
    }
    let token = Credentials { proof: Proof::Token(Secret::new("t")), ..ann("x") };
    let got = client::choose(all, &token, &careful, Some(&tls), &[]);
    assert_eq!(got, Ok(Mechanism::OauthBearer));
}
