//! The dialogue of one connection: greeting, EHLO or HELO, transactions, QUIT.
//!
//! What stands between [`Phase::Hello`] and [`Phase::Idle`] has files of its own, `starttls` and
//! `authentication`, and so has content by BDAT, `chunks`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sasl::Mechanism;
use mail::{BodyType, Reply, Severity, TlsFacts};

use super::authentication::{Authentication, Proving};
use super::connection::Connection;
use super::envelope::Standing;
use super::extensions::Extensions;
use super::limits::{Limits, Used};
use super::progress::{Progress, Verdict, Way};
use super::replies::Nonsense;
use super::stuffing::{FINAL_DOT, Stuffing};
use super::{
    Hello, Input, Lost, Opening, Outcome, Output, Security, SessionError, SessionOptions, Step,
    Transaction,
};

/// What the session is at: whose turn it is, and what the next reply belongs to.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing is said before the server has spoken (RFC 5321 §4.3.1).
    Greeting,
    /// This was sent.
    Hello(Hello),
    /// STARTTLS was sent.
    StartTls,
    /// The wire is in the hands of TLS.
    Handshake,
    /// AUTH was sent, or a response.
    Auth(Proving),
    /// Between transactions.
    Idle,
    /// MAIL, RCPT and DATA.
    Envelope(Progress),
    /// Nothing was sent yet: the content comes first.
    Gather(Progress),
    /// 354 came.
    Content(Progress),
    /// Chunks go out, and are answered.
    Chunks(Progress),
    /// The final dot was sent.
    Dot(Progress),
    /// The dot that ends a transaction without recipients.
    LoneDot,
    /// RSET was sent.
    Reset,
    /// QUIT was sent.
    Quit,
    /// ETRN was sent.
    Release,
    /// ATRN was sent.
    Turn,
}

/// One session of a client.
pub struct Session {
    options: Arc<SessionOptions>,
    pub(super) connection: Connection,
    pub(super) hello: Hello,
    pub(super) security: Security,
    /// What is known of the secured connection.
    pub(super) tls: Option<TlsFacts>,
    pub(super) extensions: Extensions,
    pub(super) peer_name: Option<String>,
    pub(super) phase: Phase,
    unchunked: bool,
    pub(super) authentication: Authentication,
    used: Used,
    /// Quit was asked for before its time.
    quit: bool,
}

impl Session {
    /// A session on a connection that was just opened, in the clear.
    pub fn new(options: Arc<SessionOptions>, now: Instant) -> Self {
        Self::begun(options, Opening::default(), now)
    }

    /// A session on a connection that was just opened, which begins as `opening` says.
    pub fn begun(options: Arc<SessionOptions>, opening: Opening, now: Instant) -> Self {
        let tls = match &opening.security {
            Security::Implicit(facts) => Some(facts.clone()),
            Security::None | Security::IfOffered | Security::Required => None,
        };
        Self {
            connection: Connection::new(now + options.timeouts.greeting),
            hello: opening.hello,
            security: opening.security,
            tls,
            extensions: Extensions::default(),
            peer_name: None,
            phase: Phase::Greeting,
            unchunked: opening.unchunked,
            authentication: Authentication::new(opening.login),
            used: Used::default(),
            quit: false,
            options,
        }
    }

    /// What the server offers; nothing before EHLO is answered, and after HELO.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// What is known of the secured connection; none in the clear.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// With which mechanism we were let in.
    pub fn logged_in(&self) -> Option<Mechanism> {
        self.authentication.done
    }

    /// What the server calls itself: the first word of its greeting, then of its reply to EHLO.
    pub fn peer_name(&self) -> Option<&str> {
        self.peer_name.as_deref()
    }

    /// Takes in what happened. Afterwards [`poll`](Self::poll) tells what is to be done.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        if self.connection.is_closed() && !matches!(input, Input::Begin(_)) {
            return;
        }
        match input {
            Input::Bytes(octets) => self.read(octets, now),
            Input::Begin(transaction) => self.begin(transaction, now),
            Input::Request(request) => self.request(&request, now),
            Input::Content(octets) => self.content(octets, now),
            Input::ContentEnd => self.content_end(now),
            Input::Abort => self.lose(Lost::Aborted),
            Input::Secured(facts) => self.secured(facts, now),
            Input::TlsFailed(reason) => self.tls_failed(reason),
            Input::Sent => self.wait(now),
            Input::Quit if matches!(self.phase, Phase::Idle) => self.send_quit(now),
            Input::Quit => self.quit = true,
            Input::Tick => self.tick(now),
            Input::Closed => self.lose(Lost::Closed),
        }
    }

    /// The next thing to do. Each is given once, [`Output::Wait`] and [`Output::Close`] excepted.
    pub fn poll(&mut self) -> Output {
        self.connection.poll()
    }

    fn read(&mut self, octets: &[u8], now: Instant) {
        if matches!(self.phase, Phase::Handshake) {
            return self.lose(Lost::Injected);
        }
        self.connection.replies.extend(octets);
        while !self.connection.is_closed() {
            match self.connection.replies.next() {
                None => return,
                Some(Ok(reply)) => self.replied(reply, now),
                Some(Err(Nonsense(beginning))) => self.lose(Lost::Nonsense(beginning)),
            }
        }
    }

    /// Takes one reply: to the command the phase tells of, and 421 to any.
    fn replied(&mut self, reply: Reply, now: Instant) {
        if reply.code().get() == 421 {
            return self.hung_up(&reply);
        }
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Greeting => self.greeted(reply, now),
            Phase::Hello(hello) => self.hello_replied(reply, hello, now),
            Phase::StartTls => self.starttls_replied(reply, now),
            Phase::Auth(proving) => self.auth_replied(proving, reply, now),
            Phase::Envelope(progress) | Phase::Chunks(progress) | Phase::Dot(progress) => {
                self.transaction_replied(progress, reply, now);
            }
            Phase::Gather(mut progress) => {
                progress.lose_open(Step::Idle, nonsense(&reply));
                self.cut(progress);
            }
            Phase::Content(progress) => self.interrupted(progress, &reply),
            Phase::LoneDot => self.send_reset(now),
            Phase::Release => self.release_replied(reply, now),
            Phase::Turn => self.turn_replied(reply, now),
            Phase::Reset if reply.is_success() => self.ready(now),
            Phase::Reset => self.refused(Step::Reset, reply, now),
            // Nobody asked.
            Phase::Idle | Phase::Handshake => self.lose(Lost::Nonsense(reply.to_string())),
            Phase::Quit => self.connection.close(),
        }
    }

    fn greeted(&mut self, reply: Reply, now: Instant) {
        self.note_peer(&reply);
        match reply.severity() {
            Severity::Success => self.send_hello(self.hello, now),
            Severity::Intermediate => self.lose_at(Step::Greeting, nonsense(&reply)),
            Severity::Transient | Severity::Permanent => self.refused(Step::Greeting, reply, now),
        }
    }

    pub(super) fn send_hello(&mut self, hello: Hello, now: Instant) {
        let verb = match hello {
            Hello::Extended => "EHLO",
            Hello::Plain => "HELO",
            Hello::Lmtp => "LHLO",
        };
        self.send(format!("{verb} {}\r\n", self.options.hostname).into_bytes());
        self.enter(Phase::Hello(hello), now);
    }

    fn hello_replied(&mut self, reply: Reply, hello: Hello, now: Instant) {
        // These mean it, whatever the command (RFC 7504 §3, RFC 5321 §3.1).
        let is_meant = matches!(reply.code().get(), 521 | 550 | 554);
        match reply.severity() {
            Severity::Success => {
                self.note_peer(&reply);
                if hello != Hello::Plain {
                    let offered = reply.text().get(1..).unwrap_or_default();
                    self.extensions = Extensions::parse(offered);
                    self.used.limits = Limits::of(&self.extensions);
                }
                self.greeted_each_other(now);
            }
            Severity::Intermediate => self.lose_at(Step::Hello, nonsense(&reply)),
            Severity::Permanent if hello == Hello::Extended && !is_meant => {
                self.send_hello(Hello::Plain, now);
            }
            Severity::Transient | Severity::Permanent => self.refused(Step::Hello, reply, now),
        }
    }

    /// Secures the connection where that is wanted, before anything else is said.
    fn greeted_each_other(&mut self, now: Instant) {
        match (&self.security, &self.tls) {
            (Security::Required, None) if !self.extensions.starttls() => self.no_tls(now),
            (Security::Required | Security::IfOffered, None) if self.extensions.starttls() => {
                self.send_starttls(now);
            }
            _ if self.authentication.is_wanted() => self.authenticate(now),
            _ => self.ready(now),
        }
    }

    fn note_peer(&mut self, reply: &Reply) {
        let word = reply.text().first().and_then(|line| line.split_whitespace().next());
        if let Some(word) = word {
            self.peer_name = Some(word.to_owned());
        }
    }

    /// A transaction can begin, unless the server takes no more of them.
    pub(super) fn ready(&mut self, now: Instant) {
        if self.quit || self.used.is_spent() {
            return self.send_quit(now);
        }
        self.enter(Phase::Idle, now);
        self.connection.give(Output::Ready);
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { secured: self.tls.is_some(), logged_in: self.authentication.done.is_some() }
    }

    fn begin(&mut self, transaction: Transaction, now: Instant) {
        let body = transaction.parameters.body;
        let chunks = self.extensions.chunking() && (!self.unchunked || body == BodyType::Binary);
        let each = self.hello == Hello::Lmtp;
        let mut progress = Progress::new(transaction, Way { chunks, each });
        if self.connection.is_closed() || !matches!(self.phase, Phase::Idle) {
            let lost = if self.connection.is_closed() { Lost::Closed } else { Lost::Aborted };
            progress.lose_open(Step::Idle, lost);
            return self.connection.give(Output::Done(progress.into_outcome()));
        }
        progress.sift(&self.extensions, self.standing(), &mut self.used);
        if progress.is_hopeless() {
            self.quit |= progress.is_all_excess();
            return self.done(progress.into_outcome(), now);
        }
        self.used.begin();
        // A last chunk for nobody has no reply in LMTP, so there must be somebody (RFC 2033 §4.3).
        if chunks && !each && self.extensions.pipelining() && progress.fits_one_group() {
            self.enter(Phase::Gather(progress), now);
            return self.connection.give(Output::WantContent);
        }
        self.send_group(progress, now);
    }

    pub(super) fn send_group(&mut self, mut progress: Progress, now: Instant) {
        let group = progress.next_group(&self.extensions, self.standing());
        self.send(group);
        self.enter(Phase::Envelope(progress), now);
    }

    fn transaction_replied(&mut self, mut progress: Progress, reply: Reply, now: Instant) {
        let step = progress.step();
        match progress.replied(reply) {
            Verdict::Await if matches!(step, Step::Content | Step::Dot) => {
                self.enter(Phase::Chunks(progress), now);
            }
            Verdict::Await => self.enter(Phase::Envelope(progress), now),
            Verdict::NextGroup => self.send_group(progress, now),
            Verdict::Content if progress.is_chunked() => self.more_chunks(progress, now),
            Verdict::Content => {
                self.enter(Phase::Content(progress), now);
                self.connection.give(Output::WantContent);
            }
            Verdict::More => self.more_chunks(progress, now),
            // There is no reply to it that could be awaited (RFC 2033 §4.2).
            Verdict::LoneDot if self.hello == Hello::Lmtp => self.cut(progress),
            Verdict::LoneDot => {
                self.connection.give(Output::Done(progress.into_outcome()));
                self.connection.give(Output::SendContent(FINAL_DOT.to_vec()));
                self.enter(Phase::LoneDot, now);
            }
            Verdict::Over => {
                self.connection.give(Output::Done(progress.into_outcome()));
                self.send_reset(now);
            }
            Verdict::Finished => self.done(progress.into_outcome(), now),
            Verdict::Unchunked => {
                // What it has read as commands cannot be taken back; it gets no more.
                progress.lose_open(Step::Content, Lost::Unchunked);
                self.cut(progress);
            }
            Verdict::Nonsense(reply) => {
                progress.lose_open(progress.step_lost_at(step), nonsense(&reply));
                self.cut(progress);
            }
        }
    }

    fn content(&mut self, octets: &[u8], now: Instant) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Gather(progress) | Phase::Content(progress) | Phase::Chunks(progress)
                if progress.is_seven_bit_to(&self.extensions) && !octets.is_ascii() =>
            {
                self.withhold(progress, now);
            }
            Phase::Gather(progress) => self.gather(progress, octets, now),
            Phase::Chunks(progress) => self.chunk(progress, octets, now),
            Phase::Content(progress) => self.stuff(progress, octets, now),
            other => self.phase = other,
        }
    }

    fn stuff(&mut self, mut progress: Progress, octets: &[u8], now: Instant) {
        for octets in octets.chunks(Stuffing::INPUT_MAX) {
            let mut out = Vec::new();
            progress.stuffing.write(octets, &mut out);
            if !out.is_empty() {
                self.connection.give(Output::SendContent(out));
            }
        }
        self.connection.give(Output::WantContent);
        self.enter(Phase::Content(progress), now);
    }

    fn content_end(&mut self, now: Instant) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Gather(progress) => self.send_whole(progress, now),
            Phase::Chunks(progress) => self.last_chunk(progress, now),
            Phase::Content(mut progress) => {
                let mut out = Vec::new();
                std::mem::replace(&mut progress.stuffing, Stuffing::new()).finish(&mut out);
                progress.dot_sent();
                self.connection.give(Output::SendContent(out));
                self.enter(Phase::Dot(progress), now);
            }
            other => self.phase = other,
        }
    }

    /// The server speaks before the content is complete. A refusal ends it: the connection is cut,
    /// as the dot would make a message of the part that was sent.
    fn interrupted(&mut self, mut progress: Progress, reply: &Reply) {
        match reply.severity() {
            Severity::Transient | Severity::Permanent => progress.refuse_open(Step::Content, reply),
            Severity::Success | Severity::Intermediate => {
                progress.lose_open(Step::Content, nonsense(reply));
            }
        }
        self.cut(progress);
    }

    /// The transaction is over and nothing of it is left at the server.
    pub(super) fn done(&mut self, outcome: Outcome, now: Instant) {
        self.connection.give(Output::Done(outcome));
        self.ready(now);
    }

    /// The server may still hold a part of the transaction (RFC 5321 §4.1.4, RFC 1870 §6.2).
    fn send_reset(&mut self, now: Instant) {
        self.send(b"RSET\r\n".to_vec());
        self.enter(Phase::Reset, now);
    }

    pub(super) fn send_quit(&mut self, now: Instant) {
        self.send(b"QUIT\r\n".to_vec());
        self.enter(Phase::Quit, now);
    }

    /// There is no session to speak in; QUIT is said nevertheless (RFC 5321 §4.1.1.10, §4.1.4).
    pub(super) fn refused(&mut self, step: Step, reply: Reply, now: Instant) {
        self.connection.give(Output::Failed(SessionError::Refused(step, reply)));
        self.send_quit(now);
    }

    /// 421: the server closes, whatever was said before; all that is open may be tried again.
    fn hung_up(&mut self, reply: &Reply) {
        let step = self.step();
        match std::mem::replace(&mut self.phase, Phase::Quit) {
            Phase::Envelope(mut progress)
            | Phase::Gather(mut progress)
            | Phase::Content(mut progress)
            | Phase::Chunks(mut progress)
            | Phase::Dot(mut progress) => {
                progress.refuse_open(step, reply);
                self.cut(progress);
            }
            Phase::Quit => self.connection.close(),
            _ => {
                let error = SessionError::Refused(step, reply.clone());
                self.connection.give(Output::Failed(error));
                self.connection.close();
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        if now < self.connection.deadline {
            return;
        }
        match self.phase {
            // It is the caller that has nothing to say.
            Phase::Idle | Phase::Gather(_) => self.wait(now),
            _ => self.lose(Lost::TimedOut),
        }
    }

    pub(super) fn lose(&mut self, lost: Lost) {
        let step = self.step();
        self.lose_at(step, lost);
    }

    /// The connection is of no use any more.
    pub(super) fn lose_at(&mut self, step: Step, lost: Lost) {
        match std::mem::replace(&mut self.phase, Phase::Quit) {
            Phase::Envelope(mut progress)
            | Phase::Gather(mut progress)
            | Phase::Content(mut progress)
            | Phase::Chunks(mut progress)
            | Phase::Dot(mut progress) => {
                progress.lose_open(progress.step_lost_at(step), lost);
                self.cut(progress);
            }
            Phase::Quit => self.connection.close(),
            _ => {
                self.connection.give(Output::Failed(SessionError::Lost(step, lost)));
                self.connection.close();
            }
        }
    }

    /// Tells what became of the transaction, and closes without a word.
    pub(super) fn cut(&mut self, progress: Progress) {
        self.connection.give(Output::Done(progress.into_outcome()));
        self.connection.close();
    }

    pub(super) fn send(&mut self, commands: Vec<u8>) {
        self.connection.give(Output::Send(commands));
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.wait(now);
    }

    /// Sets the clock for the step the session is at.
    fn wait(&mut self, now: Instant) {
        self.connection.deadline = now + self.patience();
    }

    /// RFC 5321 §4.5.3.2.
    fn patience(&self) -> Duration {
        let timeouts = &self.options.timeouts;
        match self.step() {
            Step::Greeting => timeouts.greeting,
            Step::Hello | Step::StartTls | Step::Auth | Step::Release | Step::Idle => {
                timeouts.hello
            }
            Step::Turn => timeouts.turn,
            Step::Handshake => timeouts.handshake,
            Step::Mail => timeouts.mail,
            Step::Recipient => timeouts.recipient,
            Step::Data => timeouts.data,
            Step::Content => timeouts.block,
            Step::Dot => timeouts.dot,
            Step::Reset | Step::Quit => timeouts.quit,
        }
    }

    fn step(&self) -> Step {
        match &self.phase {
            Phase::Greeting => Step::Greeting,
            Phase::Hello(_) => Step::Hello,
            Phase::StartTls => Step::StartTls,
            Phase::Handshake => Step::Handshake,
            Phase::Auth(_) => Step::Auth,
            Phase::Idle | Phase::Gather(_) => Step::Idle,
            Phase::Envelope(progress) => progress.step(),
            Phase::Content(_) => Step::Content,
            Phase::Chunks(progress) => progress.step(),
            Phase::Dot(_) | Phase::LoneDot => Step::Dot,
            Phase::Reset => Step::Reset,
            Phase::Quit => Step::Quit,
            Phase::Release => Step::Release,
            Phase::Turn => Step::Turn,
        }
    }
}

pub(super) fn nonsense(reply: &Reply) -> Lost {
    Lost::Nonsense(reply.to_string())
}
