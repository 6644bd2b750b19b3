//! The command line: which program is asked for, and with which configuration.

mod account;
pub mod arguments;
mod configuration;
mod conformance;
mod explain;
mod fetch;
mod privilege;
pub(crate) mod queue;
mod rehearsal;
mod serve;
mod spool;
mod systemd;
mod table;
mod told;
mod user;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use self::arguments::{Cli, Command, ConfigArgument, ConfigCommand, Passed, SpoolCommand};
use crate::agent::sysexits::{EX_CANTCREAT, EX_CONFIG, EX_OSERR, EX_USAGE};
use crate::agent::{self, AliasCheck, AliasesFound, Person, Site, may_colour};
use crate::config::{self, Config, Severity};
use crate::{pages, plan, rights};

/// Where the configuration is looked for when `--config` does not say.
const SYSTEM_CONFIG: &str = "/etc/postrider/postrider.toml";
/// The variable that names it instead.
const CONFIG_VARIABLE: &str = "POSTRIDER_CONFIG";

/// Names under which the binary acts as that program.
const PROGRAMS: [&str; 5] = ["mail", "mailx", "sendmail", "mailq", "newaliases"];

/// Runs what the arguments ask for; the first one is the name of the program.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    let name = name.and_then(OsStr::to_str).unwrap_or_default();
    if PROGRAMS.contains(&name) {
        let name = name.to_owned();
        return program(&name, arguments);
    }
    // The programs read their own arguments: clap cannot spell `-oi` or `-bs`.
    let second = arguments.get(1).and_then(|word| word.to_str()).map(str::to_owned);
    if let Some(program_name) = second.as_deref().filter(|word| PROGRAMS.contains(word)) {
        return program(program_name, arguments.into_iter().skip(1).collect());
    }
    // Not commands for people: the service runs itself to keep the rights of root,
    if second.as_deref() == Some(rights::KEEP) {
        return rights::keep();
    }
    // and to check one password.
    #[cfg(feature = "pam")]
    if second.as_deref() == Some(crate::doors::logins::pam::CHECK) {
        let service = arguments.get(2).and_then(|word| word.to_str()).unwrap_or_default();
        return crate::doors::logins::pam::check(service).into();
    }
    if let Err(error) = privilege::drop_group() {
        eprintln!("postrider: the group of the program cannot be put off: {error}");
        return EX_OSERR.into();
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { EX_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match cli.command {
        Command::Serve { config, quarantine } => {
            let file = config_file(&config);
            with_config(&config, |config| serve::run(file, config, quarantine))
        }
        Command::Check(config) => check(&config),
        Command::Trace(arguments) => {
            with_config(&arguments.config, |config| told::trace(&config.data_dir, &arguments))
        }
        Command::Why(arguments) => {
            with_config(&arguments.config, |config| told::why(&config.data_dir, &arguments))
        }
        Command::Reload { config, json }
        | Command::Config(ConfigCommand::Reload { config, json }) => {
            with_config(&config, |config| configuration::reload(&config, json))
        }
        Command::Config(ConfigCommand::Show { config, changed, json }) => {
            with_config(&config, |config| configuration::show(&config, changed, json))
        }
        Command::Config(ConfigCommand::Diff { config, json }) => {
            with_config(&config, |config| configuration::diff(&config, json))
        }
        Command::Explain(arguments) => {
            with_config(&arguments.config, |config| explain::run(&config, &arguments))
        }
        Command::Test { file, config, json } => rehearsal::run(&file, &config, json),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Mail(passed) => program("mail", named("mail", passed)),
        Command::Sendmail(passed) => program("sendmail", named("sendmail", passed)),
        Command::Mailq(passed) => program("mailq", named("mailq", passed)),
        Command::Newaliases(passed) => program("newaliases", named("newaliases", passed)),
        Command::Account(command) => {
            let config = command.config().clone();
            with_config(&config, |config| account::run(command, &config.accounts.file))
        }
        Command::Queue(command) => {
            let config = command.common().config.clone();
            with_config(&config, |config| queue::run(&command, &config.data_dir))
        }
        Command::Fetch(arguments) => {
            with_config(&arguments.config.clone(), |config| fetch::fetch(&config, &arguments))
        }
        Command::Etrn(arguments) => {
            with_config(&arguments.config.clone(), |config| fetch::etrn(&config, &arguments))
        }
        Command::Table(arguments) => {
            with_config(&arguments.config.clone(), |config| table::run(&config, &arguments))
        }
        Command::Spool(SpoolCommand::Verify { config, data_dir: Some(dir), json }) => {
            drop(config);
            spool::verify(&dir, json)
        }
        Command::Spool(SpoolCommand::Verify { config, data_dir: None, json }) => {
            with_config(&config, |config| spool::verify(&config.data_dir, json))
        }
        Command::Pages { dir } => match pages::write(&dir) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!(
                    "postrider: the pages cannot be written below {}: {error}",
                    dir.display()
                );
                EX_CANTCREAT.into()
            }
        },
    }
}

/// The file that holds the configuration; `None`: the safe local profile.
fn config_file(argument: &ConfigArgument) -> Option<PathBuf> {
    let trusted = || !privilege::is_lent();
    let from_environment =
        || std::env::var_os(CONFIG_VARIABLE).filter(|_| trusted()).map(PathBuf::from);
    let from_system = || Some(PathBuf::from(SYSTEM_CONFIG)).filter(|path| path.exists());
    argument.config.clone().or_else(from_environment).or_else(from_system)
}

fn load(argument: &ConfigArgument) -> Result<Config, ExitCode> {
    let Some(path) = config_file(argument) else { return Ok(Config::default()) };
    Config::load(&path).map_err(|problems| {
        eprint!("{}", config::render(&problems, may_colour(&std::io::stderr())));
        EX_CONFIG.into()
    })
}

fn with_config(argument: &ConfigArgument, run: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match load(argument) {
        Ok(config) => run(config),
        Err(code) => code,
    }
}

fn check(argument: &ConfigArgument) -> ExitCode {
    with_config(argument, |config| {
        let mut problems = config.check();
        let start = [
            plan::options(&config).err(),
            plan::certificates(&config).err(),
            plan::tables(&config).err(),
            Some(plan::probe_tables(&config)),
        ];
        for problem in start.into_iter().flatten().flatten() {
            // What the start would tell may have been told.
            if !problems.iter().any(|told| told.to_string() == problem.to_string()) {
                problems.push(problem);
            }
        }
        eprint!("{}", config::render(&problems, may_colour(&std::io::stderr())));
        let name = config_file(argument);
        let name =
            name.map_or_else(|| "the local profile".to_owned(), |path| path.display().to_string());
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return EX_CONFIG.into();
        }
        println!("{name}: the configuration is right");
        ExitCode::SUCCESS
    })
}

/// Acts as one of the classic programs, whose name is the first argument. These have no `--config`:
/// they find it as `serve` does.
fn program(name: &str, arguments: Vec<OsString>) -> ExitCode {
    with_config(&ConfigArgument { config: None }, |config| {
        let site = site(&config);
        match name {
            "sendmail" => agent::run_sendmail(arguments, &site),
            "mailq" => agent::run_mailq(arguments, &site),
            "newaliases" => agent::run_newaliases(arguments, &site),
            _ => agent::run_mail(arguments, &site),
        }
    })
}

fn site(config: &Config) -> Site {
    let login = std::env::var("LOGNAME").ok();
    let person = Person::current(login.as_deref());
    let variable = std::env::var_os("MAIL").filter(|path| !path.is_empty());
    let read = config.clone();
    let check = move || {
        let config::aliases::Checked { files, problems } = config::aliases::check(&read);
        AliasesFound { files, problems }
    };
    Site {
        aliases: AliasCheck(Arc::new(check)),
        inbox_of: config.local.mailbox.value.pattern(),
        mail_variable: variable.map(PathBuf::from),
        settings_file: agent::settings::file(person.home.as_deref()),
        hostname: config.hostname.clone(),
        data_dir: config.data_dir.clone(),
        submission: plan::submission(config),
        person,
    }
}

fn named(name: &str, passed: Passed) -> Vec<OsString> {
    [OsString::from(name)].into_iter().chain(passed.arguments).collect()
}
