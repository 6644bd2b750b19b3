//! What we write into the spool about a message and its recipients, in an encoding of our own: a
//! format on disk must not change with a dependency.
//!
//! The spool keeps these octets and does not look inside. [`Stored`] is its `envelope`,
//! [`HeadEdits`] its `head_edits`, both written once; [`Attempt`] is its `record` of a recipient,
//! replaced with each try. Times are kept to the microsecond. A test reads the octets that version 1
//! wrote; they are never to change.

pub(crate) mod codec;
mod parameters;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mail::envelope::{MailParameters, Recipient, RecipientParameters};
use mail::reply::{EnhancedStatus, Reply, ReplyCode, Topic};
use mail::report::Action;
use mail::{ForwardPath, ReversePath, TlsFacts};

use crate::target::Target;
use codec::{Reader, Writer, number, read_as, text};

/// Octets kept of a reply's text, its lines joined: what a report can sensibly show.
pub const REPLY_TEXT_MAX: usize = 512;
/// Octets kept of an explanation of ours.
pub const EXPLANATION_MAX: usize = 1024;
/// Octets kept of the name of a remote host and of a step.
const NAME_MAX: usize = 300;
/// Octets kept of the policy that a connection was held to.
pub const POLICY_MAX: usize = 512;

/// Why octets are not a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// They end inside a field.
    #[error("the record ends too early")]
    Truncated,
    /// Written by a version that this one cannot read.
    #[error("the record has version {0}, this program reads version 1")]
    Version(u8),
    /// A field that must be there is not.
    #[error("the record has no {0}")]
    Missing(&'static str),
    /// A field does not hold what it should.
    #[error("the record has no valid {0}")]
    Malformed(&'static str),
}

/// What kind of mail a message is to us.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Class {
    /// Mail of others.
    #[default]
    Ordinary,
    /// A report of our own.
    Report,
    /// What the postmaster is told of a report of ours that cannot be delivered: nobody hears of it
    /// when this one cannot be delivered either.
    LastReport,
    /// What is left of recipients that became several others: nothing but that the sender hears of
    /// it (RFC 3461 §5.2.7.3).
    Expanded,
    /// The same of recipients that are lists (RFC 3461 §5.2.7.1).
    Listed,
    /// A copy for an archive: nobody but the operator hears of its fate.
    Copy,
}

/// Where a message came from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    /// The peer's address; none for mail submitted on this host.
    pub client: Option<IpAddr>,
    /// What it said in EHLO or HELO.
    pub hello: Option<String>,
    /// The `with` word of its Received field: `ESMTP`, `local`, …
    pub protocol: String,
    /// The listener of the configuration.
    pub listener: String,
    /// The user id of a local submitter.
    pub uid: Option<u32>,
    /// The login it authenticated with.
    pub login: Option<String>,
    /// How its connection was secured; version, suite, group and the peer's name are kept.
    pub tls: Option<TlsFacts>,
}

/// The envelope of a message in the spool, with what else must be known to go on with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Where reports go.
    pub reverse_path: ReversePath,
    /// The parameters of `MAIL`.
    pub parameters: MailParameters,
    /// The spool numbers them by their place here.
    pub recipients: Vec<Recipient>,
    /// Where they end, by number; who is not here goes where its address leads.
    pub targets: BTreeMap<u32, Target>,
    /// When we took responsibility.
    pub arrival: SystemTime,
    /// When we give up.
    pub expire: SystemTime,
    /// The content has octets above 127, whatever `BODY=` said.
    pub eight_bit: bool,
    /// It says `TLS-Required: No`, and came without REQUIRETLS (RFC 8689 §4.1).
    pub tls_optional: bool,
    /// Where it came from.
    pub origin: Origin,
    /// What it is.
    pub class: Class,
}

/// The tags of [`Stored`]; never reuse one.
mod stored {
    pub const REVERSE_PATH: u64 = 1;
    // 2, 3 and 20 to 28 are in `parameters`.
    pub const RECIPIENT: u64 = 4;
    pub const ARRIVAL: u64 = 5;
    pub const EXPIRE: u64 = 6;
    pub const EIGHT_BIT: u64 = 7;
    pub const CLIENT: u64 = 8;
    pub const HELLO: u64 = 9;
    pub const PROTOCOL: u64 = 10;
    pub const LISTENER: u64 = 11;
    pub const UID: u64 = 12;
    pub const CLASS: u64 = 13;
    pub const LOGIN: u64 = 14;
    pub const TLS: u64 = 15;
    pub const TLS_OPTIONAL: u64 = 16;
    /// Inside a recipient.
    pub const PATH: u64 = 1;
    // 2 to 4 are in `parameters`.
    pub const TARGET: u64 = 5;
    // Inside TLS:
    pub const VERSION: u64 = 1;
    pub const CIPHER: u64 = 2;
    pub const GROUP: u64 = 3;
    pub const PEER: u64 = 4;
}

impl Stored {
    /// The record's octets.
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::record(128 + 48 * self.recipients.len());
        out.text(stored::REVERSE_PATH, &self.reverse_path.to_string());
        parameters::write(&self.parameters, &mut out);
        for (number, recipient) in (0..).zip(&self.recipients) {
            let mut inner = Writer::nested();
            inner.text(stored::PATH, &recipient.path.to_string());
            parameters::write_recipient(&recipient.parameters, &mut inner);
            if let Some(target) = self.targets.get(&number) {
                target::write(stored::TARGET, target, &mut inner);
            }
            out.octets(stored::RECIPIENT, &inner.finish());
        }
        out.number(stored::ARRIVAL, micros(self.arrival));
        out.number(stored::EXPIRE, micros(self.expire));
        if self.eight_bit {
            out.number(stored::EIGHT_BIT, 1);
        }
        if self.tls_optional {
            out.number(stored::TLS_OPTIONAL, 1);
        }
        self.encode_origin(&mut out);
        match self.class {
            Class::Ordinary => {}
            Class::Report => out.number(stored::CLASS, 1),
            Class::Expanded => out.number(stored::CLASS, 2),
            Class::Listed => out.number(stored::CLASS, 3),
            Class::LastReport => out.number(stored::CLASS, 4),
            Class::Copy => out.number(stored::CLASS, 5),
        }
        Bytes::from(out.finish())
    }

    fn encode_origin(&self, out: &mut Writer) {
        match self.origin.client {
            Some(IpAddr::V4(v4)) => out.octets(stored::CLIENT, &v4.octets()),
            Some(IpAddr::V6(v6)) => out.octets(stored::CLIENT, &v6.octets()),
            None => {}
        }
        if let Some(hello) = &self.origin.hello {
            out.text(stored::HELLO, hello);
        }
        out.text(stored::PROTOCOL, &self.origin.protocol);
        out.text(stored::LISTENER, &self.origin.listener);
        if let Some(uid) = self.origin.uid {
            out.number(stored::UID, uid.into());
        }
        if let Some(login) = &self.origin.login {
            out.text(stored::LOGIN, login);
        }
        if let Some(tls) = &self.origin.tls {
            write_tls(stored::TLS, tls, out);
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`RecordError`]: the spool is damaged, or a much newer version wrote it.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::record(octets)?;
        let mut reverse_path = None;
        let (mut arrival, mut expire) = (None, None);
        let mut parameters = MailParameters::default();
        let (mut recipients, mut targets) = (Vec::new(), BTreeMap::new());
        let mut origin = Origin::default();
        let (mut eight_bit, mut tls_optional, mut class) = (false, false, Class::Ordinary);
        while let Some((tag, field)) = reader.field()? {
            match tag {
                stored::REVERSE_PATH => {
                    let path = read_as(field, "reverse-path", ReversePath::parse_utf8);
                    reverse_path = Some(path?);
                }
                stored::RECIPIENT => {
                    let (recipient, target) = recipient(field)?;
                    let number = u32::try_from(recipients.len());
                    if let (Ok(number), Some(target)) = (number, target) {
                        targets.insert(number, target);
                    }
                    recipients.push(recipient);
                }
                stored::ARRIVAL => arrival = Some(time(field, "arrival")?),
                stored::EXPIRE => expire = Some(time(field, "expiry")?),
                stored::EIGHT_BIT => eight_bit = number(field, "eight-bit mark")? != 0,
                stored::TLS_OPTIONAL => tls_optional = number(field, "TLS mark")? != 0,
                stored::CLIENT => origin.client = Some(address(field)?),
                stored::HELLO => origin.hello = Some(text(field, "hello")?),
                stored::PROTOCOL => origin.protocol = text(field, "protocol")?,
                stored::LISTENER => origin.listener = text(field, "listener")?,
                stored::UID => {
                    let uid = u32::try_from(number(field, "user id")?);
                    origin.uid = Some(uid.map_err(|_| RecordError::Malformed("user id"))?);
                }
                stored::LOGIN => origin.login = Some(text(field, "login")?),
                stored::TLS => origin.tls = Some(tls(field)?),
                stored::CLASS => {
                    class = match number(field, "class")? {
                        1 => Class::Report,
                        2 => Class::Expanded,
                        3 => Class::Listed,
                        4 => Class::LastReport,
                        5 => Class::Copy,
                        _ => Class::Ordinary,
                    }
                }
                _ => parameters::read(tag, field, &mut parameters)?,
            }
        }
        Ok(Self {
            reverse_path: reverse_path.ok_or(RecordError::Missing("reverse-path"))?,
            parameters,
            recipients,
            targets,
            arrival: arrival.ok_or(RecordError::Missing("arrival"))?,
            expire: expire.ok_or(RecordError::Missing("expiry"))?,
            eight_bit,
            tls_optional,
            origin,
            class,
        })
    }
}

/// Whoever stands in an envelope, as text: its reverse-path, its recipients, who logged in. Nothing is
/// allocated; what does not read is left out.
pub(crate) fn people(envelope: &[u8], each: &mut impl FnMut(&[u8])) {
    let Ok(mut reader) = Reader::record(envelope) else { return };
    while let Ok(Some((tag, field))) = reader.field() {
        match tag {
            stored::REVERSE_PATH | stored::LOGIN => each(field),
            stored::RECIPIENT => {
                let mut inner = Reader::nested(field);
                while let Ok(Some((tag, field))) = inner.field() {
                    if tag == stored::PATH {
                        each(field);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The address of the client in an envelope.
pub(crate) fn client(envelope: &[u8]) -> Option<IpAddr> {
    let mut reader = Reader::record(envelope).ok()?;
    while let Ok(Some((tag, field))) = reader.field() {
        if tag == stored::CLIENT {
            return address(field).ok();
        }
    }
    None
}

fn recipient(octets: &[u8]) -> Result<(Recipient, Option<Target>), RecordError> {
    let mut reader = Reader::nested(octets);
    let mut target = None;
    let mut path: Option<ForwardPath> = None;
    let mut parameters = RecipientParameters::default();
    while let Some((tag, field)) = reader.field()? {
        match tag {
            stored::PATH => {
                path = Some(read_as(field, "forward-path", ForwardPath::parse_utf8)?);
            }
            stored::TARGET => target = Some(target::read(field)?),
            _ => parameters::read_recipient(tag, field, &mut parameters)?,
        }
    }
    let path = path.ok_or(RecordError::Missing("forward-path"))?;
    Ok((Recipient { path, parameters }, target))
}

fn write_tls(tag: u64, tls: &TlsFacts, out: &mut Writer) {
    let mut inner = Writer::nested();
    inner.text(stored::VERSION, &tls.version);
    inner.text(stored::CIPHER, &tls.cipher);
    if let Some(group) = &tls.group {
        inner.text(stored::GROUP, group);
    }
    if let Some(peer) = &tls.peer {
        inner.text(stored::PEER, peer);
    }
    out.octets(tag, &inner.finish());
}

fn tls(octets: &[u8]) -> Result<TlsFacts, RecordError> {
    let mut reader = Reader::nested(octets);
    let mut facts = TlsFacts::default();
    while let Some((tag, field)) = reader.field()? {
        match tag {
            stored::VERSION => facts.version = text(field, "TLS version")?,
            stored::CIPHER => facts.cipher = text(field, "TLS suite")?,
            stored::GROUP => facts.group = Some(text(field, "TLS group")?),
            stored::PEER => facts.peer = Some(text(field, "TLS peer")?),
            _ => {}
        }
    }
    Ok(facts)
}

pub(crate) fn address(octets: &[u8]) -> Result<IpAddr, RecordError> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Ok(v4.into());
    }
    let v6 = <[u8; 16]>::try_from(octets).map_err(|_| RecordError::Malformed("client address"))?;
    Ok(v6.into())
}

/// Octets of the stored content that give way to others on the way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replace {
    /// Where they begin in the stored content. Edits stand in rising order and do not overlap.
    pub at: u64,
    /// How many give way; 0 inserts.
    pub len: u64,
    /// What comes in their place; nothing removes.
    pub with: Bytes,
}

/// What is done to the header section on the way out; the stored content is never rewritten.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeadEdits {
    /// Complete lines put before the content: our Received field.
    pub prepend: Bytes,
    /// Changes within the content: masquerading.
    pub replace: Vec<Replace>,
}

/// The tags of [`HeadEdits`]; never reuse one.
mod edits {
    pub const PREPEND: u64 = 1;
    pub const REPLACE: u64 = 2;
    // Inside REPLACE:
    pub const AT: u64 = 1;
    pub const LEN: u64 = 2;
    pub const WITH: u64 = 3;
}

impl HeadEdits {
    /// The record's octets.
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::record(8 + self.prepend.len());
        out.octets(edits::PREPEND, &self.prepend);
        for replace in &self.replace {
            let mut inner = Writer::nested();
            inner.number(edits::AT, replace.at);
            inner.number(edits::LEN, replace.len);
            inner.octets(edits::WITH, &replace.with);
            out.octets(edits::REPLACE, &inner.finish());
        }
        Bytes::from(out.finish())
    }

    /// Reads what [`encode`](Self::encode) wrote, sharing its octets. No octets: no edits.
    ///
    /// # Errors
    /// [`RecordError`], as [`Stored::decode`].
    pub fn decode(octets: &Bytes) -> Result<Self, RecordError> {
        if octets.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::record(octets)?;
        let mut all = Self::default();
        while let Some((tag, field)) = reader.field()? {
            match tag {
                edits::PREPEND => all.prepend = octets.slice_ref(field),
                edits::REPLACE => all.replace.push(replace(octets, field)?),
                _ => {}
            }
        }
        Ok(all)
    }
}

fn replace(octets: &Bytes, field: &[u8]) -> Result<Replace, RecordError> {
    let mut reader = Reader::nested(field);
    let mut replace = Replace { at: 0, len: 0, with: Bytes::new() };
    while let Some((tag, field)) = reader.field()? {
        match tag {
            edits::AT => replace.at = number(field, "place of an edit")?,
            edits::LEN => replace.len = number(field, "length of an edit")?,
            edits::WITH => replace.with = octets.slice_ref(field),
            _ => {}
        }
    }
    Ok(replace)
}

/// The last try of one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// When it ended.
    pub at: SystemTime,
    /// Whom we talked to: `mx.example.net [192.0.2.1]:25`.
    pub remote: Option<String>,
    /// What we had said last: `RCPT`, `end of data`, …
    pub step: Option<String>,
    /// What the other side said, cut to [`REPLY_TEXT_MAX`].
    pub reply: Option<Reply>,
    /// What the try comes to; kept for the report when the time runs out.
    pub status: Option<EnhancedStatus>,
    /// The same in words, cut to [`EXPLANATION_MAX`].
    pub explanation: String,
    /// The sender has been told of the delay, in this try or an earlier one.
    pub delay_reported: bool,
    /// The sender has been told that the time is over that it gave (RFC 2852 §4.1.3).
    pub overdue_reported: bool,
    /// The mail is done with, and the sender is still to be told so: there was no room for the report.
    pub owed: Option<Action>,
    /// How the connection was secured; none in the clear. As much is kept as of [`Origin::tls`].
    pub tls: Option<TlsFacts>,
    /// Which policy the connection was held to and why, cut to [`POLICY_MAX`].
    pub policy: Option<String>,
}

/// The tags of [`Attempt`]; never reuse one.
mod attempt {
    pub const AT: u64 = 1;
    pub const REMOTE: u64 = 2;
    pub const STEP: u64 = 3;
    pub const CODE: u64 = 4;
    pub const TOPIC: u64 = 5;
    pub const TEXT: u64 = 6;
    pub const STATUS: u64 = 7;
    pub const EXPLANATION: u64 = 8;
    pub const DELAY_REPORTED: u64 = 9;
    pub const OVERDUE_REPORTED: u64 = 11;
    pub const OWED: u64 = 12;
    pub const TLS: u64 = 10;
    pub const POLICY: u64 = 13;
}

impl Attempt {
    /// The name of the remote host, if we talked to one: what a report calls Remote-MTA.
    pub fn remote_name(&self) -> Option<&str> {
        let name = self.remote.as_deref().and_then(|remote| remote.split(' ').next());
        // A socket of ours is no host.
        name.filter(|name| !name.starts_with("unix:"))
    }

    /// The record's octets, under 3 KiB.
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::record(128);
        out.number(attempt::AT, micros(self.at));
        if let Some(remote) = &self.remote {
            out.text(attempt::REMOTE, cut(remote, NAME_MAX));
        }
        if let Some(step) = &self.step {
            out.text(attempt::STEP, cut(step, NAME_MAX));
        }
        if let Some(reply) = &self.reply {
            out.number(attempt::CODE, reply.code().get().into());
            if let Some(status) = reply.status() {
                out.number(attempt::TOPIC, packed(status.topic()));
            }
            out.text(attempt::TEXT, cut(&reply.text().join("\n"), REPLY_TEXT_MAX));
        }
        if let Some(status) = self.status {
            out.text(attempt::STATUS, &status.to_string());
        }
        out.text(attempt::EXPLANATION, cut(&self.explanation, EXPLANATION_MAX));
        if self.delay_reported {
            out.number(attempt::DELAY_REPORTED, 1);
        }
        if self.overdue_reported {
            out.number(attempt::OVERDUE_REPORTED, 1);
        }
        match self.owed {
            Some(Action::Delivered) => out.number(attempt::OWED, 1),
            Some(Action::Relayed) => out.number(attempt::OWED, 2),
            Some(Action::Expanded) => out.number(attempt::OWED, 3),
            Some(Action::Failed | Action::Delayed) | None => {}
        }
        if let Some(tls) = &self.tls {
            write_tls(attempt::TLS, tls, &mut out);
        }
        if let Some(policy) = &self.policy {
            out.text(attempt::POLICY, cut(policy, POLICY_MAX));
        }
        Bytes::from(out.finish())
    }

    /// Reads what [`encode`](Self::encode) wrote. No octets: there was no try yet.
    ///
    /// # Errors
    /// [`RecordError`], as [`Stored::decode`].
    pub fn decode(octets: &[u8]) -> Result<Option<Self>, RecordError> {
        if octets.is_empty() {
            return Ok(None);
        }
        let mut reader = Reader::record(octets)?;
        let (mut at, mut code, mut topic, mut lines) = (None, None, None, Vec::new());
        let (mut remote, mut step, mut status) = (None, None, None);
        let (mut explanation, mut secured, mut policy, mut owed) =
            (String::new(), None, None, None);
        let (mut delay_reported, mut overdue_reported) = (false, false);
        while let Some((tag, field)) = reader.field()? {
            match tag {
                attempt::AT => at = Some(time(field, "time")?),
                attempt::REMOTE => remote = Some(text(field, "remote host")?),
                attempt::STEP => step = Some(text(field, "step")?),
                attempt::CODE => code = Some(reply_code(field)?),
                attempt::TOPIC => topic = Some(unpacked(number(field, "topic")?)?),
                attempt::TEXT => {
                    lines = text(field, "reply")?.split('\n').map(str::to_owned).collect();
                }
                attempt::STATUS => {
                    let parsed = EnhancedStatus::parse(&text(field, "status")?);
                    status = Some(parsed.ok_or(RecordError::Malformed("status"))?);
                }
                attempt::EXPLANATION => explanation = text(field, "explanation")?,
                attempt::DELAY_REPORTED => delay_reported = number(field, "delay mark")? != 0,
                attempt::OVERDUE_REPORTED => overdue_reported = number(field, "time mark")? != 0,
                attempt::OWED => {
                    owed = match number(field, "report owed")? {
                        1 => Some(Action::Delivered),
                        2 => Some(Action::Relayed),
                        3 => Some(Action::Expanded),
                        _ => None,
                    }
                }
                attempt::TLS => secured = Some(tls(field)?),
                attempt::POLICY => policy = Some(text(field, "policy")?),
                _ => {}
            }
        }
        Ok(Some(Self {
            at: at.ok_or(RecordError::Missing("time"))?,
            remote,
            step,
            reply: code.map(|code| Reply::received(code, topic, lines)),
            status,
            explanation,
            delay_reported,
            overdue_reported,
            owed,
            tls: secured,
            policy,
        }))
    }
}

fn reply_code(octets: &[u8]) -> Result<ReplyCode, RecordError> {
    let code = u16::try_from(number(octets, "reply code")?).ok().and_then(ReplyCode::new);
    code.ok_or(RecordError::Malformed("reply code"))
}

fn packed(topic: Topic) -> u64 {
    u64::from(topic.0) << 16 | u64::from(topic.1)
}

fn unpacked(number: u64) -> Result<Topic, RecordError> {
    let subject = u16::try_from(number >> 16).map_err(|_| RecordError::Malformed("topic"))?;
    let detail = u16::try_from(number & 0xffff).map_err(|_| RecordError::Malformed("topic"))?;
    Ok(Topic(subject, detail))
}

/// At most `max` octets of `text`, whole characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Microseconds since 1970; what is before counts as 1970.
pub(crate) fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn time(octets: &[u8], what: &'static str) -> Result<SystemTime, RecordError> {
    let since = Duration::from_micros(number(octets, what)?);
    SystemTime::UNIX_EPOCH.checked_add(since).ok_or(RecordError::Malformed(what))
}
