//! Plays one case.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::expect::{self, Offer, Reply};
use super::script::{self, Case, Step};
use super::talk::Talk;
use super::{Plan, Verdict};

/// Lines of content beyond the announced size, for a server that announces less than this.
const OVER_SIZE_MAX: u64 = 256 << 20;
/// The whole of a case, however slow the server is: no wait is unbounded, and there are not many.
const CASE_MAX: Duration = Duration::from_secs(600);
/// Servers listen while they say no to a letter; so long they may be deaf.
const STEP: usize = 64 * 1024;

/// A case while it is played.
struct Stage<'a> {
    plan: &'a Plan,
    offer: &'a Offer,
    talk: Talk,
    last: Reply,
    /// The last line that was said.
    asked: String,
    within: Option<Duration>,
    until: Instant,
}

/// How a case ended before its end.
enum End {
    Fail(String),
    Unclear(String),
}

/// What came of `case`, and what was said.
pub fn play(case: &Case, plan: &Plan, offer: &Offer) -> (Verdict, String) {
    let talk = match Talk::connect(&plan.server, plan.patience) {
        Ok(talk) => talk,
        Err(error) => return (Verdict::Unclear, format!("no connection: {error}")),
    };
    let asked = "the connection".to_owned();
    let until = Instant::now() + CASE_MAX;
    let mut stage = Stage { plan, offer, talk, last: Reply::default(), asked, within: None, until };
    let played = stage.play(&case.steps);
    // The server may be gone already.
    let _ = stage.talk.send(b"QUIT\r\n");
    match played {
        Ok(()) => (Verdict::Pass, stage.last.text()),
        Err(End::Fail(said)) => (Verdict::Fail, said),
        Err(End::Unclear(said)) => (Verdict::Unclear, said),
    }
}

impl Stage<'_> {
    fn play(&mut self, steps: &[Step]) -> Result<(), End> {
        let mut steps = steps.iter();
        while let Some(step) = steps.next() {
            match step {
                Step::Repeat(times) => {
                    let both: Vec<&Step> = steps.by_ref().take(2).collect();
                    for _ in 0..*times {
                        both.iter().try_for_each(|step| self.step(step))?;
                    }
                }
                Step::Tls if self.last.code() != 220 => return Ok(()),
                step => self.step(step)?,
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), End> {
        self.in_time()?;
        match step {
            Step::Line(text) => {
                let mut line = self.octets(text);
                line.extend_from_slice(b"\r\n");
                self.say(&line)
            }
            Step::Octets(text) => {
                let octets = self.octets(text);
                self.say(&octets)
            }
            Step::Reply { expected, sure } => {
                let wait = self.within.take().unwrap_or(self.plan.patience);
                let reply = self.talk.reply_within(wait);
                self.last = reply.map_err(|error| self.broken(&error, *sure))?;
                if expected.fits(&self.last) {
                    return Ok(());
                }
                let said = format!("{} to {}", self.last.text(), self.asked);
                match *sure && !expected.is_put_off(&self.last) {
                    true => Err(End::Fail(said)),
                    false => Err(End::Unclear(said)),
                }
            }
            Step::Quiet(seconds) => {
                let noise = self.talk.noise(Duration::from_secs(*seconds));
                let noise = noise.map_err(|error| self.broken(&error, true))?;
                let said = || End::Fail(format!("{noise} to {}", self.asked));
                if noise.is_empty() { Ok(()) } else { Err(said()) }
            }
            Step::Wait(seconds) => {
                let noise = self.talk.noise(Duration::from_secs(*seconds));
                let noise = noise.map_err(|error| self.broken(&error, true))?;
                if noise.is_empty() { Ok(()) } else { Err(End::Fail(noise)) }
            }
            Step::Within(seconds) => {
                self.within = Some(Duration::from_secs(*seconds));
                Ok(())
            }
            Step::Repeat(_) => Ok(()),
            Step::Beside(count) => self.beside(*count),
            Step::Farewell => {
                let told = self.talk.farewell();
                told.map_err(|error| End::Fail(format!("no close_notify: {error}")))
            }
            Step::Closed => self.talk.closed().map_err(|error| self.broken(&error, true)),
            // A handshake that fails may have its reason in what we sent behind STARTTLS.
            Step::Tls => {
                let secured = self.talk.secure();
                secured.map_err(|error| End::Unclear(format!("no handshake: {error}")))
            }
            Step::OverSize => self.over_size(),
            Step::Check(what) => {
                let told = |fault| End::Fail(format!("{}: {fault}", self.last.text()));
                match what.strip_prefix("listed ").and_then(|rest| rest.split_once(' ')) {
                    // A reply of this code is only right where the keyword is listed.
                    Some((keyword, code)) => {
                        let listed = self.offer.has(keyword);
                        let works = self.last.code().to_string() == code;
                        if works && !listed { Err(told("it is not listed".into())) } else { Ok(()) }
                    }
                    None => expect::check(what, &self.last).map_err(told),
                }
            }
        }
    }

    fn say(&mut self, octets: &[u8]) -> Result<(), End> {
        let said = String::from_utf8_lossy(octets).trim_end().escape_debug().to_string();
        self.asked = match said.char_indices().nth(60) {
            Some((at, _)) => format!("`{}…`", said.get(..at).unwrap_or_default()),
            None => format!("`{said}`"),
        };
        self.talk.send(octets).map_err(|error| self.broken(&error, true))
    }

    /// More sessions at the same time, each greeted before it ends.
    fn beside(&mut self, count: u64) -> Result<(), End> {
        for _ in 0..count {
            let greeted =
                Talk::connect(&self.plan.server, self.plan.patience).and_then(|mut talk| {
                    let reply = talk.reply()?;
                    talk.send(b"QUIT\r\n").map(|()| reply)
                });
            let reply = greeted.map_err(|error| End::Fail(format!("a second session: {error}")))?;
            if reply.code() != 220 {
                return Err(End::Fail(format!("{} to a second session", reply.text())));
            }
        }
        Ok(())
    }

    fn over_size(&mut self) -> Result<(), End> {
        let limit = self.offer.size().filter(|limit| (1..OVER_SIZE_MAX).contains(limit));
        let Some(limit) = limit else {
            return Err(End::Unclear("the size offered is too large to exceed it".to_owned()));
        };
        let line = format!("{}\r\n", "x".repeat(62));
        let block = line.repeat(STEP / line.len());
        let mut sent = 0;
        // Some count a line end as one octet.
        while sent <= limit + limit / 8 {
            self.in_time()?;
            let result = self.talk.send(block.as_bytes());
            result.map_err(|error| self.broken(&error, true))?;
            sent += block.len() as u64;
        }
        Ok(())
    }

    fn in_time(&self) -> Result<(), End> {
        match Instant::now() < self.until {
            true => Ok(()),
            false => Err(End::Unclear(format!("it took too long, at {}", self.asked))),
        }
    }

    fn broken(&self, error: &io::Error, sure: bool) -> End {
        let said = format!("{error}, after {}", self.asked);
        // A server that had enough of us says so with 421, or by hanging up before any question.
        let early = self.last.0.is_empty() && error.kind() != ErrorKind::TimedOut;
        if sure && !early { End::Fail(said) } else { End::Unclear(said) }
    }

    /// The octets of a line, with the names of the plan put in.
    fn octets(&self, text: &str) -> Vec<u8> {
        let Plan { me, sender, recipient, foreign, .. } = self.plan;
        let recipient = recipient.as_deref().unwrap_or_default();
        let (local, domain) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
        let token = token();
        let letter = format!(
            "From: <{sender}>\\r\\nTo: <{recipient}>\\r\\nSubject: conformance {token}\\r\\n\\r\\n\
             A letter that tests a server. It can be thrown away."
        );
        let names = [
            ("{letter}", letter.as_str()),
            ("{me}", me),
            ("{sender}", sender),
            ("{recipient}", recipient),
            ("{accepted}", if recipient.is_empty() { "postmaster" } else { recipient }),
            ("{local}", local),
            ("{domain}", domain),
            ("{DOMAIN}", &domain.to_ascii_uppercase()),
            ("{foreign}", foreign.as_deref().unwrap_or_default()),
            ("{unknown}", &format!("nobody-{token}")),
            ("{token}", &token),
        ];
        let named = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
        script::octets(&names.iter().fold(text.to_owned(), named))
    }
}

/// Tells the letters of this run from others.
fn token() -> String {
    format!("{:x}", std::process::id())
}
