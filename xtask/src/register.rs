//! The register of requirements, and the tests that say which of its rows they prove.
//!
//! A citation is a comment of the form `Register: 5321-4.1.1.4-f, 3030-2-a.` and may go on over
//! further comment lines. It counts where it stands on a test: a `#[test]` function, a row of a
//! table or a helper in a test module, a case of a transcript, a scene, a play of `interop`, a law
//! of `sim`.

use std::path::{Path, PathBuf};

/// One demand of a standard.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub level: String,
    pub role: String,
    pub requirement: String,
    pub applies: String,
}

impl Row {
    /// The RFC, and the section in it.
    pub fn place(&self) -> (&str, &str) {
        let mut parts = self.id.split('-');
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }
}

/// One id in one comment.
#[derive(Clone, Debug)]
pub struct Citation {
    pub id: String,
    /// Below the root of the tree.
    pub file: String,
    pub line: usize,
    /// The test that it stands on, when it stands on one.
    pub test: Option<String>,
}

/// The rows of `conformance/requirements.tsv`.
///
/// # Errors
/// A file that cannot be read, or a line with another number of columns.
pub fn rows(root: &Path) -> Result<Vec<Row>, String> {
    let path = root.join("conformance/requirements.tsv");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    (2..)
        .zip(text.lines().skip(1))
        .map(|(number, line)| match line.split('\t').collect::<Vec<_>>()[..] {
            [id, level, role, requirement, _, applies] => Ok(Row {
                id: id.to_owned(),
                level: level.to_owned(),
                role: role.to_owned(),
                requirement: requirement.to_owned(),
                applies: applies.to_owned(),
            }),
            _ => Err(format!("{}:{number}: six columns are expected", path.display())),
        })
        .collect()
}

/// Every citation of the tree, in the order of its files.
pub fn citations(root: &Path) -> Vec<Citation> {
    let mut files = Vec::new();
    for top in ["bench", "crates", "interop", "scenes", "transcripts"] {
        texts(&root.join(top), &mut files);
    }
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let source = Source { file: &file, lines: &lines, for_tests: is_for_tests(&path) };
        found.extend(source.citations());
    }
    found
}

fn texts(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            texts(&path, files);
        } else if matches!(extension, Some("rs" | "txt" | "toml")) {
            files.push(path);
        }
    }
}

/// Whether the module that declares `file` does so for tests only.
pub fn is_for_tests(file: &Path) -> bool {
    let (Some(folder), Some(name)) = (file.parent(), file.file_stem()) else { return false };
    let declaration = format!("#[cfg(test)]\nmod {};", name.to_string_lossy());
    ["lib.rs", "mod.rs", "main.rs"].iter().any(|parent| {
        std::fs::read_to_string(folder.join(parent)).is_ok_and(|text| text.contains(&declaration))
    })
}

/// One file while its citations are read.
struct Source<'a> {
    file: &'a str,
    lines: &'a [&'a str],
    for_tests: bool,
}

impl Source<'_> {
    fn citations(&self) -> Vec<Citation> {
        let mut found = Vec::new();
        let mut open = false;
        for (place, line) in self.lines.iter().enumerate() {
            let ids = match line.split_once("Register:") {
                Some((_, ids)) => ids,
                None if open && is_comment(line) => line,
                None => {
                    open = false;
                    continue;
                }
            };
            let ids: Vec<&str> = ids_in(ids).collect();
            open = !ids.is_empty();
            let test = self.test(place);
            found.extend(ids.into_iter().map(|id| Citation {
                id: id.to_owned(),
                file: self.file.to_owned(),
                line: place + 1,
                test: test.clone(),
            }));
        }
        found
    }

    /// The name of the test that the comment at `place` belongs to.
    fn test(&self, place: usize) -> Option<String> {
        if self.file.ends_with(".txt") {
            let title =
                self.lines.get(..place)?.iter().rev().find_map(|l| l.strip_prefix("== "))?;
            return Some(title.to_owned());
        }
        if self.file.ends_with(".toml") {
            return self.file.starts_with("scenes/").then(|| "scene".to_owned());
        }
        if self.lines.get(place)?.trim_start().starts_with("//!") {
            return self.is_test_file().then(|| "whole module".to_owned());
        }
        let mut after = self.lines.iter().skip(place).skip_while(|line| is_comment(line));
        let mut is_test = false;
        for line in after.by_ref().map(|line| line.trim_start()) {
            if line.starts_with("#[") {
                is_test |= line.starts_with("#[test]") || line.contains("::test");
            } else if let Some(name) = item(line).filter(|_| is_test || self.proves(place)) {
                return Some(name.to_owned());
            } else {
                break;
            }
        }
        // A row of a table, or a remark inside a test.
        self.proves(place).then(|| {
            let before = self.lines.iter().take(place).rev();
            before.filter_map(|line| item(line.trim_start())).next().unwrap_or("table").to_owned()
        })
    }

    /// Whether what stands at `place` is only there to prove something.
    fn proves(&self, place: usize) -> bool {
        let before = self.lines.iter().take(place);
        self.is_test_file()
            || self.file.starts_with("interop/src/")
            || self.file == "crates/sim/src/laws.rs"
            || before.rev().any(|line| line.trim_start() == "#[cfg(test)]")
    }

    fn is_test_file(&self) -> bool {
        self.for_tests
            || self.file.contains("/tests/")
            || self.file.contains("_tests.rs")
            || self.file.ends_with("/tests.rs")
    }
}

/// The name of the function, constant or module that a line opens.
fn item(line: &str) -> Option<&str> {
    let words = line.split(['(', ':', '<', ' ', '{', ';']).filter(|word| !word.is_empty());
    let mut words = words.skip_while(|word| matches!(*word, "pub" | "async" | "crate)" | "super)"));
    match words.next()? {
        "fn" | "const" | "static" => words.next(),
        _ => None,
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with("# ")
}

/// The ids of rows among the words of a line.
pub fn ids_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([',', ' ', '"', '`', ';', '(', ')', '|']);
    words.map(|word| word.trim().trim_end_matches('.')).filter(|word| is_id(word))
}

/// `5321-4.1.1.4-f`: number, section, letters.
fn is_id(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(rfc), Some(section), Some(letter), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    rfc.len() >= 3
        && rfc.bytes().all(|byte| byte.is_ascii_digit())
        && !section.is_empty()
        && section.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        && !letter.is_empty()
        && letter.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, text: &str) -> Vec<(String, Option<String>)> {
        let lines: Vec<&str> = text.lines().collect();
        let source = Source { file, lines: &lines, for_tests: false };
        source.citations().into_iter().map(|found| (found.id, found.test)).collect()
    }

    fn named(id: &str, test: Option<&str>) -> (String, Option<String>) {
        (id.to_owned(), test.map(str::to_owned))
    }

    #[test]
    fn a_citation_belongs_to_the_test_below_it() {
        let text =
            "/// Register: 5321-2.1-a, 5321-F.1-a,\n/// 2920-3-a. More.\n#[test]\nfn one() {}\n";
        let one = Some("one");
        assert_eq!(
            read("crates/x/src/a.rs", text),
            [named("5321-2.1-a", one), named("5321-F.1-a", one), named("2920-3-a", one)]
        );
        let text =
            "/// Register: 5321-2.1-a\n#[tokio::test(start_paused = true)]\nasync fn two() {}";
        assert_eq!(read("crates/x/src/a.rs", text), [named("5321-2.1-a", Some("two"))]);
    }

    #[test]
    fn code_proves_nothing() {
        let text = "/// Register: 5321-2.1-a\npub fn serve() {}\n";
        assert_eq!(read("crates/x/src/a.rs", text), [named("5321-2.1-a", None)]);
        let text = "//! Register: 5321-2.1-a\n\nfn serve() {}\n";
        assert_eq!(read("crates/x/src/a.rs", text), [named("5321-2.1-a", None)]);
        assert_eq!(read("crates/x/src/tests/a.rs", text).len(), 1);
    }

    #[test]
    fn rows_of_tables_plays_and_transcripts_count() {
        let text =
            "#[cfg(test)]\nmod tests {\nconst ROWS: [u8; 1] = [\n// Register: 5321-2.1-a\n1];\n";
        assert_eq!(read("crates/x/src/a.rs", text), [named("5321-2.1-a", Some("ROWS"))]);
        let text = "/// Register: 5321-2.1-a.\npub fn play() {}\n";
        assert_eq!(read("interop/src/a.rs", text), [named("5321-2.1-a", Some("play"))]);
        let text = "== a case\n# Register: 5321-2.1-a,\n# 5321-2.1-b\nS: 220 *\n";
        let case = Some("a case");
        let both = [named("5321-2.1-a", case), named("5321-2.1-b", case)];
        assert_eq!(read("transcripts/server/a.txt", text), both);
    }
}
