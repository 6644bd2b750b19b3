use super::*;
use crate::agent::settings_keys::{KEYS, TABLES};

fn host() -> DomainName {
    "sun.tuc.example".parse().unwrap()
}

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(text, "mail.toml", &host())
}

#[test]
fn errors_name_the_line() {
    let rows = [
        ("from = \"a b\"\n", "mail.toml:1: from: \"a b\""),
        ("\nflowd = true\n", "mail.toml:2: unknown field `flowd`"),
        ("hold = true\nflowed = \"yes\"\n", "mail.toml:2: invalid type"),
        ("[alias]\nann = \"a@x.example\"\nbob = \"<\"\n", "mail.toml:3: bob: "),
        ("[alias]\na = \"b\"\nb = \"a\"\n", "mail.toml:2: a: its names go round"),
        ("[fields]\nX-Mood = \"fine\"\nFrom = \"me\"\n", "mail.toml:3: From: "),
        ("[fields]\n\"X Y\" = \"z\"\n", "mail.toml:2: X Y: "),
        ("[submission]\nserver = \"a b\"\n", "mail.toml:2: server: expected the name of a server"),
        ("[submission]\ntls = \"starttls\"\n", "mail.toml:1: server: expected"),
        (
            "[submission]\nserver = \"mail.example.net\"\ntls = \"none\"\n",
            "mail.toml:3: tls: \"none\" is for a server on this machine",
        ),
        (
            "[submission]\nserver = \"a.example\"\nlogin = \"ann\"\n",
            "mail.toml:3: login: name the secret",
        ),
        (
            "[submission]\nserver = \"a.example\"\nsecret-file = \"x\"\n",
            "mail.toml:3: secret-file: say your login",
        ),
        (
            "[account.w.submission]\nserver = \"a.example\"\nmechanisms = [\"ROT13\"]\n",
            "mail.toml:3: mechanisms: \"ROT13\" is none that is known",
        ),
        ("[submission]\npassword = \"x\"\n", "mail.toml:2: unknown field `password`"),
        ("order = \"size\"\n", "mail.toml:1: unknown variant"),
        ("x", "mail.toml:1: "),
    ];
    for (text, want) in rows {
        let told = parse(text).unwrap_err().0;
        assert!(told.starts_with(want), "{text:?}: {told}");
        assert!(!told.contains('\n'), "{told}");
    }
}

#[test]
fn aliases() {
    let settings = parse(
        "[alias]\nann = \"Ann Archer <ann@x.example>\"\nteam = [\"ann\", \"bob\", \"carol@y.example\"]\n\
         all = \"team, dan, ann\"\ndan = \"dan\"\n",
    )
    .unwrap();
    let expand = |list: &str| -> Vec<String> {
        let entries = settings.expand(list, &host()).unwrap();
        entries.iter().map(|entry| entry.mailbox.to_string()).collect()
    };
    assert_eq!(
        expand("all"),
        ["ann@x.example", "bob@sun.tuc.example", "carol@y.example", "dan@sun.tuc.example"]
    );
    // Only a bare name is an alias.
    assert_eq!(expand("ann@sun.tuc.example"), ["ann@sun.tuc.example"]);
    assert_eq!(expand("My Ann <ann>, eve"), ["ann@sun.tuc.example", "eve@sun.tuc.example"]);
}

/// Each key that the manual page tells of is one, with a value of its kind; and the page misses none.
#[test]
fn the_keys_are_told() {
    for (key, value, _) in KEYS {
        parse(&format!("{key} = {value}\n")).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    for (table, line, _) in TABLES {
        let table = table.replace("NAME", "work");
        let text = match table.split_once("] ") {
            None => format!("{table}\n{line}\n"),
            Some((table, key)) => {
                let login = if key.starts_with("secret-") { "login = \"ann\"\n" } else { "" };
                let secret = if key == "login" { "secret-file = \"x\"\n" } else { "" };
                format!("{table}]\nserver = \"localhost\"\n{login}{secret}{key} = {line}\n")
            }
        };
        parse(&text).unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    let unknown = parse("x = 1\n").unwrap_err().0;
    let known = unknown.split('`').skip(3).step_by(2);
    for key in known.filter(|key| !["alias", "fields", "account", "submission"].contains(key)) {
        assert!(KEYS.iter().any(|(told, ..)| *told == key), "{key} is not told of");
    }
}

#[test]
fn set_one() {
    let mut settings = Settings::default();
    for line in ["flowed", "nohold", "quote=| ", "prompt = \"? \"", "order=threads", "list-lines=7"]
    {
        settings.set(line, &host()).unwrap();
    }
    assert!(settings.flowed && !settings.hold);
    assert_eq!((settings.quote.as_str(), settings.prompt.as_str()), ("|", "? "));
    assert_eq!((settings.order, settings.list_lines), (Order::Threads, 7));
    assert!(settings.set("colour=blue", &host()).unwrap_err().0.starts_with("colour: unknown"));
    assert!(settings.set("from=a b", &host()).is_err());
    assert!(settings.set("hold=maybe", &host()).is_err());
}

#[test]
fn accounts() {
    let mut settings = parse(
        "from = \"ann@x.example\"\nsignature = \"~/.sig\"\n[account.work]\nfrom = \"a.archer@w.example\"\n\
         signature-text = \"At work\"\n",
    )
    .unwrap();
    assert!(settings.choose("play").unwrap_err().0.contains("known: work"));
    settings.choose("work").unwrap();
    assert_eq!(settings.from.as_deref(), Some("a.archer@w.example"));
    assert_eq!((settings.signature, settings.signature_text.as_deref()), (None, Some("At work")));
}
