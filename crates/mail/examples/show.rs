//! Shows a letter from standard input as text: `cargo run -p mail --example show < letter.eml`.

use std::io::{self, Read as _, Write as _};

use mail::content::{External, Letter, Part, Role, view};

/// Text of others has no control characters that a terminal obeys.
fn harmless(text: &str) -> String {
    let shown =
        |one: char| if one.is_control() && one != '\n' && one != '\t' { '\u{fffd}' } else { one };
    text.chars().map(shown).collect()
}

fn head(part: &Part<'_, '_>, out: &mut String) {
    let head = part.head();
    for name in ["From", "To", "Cc"] {
        let list = head.addresses(name);
        if !list.is_empty() {
            out.push_str(&format!("{name}: {list}\n"));
        }
    }
    if let Some(date) = head.date("Date") {
        out.push_str(&format!("Date: {date}\n"));
    }
    if let Some(subject) = head.subject() {
        out.push_str(&format!("Subject: {subject}\n"));
    }
}

fn label(part: &Part<'_, '_>) -> String {
    let path: Vec<_> = part.path().iter().map(ToString::to_string).collect();
    let name = part.file_name().map(|name| format!(", \"{name}\"")).unwrap_or_default();
    format!("[{} {}{name}, {} octets]", path.join("."), part.media_type(), part.body().0.len())
}

fn main() -> io::Result<()> {
    let mut octets = Vec::new();
    io::stdin().read_to_end(&mut octets)?;
    let letter = Letter::read(&octets);
    let mut out = String::new();
    head(&letter.root(), &mut out);
    for item in view(&letter, |_| false) {
        let part = item.part;
        out.push('\n');
        match item.role {
            Role::Text | Role::Headers | Role::Status => out.push_str(&part.text()),
            Role::Message => head(&part, &mut out),
            Role::Attachment | Role::Partial => out.push_str(&format!("{}\n", label(&part))),
            Role::External => {
                let access = External::of(&part).map(|external| external.access);
                out.push_str(&format!("{} is elsewhere: {access:?}\n", label(&part)));
            }
        }
        let defects = part.examine();
        if !defects.is_empty() {
            out.push_str(&format!("[broken: {defects}]\n"));
        }
    }
    io::stdout().write_all(harmless(&out).as_bytes())
}
