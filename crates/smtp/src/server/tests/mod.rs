//! The server's session, played from transcripts and pushed to its bounds.

mod bounds;
mod codes;
mod ends;
mod injection;

use std::time::Duration;

use super::*;
use crate::grammar::{Extensions, Lookup, Release};
use crate::sasl::server::{Answer, Kind as Failed, Question as LoginQuestion};
use crate::transcript::{self, Case};
use mail::Topic;

/// Listeners of the tests, before a transcript changes them.
pub(super) fn options() -> SessionOptions {
    SessionOptions {
        message_size: 100_000,
        recipients: 100,
        extensions: Extensions::LEAST,
        ..SessionOptions::new("mx.example.net", Kind::Mx)
    }
}

/// A session with somebody who answers its questions.
pub(super) struct Stage {
    pub(super) session: Session,
    pub(super) now: Instant,
    pub(super) wait: Option<Instant>,
    pub(super) sent: Vec<u8>,
    pub(super) sends: usize,
    pub(super) content: Vec<u8>,
    pub(super) messages: Vec<(Transaction, Vec<u8>)>,
    pub(super) discards: usize,
    pub(super) closed: bool,
    /// Handshakes that were asked for.
    pub(super) handshakes: usize,
    pub(super) notices: Vec<Notice>,
    /// Clients that a proxy has named.
    pub(super) clients: Vec<Attributes>,
    /// The roles have turned round.
    pub(super) turned: bool,
    /// Polls on to `Wait` before it answers.
    pub(super) slow: bool,
}

impl Stage {
    pub(super) fn new(options: SessionOptions) -> Self {
        Self::with(options, Peer::default())
    }

    pub(super) fn with(options: SessionOptions, peer: Peer) -> Self {
        let now = Instant::now();
        Self::on(Session::new(Arc::new(options), peer, now), now)
    }

    pub(super) fn on(session: Session, now: Instant) -> Self {
        let mut stage = Self {
            session,
            now,
            wait: None,
            sent: Vec::new(),
            sends: 0,
            content: Vec::new(),
            messages: Vec::new(),
            discards: 0,
            closed: false,
            handshakes: 0,
            notices: Vec::new(),
            clients: Vec::new(),
            turned: false,
            slow: false,
        };
        stage.drive();
        stage
    }

    pub(super) fn give(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        self.drive();
    }

    pub(super) fn bytes(&mut self, octets: &[u8], piece: usize) {
        for piece in octets.chunks(piece) {
            assert!(self.closed || self.session.wants_bytes());
            self.give(Input::Bytes(piece));
        }
    }

    fn drive(&mut self) {
        let mut open = None;
        loop {
            match self.session.poll() {
                Output::Send(octets) => {
                    assert!(!octets.is_empty());
                    self.sends += 1;
                    self.sent.extend(octets);
                }
                Output::Content(octets) => self.content.extend_from_slice(&octets),
                Output::Discard => {
                    self.content.clear();
                    self.discards += 1;
                }
                Output::Ask(question) if self.slow => {
                    assert!(!self.session.wants_bytes());
                    open = Some(question);
                }
                Output::Ask(question) => self.answer(question),
                Output::StartTls => self.handshakes += 1,
                Output::Turn => self.turned = true,
                Output::Notice(notice) => self.notices.push(notice),
                Output::Close => return self.closed = true,
                Output::Wait(deadline) => match open.take() {
                    Some(question) => self.answer(question),
                    None => return self.wait = Some(deadline),
                },
            }
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Login(question) => {
                self.session.handle(Input::Login(accounts(&question)), self.now);
            }
            Question::Client(attributes) => {
                self.clients.push(*attributes);
                self.session.handle(Input::Client(Peer::default()), self.now);
            }
            question => {
                let reply = self.decide(question);
                self.session.handle(Input::Answer(reply), self.now);
            }
        }
    }

    /// The policy of the tests: local-parts say what becomes of them.
    fn decide(&mut self, question: Question) -> Reply {
        let word = |path: &str| path.trim_matches(['<', '>']).split('@').next().map(str::to_owned);
        match question {
            Question::Sender { path, .. } => match word(&path.to_string()).as_deref() {
                Some("bad") => Reply::new(550, Topic(7, 1), "not this sender"),
                _ => Reply::new(250, Topic(1, 0), format!("sender {path}")),
            },
            Question::Recipient { path, .. } => match word(&path.to_string()).as_deref() {
                Some("unknown") => Reply::new(550, Topic(1, 1), "no such mailbox\nreally not"),
                Some("busy") => Reply::new(450, Topic(2, 1), "mailbox busy"),
                Some("moved") => Reply::new(251, Topic(1, 5), "will forward"),
                Some("moved8") => Reply::new(251, Topic(1, 5), "to <j\u{f6}rg@b.example>"),
                Some("gone8") => Reply::new(551, Topic(1, 6), "try <j\u{f6}rg@b.example>"),
                Some("closing") => Reply::new(421, Topic(3, 2), "closing"),
                _ => Reply::new(250, Topic(1, 5), format!("recipient {path}")),
            },
            Question::Message(transaction) => {
                assert_eq!(transaction.size, self.content.len() as u64);
                let refused = memchr::memmem::find(&self.content, b"refuse me").is_some();
                let count = transaction.envelope.recipients.len();
                self.messages.push((*transaction, std::mem::take(&mut self.content)));
                match refused {
                    true => Reply::new(554, Topic(7, 1), "refused"),
                    false => Reply::new(250, Topic(0, 0), format!("taken for {count}")),
                }
            }
            Question::Verify(Lookup { text, .. }) if text.starts_with("j\u{f6}rg") => {
                Reply::new(250, Topic(1, 5), "J\u{f6}rg <j\u{f6}rg@example.net>")
            }
            Question::Verify(Lookup { text, .. }) if text == "joerg" => {
                Reply::new(550, Topic(1, 1), "not j\u{f6}rg")
            }
            Question::Verify(Lookup { text, .. }) if text == "jorg" => {
                Reply::new(250, Topic(1, 5), "J\u{f6}rg <j\u{f6}rg@example.net>")
            }
            Question::Verify(Lookup { text, .. }) => {
                Reply::new(252, Topic(5, 0), format!("cannot verify {text}"))
            }
            Question::Release(release) => match release {
                Release::Node(node) => Reply::new(250, Topic(0, 0), format!("node {node}")),
                Release::Below(node) => Reply::new(253, Topic(0, 0), format!("below {node}")),
                Release::Queue(queue) => Reply::new(458, Topic(5, 0), format!("no queue {queue}")),
            },
            Question::Turn { login, domains } if domains.is_empty() => {
                Reply::new(453, Topic(0, 0), format!("no mail for {login}"))
            }
            Question::Turn { .. } => Reply::new(250, Topic(0, 0), "now you"),
            Question::Login(_) | Question::Client(_) => unreachable!("answered by themselves"),
            Question::Expand(_) => Reply::new(252, Topic(5, 0), "no lists are shown"),
        }
    }
}

/// The accounts of the tests: ada with her secret.
fn accounts(question: &LoginQuestion) -> Answer {
    match question {
        LoginQuestion::Password { login, password } => match login.as_str() {
            "ada" if password.reveal() == "secret" => Answer::Accepted { login: login.clone() },
            "down" => Answer::Failed(Failed::Unavailable),
            "locked" => Answer::Failed(Failed::Locked),
            "weak" => Answer::Failed(Failed::TooWeak),
            _ => Answer::Failed(Failed::Credentials),
        },
        _ => Answer::Failed(Failed::Credentials),
    }
}

/// Plays one case with its octets cut into pieces.
fn check(case: &Case, piece: usize, slow: bool) {
    let name = format!("{} (by {piece}{})", case.name, if slow { ", slow" } else { "" });
    let (mut options, mut peer) = (options(), Peer::default());
    let mut stage = None;
    let mut lines = std::collections::VecDeque::new();
    for step in &case.steps {
        if step.tag == "options" {
            set(&mut options, &mut peer, &step.text);
            continue;
        }
        if step.tag == "refused" {
            let (code, text) = step.text.split_once(' ').expect("code and text");
            let reply = Reply::bare(code.parse().expect("a code"), text);
            let now = Instant::now();
            let session = Session::refused(Arc::new(options.clone()), reply, now);
            stage = Some(Stage::on(session, now));
            continue;
        }
        let stage = stage.get_or_insert_with(|| Stage::with(options.clone(), peer.clone()));
        stage.slow = slow;
        if step.tag != "S" {
            assert_eq!(lines.pop_front(), None::<String>, "{name}: before {step:?}");
        }
        play(stage, step, piece, &name);
        let sent = std::mem::take(&mut stage.sent);
        assert!(sent.is_empty() || sent.ends_with(b"\r\n"), "{name}");
        lines.extend(String::from_utf8_lossy(&sent).lines().map(str::to_owned));
        if step.tag == "S" {
            let line = lines.pop_front().unwrap_or_default();
            let expected = transcript::octets(&step.text);
            let expected = String::from_utf8_lossy(&expected);
            assert!(transcript::matches(&line, &expected), "{name}: {line:?} for {step:?}");
            check_status(&line);
        }
    }
    assert!(lines.is_empty(), "{name}: {lines:?} is left");
}

fn play(stage: &mut Stage, step: &transcript::Step, piece: usize, name: &str) {
    let mut octets = transcript::octets(&step.text);
    match step.tag.as_str() {
        "S" => {}
        "C" => {
            octets.extend(b"\r\n");
            stage.bytes(&octets, piece);
        }
        "C-" => stage.bytes(&octets, piece),
        "message" => {
            let (_, content) = stage.messages.pop().unwrap_or_else(|| panic!("{name}: no message"));
            assert_eq!(content, octets, "{name}");
        }
        "recipients" => {
            let (transaction, _) = stage.messages.last().expect("a message");
            let paths = transaction.envelope.recipients.iter().map(|to| to.path.to_string());
            assert_eq!(paths.collect::<Vec<_>>().join(" "), step.text, "{name}");
        }
        "no message" => assert!(stage.messages.is_empty(), "{name}"),
        "discarded" => assert_eq!(std::mem::take(&mut stage.discards), 1, "{name}"),
        "after" => {
            stage.now += Duration::from_secs(step.text.parse().expect("seconds"));
            stage.give(Input::Tick);
        }
        "handshake" => assert_eq!(std::mem::take(&mut stage.handshakes), 1, "{name}"),
        "secured" => stage.give(Input::Secured(facts())),
        "not secured" => stage.give(Input::TlsFailed),
        "notice" => {
            let notice = stage.notices.pop().unwrap_or_else(|| panic!("{name}: no notice"));
            assert!(transcript::matches(&notice.to_string(), &step.text), "{name}: {notice}");
        }
        "with" => {
            let (transaction, _) = stage.messages.last().expect("a message");
            assert_eq!(transaction.with().word(), step.text, "{name}");
        }
        "envelope" => {
            let (transaction, _) = stage.messages.last().expect("a message");
            let found = format!("{:?}", transaction.envelope);
            assert!(found.contains(&step.text), "{name}: {found}");
        }
        "client" => {
            let found = format!("{:?}", stage.clients.pop().expect("a client"));
            assert!(found.contains(&step.text), "{name}: {found}");
        }
        "forwarded" => {
            let (transaction, _) = stage.messages.last().expect("a message");
            let found = format!("{:?}", transaction.forwarded);
            assert!(found.contains(&step.text), "{name}: {found}");
        }
        "turned" => assert!(stage.turned, "{name}"),
        "shutdown" => stage.give(Input::Shutdown),
        "closed" => stage.give(Input::Closed),
        "close" => assert!(stage.closed, "{name}"),
        "open" => assert!(!stage.closed, "{name}"),
        other => panic!("{name}: no such step: {other}"),
    }
}

/// What the tests know of a secured connection.
pub(super) fn facts() -> TlsFacts {
    TlsFacts {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        ..TlsFacts::default()
    }
}

/// Words of `options:`, some with a number, some with a name.
fn set(options: &mut SessionOptions, peer: &mut Peer, text: &str) {
    for word in text.split(' ') {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u32>().expect("a number");
        match key {
            "errors" => options.errors = number(),
            "recipients" => options.recipients = number() as usize,
            "size" => options.message_size = number().into(),
            "submission" => options.kind = Kind::Submission,
            "no-starttls" => options.starttls = false,
            "tls-required" => options.tls_required = true,
            "lmtp" => options.kind = Kind::Lmtp,
            "odmr" => options.kind = Kind::Odmr,
            "mails" => options.transactions = Some(number()),
            "domains" => options.recipient_domains = Some(number() as usize),
            "by-min" => options.deliver_by_min = Duration::from_secs(number().into()),
            "hold" => options.hold_max = Duration::from_secs(number().into()),
            "all" => options.extensions = Extensions::ALL,
            "chunking" => options.extensions.chunking = true,
            "dsn" => options.extensions.dsn = true,
            "utf8" => options.extensions.utf8 = true,
            "binary" => options.extensions.binary = true,
            "auth" | "auth-required" => {
                options.extensions.auth = true;
                options.authentication = Some(Authentication {
                    mechanisms: vec![Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256],
                    relayed: Vec::new(),
                    clear: false,
                    required: key == "auth-required",
                    failures: 3,
                });
            }
            "clear" => options.authentication.iter_mut().for_each(|auth| auth.clear = true),
            "may-release" => peer.may.release = true,
            "may-expand" => peer.may.expand = true,
            "may-prioritise" => peer.may.prioritise = true,
            "may-vouch" => peer.may.vouch = true,
            "may-proxy" => peer.may.proxy = true,
            "certificate" => peer.can_secure = true,
            "tls" => peer.tls = Some(Arc::new(facts())),
            other => panic!("no such option: {other}"),
        }
    }
}

/// The form of each reply line, and its status where one must be.
fn check_status(line: &str) {
    assert!(line.len() <= 510, "{line}");
    // RFC 6531 §3.7.4: nothing else is ever in UTF-8.
    let may_be_utf8 = ["250 2.1.5", "251 ", "551 ", "550 5.1.1"];
    assert!(line.is_ascii() || may_be_utf8.iter().any(|it| line.starts_with(it)), "{line}");
    let (code, rest) = line.split_at(3);
    let code: u16 = code.parse().expect("three digits");
    assert!((200..600).contains(&code) && rest.starts_with([' ', '-']), "{line}");
    let words: Vec<&str> = rest[1..].split(' ').collect();
    let keywords = [
        "mx.example.net",
        "PIPELINING",
        "SIZE",
        "8BITMIME",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
        "CHUNKING",
        "BINARYMIME",
        "SMTPUTF8",
        "DSN",
        "MT-PRIORITY",
        "REQUIRETLS",
        "DELIVERBY",
        "FUTURERELEASE",
        "LIMITS",
        "AUTH",
        "ETRN",
        "ATRN",
        "EXPN",
        "XCLIENT",
        "XFORWARD",
        "VRFY",
        "HELP",
    ];
    let bare = code / 100 == 3 || keywords.contains(&words[0]) || words.contains(&"greeting");
    let status = mail::EnhancedStatus::parse(words[0]);
    let class = status.map(|status| u16::from(status.class()));
    assert_eq!(class, (!bare).then_some(code / 100), "{line}");
}

/// Every transcript, whole, in pieces of 7 and octet by octet, answered at once and later.
///
/// Register: 5321-4.2-a, 5321-4.2-b, 5321-4.2-f, 5321-4.2-g, 5321-4.2-k, 5321-4.2.1-e,
/// 5321-4.2.1-g, 5321-4.3.1-d, 5321-4.3.2-c, 2034-4-a, 2034-4-b, 2034-4-c, 2034-4-d, 2034-4-f,
/// 2920-3.2-a, 2920-3.2-g, 2920-3.2-h, 2920-3.2-i. Others stand in the transcripts.
#[test]
fn transcripts() {
    for case in transcript::cases("server") {
        for piece in [usize::MAX, 7, 1] {
            check(&case, piece, false);
            check(&case, piece, true);
        }
    }
}
