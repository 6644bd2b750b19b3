//! The file of aliases that `[local] aliases` names, with the files it includes.

use std::path::Path;

use queue::expansion::Aliases;

use super::problem::{Problem, Severity};
use super::{Config, read_file};

/// Reads them; none where the configuration names no file.
///
/// # Errors
/// The file cannot be read, or every line of it that is wrong.
pub fn read(config: &Config) -> Result<Aliases, Vec<Problem>> {
    let Some(path) = &config.local.aliases else { return Ok(Aliases::default()) };
    let told = |title: String, remedy: &str| {
        config.problem(Severity::Error, "local.aliases", title, remedy)
    };
    let text = read_file(path).map_err(|why| {
        let title = format!("the aliases in {} cannot be read: {why}", path.display());
        vec![told(title, "make the file, or remove the key")]
    })?;
    let base = path.parent().unwrap_or(Path::new("."));
    let mut include = |name: &str| read_file(&base.join(name));
    let read = Aliases::parse(&text, &path.to_string_lossy(), &mut include);
    read.map_err(|problems| {
        let one = |problem: &queue::expansion::AliasProblem| {
            let place = format!("{}:{}: {}", problem.file, problem.line, problem.what);
            told(place, problem.remedy)
        };
        problems.iter().map(one).collect()
    })
}
