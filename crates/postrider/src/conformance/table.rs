//! The report as text, JSON and Markdown.

use std::io::{self, Write};

use serde_json::json;

use super::{Finding, Report, Verdict};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// For people at a terminal.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// A page.
    Markdown,
}

const ALL: [Verdict; 4] = [Verdict::Pass, Verdict::Fail, Verdict::Unclear, Verdict::Skipped];

pub fn write(report: &Report, form: Form, title: &str, out: &mut impl Write) -> io::Result<()> {
    match form {
        Form::Text => text(report, out),
        Form::Json => json_object(report, out),
        Form::Markdown => markdown(report, title, out),
    }
}

fn counts(report: &Report) -> String {
    let count = |verdict: &Verdict| format!("{} {}", report.count(*verdict), verdict.word());
    ALL.iter().map(count).collect::<Vec<_>>().join(", ")
}

fn text(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", printable(&report.greeting))?;
    for Finding { row, level, requirement, verdict, case, said } in &report.findings {
        writeln!(out, "{:8} {row:18} {level:10} {requirement}", verdict.word())?;
        if *verdict != Verdict::Pass {
            writeln!(out, "{:8} {case}: {}", "", printable(said))?;
        }
    }
    writeln!(out, "{}", counts(report))
}

fn json_object(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let row = |found: &Finding| {
        json!({
            "row": found.row,
            "level": found.level,
            "requirement": found.requirement,
            "verdict": found.verdict.word(),
            "case": found.case,
            "said": found.said,
        })
    };
    let rows: Vec<_> = report.findings.iter().map(row).collect();
    let counts: serde_json::Map<_, _> = ALL
        .iter()
        .map(|verdict| (verdict.word().to_owned(), report.count(*verdict).into()))
        .collect();
    let whole = json!({ "greeting": report.greeting, "counts": counts, "rows": rows });
    writeln!(out, "{whole}")
}

fn markdown(report: &Report, title: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Conformance: {title}\n")?;
    writeln!(
        out,
        "What this server does with the rows of the register that a stranger can see, as it was \
         configured for the\noccasion. Written by `postrider conformance --markdown`; advice (SHOULD) \
         may be left with a reason, and a\nrow that fails may have its reason in the configuration.\n"
    )?;
    writeln!(out, "It greeted with `{}`.\n", printable(&report.greeting))?;
    writeln!(out, "{}.\n", counts(report))?;
    writeln!(out, "| row | level | requirement | verdict | what was said |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for Finding { row, level, requirement, verdict, said, .. } in &report.findings {
        let (requirement, said) = (cell(requirement), cell(&printable(said)));
        writeln!(out, "| {row} | {level} | {requirement} | {} | {said} |", verdict.word())?;
    }
    Ok(())
}

/// What a server says may hold anything; a terminal and a page get none of it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Text that stays inside its cell.
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
