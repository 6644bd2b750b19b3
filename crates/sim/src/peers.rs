//! The other ends of a world: programs that send letters, and foreign servers that take them, refuse
//! them, or fail in each phase of the dialogue.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::doors::{Clock, Listener, Network, Wire};
use mail::{BodyType, ForwardPath, MailParameters, Recipient, RecipientParameters, ReversePath};
use parking_lot::Mutex;
use smtp::client::{
    Input, Output, RecipientResult, Session, SessionOptions, Timeouts, Transaction,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout_at;

use crate::host::Ground;
use crate::laws::number_in;
use crate::mailboxes::Letter;
use crate::net::Net;
use crate::story::Story;
use crate::tracks::Tracks;
use crate::world::{Chance, SimClock};

/// What a sender knows about one letter for one recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// It was answered 250: the host has it.
    Taken,
    /// It was refused, or lost before the end: the host does not have it.
    NotTaken,
    /// The connection was lost while the reply to the final dot was awaited: who knows.
    Unknown,
}

/// Sends one letter and gives what the sender knows of each recipient.
pub async fn send(
    net: &Net,
    clock: &SimClock,
    from: IpAddr,
    to: SocketAddr,
    letter: Transaction,
    content: &[u8],
) -> Vec<Sent> {
    let count = letter.recipients.len();
    let network = net.at(vec![from]);
    let dialling = tokio::time::timeout(Duration::from_secs(30), network.connect(to, None));
    let Ok(Ok(mut wire)) = dialling.await else { return vec![Sent::NotTaken; count] };
    let options =
        SessionOptions { hostname: "sender.example".to_owned(), timeouts: Timeouts::default() };
    let mut session = Session::new(Arc::new(options), clock.now());
    let mut buffer = vec![0; 4096];
    let (mut letter, mut content, mut sent) =
        (Some(letter), Some(content), vec![Sent::NotTaken; count]);
    loop {
        match session.poll() {
            Output::Send(octets) | Output::SendSecret(octets) | Output::SendContent(octets) => {
                let failed = wire.write_all(&octets).await.is_err();
                session.handle(if failed { Input::Closed } else { Input::Sent }, clock.now());
            }
            Output::Ready => {
                let input = letter.take().map_or(Input::Quit, Input::Begin);
                session.handle(input, clock.now());
            }
            Output::WantContent => {
                let input = content.take().map_or(Input::ContentEnd, Input::Content);
                session.handle(input, clock.now());
            }
            Output::Done(outcome) => sent = outcome.recipients.iter().map(known).collect(),
            // The session was not told to secure itself.
            Output::StartTls | Output::Failed(_) | Output::Answered(_) | Output::Turned => {}
            Output::Close => return sent,
            Output::Wait(until) => match timeout_at(until.into(), wire.read(&mut buffer)).await {
                Err(_) => session.handle(Input::Tick, clock.now()),
                Ok(Ok(0) | Err(_)) => session.handle(Input::Closed, clock.now()),
                Ok(Ok(len)) => {
                    let octets = buffer.get(..len).unwrap_or_default();
                    session.handle(Input::Bytes(octets), clock.now());
                }
            },
        }
    }
}

fn known(result: &RecipientResult) -> Sent {
    match result {
        RecipientResult::Taken(_) => Sent::Taken,
        RecipientResult::Lost(smtp::client::Step::Dot, _) => Sent::Unknown,
        _ => Sent::NotTaken,
    }
}

/// A letter for [`send`].
pub fn letter(from: ReversePath, to: Vec<ForwardPath>, content: &[u8]) -> Transaction {
    let recipient = |path| Recipient { path, parameters: RecipientParameters::default() };
    letter_to(from, to.into_iter().map(recipient).collect(), content)
}

/// A letter for [`send`], with what is said of its recipients.
pub fn letter_to(from: ReversePath, recipients: Vec<Recipient>, content: &[u8]) -> Transaction {
    let body = if content.is_ascii() { BodyType::SevenBit } else { BodyType::EightBitMime };
    Transaction {
        reverse_path: from,
        parameters: MailParameters { body, ..MailParameters::default() },
        recipients,
        size: content.len() as u64,
    }
}

/// How a foreign server behaves towards one session, drawn anew for each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mood {
    Good,
    GreetsWith(u16),
    HangsUpOn(&'static str),
    Refuses(&'static str, u16),
    /// Takes the letter and closes before it says so.
    TakesAndDies,
    Stalls(&'static str),
}

/// What a foreign server has beside plain SMTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Habits {
    /// `8BITMIME`.
    pub eight_bit: bool,
    /// `DSN`. It keeps what it is asked to itself: nobody there reports.
    pub dsn: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self { eight_bit: true, dsn: false }
    }
}

impl Habits {
    /// The reply to EHLO.
    fn offer(self) -> Vec<u8> {
        let mut reply = b"250-foreign.example\r\n250-PIPELINING\r\n".to_vec();
        if self.eight_bit {
            reply.extend_from_slice(b"250-8BITMIME\r\n");
        }
        if self.dsn {
            reply.extend_from_slice(b"250-DSN\r\n");
        }
        reply.extend_from_slice(b"250 SIZE 1000000\r\n");
        reply
    }
}

/// A letter that a foreign server has taken.
#[derive(Clone, Debug)]
pub struct TakenLetter {
    /// The host that it came from.
    pub from: IpAddr,
    /// Its recipients, without brackets.
    pub recipients: Vec<String>,
    /// Its content.
    pub letter: Letter,
}

/// What a foreign server has taken.
#[derive(Clone)]
pub struct Taken {
    letters: Arc<Mutex<Vec<TakenLetter>>>,
    lost_replies: Arc<Mutex<u64>>,
    habits: Habits,
    offences: Arc<Mutex<Vec<String>>>,
    plain: Arc<Mutex<Vec<u64>>>,
    story: Story,
    tracks: Tracks,
}

impl Taken {
    fn take(&self, from: IpAddr, recipients: &[String], octets: Vec<u8>, is_told: bool) {
        let number = number_in(&octets).unwrap_or(0);
        let told = if is_told { "" } else { " and does not say so" };
        self.story.tell(format_args!("the foreign host takes letter {number}{told}"));
        if !is_told {
            *self.lost_replies.lock() += 1;
            self.tracks.broke(number);
        }
        if !self.habits.eight_bit && !octets.is_ascii() {
            self.offences.lock().push(format!("letter {number} has 8 bits at a host that takes 7"));
        }
        let letter = Letter { octets: octets.into(), at: self.story.now() };
        let recipients = recipients.to_vec();
        self.letters.lock().push(TakenLetter { from, recipients, letter });
    }

    /// Recipients and content of each letter.
    pub fn letters(&self) -> Vec<TakenLetter> {
        self.letters.lock().clone()
    }

    /// What a host must not do to this one, and did.
    pub fn offences(&self) -> Vec<String> {
        self.offences.lock().clone()
    }

    /// Letters that came in a session that began with HELO.
    pub fn plain(&self) -> Vec<u64> {
        self.plain.lock().clone()
    }

    /// What it has.
    pub fn habits(&self) -> Habits {
        self.habits
    }

    /// A command came; some say more than was offered.
    fn hear(&self, line: &str) {
        let words = ["NOTIFY=", "ORCPT=", "RET=", "ENVID="];
        if !self.habits.dsn && words.iter().any(|word| line.contains(word)) {
            self.offences.lock().push(format!("a host without DSN was told {}", line.trim_end()));
        }
    }

    /// Letters taken whose reply was never given.
    pub fn lost_replies(&self) -> u64 {
        *self.lost_replies.lock()
    }
}

/// A foreign server at `at`. One session in `trouble_one_in` is trouble (0: none).
pub fn foreign(ground: &Ground, at: SocketAddr, chance: Chance, trouble_one_in: u64) -> Taken {
    foreign_with(Habits::default(), ground, at, chance, trouble_one_in)
}

/// The same with habits of its own.
pub fn foreign_with(
    habits: Habits,
    ground: &Ground,
    at: SocketAddr,
    chance: Chance,
    trouble_one_in: u64,
) -> Taken {
    let taken = Taken {
        letters: Arc::default(),
        lost_replies: Arc::default(),
        habits,
        offences: Arc::default(),
        plain: Arc::default(),
        story: ground.story.clone(),
        tracks: ground.tracks.clone(),
    };
    let listener = ground.net.listen(at);
    let (kept, chance) = (taken.clone(), chance);
    tokio::spawn(serve_all(listener, kept, chance, trouble_one_in));
    taken
}

async fn serve_all(listener: Arc<dyn Listener>, taken: Taken, chance: Chance, trouble_one_in: u64) {
    while let Ok(wire) = listener.accept().await {
        let mood = if chance.once_in(trouble_one_in) { mood(&chance) } else { Mood::Good };
        tokio::spawn(serve(wire, taken.clone(), mood));
    }
}

fn mood(chance: &Chance) -> Mood {
    const STEPS: [&str; 5] = ["EHLO", "MAIL", "RCPT", "DATA", "."];
    let step = STEPS.get(chance.below(5) as usize).copied().unwrap_or("MAIL");
    match chance.below(6) {
        0 => Mood::GreetsWith(if chance.once_in(3) { 554 } else { 421 }),
        1 => Mood::HangsUpOn(step),
        2 => Mood::Refuses(step, 451),
        3 => Mood::Refuses(step, 550),
        4 => Mood::TakesAndDies,
        _ => Mood::Stalls(step),
    }
}

async fn serve(wire: Box<dyn Wire>, taken: Taken, mood: Mood) {
    let mut wire = BufReader::new(wire);
    // A session that breaks off is what these peers are for.
    let _ = dialogue(&mut wire, &taken, mood).await;
}

async fn dialogue(
    wire: &mut BufReader<Box<dyn Wire>>,
    taken: &Taken,
    mood: Mood,
) -> std::io::Result<()> {
    if let Mood::GreetsWith(code) = mood {
        return wire.write_all(format!("{code} not now\r\n").as_bytes()).await;
    }
    wire.write_all(b"220 foreign.example ESMTP\r\n").await?;
    let mut recipients = Vec::new();
    let mut line = String::new();
    let offer = taken.habits.offer();
    let mut is_plain = false;
    loop {
        line.clear();
        if wire.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        taken.hear(&line);
        let verb = line.split([' ', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        is_plain |= verb == "HELO";
        if mood == Mood::HangsUpOn(step_of(&verb)) {
            return Ok(());
        }
        if mood == Mood::Stalls(step_of(&verb)) {
            std::future::pending::<()>().await;
        }
        if let Mood::Refuses(step, code) = mood
            && step == step_of(&verb)
        {
            wire.write_all(format!("{code} {}.0.0 refused\r\n", code / 100).as_bytes()).await?;
            continue;
        }
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => &offer,
            "MAIL" => {
                recipients.clear();
                b"250 2.1.0 ok\r\n"
            }
            "RCPT" => {
                let path = line.split(['<', '>']).nth(1).unwrap_or_default();
                recipients.push(path.to_owned());
                b"250 2.1.5 ok\r\n"
            }
            "DATA" if recipients.is_empty() => b"503 5.5.1 no recipients\r\n",
            "DATA" => {
                wire.write_all(b"354 go on\r\n").await?;
                if !content(wire, taken, &recipients, mood, is_plain).await? {
                    return Ok(());
                }
                recipients.clear();
                continue;
            }
            "QUIT" => {
                wire.write_all(b"221 2.0.0 bye\r\n").await?;
                return wire.shutdown().await;
            }
            _ => b"250 2.0.0 ok\r\n",
        };
        wire.write_all(reply).await?;
    }
}

fn step_of(verb: &str) -> &'static str {
    match verb {
        "EHLO" | "HELO" => "EHLO",
        "MAIL" => "MAIL",
        "RCPT" => "RCPT",
        "DATA" => "DATA",
        _ => "",
    }
}

/// Reads content to its end. False: the session is over.
async fn content(
    wire: &mut BufReader<Box<dyn Wire>>,
    taken: &Taken,
    recipients: &[String],
    mood: Mood,
    is_plain: bool,
) -> std::io::Result<bool> {
    let (mut octets, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if wire.read_until(b'\n', &mut line).await? == 0 {
            return Ok(false);
        }
        if line == b".\r\n" {
            break;
        }
        octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
    match mood {
        Mood::HangsUpOn(".") => return Ok(false),
        Mood::Stalls(".") => std::future::pending::<()>().await,
        Mood::Refuses(".", code) => {
            wire.write_all(format!("{code} {}.0.0 refused\r\n", code / 100).as_bytes()).await?;
            return Ok(true);
        }
        _ => {}
    }
    if is_plain {
        taken.plain.lock().extend(number_in(&octets));
    }
    let from = wire.get_ref().peer().ip();
    taken.take(from, recipients, octets, mood != Mood::TakesAndDies);
    if mood == Mood::TakesAndDies {
        return Ok(false);
    }
    // The reply itself may be lost on the way.
    wire.write_all(b"250 2.0.0 taken\r\n").await?;
    Ok(true)
}
