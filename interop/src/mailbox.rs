//! Looks into a Maildir, as a reader's program would.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A letter as it lies in a mailbox, lines ended by LF.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    /// Names and unfolded values, in their order.
    pub fields: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: Vec<u8>,
}

impl Found {
    fn parse(path: PathBuf, octets: &[u8]) -> Self {
        let text: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
        let end = text.windows(2).position(|pair| pair == b"\n\n").unwrap_or(text.len());
        let (head, rest) = text.split_at(end);
        let body = rest.get(2..).unwrap_or_default().to_vec();
        let head = String::from_utf8_lossy(head).replace("\n\t", " ").replace("\n ", " ");
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        Self { path, fields: head.lines().filter_map(field).collect(), body }
    }

    /// All values of the field `name`.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The hosts that signed with `Received: ... by`, the newest first.
    pub fn received_by(&self) -> Vec<String> {
        let by = |value: &&str| {
            let mut words = value.split_whitespace();
            words.find(|word| *word == "by")?;
            words.next().map(|host| host.trim_end_matches(';').to_owned())
        };
        self.values("Received").iter().filter_map(by).collect()
    }
}

/// The letters in the Maildir at `folder` now, read or not.
pub fn letters(folder: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for part in ["new", "cur"] {
        let Ok(entries) = fs::read_dir(folder.join(part)) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if let Ok(octets) = fs::read(&path) {
                found.push(Found::parse(path, &octets));
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Waits for a letter that `wanted` accepts.
pub fn await_letter(
    folder: &Path,
    patience: Duration,
    wanted: impl Fn(&Found) -> bool,
) -> Option<Found> {
    let end = Instant::now() + patience;
    loop {
        let found = letters(folder).into_iter().find(&wanted);
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_unfold() {
        let text = b"Received: from a\r\n\tby b.example (x)\r\n\tfor <c>; now\r\nSubject: one\r\n two\r\n\r\nBody\r\n\r\nend\r\n";
        let found = Found::parse(PathBuf::new(), text);
        assert_eq!(found.received_by(), ["b.example"]);
        assert_eq!(found.values("subject"), ["one two"]);
        assert_eq!(found.body, b"Body\n\nend\n");
        assert!(Found::parse(PathBuf::new(), b"").fields.is_empty());
    }
}
