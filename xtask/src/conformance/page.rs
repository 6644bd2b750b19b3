//! The page `docs/conformance.md`: counts, then a table for each RFC.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Finding;

const HEAD: &str = "\
# Conformance

What the standards ask of a mail system, row by row, and what we have to show for it. Written by
`cargo xtask conformance` from `conformance/requirements.tsv` (the rows), the tests that cite a row,
`docs/rfc.md` (where we leave the letter) and `conformance/reasons.tsv` (other reasons); not by hand.
File names of tests are below `crates/`, with `src/` left out, or below the root of the tree.
For MUST NOT and SHOULD NOT the requirement names the forbidden act.

| status | means |
| --- | --- |
| proved | the named tests would fail if the rule were broken |
| deviation | we leave the letter, and `docs/rfc.md` says why |
| absent | part of a feature that we do not have |
| outside | outside what this project is for |
| free | a MAY: both ways are lawful |
";

const TITLES: [(&str, &str); 36] = [
    ("5321", "SMTP"),
    ("1123", "Requirements for Internet hosts, section 5"),
    ("5322", "Message format"),
    ("2920", "PIPELINING"),
    ("1870", "SIZE"),
    ("6152", "8BITMIME"),
    ("2034", "ENHANCEDSTATUSCODES"),
    ("3030", "CHUNKING and BINARYMIME"),
    ("3461", "DSN"),
    ("3463", "Enhanced status codes"),
    ("3464", "Form of delivery status notifications"),
    ("6522", "multipart/report"),
    ("3207", "STARTTLS"),
    ("4954", "AUTH"),
    ("4616", "PLAIN"),
    ("6409", "Submission"),
    ("8314", "TLS for submission"),
    ("7817", "Names in certificates"),
    ("2033", "LMTP"),
    ("3848", "Words for Received"),
    ("6531", "SMTPUTF8"),
    ("6532", "Headers in UTF-8"),
    ("6533", "Notifications in UTF-8"),
    ("7504", "521 and 556"),
    ("7505", "Null MX"),
    ("7672", "DANE"),
    ("8461", "MTA-STS"),
    ("8689", "REQUIRETLS"),
    ("2045", "MIME, bodies"),
    ("2046", "MIME, media types"),
    ("2047", "MIME, headers"),
    ("2231", "MIME, parameters"),
    ("2183", "Content-Disposition"),
    ("3834", "Automatic responses"),
    ("1985", "ETRN"),
    ("2852", "DELIVERBY"),
];

/// The whole page.
pub fn write(findings: &[Finding], statuses: &[(&str, &str)]) -> String {
    let mut page = HEAD.to_owned();
    for (word, meaning) in statuses {
        let _ = writeln!(page, "| {word} | {meaning} |");
    }
    counts(findings, &mut page);
    let mut last = "";
    for found in findings {
        let (rfc, _) = found.row.place();
        if rfc != last {
            let title = TITLES.iter().find(|(number, _)| *number == rfc).map_or("", |(_, t)| t);
            let _ = writeln!(page, "\n## RFC {rfc}: {title}\n");
            page.push_str("| row | level | role | requirement | status | tests | remark |\n");
            page.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
            last = rfc;
        }
        row(found, &mut page);
    }
    page
}

/// How many rows of each role have which status, binding rows apart.
fn counts(findings: &[Finding], page: &mut String) {
    let mut words: BTreeMap<_, usize> = BTreeMap::new();
    for found in findings {
        *words.entry(found.verdict.clone()).or_default() += 1;
    }
    let of = |found: &Finding| match found.row.level.as_str() {
        "SHOULD" | "SHOULD NOT" => "advised",
        "MAY" => "allowed",
        _ => "binding",
    };
    page.push_str("\n## Counts\n\n| role | level | rows |");
    for verdict in words.keys() {
        let _ = write!(page, " {} |", verdict.word());
    }
    page.push_str("\n| --- | --- | ---: |");
    page.push_str(&" ---: |".repeat(words.len()));
    page.push('\n');
    let mut line = |role: &str, level: &str, rows: &[&Finding]| {
        let _ = write!(page, "| {role} | {level} | {} |", rows.len());
        for verdict in words.keys() {
            let count = rows.iter().filter(|found| found.verdict == *verdict).count();
            let _ = write!(page, " {count} |");
        }
        page.push('\n');
    };
    let roles = ["server", "client", "relay", "submission", "delivery", "dsn", "ua", "operator"];
    for role in roles {
        for level in ["binding", "advised", "allowed"] {
            let rows: Vec<_> =
                findings.iter().filter(|f| f.row.role == role && of(f) == level).collect();
            if !rows.is_empty() {
                line(role, level, &rows);
            }
        }
    }
    line("all", "", &findings.iter().collect::<Vec<_>>());
}

fn row(found: &Finding, page: &mut String) {
    let row = &found.row;
    let tests = found.tests.iter().map(|(file, test)| {
        let file = file.trim_start_matches("crates/").replacen("/src/", "/", 1);
        format!("{file}: {}", cell(test))
    });
    let tests = tests.collect::<Vec<_>>().join("; ");
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} | {} | {tests} | {} |",
        row.id,
        row.level,
        row.role,
        cell(&row.requirement),
        found.verdict.word(),
        cell(&found.remark)
    );
}

/// Text that stays inside its cell and is taken as it stands.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if matches!(character, '|' | '<' | '*' | '_' | '`' | '[') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
