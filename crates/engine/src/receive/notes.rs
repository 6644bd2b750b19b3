//! What a session notes for the history: when its steps were, and what it was refused.
//!
//! Refusals of policy come with their reason, where they are decided. What the session machine
//! refuses by itself (no syntax, too large) is seen in its replies.

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use mail::{ForwardPath, Reply, ReversePath};
use queue::Reason;
use queue::history::{Dialogue, Event, Refused};

use super::conversation::Conversation;
use crate::Shared;
use crate::doors::Detail;
use crate::history::{Inbound, Times, kept};

/// Refusals of one session that are told: who goes on after so many says nothing new.
const REFUSALS_MAX: u32 = 20;

/// The notes of a session.
pub(super) struct Notes {
    pub(super) times: Times,
    /// The paths that were named last.
    pub(super) from: Option<ReversePath>,
    pub(super) recipient: Option<ForwardPath>,
    /// What is said, where all of it is kept.
    dialogue: Dialogue,
    /// The name given in EHLO stands in the dialogue.
    greeted: bool,
    /// Refusals that were told and whose replies are still to be seen, as they begin.
    told: Vec<String>,
    count: u32,
}

impl Notes {
    pub(super) fn new(shared: &Shared, now: Instant) -> Self {
        let mut dialogue = Dialogue::default();
        if shared.world.history.detail() == Detail::All {
            dialogue.begin(now);
        }
        Self {
            times: Times::new(now),
            from: None,
            recipient: None,
            dialogue,
            greeted: false,
            told: Vec::new(),
            count: 0,
        }
    }
}

/// What is refused, and why.
pub(super) struct Refusing<'a> {
    pub(super) step: &'a str,
    pub(super) reply: &'a Reply,
    pub(super) reason: Option<&'a Reason>,
    pub(super) login: Option<&'a str>,
    pub(super) until: Option<SystemTime>,
}

impl<'a> Refusing<'a> {
    pub(super) fn new(step: &'a str, reply: &'a Reply, reason: Option<&'a Reason>) -> Self {
        Self { step, reply, reason, login: None, until: None }
    }
}

fn because(reason: Option<&Reason>) -> Refused<'static> {
    Refused {
        reason: reason.map(|reason| Cow::Owned(reason.text.to_string())),
        source: reason
            .and_then(|reason| reason.source.as_ref())
            .map(|source| Cow::Owned(source.to_string())),
        ..Refused::default()
    }
}

impl Conversation<'_> {
    /// A refusal whose reason is known here.
    pub(super) fn refused(&mut self, refusing: Refusing<'_>) {
        if !self.shared.has_history() {
            return;
        }
        let line = refusing.reply.to_string();
        self.tell_refused(&refusing, &line);
        self.notes.told.push(line);
    }

    fn tell_refused(&mut self, refusing: &Refusing<'_>, reply: &str) {
        self.notes.count += 1;
        if self.notes.count > REFUSALS_MAX {
            return;
        }
        let path = |path: &dyn std::fmt::Display| Cow::Owned(path.to_string());
        let login = refusing.login.or(self.session.login());
        let event = Event::Refused(Refused {
            client: Some(self.client),
            listener: Cow::Borrowed(&self.gate.name),
            hello: self.session.client_name().map(Cow::Borrowed),
            login: login.map(Cow::Borrowed),
            from: self.notes.from.as_ref().map(|from| path(from)),
            recipient: self.notes.recipient.as_ref().map(|to| path(to)),
            step: refusing.step.into(),
            reply: reply.into(),
            until: refusing.until,
            ..because(refusing.reason)
        });
        self.shared.tell(event);
    }

    /// Looks at replies that go out. What is refused in them and was not told, is.
    pub(super) fn replied(&mut self, octets: &[u8]) {
        if self.notes.dialogue.begun().is_some() {
            self.talk(octets);
        }
        // Nearly all replies are 250.
        if !octets.split(|octet| *octet == b'\n').any(is_refusal) || !self.shared.has_history() {
            self.notes.told.clear();
            return;
        }
        for line in octets.split(|octet| *octet == b'\n').filter(|line| is_refusal(line)) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end();
            let known = self.notes.told.iter().position(|told| told.starts_with(line));
            match known {
                Some(place) => drop(self.notes.told.remove(place)),
                None => {
                    let step =
                        if self.session.client_name().is_none() { "connection" } else { "command" };
                    let reply = Reply::bare(500, "");
                    self.tell_refused(&Refusing::new(step, &reply, None), line);
                }
            }
        }
        self.notes.told.clear();
    }

    /// The dialogue, where all of it is kept. Commands are written anew from what they mean, so that
    /// nothing of content or of AUTH gets in.
    fn talk(&mut self, octets: &[u8]) {
        let now = self.shared.world.clock.now();
        if let Some(hello) = self.session.client_name()
            && !self.notes.greeted
        {
            let line = format!("EHLO {hello}");
            self.notes.dialogue.theirs(now, line.as_bytes());
            self.notes.greeted = true;
        }
        match octets.starts_with(b"334") {
            true => self.notes.dialogue.secret(now),
            false => self.notes.dialogue.ours(now, octets),
        }
    }

    /// The client said this, in words of ours.
    pub(super) fn said(&mut self, line: std::fmt::Arguments<'_>) {
        if self.notes.dialogue.begun().is_some() {
            let now = self.shared.world.clock.now();
            self.notes.dialogue.theirs(now, line.to_string().as_bytes());
        }
    }

    /// How the message that is complete came. The next one begins.
    pub(super) fn inbound(&mut self, size: usize) -> Inbound {
        let now = self.shared.world.clock.now();
        self.notes.times.complete = now;
        self.notes.dialogue.content(now, size);
        let inbound = Inbound {
            times: Some(self.notes.times),
            dialogue: kept(&mut self.notes.dialogue),
            expanded: Vec::new(),
        };
        self.notes.times.connected = now;
        if self.notes.dialogue.begun().is_some() {
            self.notes.dialogue.begin(now);
        }
        inbound
    }
}

/// Whether a line of replies says no, and is the last of its reply.
fn is_refusal(line: &[u8]) -> bool {
    matches!(line, [b'4' | b'5', _, _, b' ', ..])
}
