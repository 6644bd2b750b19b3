//! The pages of the programs whose command line clap reads.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, bold, italic, roman};

use super::page::{Page, Teaching};
use crate::agent;
use crate::cli::arguments;

const FILES: [(&str, &str); 6] = [
    ("/etc/postrider/postrider.toml", "the configuration; see `postrider.toml`(5)"),
    ("DATA-DIR/spool", "mail in flight, private to the service"),
    ("DATA-DIR/accounts", "who may log in; see `postrider-account`(1)"),
    ("DATA-DIR/control", "the socket on which a running service answers `mailq`"),
    ("DATA-DIR/drop", "letters that programs leave while the service is down"),
    ("DATA-DIR/mail", "mailboxes, unless the configuration puts them elsewhere"),
];

const MAIL_FILES: [(&str, &str); 4] = [
    ("~/.config/postrider/mail.toml", "what you have set"),
    ("~/dead.letter", "letters that could not be sent or were given up; an mbox"),
    ("~/.local/state/postrider/mail.history", "the commands you typed"),
    (
        "MAILDIR/postrider-headers.cache",
        "what lists of a large Maildir need; private, and safe to delete",
    ),
];

const ENVIRONMENT: [(&str, &str); 3] = [
    ("POSTRIDER_CONFIG", "the configuration, where `--config` does not say"),
    (
        "POSTRIDER_LOG",
        "how much `postrider serve` tells: `error`, `warn`, `info` (the default), `debug`, `off`",
    ),
    ("NO_COLOR", "when set: no colours, not even on a terminal"),
];

const SEE_ALSO: &[&str] = &[
    "postrider(1)",
    "postrider-serve(1)",
    "postrider-check(1)",
    "postrider-config(1)",
    "postrider-conformance(1)",
    "postrider-account(1)",
    "postrider-explain(1)",
    "postrider-reload(1)",
    "postrider-queue(1)",
    "postrider-test(1)",
    "postrider-spool-verify(1)",
    "mail(1)",
    "sendmail(1)",
    "mailq(1)",
];

/// Names and texts.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    let mut command = arguments::command();
    command.build();
    let below = |path: &[&str]| {
        let find = |command: Option<Command>, name: &&str| command?.find_subcommand(name).cloned();
        path.iter().fold(Some(command.clone()), find).unwrap_or_default()
    };
    vec![
        ("postrider.1", overview(&command)),
        ("postrider-serve.1", page("postrider-serve", &below(&["serve"]))),
        ("postrider-check.1", page("postrider-check", &below(&["check"]))),
        ("postrider-reload.1", page("postrider-reload", &below(&["reload"]))),
        ("postrider-explain.1", page("postrider-explain", &below(&["explain"]))),
        ("postrider-test.1", page("postrider-test", &below(&["test"]))),
        ("postrider-config.1", group("postrider-config", &below(&["config"]))),
        ("postrider-conformance.1", page("postrider-conformance", &below(&["conformance"]))),
        ("postrider-account.1", group("postrider-account", &below(&["account"]))),
        ("postrider-queue.1", group("postrider-queue", &below(&["queue"]))),
        ("postrider-spool-verify.1", page("postrider-spool-verify", &below(&["spool", "verify"]))),
        ("mail.1", page("mail", &agent::mail_command())),
        ("mailq.1", page("mailq", &agent::mailq_command())),
    ]
}

/// `postrider(1)`: all commands, each with its page.
fn overview(command: &Command) -> String {
    let about = text(command.get_about());
    let after = text(command.get_after_help());
    let teaching = Teaching::read(&after);
    let mut page = Page::new("postrider", "1", about.trim_end_matches('.'));
    page.section("SYNOPSIS");
    page.text("`postrider` COMMAND [ARGUMENT...]");
    page.section("DESCRIPTION");
    page.text(
        "User agent, queue, SMTP client and server, relay and mailbox. A letter is durable from the \
         moment it is accepted, and `postrider mailq` tells of each one where it is and why.",
    );
    teaching.write_notes(&mut page);
    page.section("COMMANDS");
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let nested = command.get_subcommands().filter(|nested| nested.get_name() != "help");
        let nested: Vec<&Command> = nested.collect();
        match (name, nested.is_empty()) {
            ("help", _) => page.item(vec![bold("help")], "The help of a command"),
            (_, true) => page.item(vec![bold(name)], &text(command.get_about())),
            (_, false) => {
                for nested in nested {
                    let name = format!("{name} {}", nested.get_name());
                    page.item(vec![bold(name)], &text(nested.get_about()));
                }
            }
        }
    }
    teaching.write_sections(&mut page);
    rows(&mut page, "FILES", &FILES);
    rows(&mut page, "ENVIRONMENT", &ENVIRONMENT);
    page.see_also(&[&SEE_ALSO[1..], &["postrider.toml(5)"]].concat());
    page.finish()
}

/// The page of one command.
fn page(name: &str, command: &Command) -> String {
    let about = text(command.get_about());
    let after = text(command.get_after_help());
    let teaching = Teaching::read(&after);
    let mut page = Page::new(name, "1", about.trim_end_matches('.'));
    let man = clap_mangen::Man::new(command.clone());
    page.section("SYNOPSIS");
    page.line(synopsis(command));
    page.section("DESCRIPTION");
    page.text(&format!("{about}."));
    teaching.write_notes(&mut page);
    page.raw(|out| man.render_options_section(out));
    if name == "mail" {
        mail_sections(&mut page);
    }
    teaching.write_sections(&mut page);
    if name == "postrider-serve" {
        rows(&mut page, "FILES", &FILES);
        rows(&mut page, "ENVIRONMENT", &ENVIRONMENT);
    }
    let others = SEE_ALSO.iter().filter(|other| other.split('(').next() != Some(name));
    page.see_also(&others.copied().chain(["postrider.toml(5)"]).collect::<Vec<_>>());
    page.finish()
}

/// One page for all commands below one.
fn group(name: &str, command: &Command) -> String {
    let about = text(command.get_about());
    let after = text(command.get_after_help());
    let teaching = Teaching::read(&after);
    let mut page = Page::new(name, "1", about.trim_end_matches('.'));
    let nested = || command.get_subcommands().filter(|nested| nested.get_name() != "help");
    page.section("SYNOPSIS");
    for (n, nested) in nested().enumerate() {
        if n > 0 {
            page.new_line();
        }
        page.line(synopsis(nested));
    }
    page.section("DESCRIPTION");
    teaching.write_notes(&mut page);
    page.section("COMMANDS");
    for nested in nested() {
        let after = text(nested.get_after_help());
        page.part(nested.get_name());
        page.text(&format!("{}.", text(nested.get_about())));
        Teaching::read(&after).write_notes(&mut page);
        let told = |option: &&Arg| !["help", "config"].contains(&option.get_id().as_str());
        for option in nested.get_arguments().filter(|option| !option.is_positional()).filter(told) {
            let mut term = vec![bold(format!("--{}", option.get_long().unwrap_or_default()))];
            if option.get_action().takes_values() {
                term.extend([roman(" "), italic(value_name(option))]);
            }
            page.item(term, &text(option.get_help()));
        }
    }
    teaching.write_sections(&mut page);
    let others = SEE_ALSO.iter().filter(|other| other.split('(').next() != Some(name));
    page.see_also(&others.copied().chain(["postrider.toml(5)"]).collect::<Vec<_>>());
    page.finish()
}

/// What `mail` knows beside its options.
fn mail_sections(page: &mut Page) {
    page.section("COMMANDS OF THE READER");
    page.text(
        "LETTERS is a list of letters as above. A list alone shows them; an empty line, the next.",
    );
    for command in &agent::reading::COMMANDS {
        let short = command.names.get(1..).unwrap_or_default();
        let short =
            if short.is_empty() { String::new() } else { format!(" Also: {}.", short.join(", ")) };
        page.item(vec![bold(command.usage)], &format!("{}{short}", command.meaning));
    }
    page.section("COMMANDS WHILE YOU WRITE");
    for (_, _, usage, meaning) in agent::ESCAPES {
        page.item(vec![bold(usage)], meaning);
    }
    page.section("SETTINGS");
    page.text(
        "`$XDG_CONFIG_HOME/postrider/mail.toml`, else `~/.config/postrider/mail.toml`. Every key has a \
         default; an unknown one is an error that names its line. For each key its default, or an \
         example where the text tells the default.",
    );
    for (key, value, meaning) in agent::settings_keys::KEYS {
        page.item(vec![bold(key), roman(format!(" = {value}"))], meaning);
    }
    for (table, line, meaning) in agent::settings_keys::TABLES {
        page.item(vec![bold(table), roman(format!(" {line}"))], meaning);
    }
    rows(page, "FILES", &MAIL_FILES);
}

/// `mail [-v] [-s SUBJECT] [ADDRESS...]`.
fn synopsis(command: &Command) -> Vec<Inline> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut line = vec![bold(name)];
    for option in command.get_arguments().filter(|option| !option.is_positional()) {
        if option.get_id() == "help" {
            continue;
        }
        line.push(roman(" ["));
        match (option.get_short(), option.get_long()) {
            (Some(short), _) => line.push(bold(format!("-{short}"))),
            (None, long) => line.push(bold(format!("--{}", long.unwrap_or_default()))),
        }
        if option.get_action().takes_values() {
            line.extend([roman(" "), italic(value_name(option))]);
        }
        line.push(roman("]"));
    }
    for argument in command.get_positionals() {
        let more = if is_list(argument) { "..." } else { "" };
        let (open, close) = if argument.is_required_set() { (" ", "") } else { (" [", "]") };
        let end = format!("{more}{close}");
        line.extend([roman(open), italic(value_name(argument)), roman(end)]);
    }
    line
}

fn is_list(argument: &Arg) -> bool {
    argument.get_num_args().is_some_and(|range| range.max_values() > 1)
        || matches!(argument.get_action(), clap::ArgAction::Append)
}

fn value_name(argument: &Arg) -> String {
    argument.get_value_names().unwrap_or_default().join(" ")
}

fn rows(page: &mut Page, title: &str, rows: &[(&str, &str)]) {
    page.section(title);
    for (term, meaning) in rows {
        page.item(vec![bold(*term)], meaning);
    }
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}
