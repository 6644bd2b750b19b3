//! The queue tools at the server's end: each request is answered with a page of the queue, or with
//! what came of a page of deeds.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{Action, Came, Deed, Engine, Operator};
use mail::content::split_head;
use queue::selector::Selector;
use spool::{BodyReader, JobId, MessageId, SpoolError};

use super::shown;
use crate::agent::control::{Answer, Done, DoneResult, Octets, ROWS, Verb, Wanted};

/// Octets of a header section that are shown.
pub(crate) const HEADER_MAX: usize = 256 * 1024;

/// Reads `ID.N`, the text of a job.
pub(crate) fn job(text: &str) -> Result<JobId, String> {
    let wrong = || format!("{text:?} is not where a page ended");
    let (message, n) = text.rsplit_once('.').ok_or_else(wrong)?;
    let message: MessageId = message.parse().map_err(|_| wrong())?;
    Ok(JobId { message, n: n.parse().map_err(|_| wrong())? })
}

/// What is wanted, and where the page begins.
pub(crate) fn read(
    wanted: &Wanted,
    after: Option<&str>,
) -> Result<(Selector, Option<JobId>), String> {
    Ok((wanted.selector(SystemTime::now())?, after.map(job).transpose()?))
}

fn end(next: Option<JobId>) -> Answer {
    Answer::End { next: next.map(|job| job.to_string()) }
}

fn say(error: SpoolError) -> String {
    error.to_string()
}

/// All lines of one answer.
type Answers = Result<Vec<Answer>, String>;

pub(super) async fn list(
    engine: &Engine,
    wanted: &Wanted,
    after: Option<&str>,
    limit: usize,
) -> Answers {
    let (selector, after) = read(wanted, after)?;
    let (rows, next) = engine.select(&selector, after, limit.clamp(1, ROWS)).await.map_err(say)?;
    Ok(rows.into_iter().map(|listed| Answer::Row(shown::row(listed))).chain([end(next)]).collect())
}

pub(super) async fn count(engine: &Engine, wanted: &Wanted, after: Option<&str>) -> Answers {
    let (selector, after) = read(wanted, after)?;
    let (counted, next) = engine.count(&selector, after).await.map_err(say)?;
    Ok(vec![Answer::Count(Box::new(shown::count(counted))), end(next)])
}

pub(super) async fn stats(
    engine: &Engine,
    wanted: &Wanted,
    by_sender: bool,
    after: Option<&str>,
) -> Answers {
    let (selector, after) = read(wanted, after)?;
    let (stock, next) = engine.stock(&selector, after, by_sender).await.map_err(say)?;
    Ok(shown::stock(stock).map(Answer::Stock).chain([end(next)]).collect())
}

/// The parts of a letter, and a reader of its content where that is wanted.
pub(super) async fn show(
    engine: &Engine,
    id: &str,
    octets: Octets,
) -> Result<(Vec<Answer>, Option<Box<dyn BodyReader>>), String> {
    let message = id.parse().map_err(|_| format!("{id:?} is not a queue id"))?;
    let parts = engine.show(message).await.map_err(say)?;
    let reader = match (octets, parts.first()) {
        (Octets::None, _) | (_, None) => None,
        (_, Some(first)) => Some(engine.content(first).await.map_err(say)?),
    };
    let answers = parts.into_iter().map(|part| Answer::Part(Box::new(shown::part(part))));
    Ok((answers.collect(), reader))
}

/// A piece of content for the wire.
pub(super) fn octets(chunk: &[u8]) -> Answer {
    Answer::Octets(STANDARD.encode(chunk))
}

/// The header section of what `reader` gives.
///
/// # Errors
/// What the spool says.
pub(crate) async fn header(mut reader: Box<dyn BodyReader>) -> Result<Vec<u8>, SpoolError> {
    let mut header = Vec::new();
    while header.len() < HEADER_MAX {
        match reader.next().await? {
            Some(chunk) => header.extend_from_slice(&chunk),
            None => break,
        }
    }
    let end = split_head(&header).0.len();
    header.truncate(end.min(HEADER_MAX));
    Ok(header)
}

pub(super) async fn act(
    engine: &Engine,
    wanted: &Wanted,
    action: &Action,
    operator: &Operator,
    after: Option<&str>,
) -> Answers {
    let (selector, after) = read(wanted, after)?;
    let page = engine.act(&selector, action, operator, after, usize::MAX).await;
    let (deeds, next) = page.map_err(say)?;
    Ok(deeds.into_iter().map(|deed| Answer::Done(done(deed))).chain([end(next)]).collect())
}

fn done(deed: Deed) -> Done {
    Done {
        id: deed.job.message.to_string(),
        recipients: deed.recipients,
        result: match deed.came {
            Came::Done => DoneResult::Done,
            Came::Later => DoneResult::Later,
            Came::Refused => DoneResult::Refused,
        },
        text: deed.text,
    }
}

/// What `verb` means.
pub(super) fn action(verb: Verb, to: Option<&str>) -> Result<Action, String> {
    Ok(match (verb, to) {
        (Verb::Hold, _) => Action::Hold,
        (Verb::Release, _) => Action::Release,
        (Verb::Retry, _) => Action::Retry,
        (Verb::Remove, _) => Action::Remove,
        (Verb::Expire, _) => Action::Expire,
        (Verb::Reroute, None) => Action::Reroute(None),
        (Verb::Reroute, Some(to)) => {
            let wrong = |error| format!("{to:?} is no transport: {error}");
            Action::Reroute(Some(to.parse().map_err(wrong)?))
        }
    })
}

pub(super) fn suspensions(engine: &Engine) -> Vec<Answer> {
    let all = engine.suspensions().into_iter().map(shown::suspension).map(Answer::Suspension);
    all.chain([end(None)]).collect()
}
