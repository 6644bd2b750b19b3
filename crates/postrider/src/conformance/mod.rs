//! `postrider conformance`: asks any SMTP server what the standards demand of it, and tells for each
//! row of the register whether it holds. It sees what a stranger sees; nothing here knows of the
//! rooms below, and our own server is asked as any other.
//!
//! The dialogues are data, `transcripts/conformance/`. Each is one connection, so that one that goes
//! wrong costs no other its answer. No letter is sent but to the recipient that was named.

mod expect;
mod play;
mod script;
mod table;
mod talk;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use expect::Offer;
use script::Case;
use talk::Talk;

pub use table::Form;

/// The rows of the standards: id, level, role, requirement.
const REGISTER: &str = include_str!("../../../../conformance/requirements.tsv");
const SCRIPTS: [&str; 3] = [
    include_str!("../../../../transcripts/conformance/dialogue.txt"),
    include_str!("../../../../transcripts/conformance/letters.txt"),
    include_str!("../../../../transcripts/conformance/tls.txt"),
];

/// Whom to ask, and what may be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Each is tried until one answers.
    pub server: Vec<SocketAddr>,
    /// The name for EHLO, and the domain of addresses that are made up.
    pub me: String,
    /// The reverse-path, without brackets.
    pub sender: String,
    /// A mailbox of the server that may get letters.
    pub recipient: Option<String>,
    /// An address that the server should not relay to.
    pub foreign: Option<String>,
    /// Play what costs the server more than a dialogue: large letters, many recipients.
    pub intrusive: bool,
    /// Play what takes minutes.
    pub slow: bool,
    /// The longest wait for one reply.
    pub patience: Duration,
    /// Only rows whose id begins so.
    pub only: Vec<String>,
}

/// What is known of one row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It did what the row asks for.
    Pass,
    /// It did not.
    Fail,
    /// It was not asked: something is not offered, not given or not allowed.
    Skipped,
    /// It was asked, and what came before the question went another way.
    Unclear,
}

impl Verdict {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
            Self::Unclear => "unclear",
        }
    }
}

/// One row and its verdict.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `5321-4.1.1.5-b`.
    pub row: &'static str,
    /// `MUST`, `SHOULD`, …
    pub level: &'static str,
    /// In one line.
    pub requirement: &'static str,
    /// What is known.
    pub verdict: Verdict,
    /// The case that asked.
    pub case: &'static str,
    /// What was said, or why nothing was asked.
    pub said: String,
}

impl Finding {
    /// Advice may be left with a reason, the rest may not.
    pub fn binds(&self) -> bool {
        !matches!(self.level, "SHOULD" | "SHOULD NOT" | "MAY")
    }
}

/// What came of it all.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the server greeted with.
    pub greeting: String,
    /// In the order of the register.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Rows with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|found| found.verdict == verdict).count()
    }

    /// Whether no row failed that binds, or with `strict` none at all.
    pub fn is_good(&self, strict: bool) -> bool {
        let fails = |found: &&Finding| found.verdict == Verdict::Fail;
        !self.findings.iter().filter(fails).any(|found| strict || found.binds())
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, form: Form, title: &str, out: &mut impl Write) -> io::Result<()> {
        table::write(self, form, title, out)
    }
}

/// Plays all cases. `tell` hears the name of each before it is played.
///
/// # Errors
/// Nobody answers at all.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> io::Result<Report> {
    let (greeting, offer) = meet(plan)?;
    let mut findings = Vec::new();
    for case in cases() {
        let wanted = |row: &str| {
            plan.only.is_empty() || plan.only.iter().any(|only| row.starts_with(only.as_str()))
        };
        if !case.rows.iter().any(|row| wanted(row)) {
            continue;
        }
        tell(case.name);
        let (verdict, said) = match missing(&case, plan, &offer) {
            Some(what) => (Verdict::Skipped, what),
            None => play::play(&case, plan, &offer),
        };
        for row in case.rows.iter().copied().filter(|row| wanted(row)) {
            merge(&mut findings, found(row, &case, verdict, &said));
        }
    }
    let place = |row: &str| REGISTER.lines().position(|line| line.split('\t').next() == Some(row));
    findings.sort_by_key(|found: &Finding| place(found.row));
    Ok(Report { greeting, findings })
}

/// All cases, in the order of their files.
fn cases() -> Vec<Case> {
    SCRIPTS.iter().flat_map(|text| script::parse(text)).collect()
}

/// The first connection: is anybody there, and what do they offer?
fn meet(plan: &Plan) -> io::Result<(String, Offer)> {
    let mut talk = Talk::connect(&plan.server, plan.patience)?;
    let greeting = talk.reply()?;
    talk.send(format!("EHLO {}\r\n", plan.me).as_bytes())?;
    let offer = Offer::read(&talk.reply()?);
    // The server may be gone already.
    let _ = talk.send(b"QUIT\r\n");
    Ok((greeting.text(), offer))
}

/// What a case needs and has not.
fn missing(case: &Case, plan: &Plan, offer: &Offer) -> Option<String> {
    case.needs.iter().find_map(|need| match *need {
        "recipient" => plan.recipient.is_none().then(|| "no --recipient is given".to_owned()),
        "foreign" => plan.foreign.is_none().then(|| "no --foreign is given".to_owned()),
        "intrusive" => (!plan.intrusive).then(|| "only with --intrusive".to_owned()),
        "slow" => (!plan.slow).then(|| "only with --slow".to_owned()),
        keyword => (!offer.has(keyword)).then(|| format!("{keyword} is not offered")),
    })
}

fn found(row: &'static str, case: &Case, verdict: Verdict, said: &str) -> Finding {
    let mut columns = REGISTER
        .lines()
        .find(|line| line.split('\t').next() == Some(row))
        .unwrap_or("")
        .split('\t');
    let mut column = |skipped: usize| columns.nth(skipped).unwrap_or_default();
    let (level, requirement) = (column(1), column(1));
    Finding { row, level, requirement, verdict, case: case.name, said: said.to_owned() }
}

/// A row that several cases ask about has the worst that came of them.
fn merge(findings: &mut Vec<Finding>, new: Finding) {
    let weight = |verdict| match verdict {
        Verdict::Skipped => 0,
        Verdict::Pass => 1,
        Verdict::Unclear => 2,
        Verdict::Fail => 3,
    };
    match findings.iter_mut().find(|found| found.row == new.row) {
        Some(found) if weight(new.verdict) > weight(found.verdict) => *found = new,
        Some(_) => {}
        None => findings.push(new),
    }
}
