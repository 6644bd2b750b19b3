//! `postrider fetch` and `postrider etrn`: mail that other hosts keep for us.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use ::queue::route::Transport;

use super::arguments::{EtrnArguments, FetchArguments};
use super::queue::told;
use crate::agent::control::{Answer, Called, ControlError, Conversation, Request, Worth};
use crate::agent::harmless;
use crate::agent::sysexits::{EX_IOERR, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE, Exit};
use crate::config::Config;

/// Asks the hosts of the configuration.
pub(super) fn fetch(config: &Config, arguments: &FetchArguments) -> ExitCode {
    run(config, &Request::Fetch { names: arguments.names.clone() }, arguments.json)
}

/// Asks one host to start its queues.
pub(super) fn etrn(config: &Config, arguments: &EtrnArguments) -> ExitCode {
    let Some(host) = transport(&arguments.host) else {
        let expected = "a host, like mx.isp.example, mx.isp.example:587 or [2001:db8::1]:25";
        eprintln!("postrider: {:?} is not {expected}", arguments.host);
        return EX_USAGE.into();
    };
    let names = arguments.names.clone();
    if let Some(name) = names.iter().find(|name| smtp::grammar::release(name.as_bytes()).is_err()) {
        eprintln!(
            "postrider: {name:?} is neither a domain with a dot in it, nor @DOMAIN, nor #QUEUE"
        );
        return EX_USAGE.into();
    }
    run(config, &Request::Etrn { host, names }, arguments.json)
}

/// The host itself, not its exchangers, as a route names it.
fn transport(host: &str) -> Option<String> {
    let text = match (host.parse::<IpAddr>(), host.rsplit_once(':')) {
        (Ok(_), _) => format!("smtp:[{host}]"),
        (Err(_), _) if host.starts_with('[') => format!("smtp:{host}"),
        (Err(_), Some((name, port))) => format!("smtp:[{name}]:{port}"),
        (Err(_), None) => format!("smtp:[{host}]"),
    };
    match text.parse() {
        Ok(transport @ Transport::Host { .. }) => Some(transport.to_string()),
        _ => None,
    }
}

fn run(config: &Config, request: &Request, json: bool) -> ExitCode {
    match ask(config, request) {
        Ok(called) => match show(&called, json, &mut io::stdout().lock()) {
            Ok(()) => code(&called),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => EX_OK,
            Err(_) => EX_IOERR,
        },
        Err(error) => {
            let (why, code) = told(&error);
            eprintln!("postrider: {}", harmless(&why));
            code
        }
    }
    .into()
}

fn ask(config: &Config, request: &Request) -> Result<Vec<Called>, ControlError> {
    let mut conversation = Conversation::open(&config.data_dir)?;
    conversation.be_patient()?;
    conversation.ask(request)?;
    let mut all = Vec::new();
    loop {
        match conversation.next_answer()? {
            Answer::Called(called) => all.push(called),
            Answer::End { .. } => return Ok(all),
            _ => return Err(ControlError::Nonsense("an answer to something else".to_owned())),
        }
    }
}

fn show(all: &[Called], json: bool, out: &mut impl Write) -> io::Result<()> {
    for called in all {
        if json {
            serde_json::to_writer(&mut *out, called)?;
            writeln!(out)?;
            continue;
        }
        let host = harmless(&called.host);
        for said in &called.said {
            let words = match &said.reply {
                Some(reply) => format!("{} ({})", reply, said.meaning),
                None => said.meaning.clone(),
            };
            writeln!(out, "{host}: {}: {}", said.command, harmless(&words))?;
        }
        match called.letters {
            0 => {}
            1 => writeln!(out, "{host}: 1 letter has come")?,
            many => writeln!(out, "{host}: {many} letters have come")?,
        }
    }
    Ok(())
}

/// The worst counts.
fn code(all: &[Called]) -> Exit {
    let worst = all.iter().flat_map(|called| &called.said).map(|said| said.worth).max();
    match worst {
        None | Some(Worth::Well) => EX_OK,
        Some(Worth::Later) => EX_TEMPFAIL,
        Some(Worth::Wrong) => EX_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::control::Said;

    #[test]
    fn hosts() {
        let rows = [
            ("mx.isp.example", Some("smtp:[mx.isp.example]:25")),
            ("mx.isp.example:587", Some("smtp:[mx.isp.example]:587")),
            ("192.0.2.1", Some("smtp:[192.0.2.1]:25")),
            ("192.0.2.1:2525", Some("smtp:[192.0.2.1]:2525")),
            ("[192.0.2.1]:2525", Some("smtp:[192.0.2.1]:2525")),
            ("2001:db8::1", Some("smtp:[IPv6:2001:db8::1]:25")),
            ("[2001:db8::1]:2525", Some("smtp:[IPv6:2001:db8::1]:2525")),
            ("mx isp", None),
            ("mx:0", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(transport(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_shown() {
        let said = |reply: Option<&str>, worth| Said {
            command: "ATRN".to_owned(),
            reply: reply.map(str::to_owned),
            meaning: "why (postrider.toml:7)".to_owned(),
            worth,
        };
        let rows = [
            (vec![said(Some("250 now\u{1b}[2J you"), Worth::Well)], 2, EX_OK),
            (
                vec![said(Some("453 no mail"), Worth::Well), said(None, Worth::Later)],
                0,
                EX_TEMPFAIL,
            ),
            (vec![said(None, Worth::Wrong), said(None, Worth::Later)], 1, EX_UNAVAILABLE),
        ];
        for (said, letters, expected) in rows {
            let all = [Called { host: "isp".to_owned(), said, letters }];
            let mut text = Vec::new();
            show(&all, false, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains('\u{1b}') && text.starts_with("isp: ATRN: "), "{text}");
            assert_eq!(text.contains("come"), letters > 0, "{text}");
            assert_eq!(code(&all), expected, "{text}");
            let mut line = Vec::new();
            show(&all, true, &mut line).unwrap();
            let again: Called = serde_json::from_slice(&line).unwrap();
            assert_eq!(again, all[0]);
        }
    }
}
