//! The mailboxes of a host: what was delivered stays, whatever crashes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use engine::doors::{Doing, Forwards, MailboxDelivery, MailboxError, Mailboxes};
use parking_lot::Mutex;
use queue::expansion::{Answer, ForwardFile};

use crate::laws::number_in;
use crate::plant::Plant;
use crate::story::Story;
use crate::tracks::Tracks;
use crate::world::Chance;

/// One delivery in so many is touched by a plant.
const PLANTED_ONE_IN: u64 = 4;

/// One delivered message: its head, then its content.
#[derive(Clone, Debug)]
pub struct Letter {
    /// All octets.
    pub octets: Bytes,
    /// When it came, from the beginning of the world.
    pub at: Duration,
}

impl Letter {
    /// The message as text, for looking into.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets).into_owned()
    }

    /// The value of the first header field `name`, unfolded.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// Whether it is a report.
    pub fn is_report(&self) -> bool {
        self.field("Content-Type").is_some_and(|kind| kind.contains("delivery-status"))
    }
}

/// The mailboxes of one host.
#[derive(Clone)]
pub struct Boxes {
    users: Arc<Mutex<BTreeMap<String, Vec<Letter>>>>,
    chance: Chance,
    fail_one_in: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    story: Story,
    watch: Option<(IpAddr, Tracks)>,
    plant: Option<Plant>,
}

impl Boxes {
    /// Empty mailboxes.
    pub fn new(users: &[&str], chance: Chance, story: &Story) -> Self {
        let users = users.iter().map(|user| ((*user).to_owned(), Vec::new())).collect();
        Self {
            users: Arc::new(Mutex::new(users)),
            chance,
            fail_one_in: Arc::default(),
            failed: Arc::default(),
            story: story.clone(),
            watch: None,
            plant: None,
        }
    }

    /// The same, with what is delivered noted as a motion at `host`, and with a fault planted.
    #[must_use]
    pub fn watched(mut self, host: IpAddr, tracks: &Tracks, plant: Option<Plant>) -> Self {
        self.watch = Some((host, tracks.clone()));
        self.plant = plant;
        self
    }

    /// One delivery in so many finds its mailbox locked from now on; 0: none.
    pub fn set_fail_one_in(&self, n: u64) {
        self.fail_one_in.store(n, Ordering::Relaxed);
    }

    /// Deliveries that found their mailbox locked.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// What `user` has got, in order.
    pub fn of(&self, user: &str) -> Vec<Letter> {
        self.users.lock().get(user).cloned().unwrap_or_default()
    }

    /// What all users have got.
    pub fn all(&self) -> Vec<(String, Letter)> {
        let users = self.users.lock();
        let each = |(user, letters): (&String, &Vec<Letter>)| {
            letters.iter().map(|letter| (user.clone(), letter.clone())).collect::<Vec<_>>()
        };
        users.iter().flat_map(each).collect()
    }

    fn put(&self, user: &str, octets: Vec<u8>) -> Result<(), MailboxError> {
        let number = number_in(&octets);
        if let (Some((host, tracks)), Some(number)) = (&self.watch, number) {
            tracks.moved(number, *host);
        }
        let letter = Letter { octets: octets.into(), at: self.story.now() };
        let mut users = self.users.lock();
        let unknown = || MailboxError::Unknown(user.to_owned());
        let mailbox = users.get_mut(user).ok_or_else(unknown)?;
        let what = if letter.is_report() { "a report of letter" } else { "letter" };
        let host = self.watch.as_ref().map(|(host, _)| host.to_string()).unwrap_or_default();
        self.story.tell(format_args!("{user} at {host} has {what} {}", number.unwrap_or(0)));
        mailbox.extend(self.planted(letter));
        Ok(())
    }

    /// The letter as it is put into the mailbox, as often as it is.
    fn planted(&self, mut letter: Letter) -> Vec<Letter> {
        let Some(plant) = self.plant.filter(|_| self.chance.once_in(PLANTED_ONE_IN)) else {
            return vec![letter];
        };
        match plant {
            Plant::MailboxDrops => Vec::new(),
            Plant::MailboxRepeats => vec![letter.clone(), letter],
            Plant::ReportsRepeat if letter.is_report() => vec![letter.clone(), letter],
            Plant::EighthBitLost => {
                letter.octets = letter.octets.iter().map(|octet| octet & 0x7f).collect();
                vec![letter]
            }
            Plant::TraceForged => {
                let forged = b"Received: from nowhere by nobody; now\r\n";
                letter.octets = [forged, &*letter.octets].concat().into();
                vec![letter]
            }
            _ => vec![letter],
        }
    }
}

impl Mailboxes for Boxes {
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>> {
        Box::pin(async move {
            if self.chance.once_in(self.fail_one_in.load(Ordering::Relaxed)) {
                self.failed.fetch_add(1, Ordering::Relaxed);
                return Err(MailboxError::Unavailable("locked by a reader".to_owned()));
            }
            let mut octets = delivery.head.to_vec();
            let mut body = delivery.body;
            while let Some(chunk) = body.next().await.map_err(MailboxError::Content)? {
                octets.extend_from_slice(&chunk);
            }
            self.put(delivery.user, octets)
        })
    }
}

/// Everybody forwards to the mailbox that is theirs already; the disk fails as the mailboxes do.
impl Forwards for Boxes {
    fn read<'a>(&'a self, user: &'a str) -> Doing<'a, Answer> {
        Box::pin(async move {
            if self.chance.once_in(self.fail_one_in.load(Ordering::Relaxed)) {
                return Answer::NotNow { why: "the disk fails".to_owned() };
            }
            let text = format!("# here\n{user}\n");
            Answer::Forward(ForwardFile { file: ".forward".into(), text })
        })
    }
}
