//! Sends a letter: to the mail service, or to the drop directory while the service cannot take it.
//!
//! A refusal is told to the person at once; it is the one who can mend it. A service that is down,
//! closing or hung up is nobody's fault: the letter is queued beside it. Where the connection was
//! lost at the final dot the letter may have been taken, and is queued all the same: losing is worse
//! than repeating (RFC 5321 §6.1). A server elsewhere is another matter: what it does not take is
//! told and stays with the person, as does what the person breaks off.

use std::io;
use std::time::SystemTime;

use mail::{ForwardPath, Reply, ReversePath};
use postrider_client::{Client, SendError};
use smtp::client::{Lack, LoginError, Lost, RecipientResult, SessionError, Step};

use super::console::harmless;
use super::letter::Letter;
use super::site::Site;
use super::submission::Submission;
use super::submit::{Dialogue, needs_utf8, service, submit};
use super::sysexits::{EX_CONFIG, EX_IOERR, EX_NOPERM, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, Exit};
use crate::drop;

/// A letter on its way out.
pub struct Parcel {
    /// Where reports go.
    pub reverse_path: ReversePath,
    /// Where it goes; at least one.
    pub recipients: Vec<ForwardPath>,
    /// Whether every host on its way must be reached over TLS (RFC 8689).
    pub require_tls: bool,
    /// The letter.
    pub letter: Letter,
    /// The same with octets as they are, for a server that takes them.
    pub binary: Option<Letter>,
}

/// What became of the letter for one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// The service has it, and said so.
    Taken(Reply),
    /// It lies durably in the drop directory.
    Queued,
    /// It was not taken: why, and what the shell is told.
    Failed(String, Exit),
}

/// What became of a letter.
#[derive(Debug)]
pub struct Report {
    /// Each recipient's fate, in order.
    pub fates: Vec<(ForwardPath, Fate)>,
    /// What the person must know when the letter was queued beside the service.
    pub queued: Option<String>,
}

impl Report {
    /// What the shell is told: 0 only when every recipient's letter is safe.
    pub fn exit(&self) -> Exit {
        self.fates.iter().fold(EX_OK, |exit, (_, fate)| match fate {
            Fate::Taken(_) | Fate::Queued => exit,
            Fate::Failed(_, code) => exit.and(*code),
        })
    }

    /// Whether the letter is safe for nobody.
    pub fn is_hopeless(&self) -> bool {
        self.fates.iter().all(|(_, fate)| matches!(fate, Fate::Failed(..)))
    }

    /// The recipients whose letter failed, with the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&ForwardPath, &str)> {
        self.fates.iter().filter_map(|(path, fate)| match fate {
            Fate::Failed(reason, _) => Some((path, reason.as_str())),
            Fate::Taken(_) | Fate::Queued => None,
        })
    }

    /// The recipients whose letter is safe, with how.
    pub fn successes(&self) -> impl Iterator<Item = (&ForwardPath, &'static str)> {
        self.fates.iter().filter_map(|(path, fate)| match fate {
            Fate::Taken(_) => Some((path, "Sent")),
            Fate::Queued => Some((path, "Queued")),
            Fate::Failed(..) => None,
        })
    }
}

/// Sends `parcel`, whose letter stays with the caller: to `remote` where the person has set one,
/// else to the service of this machine.
pub fn send(
    site: &Site,
    remote: Option<&Submission>,
    parcel: &mut Parcel,
    dialogue: &mut dyn Dialogue,
) -> Report {
    match remote {
        Some(remote) => send_away(site, remote, parcel, dialogue),
        None => send_here(site, parcel, dialogue),
    }
}

/// Offers the letter in each of its forms, from the plainest octets to lines of ASCII, until the server
/// does not lack what it needs.
fn offer(
    client: &Client,
    parcel: &mut Parcel,
    dialogue: &mut dyn Dialogue,
) -> Result<Vec<RecipientResult>, SendError> {
    let Parcel { reverse_path, recipients, require_tls, letter, binary } = parcel;
    let mut give = |to: &[ForwardPath], letter: &mut Letter| {
        submit(client, reverse_path, to, *require_tls, letter, dialogue)
    };
    let mut results = give(recipients, binary.as_mut().unwrap_or(letter))?;
    let rest = who_lacks(Lack::BinaryMime, recipients, &results);
    if !rest.is_empty() {
        merge(&mut results, Lack::BinaryMime, give(&rest, letter)?);
    }
    let rest = who_lacks(Lack::EightBitMime, recipients, &results);
    // What takes no octets above 127 gets the letter in another encoding, where there is one.
    if !rest.is_empty()
        && let Ok(Some(mut letter)) = letter.in_seven_bits()
    {
        merge(&mut results, Lack::EightBitMime, give(&rest, &mut letter)?);
    }
    Ok(results)
}

fn lacks(lack: Lack, result: &RecipientResult) -> bool {
    matches!(result, RecipientResult::Unsuitable(lacking) if *lacking == lack)
}

fn who_lacks(lack: Lack, all: &[ForwardPath], results: &[RecipientResult]) -> Vec<ForwardPath> {
    let rest = all.iter().zip(results).filter(|(_, result)| lacks(lack, result));
    rest.map(|(path, _)| path.clone()).collect()
}

/// Puts what came of another try in the place of what was lacking.
fn merge(results: &mut [RecipientResult], lack: Lack, again: Vec<RecipientResult>) {
    for (result, again) in results.iter_mut().filter(|result| lacks(lack, result)).zip(again) {
        *result = again;
    }
}

fn send_here(site: &Site, parcel: &mut Parcel, dialogue: &mut dyn Dialogue) -> Report {
    let client = service(&site.submission, &site.hostname);
    let submitted = client.map(|client| offer(&client, parcel, dialogue));
    let (mut fates, why) = match submitted {
        Some(Ok(results)) => (results.into_iter().map(fate).collect(), UNABLE),
        None | Some(Err(SendError::Connect(..))) => (unsettled(parcel), DOWN),
        Some(Err(SendError::Session(SessionError::Refused(_, reply)))) if reply.is_permanent() => {
            let exit = Exit::of_refusal(&reply);
            (all(parcel, &Fate::Failed(shown(&reply), exit)), UNABLE)
        }
        Some(Err(SendError::Content(error))) => {
            let reason = format!("the letter cannot be read: {error}");
            (all(parcel, &Fate::Failed(reason, EX_IOERR)), UNABLE)
        }
        Some(Err(_)) => (unsettled(parcel), UNABLE),
    };
    let queued = queue_rest(site, parcel, &mut fates, why);
    let fates = fates.into_iter().map(|fate| fate.unwrap_or(Fate::Queued));
    Report { fates: parcel.recipients.iter().cloned().zip(fates).collect(), queued }
}

/// What the server does not take stays with the caller: the service here would send it on as
/// somebody else, if it could at all.
fn send_away(
    site: &Site,
    remote: &Submission,
    parcel: &mut Parcel,
    dialogue: &mut dyn Dialogue,
) -> Report {
    let failed = |reason: String, exit| {
        Fate::Failed(harmless(&format!("{}: {reason}", remote.name())), exit)
    };
    let fates: Vec<Fate> = match remote.client(site) {
        Err(why) => vec![failed(why, EX_CONFIG); parcel.recipients.len()],
        Ok(client) => match offer(&client, parcel, dialogue) {
            Ok(results) => {
                let settled = |result: RecipientResult| match &result {
                    RecipientResult::Lost(Step::Dot, Lost::Closed | Lost::TimedOut) => failed(
                        "gone after the letter; it may have it all the same".into(),
                        EX_TEMPFAIL,
                    ),
                    RecipientResult::Refused(_, reply) if reply.code().get() == 421 => {
                        failed(shown(reply), EX_TEMPFAIL)
                    }
                    _ => fate(result)
                        .unwrap_or_else(|| failed("the connection was lost".into(), EX_TEMPFAIL)),
                };
                results.into_iter().map(settled).collect()
            }
            Err(error) => vec![failed(reason(&error), exit(&error)); parcel.recipients.len()],
        },
    };
    Report { fates: parcel.recipients.iter().cloned().zip(fates).collect(), queued: None }
}

/// Why nothing was sent, with its causes.
fn reason(error: &SendError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told += &format!(": {error}");
        cause = error.source();
    }
    told
}

fn exit(error: &SendError) -> Exit {
    match error {
        SendError::Connect(..) => EX_TEMPFAIL,
        SendError::ServerName(_) => EX_CONFIG,
        SendError::Content(_) => EX_IOERR,
        SendError::Session(SessionError::Refused(_, reply)) => Exit::of_refusal(reply),
        SendError::Session(SessionError::Lost(..)) => EX_TEMPFAIL,
        SendError::Session(SessionError::Login(LoginError::Refused(_, reply))) => {
            if reply.is_permanent() { EX_NOPERM } else { EX_TEMPFAIL }
        }
        _ => EX_UNAVAILABLE,
    }
}

const DOWN: &str = "queued; the mail service is not running, it will be taken when it starts";
const UNABLE: &str = "queued; the mail service cannot take it now, it will be taken later";

const NO_REQUIRETLS: &str =
    "not queued: a letter that requires TLS waits for no service; send it again later";

const NO_UTF8: &str =
    "not queued: a letter with addresses beyond ASCII waits for no service; send it again later";

/// A fate, or none yet: the drop directory decides.
type Open = Option<Fate>;

fn all(parcel: &Parcel, fate: &Fate) -> Vec<Open> {
    parcel.recipients.iter().map(|_| Some(fate.clone())).collect()
}

fn unsettled(parcel: &Parcel) -> Vec<Open> {
    parcel.recipients.iter().map(|_| None).collect()
}

fn fate(result: RecipientResult) -> Open {
    match result {
        RecipientResult::Taken(reply) => Some(Fate::Taken(reply)),
        // 421: the service is going down.
        RecipientResult::Refused(_, reply) if reply.code().get() == 421 => None,
        RecipientResult::Refused(_, reply) | RecipientResult::Later(reply) => {
            Some(Fate::Failed(shown(&reply), Exit::of_refusal(&reply)))
        }
        // The person said so; whether it was too late, only the server knows.
        RecipientResult::Lost(Step::Dot, Lost::Aborted) => {
            let reason = "broken off; the letter may have been taken all the same".to_owned();
            Some(Fate::Failed(reason, EX_TEMPFAIL))
        }
        RecipientResult::Lost(_, Lost::Aborted) => {
            Some(Fate::Failed("broken off".to_owned(), EX_TEMPFAIL))
        }
        RecipientResult::Lost(..) | RecipientResult::Excess => None,
        RecipientResult::Unsuitable(extension) => {
            let reason = format!("the mail service does not offer {extension}");
            Some(Fate::Failed(reason, EX_UNAVAILABLE))
        }
        RecipientResult::TooLarge(limit) => {
            let reason = format!("the letter is larger than the {limit} octets the service takes");
            Some(Fate::Failed(reason, EX_UNAVAILABLE))
        }
    }
}

fn shown(reply: &Reply) -> String {
    harmless(&reply.to_string())
}

/// Drops the letter for those whose fate is open. With the words for the person when it worked.
fn queue_rest(
    site: &Site,
    parcel: &mut Parcel,
    fates: &mut [Open],
    why: &'static str,
) -> Option<String> {
    let open = parcel.recipients.iter().zip(fates.iter()).filter(|(_, fate)| fate.is_none());
    let recipients: Vec<ForwardPath> = open.map(|(path, _)| path.clone()).collect();
    if recipients.is_empty() {
        return None;
    }
    if parcel.require_tls {
        // The directory keeps no such wish, and a letter without it might go in the clear.
        let failed = fates.iter_mut().filter(|fate| fate.is_none());
        failed.for_each(|fate| *fate = Some(Fate::Failed(NO_REQUIRETLS.to_owned(), EX_TEMPFAIL)));
        return None;
    }
    if needs_utf8(&parcel.reverse_path, &recipients, &parcel.letter) {
        // Nor does it keep this one, and a host might get what it cannot read.
        let failed = fates.iter_mut().filter(|fate| fate.is_none());
        failed.for_each(|fate| *fate = Some(Fate::Failed(NO_UTF8.to_owned(), EX_TEMPFAIL)));
        return None;
    }
    let envelope = drop::Envelope {
        sender: parcel.reverse_path.clone(),
        recipients,
        body: parcel.letter.body_type(),
        // Files belong to the effective user, and the two must agree.
        uid: nix::unistd::Uid::effective().as_raw(),
        time: SystemTime::now(),
    };
    let written = parcel.letter.rewind().and_then(|()| {
        drop::lent::with_group(|| drop::write(&site.drop_dir(), &envelope, &mut parcel.letter))
    });
    match written {
        Ok(_) => Some(why.to_owned()),
        Err(error) => {
            let reason = not_queued(site, &error);
            let failed = fates.iter_mut().filter(|fate| fate.is_none());
            failed.for_each(|fate| *fate = Some(Fate::Failed(reason.clone(), EX_TEMPFAIL)));
            None
        }
    }
}

/// Why the letter could not even be queued, and who can do something about it.
pub fn not_queued(site: &Site, error: &io::Error) -> String {
    let dir = site.drop_dir();
    let dir = dir.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "not queued: the mail service is not running and has no directory {dir}; start it first"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "not queued: the mail service is not running and you may not write to {dir}; \
             its administrator can allow it"
        ),
        _ => format!("not queued: the mail service is not running and {dir} fails: {error}"),
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
pub(crate) mod tests;
