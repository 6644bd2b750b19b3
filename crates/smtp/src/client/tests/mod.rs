//! The client's session, played from transcripts against a scripted server, and against ours.

mod bounds;
mod starttls;
mod together;

use std::collections::VecDeque;
use std::sync::Arc;

use mail::ForwardPath;
use mail::envelope::{
    AuthSender, BodyType, DeliverBy, Hold, LateMode, Notify, OriginalRecipient,
    RecipientParameters, Return,
};

use super::*;
use crate::sasl::client::{Credentials, Policy, Proof};
use crate::sasl::{Nonce, Secret};
use crate::transcript::{self, Case, octets};

fn options() -> SessionOptions {
    SessionOptions { hostname: "client.example".to_owned(), timeouts: Timeouts::default() }
}

/// A session, and what came of it.
struct Stage {
    session: Session,
    now: Instant,
    wait: Option<Instant>,
    /// Commands and content in order; content is also kept apart.
    wire: Vec<u8>,
    events: VecDeque<String>,
    /// Content of the transaction under way, given in pieces of this size.
    content: Vec<u8>,
    piece: usize,
    /// Stops giving content after one chunk.
    stall: bool,
    /// Lines that nobody may write down.
    secrets: usize,
}

impl Stage {
    fn new(opening: Opening, piece: usize) -> Self {
        let now = Instant::now();
        let session = Session::begun(Arc::new(options()), opening, now);
        let mut stage = Self {
            session,
            now,
            wait: None,
            wire: Vec::new(),
            events: VecDeque::new(),
            content: Vec::new(),
            piece,
            stall: false,
            secrets: 0,
        };
        stage.drive();
        stage
    }

    fn give(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        self.drive();
    }

    fn drive(&mut self) {
        loop {
            match self.session.poll() {
                Output::Send(octets) => {
                    assert!(octets.ends_with(b"\r\n") && octets.len() <= 64 * 1024);
                    self.wire.extend(octets);
                }
                Output::SendSecret(octets) => {
                    self.secrets += 1;
                    self.wire.extend(octets);
                }
                Output::SendContent(octets) => {
                    assert!(!octets.is_empty() && octets.len() <= 256 * 1024);
                    self.wire.extend(octets);
                }
                Output::StartTls => self.events.push_back("starttls".to_owned()),
                Output::Ready => self.events.push_back("ready".to_owned()),
                Output::Answered(Some(reply)) => self.events.push_back(format!("answered {reply}")),
                Output::Answered(None) => self.events.push_back("not offered".to_owned()),
                Output::Turned => self.events.push_back("turned".to_owned()),
                Output::WantContent => self.more(),
                Output::Done(outcome) => {
                    self.events.extend(outcome.recipients.iter().map(told));
                }
                Output::Failed(SessionError::Refused(step, reply)) => {
                    self.events.push_back(format!("failed {step:?} {reply}"));
                }
                Output::Failed(SessionError::Lost(step, lost)) => {
                    self.events.push_back(format!("failed {step:?} {lost:?}"));
                }
                Output::Failed(SessionError::Login(LoginError::Refused(mechanism, reply))) => {
                    self.events.push_back(format!("failed {mechanism} {reply}"));
                }
                Output::Failed(other) => self.events.push_back(format!("failed {other:?}")),
                Output::Close => {
                    if self.wait.take().is_some() {
                        self.events.push_back("close".to_owned());
                    }
                    return;
                }
                Output::Wait(deadline) => return self.wait = Some(deadline),
            }
        }
    }

    fn more(&mut self) {
        let rest = self.content.split_off(self.piece.min(self.content.len()));
        let chunk = std::mem::replace(&mut self.content, rest);
        if !chunk.is_empty() {
            self.session.handle(Input::Content(&chunk), self.now);
        } else if !self.stall {
            self.session.handle(Input::ContentEnd, self.now);
        }
    }
}

fn told(result: &RecipientResult) -> String {
    match result {
        RecipientResult::Taken(reply) => format!("taken {reply}"),
        RecipientResult::Refused(step, reply) => format!("refused {step:?} {reply}"),
        RecipientResult::Later(reply) => format!("later {reply}"),
        RecipientResult::Lost(step, lost) => format!("lost {step:?} {lost:?}"),
        RecipientResult::Excess => "excess".to_owned(),
        RecipientResult::Unsuitable(lack) => format!("unsuitable {lack:?}"),
        RecipientResult::TooLarge(limit) => format!("too large {limit}"),
    }
}

/// `<from> <to> …` and words: `8bit`, `binary`, `utf8` (of the header), `size=n` (else that of
/// `content`), and parameters as in MAIL and RCPT: `ret=full`, `envid=x`, `auth=x@y`, `by=60;R`,
/// `hold=60`, `until=60`, `priority=3`, `requiretls`; `notify=…` and `orcpt=…` are of the recipient before.
fn transaction(text: &str, content: &[u8]) -> Transaction {
    let mut words = text.split(' ');
    let reverse_path = words.next().and_then(|word| ReversePath::parse_utf8(word).ok());
    let mut transaction = Transaction {
        reverse_path: reverse_path.expect("a path"),
        parameters: MailParameters::default(),
        recipients: Vec::new(),
        size: content.len() as u64,
    };
    for word in words {
        parameter(&mut transaction, word);
    }
    transaction
}

fn parameter(transaction: &mut Transaction, word: &str) {
    let parameters = &mut transaction.parameters;
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    match key {
        "8bit" => parameters.body = BodyType::EightBitMime,
        "binary" => parameters.body = BodyType::Binary,
        "utf8" => parameters.utf8 = true,
        "size" => transaction.size = value.parse().expect("a size"),
        "ret" => {
            parameters.ret = Some(if value == "full" { Return::Full } else { Return::Headers });
        }
        "envid" => parameters.envelope_id = Some(value.parse().expect("xtext")),
        "auth" => {
            let mailbox = |text: &str| AuthSender::Mailbox(text.parse().expect("a mailbox"));
            let unknown = value == "<>";
            parameters.auth = Some(if unknown { AuthSender::Unknown } else { mailbox(value) });
        }
        "by" => {
            let (seconds, mode) = value.split_once(';').expect("a mode");
            let late = if mode.starts_with('R') { LateMode::Return } else { LateMode::Notify };
            let seconds = seconds.parse().expect("seconds");
            let trace = mode.ends_with('T');
            parameters.deliver_by = Some(DeliverBy { seconds, mode: late, trace });
        }
        "until" => {
            let since = Duration::from_secs(value.parse().expect("seconds"));
            parameters.hold = Some(Hold::Until(std::time::UNIX_EPOCH + since));
        }
        "hold" => parameters.hold = Some(Hold::For(value.parse().expect("seconds"))),
        "priority" => parameters.priority = Some(value.parse().expect("a priority")),
        "requiretls" => parameters.require_tls = true,
        "notify" => {
            let has = |wanted: &str| value.split(',').any(|word| word == wanted);
            let (success, failure, delay) = (has("SUCCESS"), has("FAILURE"), has("DELAY"));
            let last = transaction.recipients.last_mut().expect("a recipient");
            last.parameters.notify = Some(Notify { success, failure, delay });
        }
        "orcpt" => {
            let (kind, address) = value.split_once(';').expect("a type");
            let (address_type, address) = (kind.to_owned(), address.to_owned());
            let last = transaction.recipients.last_mut().expect("a recipient");
            last.parameters.original = Some(OriginalRecipient { address_type, address });
        }
        _ => transaction.recipients.push(Recipient {
            path: ForwardPath::parse_utf8(word).expect("a path"),
            parameters: RecipientParameters::default(),
        }),
    }
}

fn facts() -> TlsFacts {
    TlsFacts { version: "TLSv1.3".to_owned(), ..TlsFacts::default() }
}

/// `password name word`, `token name word` or `certificate name`, and `clear` for an operator who
/// lets secrets go in the clear.
fn login(text: &str) -> Login {
    let words: Vec<_> = text.split(' ').collect();
    let secret = || Secret::new(words[2]);
    let proof = match words[0] {
        "password" => Proof::Password(secret()),
        "token" => Proof::Token(secret()),
        _ => Proof::Certificate,
    };
    let policy = Policy { clear: words.contains(&"clear"), ..Policy::default() };
    Login {
        credentials: Credentials {
            login: words.get(1).copied().unwrap_or_default().to_owned(),
            proof,
        },
        policy,
        host: "mx.example.net".to_owned(),
        port: 587,
        nonces: vec![Nonce::new([0; Nonce::OCTETS]); EXCHANGES_MAX],
    }
}

/// How a session begins, as the steps before the first line say it.
fn opening(case: &Case) -> Opening {
    let mut opening = Opening::default();
    for step in &case.steps {
        match step.tag.as_str() {
            "hello only" => opening.hello = Hello::Plain,
            "lmtp" => opening.hello = Hello::Lmtp,
            "login" => {
                let text = String::from_utf8(octets(&step.text)).expect("text");
                opening.login = Some(login(&text));
            }
            "unchunked" => opening.unchunked = true,
            "tls" => {
                opening.security = match step.text.as_str() {
                    "if offered" => Security::IfOffered,
                    "required" => Security::Required,
                    "implicit" => Security::Implicit(facts()),
                    "verified" => Security::Implicit(TlsFacts {
                        peer: Some("mx.example.net".to_owned()),
                        ..facts()
                    }),
                    other => panic!("{}: no such security: {other}", case.name),
                }
            }
            _ => {}
        }
    }
    opening
}

/// Plays one case, the server's octets cut into pieces.
fn check(case: &Case, piece: usize) {
    let name = format!("{} (by {piece})", case.name);
    let mut stage = Stage::new(opening(case), piece);
    for step in &case.steps {
        let expects = matches!(step.tag.as_str(), "C" | "C-" | "=");
        if !expects {
            assert!(stage.wire.is_empty(), "{name}: before {step:?}: {}", shown(&stage.wire));
            assert!(stage.events.is_empty(), "{name}: before {step:?}: {:?}", stage.events);
        }
        play(&mut stage, step, piece, &name);
    }
    assert!(stage.wire.is_empty(), "{name}: {} is left", shown(&stage.wire));
    assert!(stage.events.is_empty(), "{name}: {:?} is left", stage.events);
}

fn shown(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

fn play(stage: &mut Stage, step: &transcript::Step, piece: usize, name: &str) {
    let mut text = octets(&step.text);
    match step.tag.as_str() {
        "hello only" | "lmtp" | "unchunked" | "login" | "tls" => {}
        "S" | "S-" => {
            if step.tag == "S" {
                text.extend(b"\r\n");
            }
            text.chunks(piece).for_each(|piece| stage.give(Input::Bytes(piece)));
        }
        "C" | "C-" => {
            if step.tag == "C" {
                text.extend(b"\r\n");
            }
            assert!(stage.wire.starts_with(&text), "{name}: {} for {step:?}", shown(&stage.wire));
            stage.wire.drain(..text.len());
        }
        // Something that happened, other than on the wire.
        "=" => {
            let event = stage.events.pop_front().unwrap_or_default();
            assert!(transcript::matches(&event, &step.text), "{name}: {event:?} for {step:?}");
        }
        "content" => stage.content = text,
        "stall" => stage.stall = true,
        "begin" => {
            let transaction = transaction(&step.text, &stage.content);
            stage.give(Input::Begin(transaction));
        }
        "etrn" => {
            let release = crate::grammar::release(&text).expect("a node or a queue");
            stage.give(Input::Request(Request::Release(release)));
        }
        "atrn" => {
            let domains = crate::grammar::turn(&text).expect("domains");
            stage.give(Input::Request(Request::Turn(domains)));
        }
        "secured" => stage.give(Input::Secured(facts())),
        "tls failed" => stage.give(Input::TlsFailed(step.text.clone())),
        "is secured" => {
            assert_eq!(stage.session.tls(), (step.text == "yes").then(facts).as_ref(), "{name}");
        }
        "logged in" => {
            let mechanism = stage.session.logged_in().map(|mechanism| mechanism.name());
            assert_eq!(mechanism.unwrap_or("no"), step.text, "{name}");
        }
        "secrets" => assert_eq!(stage.secrets.to_string(), step.text, "{name}"),
        "abort" => stage.give(Input::Abort),
        "sent" => stage.give(Input::Sent),
        "quit" => stage.give(Input::Quit),
        "closed" => stage.give(Input::Closed),
        "after" => {
            stage.now += Duration::from_secs(step.text.parse().expect("seconds"));
            stage.give(Input::Tick);
        }
        "named" => assert_eq!(stage.session.peer_name(), Some(step.text.as_str()), "{name}"),
        other => panic!("{name}: no such step: {other}"),
    }
}

/// Every transcript, whole, in pieces of 7 and octet by octet.
///
/// Register: 5321-3.3-t, 5321-4.2-h, 5321-4.3.2-b, 5321-4.3.1-a, 1123-5.2.10-b, 2920-3.1-f,
/// 2920-3.1-h. Others stand in the transcripts.
#[test]
fn transcripts() {
    for case in transcript::cases("client") {
        for piece in [usize::MAX, 7, 1] {
            check(&case, piece);
        }
    }
}

/// Whatever a server offers, nothing else is said: neither VRFY nor EXPN, no HELP, no SEND. The
/// transcripts hold every line of the client.
///
/// Register: 5321-3.5.1-k, 5321-3.5.4-a, 5321-F.6-a.
#[test]
fn verbs() {
    let known = [
        "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "QUIT",
        "ETRN", "ATRN",
    ];
    let unwanted = ["VRFY", "EXPN", "HELP", "NOOP", "SEND", "SOML", "SAML", "TURN"];
    let mut seen: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
    for case in transcript::cases("client") {
        for step in case.steps.iter().filter(|step| step.tag.starts_with('C')) {
            for line in step.text.split("\\r\\n") {
                let verb = line.split([' ', ':']).next().unwrap_or_default();
                assert!(!unwanted.contains(&verb), "{}: {step:?}", case.name);
                seen.extend(known.iter().find(|known| **known == verb));
            }
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
}

/// Register: 5321-4.5.3.2-a, 5321-4.5.3.2.1-a, 5321-4.5.3.2.2-a, 5321-4.5.3.2.3-a,
/// 5321-4.5.3.2.4-a, 5321-4.5.3.2.5-a, 5321-4.5.3.2.6-a, 1123-5.3.2-a.
#[test]
fn default_timeouts() {
    let minutes = |timeout: Duration| timeout.as_secs() / 60;
    let Timeouts { greeting, hello, handshake, mail, recipient, data, block, dot, quit, turn } =
        Timeouts::default();
    assert_eq!((minutes(handshake), minutes(turn)), (1, 10));
    let found = [greeting, hello, mail, recipient, data, block, dot, quit].map(minutes);
    assert_eq!(found, [5, 5, 5, 5, 2, 3, 10, 1]);
}
