//! What is counted of the sessions with other domains, for the reports of TLSRPT (RFC 8460): in
//! memory, and on the shelf every few minutes and at the end. A crash loses some minutes of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use msgauth::tlsrpt::{Against, Day, Failure, ResultType, Session};
use parking_lot::Mutex;
use smtp::client::{SessionError, Step};
use tracing::warn;

use crate::Shared;
use crate::doors::{Drawer, Flaw, TlsFailure};
use crate::sts::{self, Policies};

/// How often it is written.
pub(crate) const STORE_EVERY: Duration = Duration::from_secs(300);
/// Days that are kept: a report may be made the day after, and looked for in the week after.
const DAYS: usize = 8;

/// What was amiss with a session.
pub(crate) struct Noted {
    pub(crate) result: ResultType,
    pub(crate) reason: String,
}

/// Between whom a session was.
pub(crate) struct Ends<'a> {
    pub(crate) host: &'a str,
    pub(crate) to: Option<IpAddr>,
    pub(crate) from: Option<IpAddr>,
}

/// How a session that was not opened counts; none where security had no part in it (RFC 8460 §4.3.4).
pub(crate) fn result_of(error: &SessionError, failure: Option<&TlsFailure>) -> Option<ResultType> {
    match (error, failure) {
        (SessionError::NoTls | SessionError::Refused(Step::StartTls, _), _) => {
            Some(ResultType::StarttlsNotSupported)
        }
        (SessionError::TlsFailed(_), Some(TlsFailure::Certificate(flaw, _))) => Some(match flaw {
            Flaw::Name => ResultType::CertificateHostMismatch,
            Flaw::Expired => ResultType::CertificateExpired,
            Flaw::Untrusted => ResultType::CertificateNotTrusted,
            Flaw::Other => ResultType::ValidationFailure,
        }),
        (
            SessionError::TlsFailed(_) | SessionError::Lost(Step::StartTls | Step::Handshake, _),
            _,
        ) => Some(ResultType::ValidationFailure),
        (SessionError::Lost(..) | SessionError::Refused(..) | SessionError::Login(_), _) => None,
    }
}

/// The count of the day.
#[derive(Default)]
pub(crate) struct Tally {
    today: Mutex<Today>,
}

#[derive(Default)]
struct Today {
    /// In UTC (RFC 8460 §4.1): `2026-11-24`.
    date: String,
    day: Day,
    /// Counted since it was written.
    changed: bool,
    /// Days that have ended and are not written yet.
    ended: Vec<(String, Day)>,
}

impl Tally {
    /// Goes on from what the shelf holds of today.
    pub(crate) async fn load(&self, shared: &Shared) {
        let date = date(shared.world.clock.wall());
        for (name, octets) in shared.world.shelf.all(Drawer::Tallies).await {
            if name == date
                && let Some(day) = Day::decode(&octets)
            {
                let mut today = self.today.lock();
                today.date.clone_from(&date);
                today.day.absorb(day);
            }
        }
    }

    /// Counts one session with a host of `domain`.
    pub(crate) fn session(
        shared: &Shared,
        domain: String,
        against: Against,
        ends: &Ends<'_>,
        noted: Option<Noted>,
    ) {
        let failure = noted.map(|Noted { result, reason }| Failure {
            result,
            sending_ip: ends.from.map(|ip| ip.to_string()),
            host: Some(ends.host.to_owned()),
            receiving_ip: ends.to.map(|ip| ip.to_string()),
            reason,
        });
        Self::count(shared, Session { domain, against, failure });
    }

    /// Counts one session.
    pub(crate) fn count(shared: &Shared, session: Session) {
        let date = date(shared.world.clock.wall());
        let mut today = shared.tally.today.lock();
        if today.date != date {
            let before = std::mem::replace(&mut today.date, date);
            let day = std::mem::take(&mut today.day);
            if !day.is_empty() {
                today.ended.push((before, day));
            }
        }
        today.day.count(session);
        today.changed = true;
    }

    /// Writes what was counted, and forgets days that are long over.
    pub(crate) async fn store(shared: &Shared) {
        let written = {
            let mut today = shared.tally.today.lock();
            let mut days = std::mem::take(&mut today.ended);
            if std::mem::take(&mut today.changed) {
                days.push((today.date.clone(), today.day.clone()));
            }
            days
        };
        if written.is_empty() {
            return;
        }
        let shelf = &shared.world.shelf;
        for (date, day) in written {
            if let Err(error) = shelf.put(Drawer::Tallies, &date, &day.encode()).await {
                warn!(event = "tally.store", date, %error);
            }
        }
        let mut dates: Vec<String> =
            shelf.all(Drawer::Tallies).await.into_iter().map(|(date, _)| date).collect();
        dates.sort();
        let over = dates.len().saturating_sub(DAYS);
        for date in dates.into_iter().take(over) {
            shelf.remove(Drawer::Tallies, &date).await;
        }
    }
}

/// The day in UTC.
fn date(time: SystemTime) -> String {
    mail::date::iso8601_day(time)
}

/// Policies in use and counts of the day, until the host goes down.
pub(crate) async fn upkeep(shared: Arc<Shared>) {
    shared.tally.load(&shared).await;
    Policies::ready(&shared).await;
    let mut stop = std::pin::pin!(shared.stopping());
    let mut looked = shared.world.clock.now();
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = tokio::time::sleep(STORE_EVERY) => {}
        }
        Tally::store(&shared).await;
        if shared.world.clock.now().duration_since(looked) >= sts::UPKEEP {
            looked = shared.world.clock.now();
            sts::refresh(&shared).await;
        }
    }
}
