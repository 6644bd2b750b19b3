//! A configuration key by key: what each is, where that stands, and how two configurations differ.
//! Defaults are those of the documentation, which a test holds to be those of the code; what a
//! default takes from the host is shown as it came out.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::reader::join;
use super::{Config, SECTIONS, Shown, Source, Users};

/// Keys that count from the next start on: what a running server has bound, locked or sized by them.
/// A star stands for one name; what is below a key is meant as well.
const RESTART: &[&str] =
    &["control.group", "data-dir", "group", "listen.*.address", "log", "metrics", "spool", "user"];

/// One key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// With its table: `queue.expire`.
    pub key: String,
    /// In TOML.
    pub value: String,
    /// The file that says so; none: the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Entry {
    fn new(key: String, value: String, source: Source) -> Self {
        let (file, line) = match source {
            Source::Default => (None, None),
            Source::File { file, line, .. } => (Some(file.to_string()), Some(line)),
        };
        Self { key, value: masked(&value), file, line }
    }

    /// `postrider.toml:12`, or `default`.
    pub fn place(&self) -> String {
        place(self.file.as_deref(), self.line)
    }
}

fn place(file: Option<&str>, line: Option<usize>) -> String {
    match (file, line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        _ => "default".to_owned(),
    }
}

/// One key that is not the same in two configurations.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// The key.
    pub key: String,
    /// What it was; none: it was not there.
    pub before: Option<String>,
    /// What it is; none: it is gone.
    pub after: Option<String>,
    /// Where that stands.
    pub place: String,
    /// It counts from the next start on.
    pub restart: bool,
}

impl Config {
    /// Every key that has a value, those without a table first, then by name.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = BTreeMap::new();
        for section in SECTIONS {
            let is_default_listener = section.name.starts_with("listen.");
            if section.name.contains('"') || (is_default_listener && self.says("listen")) {
                continue;
            }
            for option in section.options {
                let key = join(section.name, option.key);
                let shown = match option.default {
                    Shown::Value(value) => Some(value.to_owned()),
                    Shown::Example(_) => None,
                };
                if option.key.starts_with('"') {
                    continue;
                }
                if let Some(value) = self.computed(&key).or(shown) {
                    entries.insert(key.clone(), Entry::new(key, value, Source::Default));
                }
            }
        }
        for entry in self.said() {
            entries.insert(entry.key.clone(), entry);
        }
        let mut entries: Vec<_> = entries.into_values().collect();
        entries.sort_by_key(|entry| entry.key.contains('.'));
        entries
    }

    /// Whether the file has that table or key.
    fn says(&self, key: &str) -> bool {
        self.spans.contains_key(key)
    }

    /// The keys that the file has, in its order.
    fn said(&self) -> Vec<Entry> {
        let Ok(table) = DeTable::parse(&self.text.text) else { return Vec::new() };
        let mut said = Vec::new();
        self.walk(&mut said, "", table.get_ref());
        said
    }

    fn walk(&self, said: &mut Vec<Entry>, name: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let key = join(name, key.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) => self.walk(said, &key, inner),
                other => {
                    let source = self.text.source_at(&value.span());
                    said.push(Entry::new(key, written(other), source));
                }
            }
        }
    }

    /// Defaults that depend on the host.
    fn computed(&self, key: &str) -> Option<String> {
        let text = |text: &str| Some(quoted(text));
        let list = |names: Vec<String>| Some(format!("[{}]", names.join(", ")));
        match key {
            "hostname" => text(self.hostname.as_str()),
            "data-dir" => text(&self.data_dir.to_string_lossy()),
            "accounts.file" => text(&self.accounts.file.to_string_lossy()),
            "local.domains" => {
                let names = self.local.domains.iter();
                list(names.map(|name| quoted(name.value.as_str())).collect())
            }
            "local.users" => match &self.local.users {
                Users::Names(names) => list(names.iter().map(|name| quoted(name)).collect()),
                Users::System | Users::File(_) | Users::Table(_) => None,
            },
            _ => None,
        }
    }
}

/// How `before` became `after`: the keys of both that are not alike, in the order of
/// [`Config::entries`].
pub fn changes(before: &[Entry], after: &[Entry]) -> Vec<Change> {
    let find = |entries: &[Entry], key: &str| {
        entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone())
    };
    let gone = before.iter().filter(|old| find(after, &old.key).is_none());
    let changed = after.iter().filter(|new| find(before, &new.key).as_ref() != Some(&new.value));
    let mut changes: Vec<Change> = gone
        .map(|old| Change {
            key: old.key.clone(),
            before: Some(old.value.clone()),
            after: None,
            place: old.place(),
            restart: needs_restart(&old.key, before, after),
        })
        .chain(changed.map(|new| Change {
            key: new.key.clone(),
            before: find(before, &new.key),
            after: Some(new.value.clone()),
            place: new.place(),
            restart: needs_restart(&new.key, before, after),
        }))
        .collect();
    changes.sort_by(|one, other| one.key.cmp(&other.key));
    changes.sort_by_key(|change| change.key.contains('.'));
    changes
}

/// Whether a change of `key` counts from the next start on: by its kind, or because its listener
/// comes or goes.
fn needs_restart(key: &str, before: &[Entry], after: &[Entry]) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    let fits = |pattern: &&str| {
        let mut wanted = pattern.split('.');
        let mut parts = parts.iter();
        wanted.all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == *part))
    };
    if RESTART.iter().any(fits) {
        return true;
    }
    let [table @ "listen", name, ..] = parts.as_slice() else { return false };
    let prefix = format!("{table}.{name}.");
    let has = |entries: &[Entry]| entries.iter().any(|entry| entry.key.starts_with(&prefix));
    has(before) != has(after)
}

/// The keys of a server that runs with `before` and was given `after`: what needs a restart stays.
pub fn in_effect(before: &[Entry], after: Vec<Entry>) -> Vec<Entry> {
    let waiting: Vec<String> = changes(before, &after)
        .into_iter()
        .filter_map(|change| change.restart.then_some(change.key))
        .collect();
    let stays = |entry: &&Entry| waiting.contains(&entry.key);
    let kept = before.iter().filter(stays).cloned().collect::<Vec<_>>();
    let mut all: Vec<_> =
        after.into_iter().filter(|entry| !waiting.contains(&entry.key)).chain(kept).collect();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all.sort_by_key(|entry| entry.key.contains('.'));
    all
}

/// A value on one line.
fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let pair = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                format!("{} = {}", join("", key), written(value.get_ref()))
            };
            format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

/// A value without the password that an address of a database may carry: what is shown is read by
/// others than the file.
fn masked(value: &str) -> String {
    let mut shown = value.to_owned();
    if let Some((scheme, rest)) = value.split_once("://")
        && let Some((user, host)) = rest.split_once('@')
        && let Some((user, _)) = user.split_once(':')
    {
        shown = format!("{scheme}://{user}:…@{host}");
    }
    if let Some(at) = shown.to_ascii_lowercase().find("password=") {
        let (before, secret) = shown.split_at(at + "password=".len());
        let end = secret.find([' ', '&', '"', '\'']).unwrap_or(secret.len());
        shown = format!("{before}…{}", secret.get(end..).unwrap_or_default());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::Surroundings;
    use super::*;

    fn config(text: &str) -> Config {
        let surroundings = Surroundings {
            hostname: "mx.example.net".parse().unwrap(),
            user: "ann".into(),
            directory: "/srv".into(),
        };
        Config::parse_in(text, "p.toml", &surroundings).unwrap()
    }

    fn lines(text: &str) -> Vec<String> {
        let show = |entry: Entry| format!("{} = {} ({})", entry.key, entry.value, entry.place());
        config(text).entries().into_iter().map(show).collect()
    }

    #[test]
    fn every_key_has_its_place() {
        let text = "[queue]\nexpire = \"3d\"\nretry = [\n  \"5m\", # short\n  \"1h\",\n]\n\
                    [route]\n\"example.org\" = \"smtp:[h]\"\n[listen.a]\naddress = \"127.0.0.1:1\"\n";
        let lines = lines(text);
        let wanted = [
            "data-dir = \"/srv/postrider-data\" (default)",
            "hostname = \"mx.example.net\" (default)",
            "local.domains = [\"mx.example.net\", \"localhost\"] (default)",
            "queue.expire = \"3d\" (p.toml:2)",
            "queue.retry = [\"5m\", \"1h\"] (p.toml:3)",
            "queue.paused = false (default)",
            "route.\"example.org\" = \"smtp:[h]\" (p.toml:8)",
            "listen.a.address = \"127.0.0.1:1\" (p.toml:10)",
        ];
        for wanted in wanted {
            assert!(lines.iter().any(|line| line == wanted), "{wanted}\n{}", lines.join("\n"));
        }
        // Its own listener takes the place of the two of the local profile.
        assert!(!lines.iter().any(|line| line.starts_with("listen.mx")), "{}", lines.join("\n"));
    }

    /// Each row: before, after, `key: before -> after` with a `!` where a restart is needed.
    #[test]
    fn what_has_changed() {
        let rows = [
            ("", "", vec![]),
            ("", "[queue]\nexpire = \"5d\"", vec![]),
            (
                "[queue]\nexpire = \"3d\"",
                "[spool]\nmessages = 7",
                vec!["queue.expire: \"3d\" -> \"5d\"", "spool.messages: 5000000 -> 7 !"],
            ),
            (
                "[listen.a]\naddress = \"127.0.0.1:1\"",
                "[listen.a]\naddress = \"127.0.0.1:2\"\ngreet-pause = \"2s\"",
                vec![
                    "listen.a.address: \"127.0.0.1:1\" -> \"127.0.0.1:2\" !",
                    "listen.a.greet-pause: - -> \"2s\"",
                ],
            ),
            (
                "[listen.a]\naddress = \"127.0.0.1:1\"\nkind = \"mx\"",
                "[listen.b]\naddress = \"127.0.0.1:1\"",
                vec![
                    "listen.a.address: \"127.0.0.1:1\" -> - !",
                    "listen.a.kind: \"mx\" -> - !",
                    "listen.b.address: - -> \"127.0.0.1:1\" !",
                ],
            ),
            (
                "[route]\n\"a.example\" = \"mx\"",
                "[route]\n\"b.example\" = \"mx\"",
                vec!["route.\"a.example\": \"mx\" -> -", "route.\"b.example\": - -> \"mx\""],
            ),
        ];
        for (before, after, want) in rows {
            let (before, after) = (config(before).entries(), config(after).entries());
            let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            let got: Vec<_> = changes(&before, &after)
                .iter()
                .map(|change| {
                    let mark = if change.restart { " !" } else { "" };
                    let (was, is) = (show(&change.before), show(&change.after));
                    format!("{}: {was} -> {is}{mark}", change.key)
                })
                .collect();
            assert_eq!(got, want);
            let left = changes(&in_effect(&before, after.clone()), &after);
            assert!(left.iter().all(|change| change.restart), "{left:?}");
            let waiting = changes(&before, &after).iter().filter(|change| change.restart).count();
            assert_eq!(left.len(), waiting);
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let rows = [
            ("\"postgres://mail:s3cret@db/mail\"", "\"postgres://mail:…@db/mail\""),
            ("\"postgres://mail@db/mail\"", "\"postgres://mail@db/mail\""),
            ("\"host=db password=s3cret user=m\"", "\"host=db password=… user=m\""),
            ("\"host=db password=s3cret\"", "\"host=db password=…\""),
            ("\"smtp:[host]:25\"", "\"smtp:[host]:25\""),
        ];
        for (value, want) in rows {
            assert_eq!(masked(value), want);
        }
    }
}
