//! The queue in numbers, and one letter whole: what operators look at before they act.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use mail::address::{Domain, ForwardPath, ReversePath};
use queue::Attempt;
use queue::record::{HeadEdits, Stored};
use queue::selector::{Selector, State};
use spool::{BodyReader, JobId, MessageId, Spool, SpoolError};

use crate::Engine;
use crate::content::Content;
use crate::listing::{Listed, listed};
use crate::suspension::Suspension;
use crate::walk::{Bounds, Seen, walk};

/// Jobs shown as an example of what a selector means.
const SAMPLE: usize = 10;
/// Jobs of one message that are shown: it has one for each next hop.
const PARTS: usize = 1000;

/// The ends of the age groups of [`Ages`], in minutes; what is older than all has one more.
pub const AGES: [u64; 9] = [5, 10, 20, 40, 80, 160, 320, 640, 1280];

/// How many there are of each age.
pub type Ages = [u64; AGES.len() + 1];

/// What a selector means, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Jobs.
    pub jobs: u64,
    /// Recipients of theirs that are meant.
    pub recipients: u64,
    /// Jobs with other recipients, too, who are not meant.
    pub parts: u64,
    /// Jobs in hand: being tried, or in line.
    pub active: u64,
    /// Held jobs.
    pub held: u64,
    /// Octets of content.
    pub octets: u64,
    /// The first of them.
    pub sample: Vec<Listed>,
}

/// What waits, by domain and age.
#[derive(Clone, Debug, Default)]
pub struct Stock {
    /// The numbers of each domain: recipients, or letters where senders are counted.
    pub domains: BTreeMap<String, Ages>,
}

/// One part of a letter, whole.
#[derive(Clone, Debug)]
pub struct Shown {
    /// As a listing shows it.
    pub listed: Listed,
    /// Its envelope; none where it does not read.
    pub stored: Option<Stored>,
    /// What is put before its content, and changed in it.
    pub head: HeadEdits,
    /// The open recipients, each with its last attempt.
    pub open: Vec<(u32, Option<Attempt>)>,
}

/// Counts a page of what `selector` means.
///
/// # Errors
/// What the spool says.
pub async fn count_spool(
    spool: &dyn Spool,
    selector: &Selector,
    after: Option<JobId>,
) -> Result<(Counted, Option<JobId>), SpoolError> {
    let mut counted = Counted::default();
    let visit = |mut seen: Seen| {
        counted.jobs += 1;
        counted.recipients += seen.chosen.len() as u64;
        counted.parts += u64::from(seen.chosen.len() < seen.open.len());
        counted.active += u64::from(seen.state() == State::Active);
        counted.held += u64::from(seen.row.held);
        counted.octets = counted.octets.saturating_add(seen.row.body_len);
        if counted.sample.len() < SAMPLE {
            let chosen = std::mem::take(&mut seen.chosen);
            seen.open.retain(|(number, _)| chosen.contains(number));
            counted.sample.push(listed(&seen, &[], 0));
        }
    };
    let bounds = Bounds { rows: usize::MAX, attempts: false };
    let next = walk(spool, selector, after, bounds, visit).await?;
    Ok((counted, next))
}

/// Counts a page of what `selector` means by domain and age at `now`: of recipients, or of senders.
///
/// # Errors
/// What the spool says.
pub async fn stock_spool(
    spool: &dyn Spool,
    selector: &Selector,
    after: Option<JobId>,
    by_sender: bool,
    now: SystemTime,
) -> Result<(Stock, Option<JobId>), SpoolError> {
    let mut stock = Stock::default();
    let visit = |seen: Seen| {
        let Some(stored) = &seen.stored else { return stock.add("(unreadable)", 0) };
        let age = age_group(now.duration_since(stored.arrival).unwrap_or_default());
        if by_sender {
            return stock.add(&sender_domain(&stored.reverse_path), age);
        }
        for number in &seen.chosen {
            let known = stored.recipients.get(*number as usize);
            known.into_iter().for_each(|known| stock.add(&domain(&known.path), age));
        }
    };
    let bounds = Bounds { rows: usize::MAX, attempts: false };
    let next = walk(spool, selector, after, bounds, visit).await?;
    Ok((stock, next))
}

impl Stock {
    fn add(&mut self, domain: &str, age: usize) {
        let ages = match self.domains.get_mut(domain) {
            Some(ages) => ages,
            None => self.domains.entry(domain.to_owned()).or_default(),
        };
        if let Some(count) = ages.get_mut(age) {
            *count += 1;
        }
    }
}

fn age_group(age: Duration) -> usize {
    let minutes = age.as_secs() / 60;
    AGES.iter().position(|end| minutes < *end).unwrap_or(AGES.len())
}

fn domain(path: &ForwardPath) -> String {
    match path {
        ForwardPath::Mailbox(mailbox) => named(&mailbox.domain),
        ForwardPath::Postmaster => "(postmaster)".to_owned(),
    }
}

fn sender_domain(path: &ReversePath) -> String {
    path.mailbox().map_or_else(|| "<>".to_owned(), |mailbox| named(&mailbox.domain))
}

fn named(domain: &Domain) -> String {
    match domain {
        Domain::Name(name) => name.ascii().to_ascii_lowercase(),
        Domain::Literal(literal) => literal.to_string(),
    }
}

/// All parts of the letter `id` that are not finished; none: it is not here.
///
/// # Errors
/// What the spool says.
pub async fn show_spool(
    spool: &dyn Spool,
    id: MessageId,
    suspended: &[Suspension],
    zone: i32,
) -> Result<Vec<Shown>, SpoolError> {
    let mut parts = Vec::new();
    let selector = Selector { ids: vec![id], ..Selector::default() };
    let bounds = Bounds { rows: PARTS, attempts: true };
    let visit = |seen: Seen| {
        let listed = listed(&seen, suspended, zone);
        // A record that does not read is shown as far as it does.
        let head = HeadEdits::decode(&seen.row.head_edits).unwrap_or_default();
        parts.push(Shown { listed, stored: seen.stored, head, open: seen.open });
    };
    walk(spool, &selector, None, bounds, visit).await?;
    Ok(parts)
}

/// The content of a letter as it goes on: with our `Received` field and the edits of its header.
///
/// # Errors
/// What the spool says.
pub async fn content_of(
    spool: &dyn Spool,
    part: &Shown,
) -> Result<Box<dyn BodyReader>, SpoolError> {
    let (message, len) = (part.listed.job.message, part.listed.size);
    let body = spool.open_body(message, 0..len).await?;
    Ok(Box::new(Content::stored(body, &part.head, len)))
}

impl Engine {
    /// [`count_spool`] of what waits now.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn count(
        &self,
        selector: &Selector,
        after: Option<JobId>,
    ) -> Result<(Counted, Option<JobId>), SpoolError> {
        count_spool(&*self.shared.world.spool, selector, after).await
    }

    /// [`stock_spool`] of what waits now.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn stock(
        &self,
        selector: &Selector,
        after: Option<JobId>,
        by_sender: bool,
    ) -> Result<(Stock, Option<JobId>), SpoolError> {
        let world = &self.shared.world;
        stock_spool(&*world.spool, selector, after, by_sender, world.clock.wall()).await
    }

    /// [`show_spool`] of what waits now.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn show(&self, id: MessageId) -> Result<Vec<Shown>, SpoolError> {
        let zone = self.shared.options().zone;
        show_spool(&*self.shared.world.spool, id, &self.suspensions(), zone).await
    }

    /// [`content_of`] a letter that waits now.
    ///
    /// # Errors
    /// What the spool says.
    pub async fn content(&self, part: &Shown) -> Result<Box<dyn BodyReader>, SpoolError> {
        content_of(&*self.shared.world.spool, part).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_age() {
        let rows = [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (639, 7), (1279, 8), (1280, 9)];
        for (minutes, group) in rows {
            assert_eq!(age_group(Duration::from_secs(minutes * 60)), group, "{minutes}");
        }
    }
}
