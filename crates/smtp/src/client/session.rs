//! The dialogue of one connection: greeting, EHLO or HELO, transactions, QUIT.
//!
//! What stands between [`Phase::Hello`] and [`Phase::Idle`] has its own file: `starttls`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::{Reply, Severity, TlsFacts};

use super::connection::Connection;
use super::extensions::Extensions;
use super::progress::{Progress, Verdict};
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
    /// EHLO was sent, or HELO.
    Hello { extended: bool },
    /// STARTTLS was sent.
    StartTls,
    /// The wire is in the hands of TLS.
    Handshake,
    /// Between transactions.
    Idle,
    /// MAIL, RCPT and DATA.
    Envelope(Progress),
    /// 354 came.
    Content(Progress, Stuffing),
    /// The final dot was sent.
    Dot(Progress),
    /// The dot that ends a transaction without recipients.
    LoneDot,
    /// RSET was sent.
    Reset,
    /// QUIT was sent.
    Quit,
}

/// One session of a client.
pub struct Session {
    options: Arc<SessionOptions>,
    pub(super) connection: Connection,
    hello: Hello,
    pub(super) security: Security,
    /// What is known of the secured connection.
    pub(super) tls: Option<TlsFacts>,
    pub(super) extensions: Extensions,
    pub(super) peer_name: Option<String>,
    pub(super) phase: Phase,
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
            Phase::Hello { extended } => self.hello_replied(reply, extended, now),
            Phase::StartTls => self.starttls_replied(reply, now),
            Phase::Envelope(progress) => self.envelope_replied(progress, reply, now),
            Phase::Content(progress, _) => self.interrupted(progress, &reply),
            Phase::Dot(progress) => self.dot_replied(progress, reply, now),
            Phase::LoneDot => self.send_reset(now),
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
            Severity::Success => self.send_hello(self.hello == Hello::Extended, now),
            Severity::Intermediate => self.lose_at(Step::Greeting, nonsense(&reply)),
            Severity::Transient | Severity::Permanent => self.refused(Step::Greeting, reply, now),
        }
    }

    pub(super) fn send_hello(&mut self, extended: bool, now: Instant) {
        let verb = if extended { "EHLO" } else { "HELO" };
        self.send(format!("{verb} {}\r\n", self.options.hostname).into_bytes());
        self.enter(Phase::Hello { extended }, now);
    }

    fn hello_replied(&mut self, reply: Reply, extended: bool, now: Instant) {
        // These mean it, whatever the command (RFC 7504 §3, RFC 5321 §3.1).
        let is_meant = matches!(reply.code().get(), 521 | 550 | 554);
        match reply.severity() {
            Severity::Success => {
                self.note_peer(&reply);
                if extended {
                    let offered = reply.text().get(1..).unwrap_or_default();
                    self.extensions = Extensions::parse(offered);
                }
                self.greeted_each_other(now);
            }
            Severity::Intermediate => self.lose_at(Step::Hello, nonsense(&reply)),
            Severity::Permanent if extended && !is_meant => self.send_hello(false, now),
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
            _ => self.ready(now),
        }
    }

    fn note_peer(&mut self, reply: &Reply) {
        let word = reply.text().first().and_then(|line| line.split_whitespace().next());
        if let Some(word) = word {
            self.peer_name = Some(word.to_owned());
        }
    }

    /// A transaction can begin.
    pub(super) fn ready(&mut self, now: Instant) {
        if self.quit {
            return self.send_quit(now);
        }
        self.enter(Phase::Idle, now);
        self.connection.give(Output::Ready);
    }

    fn begin(&mut self, transaction: Transaction, now: Instant) {
        let mut progress = Progress::new(transaction);
        if self.connection.is_closed() || !matches!(self.phase, Phase::Idle) {
            let lost = if self.connection.is_closed() { Lost::Closed } else { Lost::Aborted };
            progress.lose_open(Step::Idle, lost);
            return self.connection.give(Output::Done(progress.into_outcome()));
        }
        if let Some(result) = progress.unsuitable(&self.extensions) {
            progress.settle_open(&result);
        }
        if progress.is_hopeless() {
            return self.done(progress.into_outcome(), now);
        }
        self.send_group(progress, now);
    }

    fn send_group(&mut self, mut progress: Progress, now: Instant) {
        let group = progress.next_group(&self.extensions);
        self.send(group);
        self.enter(Phase::Envelope(progress), now);
    }

    fn envelope_replied(&mut self, mut progress: Progress, reply: Reply, now: Instant) {
        let step = progress.step();
        match progress.replied(reply) {
            Verdict::Await => self.enter(Phase::Envelope(progress), now),
            Verdict::NextGroup => self.send_group(progress, now),
            Verdict::Content => {
                self.enter(Phase::Content(progress, Stuffing::new()), now);
                self.connection.give(Output::WantContent);
            }
            Verdict::LoneDot => {
                self.connection.give(Output::Done(progress.into_outcome()));
                self.connection.give(Output::SendContent(FINAL_DOT.to_vec()));
                self.enter(Phase::LoneDot, now);
            }
            Verdict::Over => {
                self.connection.give(Output::Done(progress.into_outcome()));
                self.send_reset(now);
            }
            Verdict::Nonsense(reply) => {
                progress.lose_open(step, nonsense(&reply));
                self.cut(progress);
            }
        }
    }

    fn content(&mut self, octets: &[u8], now: Instant) {
        let Phase::Content(_, stuffing) = &mut self.phase else { return };
        for octets in octets.chunks(Stuffing::INPUT_MAX) {
            let mut out = Vec::new();
            stuffing.write(octets, &mut out);
            if !out.is_empty() {
                self.connection.give(Output::SendContent(out));
            }
        }
        self.connection.give(Output::WantContent);
        self.wait(now);
    }

    fn content_end(&mut self, now: Instant) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Content(progress, stuffing) => {
                let mut out = Vec::new();
                stuffing.finish(&mut out);
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

    fn dot_replied(&mut self, mut progress: Progress, reply: Reply, now: Instant) {
        match reply.severity() {
            Severity::Success => progress.take_open(reply),
            Severity::Transient | Severity::Permanent => progress.refuse_open(Step::Dot, &reply),
            Severity::Intermediate => {
                progress.lose_open(Step::Dot, nonsense(&reply));
                return self.cut(progress);
            }
        }
        self.done(progress.into_outcome(), now);
    }

    /// The transaction is over and nothing of it is left at the server.
    fn done(&mut self, outcome: Outcome, now: Instant) {
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
            | Phase::Content(mut progress, _)
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
            Phase::Idle => self.wait(now),
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
            | Phase::Content(mut progress, _)
            | Phase::Dot(mut progress) => {
                progress.lose_open(step, lost);
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
    fn cut(&mut self, progress: Progress) {
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
            Step::Hello | Step::StartTls | Step::Idle => timeouts.hello,
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
            Phase::Hello { .. } => Step::Hello,
            Phase::StartTls => Step::StartTls,
            Phase::Handshake => Step::Handshake,
            Phase::Idle => Step::Idle,
            Phase::Envelope(progress) => progress.step(),
            Phase::Content(..) => Step::Content,
            Phase::Dot(_) | Phase::LoneDot => Step::Dot,
            Phase::Reset => Step::Reset,
            Phase::Quit => Step::Quit,
        }
    }
}

pub(super) fn nonsense(reply: &Reply) -> Lost {
    Lost::Nonsense(reply.to_string())
}
