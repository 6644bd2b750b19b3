//! The manual pages and the completions of shells, made from what the programs themselves know: the
//! definitions of the command line, the options of `sendmail`, the documentation of the
//! configuration. `docs/` holds a copy of each; a test keeps it in step.

mod configuration;
mod page;
mod programs;
mod sendmail;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use clap_complete::Shell;

use crate::agent;
use crate::cli::arguments;

/// One file: its path below the folder of documentation, and its text.
pub struct File {
    /// `man/postrider.1`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// All pages and completions.
pub fn files() -> Vec<File> {
    let page = |(name, text): (&str, String)| File { path: format!("man/{name}"), text };
    let mut files: Vec<File> = programs::pages().into_iter().map(page).collect();
    files.push(page(("sendmail.1", sendmail::page())));
    files.push(page(("postrider.toml.5", configuration::page())));
    files.extend([Shell::Bash, Shell::Zsh, Shell::Fish].map(completion));
    files
}

/// Writes them below `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    for File { path, text } in files() {
        let path = folder.join(path);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

fn completion(shell: Shell) -> File {
    let name = match shell {
        Shell::Zsh => "_postrider",
        Shell::Fish => "postrider.fish",
        _ => "postrider.bash",
    };
    let mut command = whole_command();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "postrider", &mut text);
    let text = String::from_utf8_lossy(&text);
    // What the generators leave at the ends of lines is no part of the scripts.
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    File { path: format!("completions/{name}"), text: lines.join("\n") + "\n" }
}

/// The command line with what `mail` and `mailq` read themselves in its place.
fn whole_command() -> clap::Command {
    let own = |name: &'static str, own: fn() -> clap::Command| {
        move |passed: clap::Command| {
            let about = passed.get_about().cloned().unwrap_or_default();
            own().name(name).about(about)
        }
    };
    arguments::command()
        .mut_subcommand("mail", own("mail", agent::mail_command))
        .mut_subcommand("mailq", own("mailq", agent::mailq_command))
}
