//! `[pipe.NAME]`: programs that routes hand mail to.

use std::path::PathBuf;

use queue::program::{
    Argument, CONCURRENCY, NULL_SENDER, OUTPUT_MAX, Program, ProgramHead, TIME_LIMIT,
};
use queue::route::is_name;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::{Section, Value};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "pipe.\"list\"",
    text: "A program that routes hand mail to: any number of tables, each for a route \"pipe:NAME\". It is run\n\
           once for each recipient, without a shell, and gets the message on its standard input, lines\n\
           ending with LF. Status 0 is delivery. Another is read as sysexits.h has it (67: no such user,\n\
           75: try again, …), unless the first line of output begins with a status like \"5.2.2 Over quota\".\n\
           A status of its own, a signal, a limit, or a program that cannot be run: the mail waits, and the\n\
           log tells.",
    options: &[
        OptionDoc {
            key: "command",
            default: Shown::Example("[\"/usr/lib/list/post\", \"-f\", \"{sender}\", \"{user}\"]"),
            text: "The program and its arguments. {sender}, {recipient}, {user} (the local-part up to the\n\
                   tag of the address, see local.tag-separator), {extension}, {domain} and {id} stay within\n\
                   their argument. An address that would make an argument begin with - is refused.",
        },
        OptionDoc {
            key: "user",
            default: Shown::Example("\"list\""),
            text: "The account whose rights it gets, groups included. Default: those of the server, but for\n\
                   root, with whose rights nothing is run.",
        },
        OptionDoc {
            key: "directory",
            default: Shown::Example("\"/var/lib/list\""),
            text: "Where it starts. Default: /.",
        },
        OptionDoc {
            key: "time-limit",
            default: Shown::Example("\"1000s\""),
            text: "After this it is killed with all that it has started, and the mail waits.",
        },
        OptionDoc {
            key: "concurrency",
            default: Shown::Example("10"),
            text: "Runs at once; no more than queue.destination-connections are ever tried.",
        },
        OptionDoc {
            key: "output",
            default: Shown::Example("\"1MiB\""),
            text: "It is killed when it writes more than this.",
        },
        OptionDoc {
            key: "size",
            default: Shown::Example("\"10MB\""),
            text: "Larger messages go back. Default: it takes all that we take.",
        },
        OptionDoc {
            key: "add",
            default: Shown::Example("[\"return-path\", \"delivered-to\"]"),
            text: "What is put before the message: \"return-path\" and \"delivered-to\" (the default), and\n\
                   \"from\", the From_ line of an mbox.",
        },
        OptionDoc {
            key: "null-sender",
            default: Shown::Example("\"MAILER-DAEMON\""),
            text: "What {sender} is for reports, which have none.",
        },
    ],
};

/// One table.
pub type Pipe = Program;

pub(super) fn read(section: &Section<'_>) -> Vec<(String, Sourced<Pipe>)> {
    section
        .entries()
        .into_iter()
        .filter_map(|(name, value)| {
            if !is_name(name) {
                let title = format!("{name:?} is no name of a program");
                let remedy = "letters, digits, - _ and . inside, at most 64";
                value.tell(&title, "a name that routes can refer to", remedy);
                return None;
            }
            Some((name.to_owned(), value.sourced(read_one(&value)?)))
        })
        .collect()
}

fn read_one(value: &Value<'_>) -> Option<Pipe> {
    let table = value.table()?;
    table.only(&DOC, &[]);
    let command = read_command(value, &table);
    let path = |key| table.path(key).map(|path: Sourced<PathBuf>| path.value);
    let concurrency = table.number("concurrency", 1..=1000).map(usize::try_from);
    let program = Program {
        command: Vec::new(),
        user: table.get("user").and_then(|value| value.text().map(str::to_owned)),
        directory: path("directory"),
        time_limit: table.duration("time-limit").unwrap_or(TIME_LIMIT),
        concurrency: concurrency.and_then(Result::ok).unwrap_or(CONCURRENCY),
        output_max: table.size("output").unwrap_or(OUTPUT_MAX),
        size_max: table.size("size"),
        head: read_head(&table),
        null_sender: read_null(&table),
        source: None,
    };
    Some(Program { command: command?, ..program })
}

fn read_command(value: &Value<'_>, table: &Section<'_>) -> Option<Vec<Argument>> {
    let example = "like command = [\"/usr/bin/list\", \"{recipient}\"]";
    let Some(command) = table.get("command") else {
        return value.wrong("a table with `command` in it", example);
    };
    if !command.is_list() {
        return command.wrong("a list: the program, and each argument by itself", example);
    }
    let mut arguments = Vec::new();
    for item in command.items() {
        match item.text()?.parse::<Argument>() {
            Ok(argument) => arguments.push(argument),
            Err(error) => return item.wrong("an argument", &error.to_string()),
        }
    }
    let program = arguments.first().and_then(Argument::as_plain);
    match program {
        Some(path) if path.starts_with('/') => Some(arguments),
        _ => command.wrong("the absolute path of a program first", example),
    }
}

fn read_null(table: &Section<'_>) -> String {
    let said = table.get("null-sender").and_then(|value| {
        let text = value.text()?;
        match text.chars().any(char::is_control) {
            true => value.wrong("a word without control characters", ""),
            false => Some(text.to_owned()),
        }
    });
    said.unwrap_or_else(|| NULL_SENDER.to_owned())
}

fn read_head(table: &Section<'_>) -> ProgramHead {
    let Some(value) = table.get("add") else {
        return ProgramHead { from_line: false, return_path: true, delivered_to: true };
    };
    let mut head = ProgramHead { from_line: false, return_path: false, delivered_to: false };
    for item in value.items() {
        match item.text() {
            Some("from") => head.from_line = true,
            Some("return-path") => head.return_path = true,
            Some("delivered-to") => head.delivered_to = true,
            Some(_) => {
                item.wrong::<()>("\"return-path\", \"delivered-to\" or \"from\"", "");
            }
            None => {}
        }
    }
    head
}
