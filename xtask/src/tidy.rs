//! Rules of the house that a compiler does not see: who may lean on whom, no ambient effects below
//! the binary, citations that exist, no unfinished words.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::Done;
use crate::register::{self, is_for_tests};

/// Each room, its floor, and the rooms it may lean on.
const ROOMS: [(&str, u8, &[&str]); 10] = [
    ("mail", 0, &[]),
    ("spool", 0, &[]),
    ("smtp", 1, &["mail"]),
    ("queue", 1, &["mail", "spool"]),
    ("msgauth", 1, &["mail"]),
    ("engine", 2, &["smtp", "queue", "msgauth", "mail", "spool"]),
    ("spool-log", 2, &["spool"]),
    ("sim", 3, &["engine", "spool-log", "smtp", "queue", "msgauth", "mail", "spool", "scene"]),
    ("postrider-client", 3, &["smtp", "mail"]),
    (
        "postrider",
        4,
        &[
            "sim",
            "postrider-client",
            "engine",
            "spool-log",
            "smtp",
            "queue",
            "msgauth",
            "mail",
            "spool",
        ],
    ),
];

/// Effects that may only come through a door.
const AMBIENT: [&str; 11] = [
    "SystemTime::now",
    "Instant::now",
    "thread_rng",
    "rand::rng(",
    "std::fs::",
    "use std::fs",
    "tokio::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "tokio::net",
    "std::env::",
];

/// The places below the binary that touch the real world, each handed in or chosen by a value: the
/// disk of the log, and the wait of at most 50 ms in the log's own thread.
const DOORS: [&str; 2] = ["crates/spool-log/src/os.rs", "crates/spool-log/src/drive.rs"];

/// A test may be left out of the ordinary run only with its reason.
const UNFINISHED: [&str; 5] = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "#[ignore]"];

/// Checks the tree below `root`.
pub fn run(root: &Path) -> Done {
    let mut problems = Vec::new();
    floors(root, &mut problems);
    let cited = citations(root, &mut problems)?;
    let mut files = Vec::new();
    for top in ["crates", "bench", "interop", "scenes", "xtask"] {
        sources(&root.join(top), &mut files);
    }
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
        if !is_for_tests(file) {
            ambient(&name, &text, &mut problems);
        }
        unfinished(&name, &text, &mut problems);
    }
    if problems.is_empty() {
        eprintln!("{} source files tidy, {cited} rows of the register cited", files.len());
        return Ok(());
    }
    Err(problems.join("\n"))
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                sources(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn floors(root: &Path, problems: &mut Vec<String>) {
    for (room, floor, allowed) in ROOMS {
        for other in allowed {
            let below = ROOMS
                .iter()
                .find(|(name, ..)| name == other)
                .is_none_or(|(_, low, _)| *low < floor);
            // Two rooms of one floor never lean on each other, and none leans upward.
            if !below {
                problems
                    .push(format!("{room} may not lean on {other}: it is not on a lower floor"));
            }
        }
        let manifest = root.join("crates").join(room).join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else {
            problems.push(format!("{} is missing", manifest.display()));
            continue;
        };
        let Ok(table) = text.parse::<toml::Table>() else {
            problems.push(format!("{} does not parse", manifest.display()));
            continue;
        };
        let leans = table.get("dependencies").and_then(toml::Value::as_table);
        for name in leans.into_iter().flat_map(toml::Table::keys) {
            let is_room = ROOMS.iter().any(|(room, ..)| room == name);
            if is_room && !allowed.contains(&name.as_str()) {
                problems.push(format!("crates/{room}: an arrow to {name} crosses the floors"));
            }
        }
    }
}

fn ambient(name: &str, text: &str, problems: &mut Vec<String>) {
    let below = ROOMS
        .iter()
        .any(|(room, floor, _)| *floor < 3 && name.starts_with(&format!("crates/{room}/src/")));
    let test = name.contains("/tests") || name.ends_with("tests.rs");
    if !below || test || DOORS.contains(&name) {
        return;
    }
    // What stands after the test module's head is for tests.
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    for (number, line) in (1..).zip(code.lines()) {
        let is_comment = line.trim_start().starts_with("//");
        if let Some(effect) = AMBIENT.iter().find(|effect| !is_comment && line.contains(**effect)) {
            problems.push(format!(
                "{name}:{number}: {effect} below the binary; take it through a door"
            ));
        }
    }
}

fn unfinished(name: &str, text: &str, problems: &mut Vec<String>) {
    if name.starts_with("xtask/") {
        return;
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            problems.push(format!("{name}:{number}: {word} is unfinished work"));
        }
    }
}

/// Each row that a comment cites is in the register, and the comment stands on a test.
fn citations(root: &Path, problems: &mut Vec<String>) -> Result<usize, String> {
    let known: BTreeSet<String> = register::rows(root)?.into_iter().map(|row| row.id).collect();
    let mut cited = BTreeSet::new();
    for citation in register::citations(root) {
        let register::Citation { id, file, line, test } = citation;
        if !known.contains(&id) {
            problems.push(format!("{file}:{line}: the register has no row {id}"));
        } else if test.is_none() {
            problems.push(format!("{file}:{line}: {id} is cited outside a test"));
        } else {
            cited.insert(id);
        }
    }
    Ok(cited.len())
}
