//! The laws of mail, checked on what is left when a world has come to its end.

use std::collections::{BTreeMap, BTreeSet};

use crate::mailboxes::Letter;
use crate::peers::Sent;

/// The field by which a letter is known again.
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
}

/// What the world holds at its end.
#[derive(Default)]
pub struct Evidence {
    /// Number and recipient of each letter that lies in a mailbox or at a foreign host, as often as
    /// it lies there.
    pub delivered: BTreeMap<(u64, String), u64>,
    /// Number and recipient of each failure that a report in a sender's mailbox tells of.
    pub reported: BTreeMap<(u64, String), u64>,
    /// Numbers of the letters that are still in some spool.
    pub waiting: BTreeSet<u64>,
    /// Reports whose own subject is a report.
    pub reports_about_reports: u64,
    /// Crashes, resets and lost replies: what the protocol allows to repeat a letter after.
    pub excuses: u64,
}

impl Evidence {
    /// Adds a letter found in the mailbox of `address`.
    pub fn found(&mut self, address: &str, letter: &Letter) {
        let text = letter.text();
        if letter.field("Content-Type").is_some_and(|kind| kind.contains("delivery-status")) {
            self.report(&text);
            return;
        }
        if let Some(number) = letter.field(MARK).and_then(|number| number.parse().ok()) {
            *self.delivered.entry((number, address.to_ascii_lowercase())).or_default() += 1;
        }
    }

    fn report(&mut self, text: &str) {
        let Some(number) = number_in(text) else {
            // What it returns has no mark: only a report of ours has none.
            self.reports_about_reports += 1;
            return;
        };
        let mut recipient = None;
        for line in text.lines() {
            if let Some((_, address)) = line.split_once("Final-Recipient: rfc822;") {
                recipient = Some(address.trim().to_ascii_lowercase());
            } else if line.eq_ignore_ascii_case("Action: failed")
                && let Some(recipient) = recipient.take()
            {
                *self.reported.entry((number, recipient)).or_default() += 1;
            }
        }
    }
}

/// The number in the first [`MARK`] field of a text.
pub fn number_in(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(MARK)?.strip_prefix(": ")?.trim().parse().ok())
}

/// Gives each law that was broken, in words.
pub fn broken(errands: &[Errand], evidence: &Evidence) -> Vec<String> {
    let mut broken = Vec::new();
    for errand in errands {
        let key = (errand.number, errand.recipient.to_ascii_lowercase());
        let delivered = evidence.delivered.get(&key).copied().unwrap_or(0);
        let reported = evidence.reported.get(&key).copied().unwrap_or(0);
        let name = format!("letter {} for {}", errand.number, errand.recipient);
        let waits = evidence.waiting.contains(&errand.number);
        if errand.sent == Sent::Taken
            && delivered == 0
            && reported == 0
            && !waits
            && errand.sender.is_some()
        {
            broken.push(format!("{name} was answered 250 and is nowhere"));
        }
        if errand.sent == Sent::NotTaken && delivered > 0 {
            broken.push(format!("{name} was not taken, and yet it was delivered"));
        }
        if delivered > 1 && evidence.excuses == 0 {
            broken.push(format!("{name} was delivered {delivered} times without cause"));
        }
        if reported > 1 && evidence.excuses == 0 {
            broken.push(format!("the failure of {name} was reported {reported} times"));
        }
        if reported > 0 && delivered > 0 && evidence.excuses == 0 {
            broken.push(format!("{name} was delivered and reported as failed"));
        }
        if reported > 0 && errand.sender.is_none() {
            broken.push(format!("{name} came from <> and its failure was reported"));
        }
    }
    if evidence.reports_about_reports > 0 {
        broken.push(format!("{} reports tell of reports", evidence.reports_about_reports));
    }
    broken
}
