//! `postrider conformance HOST:PORT`: asks a server for the rules that a stranger can see.

use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use super::arguments::ConformanceArguments;
use crate::agent::sysexits::{EX_IOERR, EX_NOHOST, EX_UNAVAILABLE, EX_USAGE, Exit};
use crate::config::Surroundings;
use crate::conformance::{self, Form, Plan};

/// The port of SMTP between servers.
const PORT: u16 = 25;

/// Asks, tells what came of it, and exits with 1 when a rule is broken.
pub fn run(arguments: &ConformanceArguments) -> ExitCode {
    let plan = match plan(arguments) {
        Ok(plan) => plan,
        Err((code, problem)) => {
            eprintln!("postrider: {problem}");
            return code.into();
        }
    };
    // Who waits at a terminal sees what is going on; a file gets the report alone.
    let shown = io::stderr().is_terminal() && !io::stdout().is_terminal();
    let tell = |case: &str| {
        if shown {
            eprintln!("{case}");
        }
    };
    let report = match conformance::run(&plan, tell) {
        Ok(report) => report,
        Err(error) => {
            let problem =
                format!("{} does not answer as an SMTP server: {error}", arguments.server);
            eprintln!("postrider: {problem}");
            return EX_UNAVAILABLE.into();
        }
    };
    let form = match (arguments.json, arguments.markdown) {
        (true, _) => Form::Json,
        (_, true) => Form::Markdown,
        _ => Form::Text,
    };
    let title = arguments.title.as_deref().unwrap_or(&arguments.server);
    let mut out = io::stdout().lock();
    if let Err(error) = report.write(form, title, &mut out).and_then(|()| out.flush()) {
        eprintln!("postrider: the report cannot be written: {error}");
        return EX_IOERR.into();
    }
    if report.is_good(arguments.strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(arguments: &ConformanceArguments) -> Result<Plan, (Exit, String)> {
    let server = addresses(&arguments.server).map_err(|error| {
        (EX_NOHOST, format!("{} is no place to ask: {error}", arguments.server))
    })?;
    let me = arguments.name.clone();
    let me = me.unwrap_or_else(|| Surroundings::of_process().hostname.to_string());
    for (option, address) in
        [("--recipient", &arguments.recipient), ("--foreign", &arguments.foreign)]
    {
        if address.as_ref().is_some_and(|address| !address.contains('@')) {
            return Err((EX_USAGE, format!("{option} wants an address, like ann@x.example")));
        }
    }
    Ok(Plan {
        server,
        sender: arguments.sender.clone().unwrap_or_else(|| format!("postmaster@{me}")),
        me,
        recipient: arguments.recipient.clone(),
        foreign: arguments.foreign.clone(),
        intrusive: arguments.intrusive,
        slow: arguments.slow,
        patience: Duration::from_secs(arguments.timeout),
        only: arguments.rows.clone(),
    })
}

/// `host`, `host:port`, `[::1]:port`, `192.0.2.1`.
fn addresses(server: &str) -> io::Result<Vec<SocketAddr>> {
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![SocketAddr::new(address, PORT)]);
    }
    let found = match server.contains(':') {
        true => server.to_socket_addrs()?,
        false => (server, PORT).to_socket_addrs()?,
    };
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let rows = [
            ("192.0.2.1", "192.0.2.1:25"),
            ("192.0.2.1:2525", "192.0.2.1:2525"),
            ("2001:db8::1", "[2001:db8::1]:25"),
            ("[2001:db8::1]", "[2001:db8::1]:25"),
            ("[2001:db8::1]:2525", "[2001:db8::1]:2525"),
        ];
        for (text, want) in rows {
            assert_eq!(addresses(text).unwrap(), [want.parse().unwrap()], "{text}");
        }
        assert!(addresses("192.0.2.1:mail-or-so").is_err());
    }
}
