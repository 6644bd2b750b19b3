use std::path::Path;

use super::configuration::HUB;
use super::files;
use crate::config::Config;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `docs/man` and `docs/completions` are what the programs say. To write them anew:
/// `cargo run -- pages docs`.
#[test]
fn the_pages_are_in_step() {
    for file in files() {
        let written = std::fs::read_to_string(root().join("docs").join(&file.path));
        let written = written.unwrap_or_default();
        assert!(written == file.text, "docs/{} is old: cargo run -- pages docs", file.path);
    }
}

/// No page is without its examples, and no section lost what `--help` says.
#[test]
fn every_program_teaches() {
    for file in files().iter().filter(|file| file.path.ends_with(".1") && file.text.len() > 100) {
        for title in ["SYNOPSIS", "DESCRIPTION", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(file.text.contains(&format!(".SH {title}\n")), "{}: no {title}", file.path);
        }
    }
}

#[test]
fn the_example_is_right_and_in_the_readme() {
    Config::parse(HUB, "postrider.toml").unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let indented: Vec<String> = HUB
        .lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("    {line}") })
        .collect();
    assert!(readme.contains(&indented.join("\n")), "the README shows another hub");
}
