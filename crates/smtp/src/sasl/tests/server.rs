//! What a server lists, and what it says to clients that do not play by the rules.

use mail::TlsFacts;

use super::super::server::{Answer, Exchange, Kind, Question, Step};
use super::super::{MESSAGE_MAX, Mechanism, NAME_MAX, Verifier, offered};
use super::{context, secured, settled};

/// Register: 4954-4-w, 4954-9-c, 4616-5-a, 4954-6-e, 8314-4.2-c.
#[test]
fn lists() {
    let tls = secured();
    let anonymous = TlsFacts { peer: None, ..secured() };
    let names =
        |list: Vec<Mechanism>| list.into_iter().map(Mechanism::name).collect::<Vec<_>>().join(" ");
    let all = Mechanism::ALL;
    assert_eq!(names(offered(&all, None, false)), "SCRAM-SHA-256");
    assert_eq!(names(offered(&all, None, true)), "SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN");
    let local = [Mechanism::Login, Mechanism::Plain, Mechanism::ScramSha256Plus];
    assert_eq!(names(offered(&local, Some(&tls), false)), "SCRAM-SHA-256-PLUS PLAIN LOGIN");
    assert_eq!(names(offered(&[Mechanism::External], Some(&tls), false)), "EXTERNAL");
    assert_eq!(names(offered(&[Mechanism::External], Some(&anonymous), false)), "");
}

/// Register: 4954-8-a.
#[test]
fn names_in_any_case() {
    for mechanism in Mechanism::ALL {
        assert_eq!(mechanism.name().to_lowercase().parse(), Ok(mechanism));
    }
    assert!("CRAM-MD5".parse::<Mechanism>().is_err());
}

/// The outcome of one response to one mechanism: a failure, or none.
fn outcome(mechanism: Mechanism, response: &[u8]) -> Option<Kind> {
    let tls = secured();
    let (mut exchange, step) = Exchange::start(mechanism, Some(response), context(Some(&tls)));
    match settled(&mut exchange, step) {
        Step::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}

/// Register: 4616-2-a, 4616-2-b, 4616-2-c, 4616-2-d, 4954-4-r.
#[test]
fn plain() {
    let long = "a".repeat(NAME_MAX);
    let longer = "a".repeat(NAME_MAX + 1);
    let (malformed, refused) = (Some(Kind::Malformed), Some(Kind::Credentials));
    let rows = [
        ("\0ann\0wonderland".to_owned(), None),
        ("ann\0ann\0wonderland".to_owned(), None),
        ("bob\0ann\0wonderland".to_owned(), refused),
        ("\0ann\0wonderlanD".to_owned(), refused),
        ("\0bob\0wonderland".to_owned(), refused),
        ("\0ann\0".to_owned(), refused),
        ("\0\0wonderland".to_owned(), refused),
        ("\0an\u{7}n\0wonderland".to_owned(), refused),
        // A soft hyphen is nothing, a no-break space a blank (RFC 4013 §2.1).
        ("\0a\u{ad}nn\0wonder\u{ad}land".to_owned(), None),
        ("\0\u{ad}\0wonderland".to_owned(), refused),
        (format!("\0{long}\0{long}"), refused),
        (format!("\0{longer}\0wonderland"), refused),
        (String::new(), malformed),
        ("ann".to_owned(), malformed),
        ("\0ann".to_owned(), malformed),
        ("\0ann\0wonder\0land".to_owned(), malformed),
        ("\0ann\0wonderland\0".to_owned(), malformed),
    ];
    for (message, want) in rows {
        assert_eq!(outcome(Mechanism::Plain, message.as_bytes()), want, "{message:?}");
    }
    assert_eq!(outcome(Mechanism::Plain, b"\0ann\0\xff"), malformed);
    // The longest name and password do reach the accounts.
    let initial = format!("\0{long}\0{long}");
    let (_, step) = Exchange::start(Mechanism::Plain, Some(initial.as_bytes()), context(None));
    assert!(matches!(
        step,
        Step::Ask(Question::Password { login, password })
            if login == long && password.reveal() == long
    ));
}

#[test]
fn login() {
    let (mut exchange, step) = Exchange::start(Mechanism::Login, None, context(None));
    assert!(matches!(step, Step::Challenge(text) if text == b"Username:"));
    let step = exchange.respond(b"ann");
    assert!(matches!(step, Step::Challenge(text) if text == b"Password:"));
    let step = exchange.respond(b"wonderland");
    assert!(matches!(settled(&mut exchange, step), Step::Done { login } if login == "ann"));
    assert_eq!(outcome(Mechanism::Login, b""), Some(Kind::Credentials));
    assert_eq!(outcome(Mechanism::Login, b"\xff"), Some(Kind::Malformed));
    assert_eq!(outcome(Mechanism::Login, b"a\0b"), Some(Kind::Credentials));
}

#[test]
fn scram_first_messages() {
    let (malformed, refused, bound) =
        (Some(Kind::Malformed), Some(Kind::Credentials), Some(Kind::Binding));
    let plain = Mechanism::ScramSha256;
    let plus = Mechanism::ScramSha256Plus;
    let rows = [
        (plain, "n,,n=ann,r=abc", None),
        (plain, "n,a=ann,n=ann,r=abc", None),
        (plain, "n,,n=ann,r=abc,x=later", None),
        (plain, "n,a=bob,n=ann,r=abc", refused),
        (plain, "n,,n=a=2Cb=3D,r=abc", None),
        (plain, "n,,n=a=2cb,r=abc", malformed),
        (plain, "n,,n=a=,r=abc", malformed),
        (plain, "n,,n=ann,r=", malformed),
        (plain, "n,,n=ann,r=a b", malformed),
        (plain, "n,,n=ann", malformed),
        (plain, "n,,n=,r=abc", malformed),
        (plain, "n,,m=new,n=ann,r=abc", malformed),
        (plain, "n,b=ann,n=ann,r=abc", malformed),
        (plain, "x,,n=ann,r=abc", malformed),
        (plain, "n,,n=a\u{7}n,r=abc", refused),
        (plain, "n,,r=abc,n=ann", malformed),
        (plain, "n,,n=ann,r=abc,nonsense", malformed),
        (plain, "n", malformed),
        (plain, "", malformed),
        // The server of these tests offers binding.
        (plain, "y,,n=ann,r=abc", bound),
        (plain, "p=tls-exporter,,n=ann,r=abc", malformed),
        (plus, "p=tls-exporter,,n=ann,r=abc", None),
        (plus, "p=tls-unique,,n=ann,r=abc", bound),
        (plus, "p=,,n=ann,r=abc", bound),
        (plus, "n,,n=ann,r=abc", bound),
        (plus, "y,,n=ann,r=abc", bound),
    ];
    for (mechanism, message, want) in rows {
        assert_eq!(outcome(mechanism, message.as_bytes()), want, "{message}");
    }
    let long = format!("n,,n=ann,r={}", "a".repeat(MESSAGE_MAX));
    assert_eq!(outcome(plain, long.as_bytes()), malformed);
}

#[test]
fn scram_final_messages() {
    let nonce = format!("abc{}", super::nonce().as_str());
    let proof = "A".repeat(43) + "=";
    let rows = [
        (format!("c=biws,r={nonce},p={proof}"), Kind::Credentials),
        (format!("c=biws,r={nonce}x,p={proof}"), Kind::Credentials),
        (format!("c=biws,r=abc,p={proof}"), Kind::Credentials),
        (format!("c=eSws,r={nonce},p={proof}"), Kind::Binding),
        (format!("c=!,r={nonce},p={proof}"), Kind::Malformed),
        (format!("c=biws,r={nonce},p=AAAA"), Kind::Malformed),
        (format!("c=biws,r={nonce},p="), Kind::Malformed),
        (format!("c=biws,r={nonce}"), Kind::Malformed),
        (format!("r={nonce},c=biws,p={proof}"), Kind::Malformed),
        (String::new(), Kind::Malformed),
        ("\0".to_owned(), Kind::Malformed),
    ];
    for name in ["ann", "nobody"] {
        for (message, want) in &rows {
            let first = format!("n,,n={name},r=abc");
            let first = Some(first.as_bytes());
            let (mut exchange, step) =
                Exchange::start(Mechanism::ScramSha256, first, context(None));
            assert!(matches!(settled(&mut exchange, step), Step::Challenge(_)));
            let Step::Failed(failure) = exchange.respond(message.as_bytes()) else {
                panic!("{message}")
            };
            assert_eq!(failure.kind, *want, "{message}");
            assert_eq!(failure.login.as_deref(), Some(name));
        }
    }
}

/// The salt of an account that does not exist is the same each time and another for each name.
#[test]
fn made_up_verifiers() {
    let secret = [3; 32];
    let one = Verifier::made_up(&secret, "nobody");
    assert_eq!(one, Verifier::made_up(&secret, "nobody"));
    assert_ne!(one.salt, Verifier::made_up(&secret, "noone").salt);
    assert_ne!(one.salt, Verifier::made_up(&[4; 32], "nobody").salt);
    assert_eq!(one.salt.len(), 16);
}

/// Register: 4954-4-f, 4954-4-s, 4954-6-g, 4954-4-d, 4954-4-k.
#[test]
fn replies() {
    let rows = [
        (Kind::Mechanism, "504 5.5.4"),
        (Kind::Malformed, "501 5.5.2"),
        (Kind::Cancelled, "501 5.7.0"),
        (Kind::Credentials, "535 5.7.8"),
        (Kind::Binding, "535 5.7.8"),
        (Kind::TooWeak, "534 5.7.9"),
        (Kind::Locked, "454 4.7.0"),
        (Kind::Unavailable, "454 4.7.0"),
    ];
    for (kind, want) in rows {
        assert!(kind.reply().to_string().starts_with(want), "{kind:?}");
    }
}

#[test]
fn ends() {
    // After the end nothing counts any more.
    let (mut exchange, step) = Exchange::start(Mechanism::Plain, Some(b"x"), context(None));
    assert!(matches!(step, Step::Failed(_)));
    assert!(matches!(exchange.respond(b"\0ann\0wonderland"), Step::Failed(_)));
    let answer = Answer::Accepted { login: "ann".to_owned() };
    assert!(matches!(exchange.answer(answer), Step::Failed(_)));
    // An answer to a question of another kind lets nobody in.
    let first = Some(&b"n,,n=ann,r=abc"[..]);
    let (mut exchange, _) = Exchange::start(Mechanism::ScramSha256, first, context(None));
    let answer = Answer::Accepted { login: "ann".to_owned() };
    assert!(matches!(exchange.answer(answer), Step::Failed(_)));
    // Cancelled between two steps.
    let (mut exchange, _) = Exchange::start(Mechanism::Login, Some(b"ann"), context(None));
    let Step::Failed(failure) = exchange.cancel() else { panic!("cancelled") };
    assert_eq!((failure.kind, failure.login.as_deref()), (Kind::Cancelled, Some("ann")));
    // A signature must be taken note of with nothing.
    for mechanism in [Mechanism::OauthBearer, Mechanism::XOauth2] {
        assert_eq!(outcome(mechanism, b"x"), Some(Kind::Mechanism));
    }
}

/// What another authority is asked and answers passes through.
#[test]
fn relayed() {
    let (mut exchange, step) = Exchange::relayed(Mechanism::ScramSha256, None, context(None));
    assert!(matches!(step, Step::Ask(Question::Relay { response: None, .. })));
    let step = exchange.answer(Answer::Challenge(b"riddle".to_vec()));
    assert!(matches!(step, Step::Challenge(octets) if octets == b"riddle"));
    let step = exchange.respond(b"solution");
    assert!(matches!(
        step,
        Step::Ask(Question::Relay { response: Some(octets), .. }) if octets == b"solution"
    ));
    let step = exchange.answer(Answer::Accepted { login: "ann".to_owned() });
    assert!(matches!(step, Step::Done { login } if login == "ann"));
}

/// Nobody reads a password in a log.
#[test]
fn secrets_stay_secret() {
    let (_, step) = Exchange::start(Mechanism::Plain, Some(b"\0ann\0wonderland"), context(None));
    assert!(!format!("{step:?}").contains("wonderland"), "{step:?}");
    let verifier = Verifier::derive("wonderland", b"salt", 4096).unwrap();
    assert_eq!(format!("{verifier:?}"), "Verifier { iterations: 4096, .. }");
}

mod nonsense {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever comes, an exchange ends within a few steps, and lets nobody in.
        #[test]
        fn is_refused(
            which in 0usize..7,
            lines in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..40),
                    "[nypc]?=?,?,?[nr]?=[a-c]{0,3},?[rpc]?=?[a-c]{0,3}".prop_map(String::into_bytes),
                ],
                6,
            ),
        ) {
            let mechanism = Mechanism::ALL[which];
            let tls = TlsFacts { peer: None, ..secured() };
            let (mut exchange, mut step) = Exchange::start(mechanism, None, context(Some(&tls)));
            for line in &lines {
                step = settled(&mut exchange, step);
                if matches!(step, Step::Failed(_)) {
                    break;
                }
                step = exchange.respond(line);
            }
            prop_assert!(matches!(settled(&mut exchange, step), Step::Failed(_)));
        }
    }
}
