//! What the engine tells of the queue, in the words of the control socket.

use std::time::SystemTime;

use engine::{Counted, Listed, Shown, State, Stock, Suspension};
use jiff::Timestamp;
use mail::TlsFacts;
use queue::record::Stored;
use queue::selector::bare;

use crate::agent::control::{
    Count, DomainStock, LastAttempt, Part, QueueRecipient, QueueRow, QueueState, SuspensionRow,
};

/// Octets of recipients and reasons in one row: far below what a line may have.
const ROW_MAX: usize = 1 << 20;

pub(super) fn stamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A row of a listing.
pub(crate) fn row(listed: Listed) -> QueueRow {
    let state = match listed.state {
        State::Active => QueueState::Active,
        State::Deferred => QueueState::Deferred,
        State::Held => QueueState::Held,
    };
    let (mut recipients, mut octets) = (Vec::new(), 0);
    let all = listed.recipients.len();
    for recipient in listed.recipients {
        let reason = recipient.reason.as_ref().map_or(0, String::len);
        let policy = recipient.policy.as_ref().map_or(0, String::len);
        octets += recipient.address.len() + reason + policy;
        if octets > ROW_MAX {
            break;
        }
        recipients.push(QueueRecipient {
            address: recipient.address,
            reason: recipient.reason,
            policy: recipient.policy,
        });
    }
    QueueRow {
        id: listed.job.message.to_string(),
        size: listed.size,
        arrival: stamp(listed.arrival),
        sender: listed.sender,
        more: all - recipients.len(),
        recipients,
        state,
        next_attempt: (state == QueueState::Deferred).then(|| stamp(listed.due)),
        queue: listed.queue,
        forced: listed.forced,
        attempts: listed.attempts,
        expire: listed.expire.map(stamp),
    }
}

pub(crate) fn count(counted: Counted) -> Count {
    Count {
        letters: counted.jobs,
        recipients: counted.recipients,
        parts: counted.parts,
        active: counted.active,
        held: counted.held,
        octets: counted.octets,
        sample: counted.sample.into_iter().map(row).collect(),
    }
}

pub(crate) fn stock(stock: Stock) -> impl Iterator<Item = DomainStock> {
    let row = |(domain, ages): (String, engine::Ages)| DomainStock { domain, ages: ages.to_vec() };
    stock.domains.into_iter().map(row)
}

pub(crate) fn suspension(suspension: Suspension) -> SuspensionRow {
    SuspensionRow {
        what: suspension.what.to_string(),
        since: stamp(suspension.since),
        by: suspension.operator.by,
        why: suspension.operator.why,
    }
}

/// A part of a letter with all that its envelope and its last attempts say.
pub(crate) fn part(shown: Shown) -> Part {
    let Shown { listed, stored, open, .. } = shown;
    let name = |number: u32| {
        let known = stored.as_ref().and_then(|stored| stored.recipients.get(number as usize));
        known.map_or_else(|| format!("recipient {number}"), |known| bare(&known.path))
    };
    let attempts = open.iter().filter_map(|(number, attempt)| {
        let attempt = attempt.as_ref()?;
        Some(LastAttempt {
            recipient: name(*number),
            at: stamp(attempt.at),
            remote: attempt.remote.clone(),
            step: attempt.step.clone(),
            reply: attempt.reply.as_ref().map(ToString::to_string),
            tls: attempt.tls.as_ref().map(tls),
            explanation: attempt.explanation.clone(),
        })
    });
    let attempts = attempts.collect();
    let origin = stored.as_ref().map(|stored| stored.origin.clone()).unwrap_or_default();
    Part {
        row: row(listed),
        client: origin.client.map(|client| client.to_canonical().to_string()),
        hello: origin.hello,
        protocol: origin.protocol,
        listener: origin.listener,
        login: origin.login,
        tls: origin.tls.as_ref().map(tls),
        uid: origin.uid,
        parameters: stored.as_ref().map(parameters).unwrap_or_default(),
        attempts,
    }
}

fn tls(facts: &TlsFacts) -> String {
    format!("{} {}", facts.version, facts.cipher)
}

/// The parameters of `MAIL` that change what is done with a letter.
fn parameters(stored: &Stored) -> Vec<String> {
    let parameters = &stored.parameters;
    let mut words = vec![format!("BODY={:?}", parameters.body).to_uppercase()];
    let flags = [(parameters.utf8, "SMTPUTF8"), (parameters.require_tls, "REQUIRETLS")];
    words.extend(flags.into_iter().filter(|(there, _)| *there).map(|(_, word)| word.to_owned()));
    if let Some(id) = &parameters.envelope_id {
        words.push(format!("ENVID={}", id.decode_lossy()));
    }
    if let Some(priority) = parameters.priority {
        words.push(format!("MT-PRIORITY={priority}"));
    }
    words
}
