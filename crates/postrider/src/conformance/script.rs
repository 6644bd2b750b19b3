//! Reads the dialogues. Their form is told at the head of `transcripts/conformance/dialogue.txt`; a
//! line that does not fit is a fault of ours, which a test finds.

use super::expect::Expected;

/// One dialogue: one connection, one verdict for its rows.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    pub rows: Vec<&'static str>,
    pub needs: Vec<&'static str>,
    pub steps: Vec<Step>,
}

/// One line of a dialogue.
#[derive(Clone, Debug)]
pub enum Step {
    /// Say a line.
    Line(&'static str),
    /// Say octets.
    Octets(&'static str),
    /// It must answer so, else the rows fail; `sure` false: else nothing is known of them.
    Reply { expected: Expected, sure: bool },
    /// It must say nothing for so many seconds.
    Quiet(u64),
    /// Say nothing for so many seconds.
    Wait(u64),
    /// The next reply must come within so many seconds.
    Within(u64),
    /// The next command and its reply, so many times.
    Repeat(u64),
    /// Other connections beside this one, each greeted.
    Beside(u64),
    /// It must hang up.
    Closed,
    /// It must end the secured connection with a last word.
    Farewell,
    /// Say lines of content until the size it offers is exceeded.
    OverSize,
    /// Secure the connection; where the last reply did not say 220, the case ends here, well.
    Tls,
    /// A look at the last reply.
    Check(&'static str),
}

/// The cases of one file.
pub fn parse(text: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name, rows: Vec::new(), needs: Vec::new(), steps: Vec::new() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(rows) = line.strip_prefix("# Register:") {
            case.rows.extend(rows.split(',').map(str::trim).filter(|row| !row.is_empty()));
        } else if let Some(needs) = line.strip_prefix("needs:") {
            case.needs.extend(needs.split_whitespace());
        } else if !line.starts_with('#') {
            case.steps.extend(step(line));
        }
    }
    cases
}

fn step(line: &'static str) -> Option<Step> {
    let (tag, text) = line.split_once(':').unwrap_or((line, ""));
    let text = text.strip_prefix(' ').unwrap_or(text);
    let number = || text.parse().ok();
    Some(match tag {
        "C" => Step::Line(text),
        "C-" => Step::Octets(text),
        "S" => Step::Reply { expected: Expected::parse(text)?, sure: true },
        "S?" => Step::Reply { expected: Expected::parse(text)?, sure: false },
        "quiet" => Step::Quiet(number()?),
        "wait" => Step::Wait(number()?),
        "within" => Step::Within(number()?),
        "repeat" => Step::Repeat(number()?),
        "beside" => Step::Beside(number()?),
        "closed" => Step::Closed,
        "farewell" => Step::Farewell,
        "tls" => Step::Tls,
        "over size" => Step::OverSize,
        "check" => Step::Check(text),
        _ => return None,
    })
}

/// Octets that `text` stands for, once names are put in: `\r \n \t \0 \\ \xHH`, `{text*count}`.
pub fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some((body, count, after)) = repetition(rest) {
            out.extend(octets(body).repeat(count));
            rest = after;
            continue;
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        if character != '\\' {
            out.extend(character.to_string().as_bytes());
            continue;
        }
        let (octet, len) = escape(rest);
        out.push(octet);
        rest = rest.get(len..).unwrap_or_default();
    }
    out
}

/// What stands after a backslash: the octet, and how long its name is.
fn escape(text: &str) -> (u8, usize) {
    match text.as_bytes().first() {
        Some(b'r') => (b'\r', 1),
        Some(b'n') => (b'\n', 1),
        Some(b't') => (b'\t', 1),
        Some(b'0') => (0, 1),
        Some(b'x') => {
            let hex = text.get(1..3).unwrap_or_default();
            (u8::from_str_radix(hex, 16).unwrap_or(b'?'), 3)
        }
        Some(other) => (*other, 1),
        None => (b'\\', 0),
    }
}

/// `{text*count}` at the start.
fn repetition(text: &str) -> Option<(&str, usize, &str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (body, count) = inner.rsplit_once('*')?;
    Some((body, count.parse().ok()?, after))
}
