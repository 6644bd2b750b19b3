//! `postrider explain`: what would become of a letter, step by step, each with the line of the
//! configuration that says so. The engine decides, over doors that only ask; here it is told.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use engine::{End, Hop, Host};
use engine::{Engine, Explanation, Inquiry, Spread};
use queue::access::Verdict;
use queue::expansion::{self, Node};
use queue::reason::Reason;
use queue::record::Class;
use queue::rewrite::Change;
use queue::route::NextHop;
use serde_json::{Value, json};
use spool::model::Model;

use crate::config::{Config, Problem, Source};
use crate::plan;
use crate::reload::Doors;

/// Asks what would become of a letter. Names are asked for, nothing is dialled or written.
///
/// # Errors
/// What is wrong with the configuration.
pub async fn explain(config: &Config, inquiry: &Inquiry) -> Result<Explanation, Vec<Problem>> {
    let options = plan::options(config)?;
    let doors = Doors::to_ask(config)?;
    let world = doors.asking(Arc::new(Model::new()));
    Ok(Engine::new(options, world).explain(inquiry).await)
}

/// Steps with a name, each in one or more lines.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, text: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn step(&mut self, name: &str, text: &str) {
        const WIDE: usize = 11;
        for (number, line) in text.lines().enumerate() {
            let name = if number == 0 { name } else { "" };
            let _ = writeln!(self.0, "  {name:<WIDE$}{line}");
        }
    }
}

/// The explanation for people.
pub fn text(config: &Config, inquiry: &Inquiry, told: &Explanation) -> String {
    let mut page = Page::default();
    let who = match (&inquiry.identity, inquiry.client) {
        (Some(identity), Some(client)) => format!("{}, logged in, at {client}", identity.login),
        (Some(identity), None) => format!("{}, logged in", identity.login),
        (None, Some(client)) => format!("another host at {client}"),
        (None, None) => "a program on this host".to_owned(),
    };
    page.head(&format!("a letter from {} to {}, brought by {who}", inquiry.from, inquiry.to));
    page.step("MAIL", &answer(&told.sender));
    page.step("RCPT", &answer(&told.recipient));
    for Change { from, to, reasons } in &told.rewritten {
        let why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        page.step("rewritten", &format!("{from} becomes {to}: {}", why.join(", then ")));
    }
    match &told.expansion {
        None => page.step("", "so it goes no further"),
        Some(Spread::Plain) => page.step("expansion", "nobody else stands for that address"),
        Some(Spread::NotNow(reason)) => {
            page.step("expansion", &format!("not known now, so it is answered 451: {reason}"));
        }
        Some(Spread::Trees(trees)) => {
            page.step("expansion", &expansion::draw(trees).join("\n"));
        }
    }
    if !told.copies.is_empty() {
        page.step("copies", &expansion::draw(&told.copies).join("\n"));
    }
    for end in &told.ends {
        page.head("");
        self::end(&mut page, config, end);
    }
    page.0
}

fn answer<T>(verdict: &Verdict<T>) -> String {
    match verdict {
        Verdict::Accept { reason, .. } => format!("accepted: {reason}"),
        Verdict::Refuse { reply, reason } => format!("refused with {reply}\nsince {reason}"),
    }
}

fn end(page: &mut Page, config: &Config, end: &End) {
    page.head(&format!("{}, from {}", end.path, end.from));
    let End { routed, target, user, hops, limits, .. } = end;
    if let Some(reason) = &end.forwarded {
        page.step("sender", &reason.to_string());
    }
    page.step("route", &format!("{}: {}", routed.next_hop.queue_name(), routed.reason));
    if let Some(target) = target {
        page.step("ends in", &target.to_string());
    } else if let (NextHop::Local, Some(user)) = (&routed.next_hop, user) {
        page.step("mailbox", &mailbox(config, user));
    }
    for hop in hops {
        self::hop(page, config, hop);
    }
    let fails = |hop: &Hop| hop.hosts.as_ref().is_err_and(|failure| failure.permanent);
    if !hops.is_empty() && hops.iter().all(fails) {
        return;
    }
    if !hops.is_empty() {
        let limits: Vec<String> = limits.iter().map(ToString::to_string).collect();
        page.step("limits", &limits.join("\n"));
    }
    page.step("schedule", &schedule(config, end));
}

fn mailbox(config: &Config, user: &str) -> String {
    let mailbox = &config.local.mailbox;
    let path = mailbox.value.path_of(user);
    let path = path.map_or_else(
        || format!("{user} is no name for a mailbox"),
        |path| format!("of {user}, {}", path.display()),
    );
    format!("{path} ({})", shown(&mailbox.source))
}

fn shown(source: &Source) -> String {
    match source {
        Source::Default => "the default".to_owned(),
        place => place.to_string(),
    }
}

fn hop(page: &mut Page, config: &Config, hop: &Hop) {
    let failure = hop.hosts.as_ref().err().map(|failure| failure.explanation.as_str());
    let steps = hop.trail.iter().filter(|step| failure != Some(&*step.text));
    let trail: Vec<String> = steps.map(ToString::to_string).collect();
    if !trail.is_empty() {
        page.step("search", &trail.join("\n"));
    }
    match &hop.hosts {
        Ok(hosts) => hosts.iter().for_each(|host| self::host(page, host)),
        Err(failure) => {
            let then = if failure.permanent { "it goes back at once" } else { "it waits" };
            page.step("no host", &format!("{}, {then} ({})", failure.explanation, failure.status));
        }
    }
    if let Some(login) = &hop.login
        && let NextHop::Host { host, .. } = &hop.hop
    {
        let place = config.source_of(&format!("smarthost.\"{host}\""));
        page.step("login", &format!("{login} ({})", shown(&place)));
    }
}

fn host(page: &mut Page, host: &Host) {
    let Host { exchanger, policy } = host;
    let addresses: Vec<String> = exchanger.addresses.iter().map(ToString::to_string).collect();
    let rank = match exchanger.found.by_exchanger {
        true => format!("preference {}, ", exchanger.preference),
        false => String::new(),
    };
    let line =
        format!("{} {rank}port {}: {}", exchanger.host, exchanger.port, addresses.join(", "));
    page.step("host", &line);
    match policy {
        Ok(reason) => page.step("  TLS", reason),
        Err(what) => page.step("  TLS", &format!("not used: {what}")),
    }
}

/// A time as the configuration says it.
fn words(time: Duration) -> String {
    let (mut rest, mut parts) = (time.as_secs(), Vec::new());
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
        if rest >= unit {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

fn schedule(config: &Config, end: &End) -> String {
    let tries = tries(end);
    let retry = shown(&config.source_of("queue.retry"));
    let notice = match end.notice {
        Some(notice) => {
            let place = shown(&config.source_of("queue.delay-notice"));
            format!("the sender hears of a delay after {} ({place})", words(notice))
        }
        None => "nobody is told of a delay".to_owned(),
    };
    let key = if end.from.is_null() && end.class != Class::Copy {
        "queue.expire-reports"
    } else {
        "queue.expire"
    };
    let expire = shown(&config.source_of(key));
    format!("{tries} ({retry})\n{notice}\ngiven up after {} ({expire})", words(end.life))
}

/// When it is tried. Where the same pause comes again and again it is said once.
fn tries(end: &End) -> String {
    let pause = |(from, to): (&Duration, &Duration)| to.saturating_sub(*from);
    let pauses: Vec<Duration> = end.tries.iter().zip(end.tries.iter().skip(1)).map(pause).collect();
    let same = |(one, other): (&Duration, &Duration)| one == other;
    let steady = pauses.iter().zip(pauses.iter().skip(1)).position(same);
    let told = steady.map_or(end.tries.len(), |at| at + 2);
    let later: Vec<String> = end.tries.iter().take(told).skip(1).map(|time| words(*time)).collect();
    let more = match steady.and_then(|at| pauses.get(at)) {
        Some(every) => format!(", then every {}", words(*every)),
        None => String::new(),
    };
    match later.is_empty() {
        true => "tried at once".to_owned(),
        false => format!("tried at once; after failures at {}{more}", later.join(", ")),
    }
}

/// The explanation for programs.
pub fn json(inquiry: &Inquiry, told: &Explanation) -> Value {
    let spread = match &told.expansion {
        None => Value::Null,
        Some(Spread::Plain) => json!({ "trees": [] }),
        Some(Spread::NotNow(reason)) => json!({ "not-now": self::reason(reason) }),
        Some(Spread::Trees(trees)) => {
            json!({ "trees": trees.iter().map(node).collect::<Vec<_>>() })
        }
    };
    json!({
        "from": inquiry.from.to_string(),
        "to": inquiry.to.to_string(),
        "client": inquiry.client,
        "login": inquiry.identity.as_ref().map(|identity| &identity.login),
        "sender": verdict(&told.sender),
        "recipient": verdict(&told.recipient),
        "rewritten": told.rewritten.iter().map(change).collect::<Vec<_>>(),
        "expansion": spread,
        "copies": told.copies.iter().map(node).collect::<Vec<_>>(),
        "ends": told.ends.iter().map(end_value).collect::<Vec<_>>(),
    })
}

fn reason(reason: &Reason) -> Value {
    let source = reason.source.as_ref();
    json!({
        "text": reason.text,
        "file": source.map(|source| source.file.to_string()),
        "line": source.map(|source| source.line),
    })
}

fn verdict<T>(verdict: &Verdict<T>) -> Value {
    match verdict {
        Verdict::Accept { reason, .. } => {
            json!({ "accepted": true, "reason": self::reason(reason) })
        }
        Verdict::Refuse { reply, reason } => json!({
            "accepted": false, "reply": reply.to_string(), "reason": self::reason(reason),
        }),
    }
}

fn change(change: &Change) -> Value {
    json!({
        "from": change.from.to_string(),
        "to": change.to.to_string(),
        "reasons": change.reasons.iter().map(reason).collect::<Vec<_>>(),
    })
}

fn node(node: &Node) -> Value {
    json!({
        "path": node.path.to_string(),
        "kind": format!("{:?}", node.kind).split('(').next().unwrap_or_default().to_lowercase(),
        "reason": reason(&node.reason),
        "members": node.members.iter().map(self::node).collect::<Vec<_>>(),
    })
}

fn end_value(end: &End) -> Value {
    let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs).collect::<Vec<_>>();
    json!({
        "path": end.path.to_string(),
        "from": end.from.to_string(),
        "forwarded": end.forwarded.as_ref().map(reason),
        "target": end.target.as_ref().map(ToString::to_string),
        "user": end.user,
        "queue": end.routed.next_hop.queue_name(),
        "reason": reason(&end.routed.reason),
        "hops": end.hops.iter().map(hop_value).collect::<Vec<_>>(),
        "limits": end.limits.iter().map(reason).collect::<Vec<_>>(),
        "tries-seconds": seconds(&end.tries),
        "notice-seconds": end.notice.map(|notice| notice.as_secs()),
        "life-seconds": end.life.as_secs(),
    })
}

fn hop_value(hop: &Hop) -> Value {
    let host = |host: &Host| {
        json!({
            "host": host.exchanger.host,
            "preference": host.exchanger.preference,
            "port": host.exchanger.port,
            "addresses": host.exchanger.addresses,
            "tls": host.policy.as_ref().ok(),
            "not-used": host.policy.as_ref().err(),
        })
    };
    json!({
        "queue": hop.hop.queue_name(),
        "trail": hop.trail.iter().map(reason).collect::<Vec<_>>(),
        "hosts": hop.hosts.as_ref().ok().map(|hosts| hosts.iter().map(host).collect::<Vec<_>>()),
        "failure": hop.hosts.as_ref().err().map(|failure| json!({
            "status": failure.status.to_string(),
            "permanent": failure.permanent,
            "text": failure.explanation,
        })),
        "login": hop.login,
    })
}

#[cfg(test)]
mod tests;
