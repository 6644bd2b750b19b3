//! `cargo xtask conformance`: holds the register of requirements against the tests that cite it, and
//! writes what came of it to `docs/conformance.md`.
//!
//! What a row asks for is proved by a test, left on purpose (`docs/rfc.md`), explained in
//! `conformance/reasons.tsv`, outside the project (`no:` in the register), part of a feature that is
//! absent (a `cond:` line of `reasons.tsv`), or open.

mod page;

use std::collections::BTreeMap;
use std::path::Path;

use crate::Done;
use crate::register::{self, Row, ids_in};

/// Roles whose binding rows must have a test before anything is merged.
const HELD: [&str; 6] = ["server", "client", "relay", "submission", "delivery", "dsn"];

/// Words of `conformance/reasons.tsv` for a row, and what they mean.
const STATUSES: [(&str, &str); 6] = [
    ("not-applicable", "speaks of something that we never do"),
    ("optional-not-built", "a service that the standard leaves to us, and that we do not offer"),
    ("by-design", "holds by how the program is built; the remark says where to look"),
    ("documented", "a matter of defaults and documentation; the remark says where"),
    ("choice", "advice that we follow in part or not, and why"),
    ("open", "not done, or not proved yet"),
];

/// What there is to say about one row.
struct Finding {
    row: Row,
    verdict: Verdict,
    /// File and name, in order, each once.
    tests: Vec<(String, String)>,
    remark: String,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Verdict {
    Proved,
    Deviation,
    Explained(String),
    Absent,
    Outside,
    /// A MAY without a test: both ways are lawful.
    Free,
    Open,
}

impl Verdict {
    fn word(&self) -> &str {
        match self {
            Self::Proved => "proved",
            Self::Deviation => "deviation",
            Self::Explained(word) => word,
            Self::Absent => "absent",
            Self::Outside => "outside",
            Self::Free => "free",
            Self::Open => "open",
        }
    }
}

impl Finding {
    fn binds(&self) -> bool {
        matches!(self.row.level.as_str(), "MUST" | "MUST NOT" | "REQUIRED" | "STATED")
    }

    /// Why this row stands in the way of a merge.
    fn gap(&self) -> Option<String> {
        let Row { id, level, role, requirement, .. } = &self.row;
        let missing = match &self.verdict {
            Verdict::Open => "no test and no reason",
            Verdict::Explained(word) if word == "open" && self.binds() => "open",
            Verdict::Explained(word) if self.binds() && !self.is_settled(word) => {
                "a reason is no test"
            }
            Verdict::Deviation if self.binds() && self.tests.is_empty() => {
                "a deviation that no test shows"
            }
            _ => return None,
        };
        Some(format!("{id} ({level}, {role}): {missing}: {requirement}"))
    }

    /// Whether a reason is enough for a rule that binds: it speaks of nothing that we do. Rules by
    /// plain statement may leave us the choice.
    fn is_settled(&self, word: &str) -> bool {
        match word {
            "not-applicable" | "documented" => true,
            "optional-not-built" => self.row.level == "STATED",
            _ => false,
        }
    }

    fn is_held(&self) -> bool {
        HELD.contains(&self.row.role.as_str())
    }
}

/// Writes the page, or with `--check` only compares it; fails where a rule has no test.
pub fn run(root: &Path, arguments: &[String]) -> Done {
    let (findings, mut problems) = findings(root)?;
    let page = page::write(&findings, &STATUSES);
    let path = root.join("docs/conformance.md");
    if arguments.iter().any(|argument| argument == "--check") {
        if std::fs::read_to_string(&path).unwrap_or_default() != page {
            let advice = "docs/conformance.md is not up to date: run cargo xtask conformance";
            problems.push(advice.to_owned());
        }
    } else {
        std::fs::write(&path, page).map_err(|error| format!("docs/conformance.md: {error}"))?;
    }
    let gaps = |held: bool| {
        findings.iter().filter(move |found| found.is_held() == held).filter_map(Finding::gap)
    };
    let others = gaps(false).count();
    problems.extend(gaps(true));
    let proved = findings.iter().filter(|found| !found.tests.is_empty()).count();
    eprintln!(
        "{} rows, {proved} with a test; {others} open rows of user agent and operator",
        findings.len()
    );
    if arguments.iter().any(|argument| argument == "--all") {
        gaps(false).for_each(|gap| eprintln!("{gap}"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn findings(root: &Path) -> Result<(Vec<Finding>, Vec<String>), String> {
    let rows = register::rows(root)?;
    let mut problems = Vec::new();
    let mut tests: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for citation in register::citations(root) {
        let known = rows.iter().any(|row| row.id == citation.id);
        match citation.test {
            Some(test) if known => {
                let listed = tests.entry(citation.id).or_default();
                let entry = (citation.file, test);
                if !listed.contains(&entry) {
                    listed.push(entry);
                }
            }
            _ => problems.push(format!(
                "{}:{}: {} is no row, or the comment stands on no test",
                citation.file, citation.line, citation.id
            )),
        }
    }
    let reasons = Reasons::read(root, &rows, &mut problems)?;
    let findings = rows.into_iter().map(|row| {
        let tests = tests.remove(&row.id).unwrap_or_default();
        let (verdict, remark) = reasons.verdict(&row, !tests.is_empty());
        let contradicted = ["open", "not-applicable", "optional-not-built"];
        if let Some((word, _)) = reasons.rows.get(&row.id)
            && !tests.is_empty()
            && contradicted.contains(&word.as_str())
        {
            problems.push(format!("{}: {word} in reasons.tsv, yet a test cites it", row.id));
        }
        Finding { row, verdict, tests, remark }
    });
    let findings = findings.collect();
    Ok((findings, problems))
}

/// What `docs/rfc.md` and `conformance/reasons.tsv` say.
struct Reasons {
    deviations: BTreeMap<String, String>,
    rows: BTreeMap<String, (String, String)>,
    /// Whether the feature is built, and what there is to say about it.
    features: BTreeMap<String, (bool, String)>,
}

impl Reasons {
    fn read(root: &Path, rows: &[Row], problems: &mut Vec<String>) -> Result<Self, String> {
        let read = |name: &str| {
            std::fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"))
        };
        let mut reasons =
            Self { deviations: BTreeMap::new(), rows: BTreeMap::new(), features: BTreeMap::new() };
        reasons.deviations(&read("docs/rfc.md")?);
        reasons.reasons(&read("conformance/reasons.tsv")?, problems);
        for id in reasons.deviations.keys().chain(reasons.rows.keys()) {
            if !rows.iter().any(|row| row.id == *id) {
                problems.push(format!("{id} has a reason, and is no row of the register"));
            }
        }
        for feature in reasons.features.keys() {
            if !rows.iter().any(|row| row.applies == *feature) {
                problems.push(format!("reasons.tsv: no row has {feature}"));
            }
        }
        for row in rows.iter().filter(|row| row.applies.starts_with("cond:")) {
            let feature = row.applies.as_str();
            if !reasons.features.contains_key(feature) && !reasons.rows.contains_key(&row.id) {
                problems.push(format!("reasons.tsv does not say whether {feature} is built"));
                reasons.features.insert(feature.to_owned(), (false, String::new()));
            }
        }
        Ok(reasons)
    }

    /// Lines `| ids | what we do | why | where |`.
    fn deviations(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [ids, what, why, ..] = cells[..] else { continue };
            for id in ids_in(ids) {
                self.deviations.insert(id.to_owned(), format!("{what}: {why}"));
            }
        }
    }

    /// Lines of id or `cond:` feature, status, reason.
    fn reasons(&mut self, text: &str, problems: &mut Vec<String>) {
        for (number, line) in (1..).zip(text.lines()) {
            if number == 1 || line.is_empty() || line.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = line.split('\t').collect();
            let twice = match columns[..] {
                [feature, word @ ("built" | "absent"), reason] if feature.starts_with("cond:") => {
                    let told = (word == "built", reason.to_owned());
                    self.features.insert(feature.to_owned(), told).is_some()
                }
                [id, word, reason]
                    if !reason.is_empty() && STATUSES.iter().any(|(known, _)| *known == word) =>
                {
                    let told = (word.to_owned(), reason.to_owned());
                    self.rows.insert(id.to_owned(), told).is_some()
                }
                _ => {
                    let problem = "id, status and reason are expected, with a status that exists";
                    problems.push(format!("reasons.tsv:{number}: {problem}"));
                    false
                }
            };
            if twice {
                problems.push(format!("reasons.tsv:{number}: {} has two reasons", columns[0]));
            }
        }
    }

    fn verdict(&self, row: &Row, tested: bool) -> (Verdict, String) {
        if let Some(reason) = self.deviations.get(&row.id) {
            return (Verdict::Deviation, reason.clone());
        }
        let told = self.rows.get(&row.id);
        if tested {
            return (Verdict::Proved, told.map(|(_, reason)| reason.clone()).unwrap_or_default());
        }
        if let Some((word, reason)) = told {
            return (Verdict::Explained(word.clone()), reason.clone());
        }
        if let Some(why) = row.applies.strip_prefix("no:") {
            return (Verdict::Outside, why.to_owned());
        }
        match self.features.get(&row.applies) {
            Some((false, reason)) => {
                let feature = row.applies.trim_start_matches("cond:");
                (Verdict::Absent, format!("{feature}: {reason}"))
            }
            _ if row.level == "MAY" => (Verdict::Free, String::new()),
            _ => (Verdict::Open, String::new()),
        }
    }
}
