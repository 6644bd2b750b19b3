//! The laws of mail, checked on what is left when a world has come to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use mail::content::split_head;
use mail::content::transfer::TransferEncoding;
use mail::envelope::Notify;
use queue::schedule::rate::Rate;

use crate::country::ALIASES;
use crate::mailboxes::Letter;
use crate::peers::{Habits, Sent};
use crate::tracks::Tracks;

/// The field by which a letter is known again. It is the first of each letter's content.
pub const MARK: &str = "X-Sim";

/// One letter for one recipient, as its sender knows it.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The number in [`MARK`].
    pub number: u64,
    /// The recipient, without brackets.
    pub recipient: String,
    /// Who is told of a failure: a mailbox of the world, or nobody for `<>`.
    pub sender: Option<String>,
    /// What the sender was told.
    pub sent: Sent,
    /// When that was, from the beginning of the world.
    pub at: Duration,
    /// The content as it was sent.
    pub content: Bytes,
    /// How many hosts of ours it passes.
    pub hops: usize,
    /// A mailbox that takes it stands behind the recipient, or a foreign host.
    pub is_good: bool,
    /// What the sender wants to hear.
    pub notify: Option<Notify>,
}

impl Errand {
    fn is_foreign(&self) -> bool {
        self.recipient.ends_with("@foreign.example")
    }

    /// Whether the sender is told of a failure.
    fn hears_failures(&self) -> bool {
        self.sender.is_some() && self.notify.is_none_or(|notify| notify.failure)
    }

    /// Whether the sender is told of success, with the action that tells it; none where the last host
    /// that it can be told of keeps reports to itself.
    fn hears_success(&self, habits: Habits) -> Option<&'static str> {
        let asked = self.sender.is_some() && self.notify.is_some_and(|notify| notify.success);
        match (self.is_foreign(), habits.dsn) {
            _ if !asked => None,
            (false, _) => Some("delivered"),
            (true, false) => Some("relayed"),
            (true, true) => None,
        }
    }
}

/// What is known of one letter for one recipient at the end.
#[derive(Default)]
struct Met {
    /// The copies in a mailbox or at a foreign host.
    copies: Vec<Letter>,
    /// When each report of a failure came.
    reports: Vec<Duration>,
    /// What other reports told.
    told: Vec<String>,
}

/// What a world was like, for the laws to take into account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// By when a failure must be reported, from the moment its letter was sent.
    pub patience: Duration,
    /// Nothing ever failed: every good letter arrives, and each once for all that share a host.
    pub is_calm: bool,
    /// A host on the way may change fields of the header.
    pub is_masked: bool,
    /// Foreign recipients of one letter that came in transactions of their own.
    pub split: u64,
    /// What the foreign host has.
    pub habits: Habits,
}

/// What the world holds at its end.
#[derive(Default)]
pub struct Evidence {
    met: BTreeMap<(u64, String), Met>,
    /// Letters that passed a session without extensions: after EHLO the connection broke, and the next
    /// one began with HELO. What they asked for ended there, and 8 bits were converted.
    plain: BTreeSet<u64>,
    reports_about_reports: u64,
    terms: Terms,
}

impl Evidence {
    /// No evidence yet.
    pub fn new(terms: Terms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// Adds a letter found in the mailbox of `address`.
    pub fn found(&mut self, address: &str, letter: Letter) {
        let number = number_in(&letter.octets);
        let text = letter.text();
        if text.contains(" with SMTP ") || text.contains(" with SMTP\r\n") {
            self.plain.extend(number);
        }
        if letter.is_report() {
            return self.report(&letter);
        }
        if let Some(number) = number {
            let key = (number, sent_to(address));
            self.met.entry(key).or_default().copies.push(letter);
        }
    }

    /// Letter `number` came to a foreign host in a session that began with HELO.
    pub fn was_plain(&mut self, number: u64) {
        self.plain.insert(number);
    }

    fn report(&mut self, letter: &Letter) {
        let Some(number) = number_in(&letter.octets) else {
            // What it returns has no mark: only a report of ours has none.
            self.reports_about_reports += 1;
            return;
        };
        let mut recipient = None;
        for line in letter.text().lines() {
            if let Some(address) = line.strip_prefix("Final-Recipient: rfc822;") {
                recipient = Some(sent_to(address.trim()));
            } else if let Some(action) = line.strip_prefix("Action: ")
                && let Some(recipient) = recipient.take()
            {
                let met = self.met.entry((number, recipient)).or_default();
                match action.trim() {
                    "failed" => met.reports.push(letter.at),
                    other => met.told.push(other.to_owned()),
                }
            }
        }
    }

    /// Copies delivered, failures reported, and copies beyond the first.
    pub fn figures(&self) -> (u64, u64, u64) {
        let copies: usize = self.met.values().map(|met| met.copies.len()).sum();
        let reports: usize = self.met.values().map(|met| met.reports.len()).sum();
        let first = self.met.values().filter(|met| !met.copies.is_empty()).count();
        (copies as u64, reports as u64, (copies - first) as u64)
    }
}

/// The address that a letter at `address` was sent to: no letter is sent to those who stand for an
/// alias.
fn sent_to(address: &str) -> String {
    let address = address.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(_, member)| *member == address);
    alias.map_or(address, |(alias, _)| (*alias).to_owned())
}

/// The number in the first [`MARK`] field of a text.
pub fn number_in(octets: &[u8]) -> Option<u64> {
    octets.split(|octet| *octet == b'\n').find_map(|line| {
        let value = line.strip_prefix(MARK.as_bytes())?.strip_prefix(b": ")?;
        std::str::from_utf8(value).ok()?.trim().parse().ok()
    })
}

/// Gives each law that was broken, in words.
pub fn broken(errands: &[Errand], evidence: &Evidence, tracks: &Tracks) -> Vec<String> {
    let mut broken = Vec::new();
    let nothing = Met::default();
    for errand in errands {
        let key = (errand.number, errand.recipient.to_ascii_lowercase());
        let met = evidence.met.get(&key).unwrap_or(&nothing);
        let name = format!("letter {} for {}", errand.number, errand.recipient);
        let mut law = |what: String| broken.push(format!("{name} {what}"));
        let is_excused = tracks.is_excused(errand.number);
        fate(errand, met, evidence, &mut law);
        let is_plain = evidence.plain.contains(&errand.number);
        if !is_plain {
            told(errand, met, evidence.terms.habits, is_excused, &mut law);
        }
        if !is_excused {
            only_once(errand, met, &mut law);
        }
        for copy in &met.copies {
            unchanged(errand, copy, &evidence.terms, is_plain, &mut law);
        }
    }
    if evidence.reports_about_reports > 0 {
        broken.push(format!("{} reports tell of reports", evidence.reports_about_reports));
    }
    if evidence.terms.is_calm && evidence.terms.split > 0 {
        broken.push(format!("{} letters did not share a transaction", evidence.terms.split));
    }
    broken
}

/// How much later than it began a letter may come to its host: the waits of a session.
const UNDER_WAY: Duration = Duration::from_secs(600);

/// No host asks more of another than it may: `calls` it had open at most, and what it may; when its
/// letters `came`, and its rate.
pub fn bounds(
    host: &str,
    (calls, most): (usize, usize),
    came: &[Duration],
    rate: Option<Rate>,
) -> Vec<String> {
    let mut broken = Vec::new();
    if calls > most {
        broken.push(format!("{host} had {calls} connections at once, and may have {most}"));
    }
    if let Some(rate) = rate {
        let letters = usize::try_from(rate.letters()).unwrap_or(usize::MAX);
        let window = rate.per().saturating_sub(UNDER_WAY);
        let too_many = came
            .windows(letters.saturating_add(1))
            .find(|letters| matches!(letters, [first, .., last] if *last - *first < window));
        if let Some([first, ..]) = too_many {
            broken.push(format!("{host} sent beyond its rate of {rate}, from {first:?} on"));
        }
    }
    broken
}

/// What was taken meets a fate in time.
///
/// Register: 5321-2.1-a, 5321-4.2.5-a, 5321-6.1-a, 5321-6.2-a, 1123-5.3.3-a.
fn fate(errand: &Errand, met: &Met, evidence: &Evidence, law: &mut impl FnMut(String)) {
    let (delivered, reported) = (!met.copies.is_empty(), !met.reports.is_empty());
    // Nobody can be told about a letter from <>; one that nothing hindered must arrive all the same.
    let must_show = errand.hears_failures() || (evidence.terms.is_calm && errand.is_good);
    if errand.sent == Sent::Taken && !delivered && !reported && must_show {
        law("was answered 250 and is nowhere".to_owned());
    }
    if errand.sender.is_none() && reported {
        law("came from <> and its failure was reported".to_owned());
    }
    if evidence.terms.is_calm && errand.is_good && reported {
        law("failed although nothing stood in its way".to_owned());
    }
    if met.reports.iter().any(|at| *at > errand.at + evidence.terms.patience) {
        law("was reported long after its end".to_owned());
    }
}

/// Senders hear what they asked to hear, once where nothing was repeated, and nothing else.
///
/// Register: 3461-5.2.2-b, 3461-5.2.2-d, 3461-5.2.2-f, 3461-5.2.3-a, 3461-5.2.3-b, 3461-5.2.6-b.
fn told(
    errand: &Errand,
    met: &Met,
    habits: Habits,
    is_excused: bool,
    law: &mut impl FnMut(String),
) {
    if !errand.hears_failures() && errand.sender.is_some() && !met.reports.is_empty() {
        law("failed, and its sender was told against its wish".to_owned());
    }
    let delays = met.told.iter().filter(|told| *told == "delayed").count();
    if delays > 0 && errand.notify.is_some_and(|notify| !notify.delay) {
        law("was late, and its sender was told against its wish".to_owned());
    }
    let told: Vec<&str> =
        met.told.iter().map(String::as_str).filter(|told| *told != "delayed").collect();
    match errand.hears_success(habits) {
        None if !told.is_empty() => law(format!("was reported as {told:?}, which nobody asked")),
        None => {}
        Some(action) => {
            if told.iter().any(|told| *told != action) {
                law(format!("was reported as {told:?} instead of {action}"));
            }
            // A host that took it and did not say so may have refused it the next time.
            let failed = !errand.hears_failures() || !met.reports.is_empty();
            let must_hear = !is_excused || !failed;
            if !met.copies.is_empty() && errand.sent == Sent::Taken && told.is_empty() && must_hear
            {
                law(format!("is there, and its sender was not told that it was {action}"));
            }
            if met.copies.is_empty() && !told.is_empty() {
                law(format!("was reported as {action} and is nowhere"));
            }
            if told.len() > 1 && !is_excused {
                law(format!("was reported as {action} {} times", told.len()));
            }
        }
    }
}

/// Without a fault on its way a letter has one fate, and has it once; what was refused has none.
///
/// Register: 5321-4.2.5-b, 5321-4.2.5-c, 3464-3-c.
fn only_once(errand: &Errand, met: &Met, law: &mut impl FnMut(String)) {
    let (copies, reports) = (met.copies.len(), met.reports.len());
    // A disk that fails may have kept what could not be promised: only then 451 may be wrong.
    if errand.sent == Sent::NotTaken && copies + reports > 0 {
        let what = if copies > 0 { "delivered" } else { "reported" };
        law(format!("was not taken, and yet it was {what}"));
    }
    if copies > 1 {
        law(format!("was delivered {copies} times without cause"));
    }
    if reports > 1 {
        law(format!("was reported {reports} times"));
    }
    if copies > 0 && reports > 0 {
        law("was delivered and reported as failed".to_owned());
    }
}

/// The content arrives as it was sent, behind lines that hosts on its way have added.
///
/// Register: 5321-2.3.10-a, 5321-4.4-a.
fn unchanged(
    errand: &Errand,
    copy: &Letter,
    terms: &Terms,
    is_plain: bool,
    law: &mut impl FnMut(String),
) {
    let is_masked = terms.is_masked;
    let takes_seven = errand.is_foreign() && !terms.habits.eight_bit;
    if !errand.content.is_ascii() && (takes_seven || is_plain && copy.octets.is_ascii()) {
        return converted(errand, copy, law);
    }
    let sent = if is_masked { body(&errand.content) } else { &errand.content };
    let Some(added) = copy.octets.strip_suffix(sent) else {
        return law("arrived changed".to_owned());
    };
    let added = String::from_utf8_lossy(added);
    let received = added.lines().filter(|line| line.starts_with("Received:")).count();
    if received != errand.hops {
        law(format!("has {received} Received fields after {} hosts", errand.hops));
    }
    let known = ["Received:", "Return-Path:", "Delivered-To:", " ", "\t"];
    let stranger = |line: &&str| !known.iter().any(|known| line.starts_with(known));
    if let Some(line) = added.lines().find(stranger).filter(|_| !is_masked) {
        law(format!("got a line that no host should add: {line}"));
    }
}

/// A host that takes 7 bits got an encoded form of the same body.
///
/// Register: 6152-3-e, 6152-3-g.
fn converted(errand: &Errand, copy: &Letter, law: &mut impl FnMut(String)) {
    let label = copy.field("Content-Transfer-Encoding").unwrap_or_default();
    let encoding = TransferEncoding::from_name(label.as_bytes());
    let (_, encoded) = split_head(&copy.octets);
    let (_, sent) = split_head(&errand.content);
    if *encoding.decode(encoded).0 != *sent {
        law("was converted into something else".to_owned());
    }
    if copy.field("MIME-Version").is_none() {
        law("was converted and does not say so".to_owned());
    }
}

/// What follows the header section, with the empty line before it.
fn body(content: &[u8]) -> &[u8] {
    let at = content.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
    content.get(at..).unwrap_or_default()
}
