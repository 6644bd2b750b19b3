//! Reads the dialogues under `transcripts/`, which both machines play as their tests.
//!
//! A file holds cases, each opened by `== name`. `#` opens a comment, where the register's ids
//! stand. `C:` and `S:` are lines of client and server, CR LF understood; `C-:` and `S-:` are
//! octets without it. `\r \n \t \0 \\ \xHH` are octets, `{text*count}` is a repetition, and a
//! trailing `*` of an expected line stands for any text. What else there is belongs to the player.

use std::path::Path;

/// One dialogue.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One line of a dialogue: `tag: text`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) tag: String,
    pub(crate) text: String,
}

/// All cases of the files in a folder of `transcripts/`.
pub(crate) fn cases(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts").join(folder);
    let entries = std::fs::read_dir(&root).expect("the folder of transcripts is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = |file| std::fs::read_to_string(file).expect("a transcript is text");
    let cases: Vec<_> = files.into_iter().flat_map(|file| parse(&read(file))).collect();
    assert!(!cases.is_empty());
    cases
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), steps: Vec::new() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let (tag, text) = line.split_once(':').unwrap_or((line, ""));
            let text = text.strip_prefix(' ').unwrap_or(text);
            let case = cases.last_mut().expect("a case is opened by ==");
            case.steps.push(Step { tag: tag.to_owned(), text: text.to_owned() });
        }
    }
    cases
}

/// The octets that `text` stands for.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some((body, count, after)) = repetition(rest) {
            out.extend(octets(body).repeat(count));
            rest = after;
            continue;
        }
        rest = &rest[character.len_utf8()..];
        if character != '\\' {
            out.extend(character.to_string().as_bytes());
            continue;
        }
        let escape = rest.chars().next().expect("something follows a backslash");
        rest = &rest[1..];
        out.push(match escape {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            'x' => {
                let hex = &rest[..2];
                rest = &rest[2..];
                u8::from_str_radix(hex, 16).expect("two digits follow \\x")
            }
            other => panic!("no escape: {other}"),
        });
    }
    out
}

/// `{text*count}` at the start.
fn repetition(text: &str) -> Option<(&str, usize, &str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (body, count) = inner.rsplit_once('*')?;
    Some((body, count.parse().ok()?, after))
}

/// Whether a line is what was expected.
pub(crate) fn matches(line: &str, expected: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(start) => line.starts_with(start),
        None => line == expected,
    }
}
