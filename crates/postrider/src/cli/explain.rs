//! `postrider explain ADDRESS`: what would become of a letter, and why.

use std::process::ExitCode;

use engine::Inquiry;
use mail::{ForwardPath, ReversePath};

use super::arguments::ExplainArguments;
use crate::agent::may_colour;
use crate::agent::sysexits::{EX_CONFIG, EX_OSERR, EX_USAGE};
use crate::config::{self, Config};
use crate::{explain, rehearsal};

/// Explains what would become of the letter that `arguments` describe.
pub fn run(config: &Config, arguments: &ExplainArguments) -> ExitCode {
    let inquiry = match inquiry(config, arguments) {
        Ok(inquiry) => inquiry,
        Err(why) => {
            eprintln!("postrider: {why}");
            return EX_USAGE.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("postrider: the runtime does not start: {error}");
            return EX_OSERR.into();
        }
    };
    match runtime.block_on(explain::explain(config, &inquiry)) {
        Ok(told) if arguments.json => {
            let value = explain::json(&inquiry, &told);
            println!("{}", serde_json::to_string_pretty(&value).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Ok(told) => {
            print!("{}", explain::text(config, &inquiry, &told));
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprint!("{}", config::render(&problems, may_colour(&std::io::stderr())));
            EX_CONFIG.into()
        }
    }
}

fn inquiry(config: &Config, arguments: &ExplainArguments) -> Result<Inquiry, String> {
    let ExplainArguments { address, from, client, login, .. } = arguments;
    let bracketed = |text: &str| match text.starts_with('<') {
        true => text.to_owned(),
        false => format!("<{text}>"),
    };
    let wrong = |text: &str, why: &dyn std::fmt::Display| {
        format!("{text:?} is no address: {why}; say ann@example.net")
    };
    let to: ForwardPath = match address.eq_ignore_ascii_case("postmaster") {
        true => ForwardPath::Postmaster,
        false => {
            ForwardPath::parse_utf8(&bracketed(address)).map_err(|why| wrong(address, &why))?
        }
    };
    let from: ReversePath = match from {
        Some(from) => ReversePath::parse_utf8(&bracketed(from)).map_err(|why| wrong(from, &why))?,
        None => ReversePath::Null,
    };
    let identity = login.as_deref().map(|login| rehearsal::identity(config, login));
    let client = match (client, login) {
        (None, None) => Some(rehearsal::STRANGER),
        (client, _) => *client,
    };
    Ok(Inquiry { from, to, client, identity })
}
