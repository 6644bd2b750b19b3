//! Where the tools look: at a running server, or at the spool on the disk while there is none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Suspension;
use jiff::tz::TimeZone;
use spool::Spool;
use spool_log::{OsDisk, Snapshot};
use tokio::runtime::Runtime;

use crate::admin::{queue as pages, shown};
use crate::agent::control::{
    Answer, ControlError, Conversation, Count, Octets, Part, QueuePage, ROWS, Request,
    SuspensionRow, Wanted,
};
use crate::doors::FileShelf;

/// The numbers of one domain, by age.
pub(super) type Stock = BTreeMap<String, Vec<u64>>;

/// Domains that are told apart: what comes behind them is one line of its own.
const DOMAINS: usize = 100_000;
/// The name of that line.
const OTHERS: &str = "(other domains)";

/// Where the queue is looked at.
pub(crate) enum Source {
    /// A running server.
    Live(Conversation),
    /// The spool on the disk.
    Disk(Box<Disk>),
}

/// The spool of a server that is down.
pub(crate) struct Disk {
    runtime: Runtime,
    spool: Arc<dyn Spool>,
    suspended: Vec<Suspension>,
    zone: i32,
}

impl Source {
    /// The server of `data_dir`, or its spool.
    ///
    /// # Errors
    /// [`ControlError::Down`] where neither can be reached.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, ControlError> {
        match Conversation::open(data_dir) {
            Err(ControlError::Down(why)) => match Disk::open(data_dir) {
                Some(disk) => Ok(Self::Disk(Box::new(disk))),
                None => Err(ControlError::Down(why)),
            },
            other => other.map(Self::Live),
        }
    }

    /// Whether no server is running.
    pub(crate) fn is_disk(&self) -> bool {
        matches!(self, Self::Disk(_))
    }

    /// A page of rows.
    pub(crate) fn list(
        &mut self,
        wanted: &Wanted,
        after: Option<&str>,
    ) -> Result<QueuePage, ControlError> {
        match self {
            Self::Live(live) => {
                let (wanted, after) = (wanted.clone(), after.map(str::to_owned));
                live.ask(&Request::List { wanted, after, limit: ROWS })?;
                live.page()
            }
            Self::Disk(disk) => disk.list(wanted, after),
        }
    }

    /// Adds up all pages of what is wanted, and keeps the first sample.
    pub(super) fn count(&mut self, wanted: &Wanted) -> Result<Count, ControlError> {
        let (mut sum, mut after) = (Count::default(), None);
        let Self::Live(live) = self else { return Err(nonsense("only a server acts")) };
        loop {
            live.ask(&Request::Count { wanted: wanted.clone(), after })?;
            let Answer::Count(page) = live.next_answer()? else { return Err(nonsense("no count")) };
            sum.letters += page.letters;
            sum.recipients += page.recipients;
            sum.parts += page.parts;
            sum.active += page.active;
            sum.held += page.held;
            sum.octets = sum.octets.saturating_add(page.octets);
            let room = super::SAMPLE.saturating_sub(sum.sample.len());
            sum.sample.extend(page.sample.into_iter().take(room));
            match live.next_answer()? {
                Answer::End { next: None } => return Ok(sum),
                Answer::End { next } => after = next,
                _ => return Err(nonsense("no end")),
            }
        }
    }

    /// Adds up all pages of what waits, by domain and age.
    pub(super) fn stats(
        &mut self,
        wanted: &Wanted,
        by_sender: bool,
    ) -> Result<Stock, ControlError> {
        let (mut stock, mut after) = (Stock::new(), None::<String>);
        loop {
            let (rows, next) = match self {
                Self::Live(live) => {
                    let (wanted, after) = (wanted.clone(), after.clone());
                    live.ask(&Request::Stats { wanted, by_sender, after })?;
                    let mut rows = Vec::new();
                    let next = loop {
                        match live.next_answer()? {
                            Answer::Stock(row) => rows.push(row),
                            Answer::End { next } => break next,
                            _ => return Err(nonsense("no numbers")),
                        }
                    };
                    (rows, next)
                }
                Self::Disk(disk) => disk.stats(wanted, by_sender, after.as_deref())?,
            };
            for row in rows {
                let is_known = stock.len() < DOMAINS || stock.contains_key(&row.domain);
                let name = if is_known { row.domain } else { OTHERS.to_owned() };
                let ages = stock.entry(name).or_default();
                ages.resize(ages.len().max(row.ages.len()), 0);
                ages.iter_mut().zip(row.ages).for_each(|(sum, count)| *sum += count);
            }
            match next {
                None => return Ok(stock),
                next => after = next,
            }
        }
    }

    /// The parts of a letter; `octets` gets what is wanted of its content, piece by piece.
    pub(super) fn show(
        &mut self,
        id: &str,
        wanted: Octets,
        octets: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<Vec<Part>, ControlError> {
        let live = match self {
            Self::Live(live) => live,
            Self::Disk(disk) => return disk.show(id, wanted, octets),
        };
        live.ask(&Request::Show { id: id.to_owned(), octets: wanted })?;
        let mut parts = Vec::new();
        loop {
            match live.next_answer()? {
                Answer::Part(part) => parts.push(*part),
                Answer::Octets(text) => {
                    let chunk = STANDARD.decode(text).map_err(|_| nonsense("no base64"))?;
                    octets(&chunk).map_err(|error| nonsense(&error.to_string()))?;
                }
                Answer::End { .. } => return Ok(parts),
                _ => return Err(nonsense("no letter")),
            }
        }
    }

    /// What is suspended.
    pub(super) fn suspensions(&mut self) -> Result<Vec<SuspensionRow>, ControlError> {
        let live = match self {
            Self::Live(live) => live,
            Self::Disk(disk) => {
                return Ok(disk.suspended.iter().cloned().map(shown::suspension).collect());
            }
        };
        live.ask(&Request::Suspensions)?;
        let mut rows = Vec::new();
        loop {
            match live.next_answer()? {
                Answer::Suspension(row) => rows.push(row),
                Answer::End { .. } => return Ok(rows),
                _ => return Err(nonsense("no suspensions")),
            }
        }
    }
}

pub(super) fn nonsense(what: &str) -> ControlError {
    ControlError::Nonsense(what.to_owned())
}

fn refused(why: impl std::fmt::Display) -> ControlError {
    ControlError::Refused(why.to_string())
}

impl Disk {
    /// `None`: there is no spool, or it cannot be read by this user.
    fn open(data_dir: &Path) -> Option<Self> {
        let folder = data_dir.join("spool");
        std::fs::read_dir(&folder).ok()?;
        let spool = Snapshot::open(Arc::new(OsDisk::new(folder))).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
        let shelf = FileShelf::new(data_dir);
        let suspended = runtime.block_on(engine::kept_on(&shelf));
        let offset = TimeZone::system().to_offset(jiff::Timestamp::now());
        Some(Self { runtime, spool: Arc::new(spool), suspended, zone: offset.seconds() / 60 })
    }

    fn list(&self, wanted: &Wanted, after: Option<&str>) -> Result<QueuePage, ControlError> {
        let (selector, after) = pages::read(wanted, after).map_err(refused)?;
        let page =
            engine::list_spool(&*self.spool, &selector, after, ROWS, &self.suspended, self.zone);
        let (rows, next) = self.runtime.block_on(page).map_err(refused)?;
        let rows = rows.into_iter().map(shown::row).collect();
        Ok(QueuePage { rows, next: next.map(|job| job.to_string()) })
    }

    fn stats(
        &self,
        wanted: &Wanted,
        by_sender: bool,
        after: Option<&str>,
    ) -> Result<(Vec<crate::agent::control::DomainStock>, Option<String>), ControlError> {
        let (selector, after) = pages::read(wanted, after).map_err(refused)?;
        let now = SystemTime::now();
        let page = engine::stock_spool(&*self.spool, &selector, after, by_sender, now);
        let (stock, next) = self.runtime.block_on(page).map_err(refused)?;
        Ok((shown::stock(stock).collect(), next.map(|job| job.to_string())))
    }

    fn show(
        &self,
        id: &str,
        wanted: Octets,
        octets: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<Vec<Part>, ControlError> {
        let id = id.parse().map_err(|_| refused(format!("{id:?} is not a queue id")))?;
        self.runtime.block_on(async {
            let parts = engine::show_spool(&*self.spool, id, &self.suspended, self.zone).await;
            let parts = parts.map_err(refused)?;
            if let (Some(first), true) = (parts.first(), wanted != Octets::None) {
                let content = engine::content_of(&*self.spool, first).await;
                let mut content = content.map_err(refused)?;
                if wanted == Octets::Header {
                    let header = pages::header(content).await.map_err(refused)?;
                    octets(&header).map_err(refused)?;
                } else {
                    while let Some(chunk) = content.next().await.map_err(refused)? {
                        octets(&chunk).map_err(refused)?;
                    }
                }
            }
            Ok(parts.into_iter().map(shown::part).collect())
        })
    }
}
