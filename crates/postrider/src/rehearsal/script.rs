//! The file of cases: what is given, what comes, what is expected. Read with the reader of the
//! configuration, so that its errors are told as those are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use mail::lookup::Record;
use toml::de::DeTable;

use crate::config::{
    Gathered, OptionDoc, Problem, Reader, Section, SectionDoc, Severity, Shown, Source, Sourced,
    Text, Value, read_file,
};

const TOP: SectionDoc = SectionDoc {
    name: "",
    text: "The file.",
    options: &[OptionDoc {
        key: "config",
        default: Shown::Example("\"postrider.toml\""),
        text: "The configuration under test; --config goes before it.",
    }],
};

const CASE: SectionDoc = SectionDoc {
    name: "case",
    text: "One case.",
    options: &[OptionDoc {
        key: "name",
        default: Shown::Example("\"a hub that is down\""),
        text: "What it is about.",
    }],
};

const GIVEN: SectionDoc = SectionDoc {
    name: "given",
    text: "The world; also for all cases at the top of the file.",
    options: &[
        OptionDoc {
            key: "time",
            default: Shown::Example("\"2026-01-05T08:00:00Z\""),
            text: "The moment at which the letter comes.",
        },
        OptionDoc {
            key: "client",
            default: Shown::Value("\"203.0.113.99\""),
            text: "The address of who hands it in.",
        },
        OptionDoc {
            key: "login",
            default: Shown::Example("\"ann\""),
            text: "As whom it has logged in.",
        },
        OptionDoc {
            key: "listener",
            default: Shown::Example("\"mx\""),
            text: "Where it comes in; else the first of kind submission for a login, of kind mx without.",
        },
    ],
};

const WHEN: SectionDoc = SectionDoc {
    name: "when",
    text: "The letter.",
    options: &[
        OptionDoc { key: "from", default: Shown::Example("\"\""), text: "Its reverse-path." },
        OptionDoc { key: "to", default: Shown::Example("[]"), text: "Its recipients." },
        OptionDoc { key: "headers", default: Shown::Example("[]"), text: "Its header fields." },
        OptionDoc { key: "body", default: Shown::Example("\"\""), text: "Its body." },
    ],
};

const THEN: SectionDoc = SectionDoc {
    name: "then",
    text: "What comes of it; what is not said is not looked at.",
    options: &[
        OptionDoc {
            key: "reply",
            default: Shown::Example("\"250\""),
            text: "How the answer begins.",
        },
        OptionDoc {
            key: "replies",
            default: Shown::Example("[\"250\", \"550 5.1.1\"]"),
            text: "How the answer to each RCPT begins.",
        },
        OptionDoc { key: "recipients", default: Shown::Example("[]"), text: "After expansion." },
        OptionDoc {
            key: "route",
            default: Shown::Example("\"local\""),
            text: "Of all recipients.",
        },
        OptionDoc { key: "headers", default: Shown::Example("[]"), text: "Each copy has these." },
        OptionDoc { key: "no-headers", default: Shown::Example("[]"), text: "And none of these." },
        OptionDoc {
            key: "next-attempt",
            default: Shown::Example("\"10m\""),
            text: "The pause after the first attempt.",
        },
        OptionDoc {
            key: "delivered",
            default: Shown::Example("\"0s\""),
            text: "How long it takes at most until everybody has it.",
        },
        OptionDoc { key: "delivered-to", default: Shown::Example("[]"), text: "Who has it then." },
        OptionDoc {
            key: "copies",
            default: Shown::Example("[]"),
            text: "Who has a copy for an archive.",
        },
        OptionDoc {
            key: "noticed",
            default: Shown::Example("\"4h\""),
            text: "When the sender hears that it is late.",
        },
        OptionDoc {
            key: "returned",
            default: Shown::Example("\"5d\""),
            text: "When the sender hears that it failed.",
        },
        OptionDoc {
            key: "report",
            default: Shown::Example("[]"),
            text: "What the last report says.",
        },
    ],
};

/// A file of cases.
pub(super) struct Script {
    /// The configuration that it names.
    pub(super) config: Option<PathBuf>,
    /// The cases in their order.
    pub(super) cases: Vec<Case>,
}

/// One case.
pub(super) struct Case {
    pub(super) name: Sourced<String>,
    pub(super) given: Given,
    pub(super) when: When,
    pub(super) then: Then,
}

/// The world of a case.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) time: Option<Timestamp>,
    pub(super) client: Option<IpAddr>,
    pub(super) login: Option<String>,
    pub(super) listener: Option<Sourced<String>>,
    pub(super) names: BTreeMap<String, Fact>,
    pub(super) hosts: BTreeMap<String, Behaviour>,
}

/// What the name system says of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fact {
    Records(Vec<Record>),
    /// There is no such name.
    Nothing,
    /// No server answers.
    Failing,
}

/// What another host does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Behaviour {
    Accepts,
    /// To each recipient, with this reply.
    Refuses(String),
    /// So often with this reply, then it accepts.
    Tempfails(u32, String),
    /// It refuses connections.
    Down,
    /// It never answers.
    Silent,
    /// It takes connections and hangs up.
    HangsUp,
}

/// The letter of a case.
#[derive(Default)]
pub(super) struct When {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

/// What is expected.
#[derive(Default)]
pub(super) struct Then {
    pub(super) reply: Option<Sourced<String>>,
    pub(super) replies: Option<Sourced<Vec<String>>>,
    pub(super) recipients: Option<Sourced<Vec<String>>>,
    pub(super) route: Option<Sourced<String>>,
    pub(super) routes: Vec<(String, Sourced<String>)>,
    pub(super) headers: Vec<Sourced<String>>,
    pub(super) no_headers: Vec<Sourced<String>>,
    pub(super) next_attempt: Option<Sourced<Duration>>,
    pub(super) delivered: Option<Sourced<Duration>>,
    pub(super) delivered_to: Option<Sourced<Vec<String>>>,
    pub(super) copies: Option<Sourced<Vec<String>>>,
    pub(super) noticed: Option<Sourced<Duration>>,
    pub(super) returned: Option<Sourced<Duration>>,
    pub(super) report: Vec<Sourced<String>>,
}

/// Reads a file.
///
/// # Errors
/// Everything that is wrong with it, in its order.
pub(super) fn load(path: &Path) -> Result<Script, Vec<Problem>> {
    let text = read_file(path).map_err(|why| {
        let title = format!("the cases in {} cannot be read: {why}", path.display());
        vec![
            Problem::new(Severity::Error, "", title)
                .remedy("name a file of cases, see docs/testing.md"),
        ]
    })?;
    parse(&text, &path.to_string_lossy(), path.parent().unwrap_or(Path::new("")))
}

pub(super) fn parse(text: &str, file: &str, base: &Path) -> Result<Script, Vec<Problem>> {
    let text = Text { file: file.into(), text: text.into() };
    let (table, errors) = DeTable::parse_recoverable(&text.text);
    let syntax: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let title = format!("this is not TOML: {}", error.message());
            Problem::new(Severity::Error, "", title).at(&text, error.span().unwrap_or(0..0))
        })
        .collect();
    if !syntax.is_empty() {
        return Err(syntax);
    }
    let reader = Reader::new(text.clone(), base.to_path_buf());
    let script = read(&reader.top(table.get_ref()));
    let Gathered { problems, .. } = reader.finish();
    if problems.is_empty() { Ok(script) } else { Err(problems) }
}

fn read(top: &Section<'_>) -> Script {
    top.only(&TOP, &["given", "case"]);
    let all = given(&top.table("given"), Given::default());
    let items = top.get("case").map(|cases| cases.items()).unwrap_or_default();
    Script {
        config: top.path("config").map(|path| path.value),
        cases: items.iter().filter_map(|item| case(item, &all)).collect(),
    }
}

fn case(item: &Value<'_>, all: &Given) -> Option<Case> {
    let section = item.table()?;
    section.only(&CASE, &["given", "when", "then"]);
    let name = section.get("name").and_then(|name| Some(name.sourced(name.text()?.to_owned())));
    let then = then(&section.table("then"));
    Some(Case {
        name: name.unwrap_or_else(|| item.sourced("a case without a name".to_owned())),
        given: given(&section.table("given"), all.clone()),
        when: when(&section, item),
        then,
    })
}

fn given(section: &Section<'_>, all: Given) -> Given {
    section.only(&GIVEN, &["dns", "hosts"]);
    let moment = "a moment, like \"2026-01-05T08:00:00Z\"";
    let time = section.parsed("time", moment, "with its zone, Z for UTC");
    let client = section.parsed("client", "an address, like \"203.0.113.7\"", "");
    let text = |key: &str| section.get(key).and_then(|it| Some(it.sourced(it.text()?.to_owned())));
    let mut given = Given {
        time: time.map(|time| time.value).or(all.time),
        client: client.map(|client: Sourced<IpAddr>| client.value).or(all.client),
        login: text("login").map(|login| login.value).or(all.login),
        listener: text("listener").or(all.listener),
        names: all.names,
        hosts: all.hosts,
    };
    for (name, value) in section.table("dns").entries() {
        given.names.extend(fact(&value).map(|fact| (name.to_ascii_lowercase(), fact)));
    }
    for (name, value) in section.table("hosts").entries() {
        given.hosts.extend(behaviour(&value).map(|it| (name.to_ascii_lowercase(), it)));
    }
    given
}

fn fact(value: &Value<'_>) -> Option<Fact> {
    match value.text_quietly() {
        Some("none") => return Some(Fact::Nothing),
        Some("servfail") => return Some(Fact::Failing),
        _ => {}
    }
    let expected = "records like \"MX 10 mx.example.org\", \"A 198.51.100.1\", \"AAAA 2001:db8::1\" or \"CNAME x.example\"; or \"none\", or \"servfail\"";
    let items = value.items();
    let record = |item: &Value<'_>| match item.text().and_then(record) {
        Some(record) => Some(record),
        None => item.wrong(expected, "one record in one text"),
    };
    Some(Fact::Records(items.iter().filter_map(record).collect()))
}

fn record(text: &str) -> Option<Record> {
    let (kind, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    let name = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    Some(match kind.to_ascii_uppercase().as_str() {
        "A" => Record::A(rest.parse().ok()?),
        "AAAA" => Record::Aaaa(rest.parse().ok()?),
        "CNAME" => Record::Cname(name(rest)),
        "TXT" => Record::Txt(rest.as_bytes().to_vec()),
        "MX" => {
            let (preference, host) = rest.split_once(' ')?;
            // The null MX is a lone dot (RFC 7505 §3).
            Record::Mx(preference.parse().ok()?, name(host.trim()))
        }
        _ => return None,
    })
}

fn behaviour(value: &Value<'_>) -> Option<Behaviour> {
    let text = value.text()?;
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let reply = |rest: &str, first: char| {
        let code = rest.get(..3).filter(|code| code.bytes().all(|octet| octet.is_ascii_digit()));
        code.is_some_and(|code| code.starts_with(first)).then(|| rest.to_owned())
    };
    let found = match word {
        "accepts" => Some(Behaviour::Accepts),
        "down" => Some(Behaviour::Down),
        "silent" => Some(Behaviour::Silent),
        "hangs-up" => Some(Behaviour::HangsUp),
        "refuses" if rest.is_empty() => Some(Behaviour::Refuses("550 5.7.1 not wanted".into())),
        "refuses" => reply(rest, '5').or_else(|| reply(rest, '4')).map(Behaviour::Refuses),
        "tempfails" => {
            let (times, rest) =
                rest.split_once(' ').unwrap_or((rest, "451 4.7.1 come again later"));
            times
                .parse()
                .ok()
                .zip(reply(rest, '4'))
                .map(|(times, it)| Behaviour::Tempfails(times, it))
        }
        _ => None,
    };
    found.or_else(|| {
        value.wrong(
            "\"accepts\", \"refuses 550 5.1.1 no such user\", \"tempfails 3 451 4.7.1 later\", \"down\", \"silent\" or \"hangs-up\"",
            "",
        )
    })
}

fn texts(section: &Section<'_>, key: &str) -> Vec<Sourced<String>> {
    let items = section.get(key).map(|value| value.items()).unwrap_or_default();
    items.iter().filter_map(|item| Some(item.sourced(item.text()?.to_owned()))).collect()
}

fn plain(list: Vec<Sourced<String>>) -> Vec<String> {
    list.into_iter().map(|item| item.value).collect()
}

fn when(case: &Section<'_>, item: &Value<'_>) -> When {
    let section = case.table("when");
    section.only(&WHEN, &[]);
    if section.get("to").is_none() {
        item.tell(
            "a case sends no letter",
            "[case.when] with from and to",
            "say to = [\"ann@example.net\"]",
        );
    }
    let text = |key: &str| section.get(key).and_then(|value| value.text().map(str::to_owned));
    When {
        from: text("from").unwrap_or_default(),
        to: plain(texts(&section, "to")),
        headers: plain(texts(&section, "headers")),
        body: text("body").unwrap_or_else(|| "Hello.\n".to_owned()),
    }
}

fn then(section: &Section<'_>) -> Then {
    section.only(&THEN, &["routes"]);
    let text = |key: &str| section.get(key).and_then(|it| Some(it.sourced(it.text()?.to_owned())));
    let time = |key: &str| section.get(key).and_then(|it| Some(it.sourced(it.duration()?)));
    let list = |key: &str| section.get(key).map(|it| it.sourced(plain(texts(section, key))));
    let routes = section.table("routes").entries();
    Then {
        reply: text("reply"),
        replies: list("replies"),
        recipients: list("recipients"),
        route: text("route"),
        routes: routes
            .iter()
            .filter_map(|(name, it)| Some(((*name).to_owned(), it.sourced(it.text()?.to_owned()))))
            .collect(),
        headers: texts(section, "headers"),
        no_headers: texts(section, "no-headers"),
        next_attempt: time("next-attempt"),
        delivered: time("delivered"),
        delivered_to: list("delivered-to"),
        copies: list("copies"),
        noticed: time("noticed"),
        returned: time("returned"),
        report: texts(section, "report"),
    }
}

/// The line of a place, for people.
pub(super) fn line(source: &Source) -> String {
    source.to_string()
}
