//! Calls at hosts that keep mail for us, as an operator asks for them.

use std::sync::Arc;

use engine::{Asked, Asking, Engine, Fetched, Provider};
use queue::fetch::Standing;
use queue::route::{Service, Transport};
use smtp::grammar;
use smtp::server::{Kind, SessionOptions};

use crate::agent::control::{Answer, Called, Said, Worth};

/// Names in one request.
const NAMES_MAX: usize = 100;

/// Calls at those of these names, or at all.
pub(super) async fn fetch(engine: Engine, names: Vec<String>) -> Result<Vec<Answer>, String> {
    let names = match names.is_empty() {
        true => engine.options().providers.iter().map(|one| one.name.to_string()).collect(),
        false => names,
    };
    if names.is_empty() {
        return Err("the configuration has no [fetch.NAME]: no host keeps mail for us".to_owned());
    }
    let mut answers = Vec::new();
    for name in names.iter().take(NAMES_MAX) {
        answers.push(Answer::Called(called(engine.fetch(name).await?)));
    }
    answers.push(Answer::End { next: None });
    Ok(answers)
}

/// Has `host` start its queues for `names`.
pub(super) async fn etrn(
    engine: Engine,
    host: String,
    names: Vec<String>,
) -> Result<Vec<Answer>, String> {
    let is_host = |transport: &Transport| match transport {
        Transport::Host { service, .. } => matches!(service, Service::Smtp | Service::Smtps),
        _ => false,
    };
    let transport = host.parse::<Transport>().ok().filter(is_host);
    let transport = transport.ok_or_else(|| format!("{host:?} is no host that speaks SMTP"))?;
    let read = |name: &String| {
        let what = "neither a domain with a dot in it, nor @DOMAIN, nor #QUEUE";
        grammar::release(name.as_bytes()).map_err(|_| format!("{name:?} is {what}"))
    };
    let releases = names.iter().take(NAMES_MAX).map(read).collect::<Result<Vec<_>, _>>()?;
    let hostname = engine.options().hostname.to_string();
    let provider = Provider {
        name: host.as_str().into(),
        host: transport.to_string(),
        asking: Asking::Release(releases),
        every: None,
        // No roles turn round here.
        session: Arc::new(SessionOptions::new(hostname, Kind::Mx)),
        source: None,
    };
    let called = called(engine.call_at(&provider).await?);
    Ok(vec![Answer::Called(called), Answer::End { next: None }])
}

fn called(fetched: Fetched) -> Called {
    let Fetched { provider, asked, letters } = fetched;
    let said = asked.into_iter().map(|Asked { command, reply, judged }| Said {
        command,
        reply: reply.map(|reply| reply.to_string()),
        meaning: judged.reason.to_string(),
        worth: match judged.standing {
            Standing::Well => Worth::Well,
            Standing::Later => Worth::Later,
            Standing::Wrong => Worth::Wrong,
        },
    });
    Called { host: provider, said: said.collect(), letters }
}
