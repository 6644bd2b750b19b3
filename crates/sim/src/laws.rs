//! The laws of mail, checked on what is left when a world has come to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::mailboxes::Letter;
use crate::peers::Sent;
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
}

/// What is known of one letter for one recipient at the end.
#[derive(Default)]
struct Met {
    /// The copies in a mailbox or at a foreign host.
    copies: Vec<Letter>,
    /// When each report of a failure came.
    reports: Vec<Duration>,
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
}

/// What the world holds at its end.
#[derive(Default)]
pub struct Evidence {
    met: BTreeMap<(u64, String), Met>,
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
        if letter.is_report() {
            return self.report(&letter);
        }
        if let Some(number) = number_in(&letter.octets) {
            let key = (number, address.to_ascii_lowercase());
            self.met.entry(key).or_default().copies.push(letter);
        }
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
                recipient = Some(address.trim().to_ascii_lowercase());
            } else if line.eq_ignore_ascii_case("Action: failed")
                && let Some(recipient) = recipient.take()
            {
                self.met.entry((number, recipient)).or_default().reports.push(letter.at);
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
        fate(errand, met, evidence, &mut law);
        if !tracks.is_excused(errand.number) {
            only_once(errand, met, &mut law);
        }
        for copy in &met.copies {
            unchanged(errand, copy, evidence.terms.is_masked, &mut law);
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

/// What was taken meets a fate in time.
///
/// Register: 5321-2.1-a, 5321-4.2.5-a, 5321-6.1-a, 5321-6.2-a, 1123-5.3.3-a.
fn fate(errand: &Errand, met: &Met, evidence: &Evidence, law: &mut impl FnMut(String)) {
    let (delivered, reported) = (!met.copies.is_empty(), !met.reports.is_empty());
    // Nobody can be told about a letter from <>; one that nothing hindered must arrive all the same.
    let must_show = errand.sender.is_some() || (evidence.terms.is_calm && errand.is_good);
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
fn unchanged(errand: &Errand, copy: &Letter, is_masked: bool, law: &mut impl FnMut(String)) {
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

/// What follows the header section, with the empty line before it.
fn body(content: &[u8]) -> &[u8] {
    let at = content.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
    content.get(at..).unwrap_or_default()
}
