//! The mailboxes of a host: what was delivered stays, whatever crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use engine::doors::{Doing, MailboxDelivery, MailboxError, Mailboxes};
use parking_lot::Mutex;

use crate::world::Chance;

/// One delivered message: its head, then its content.
#[derive(Clone, Debug)]
pub struct Letter {
    /// All octets.
    pub octets: Bytes,
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
}

/// The mailboxes of one host.
#[derive(Clone)]
pub struct Boxes {
    users: Arc<Mutex<BTreeMap<String, Vec<Letter>>>>,
    chance: Chance,
    fail_one_in: u64,
}

impl Boxes {
    /// Empty mailboxes; one delivery in `fail_one_in` finds its mailbox locked (0: none).
    pub fn new(users: &[&str], chance: Chance, fail_one_in: u64) -> Self {
        let users = users.iter().map(|user| ((*user).to_owned(), Vec::new())).collect();
        Self { users: Arc::new(Mutex::new(users)), chance, fail_one_in }
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
}

impl Mailboxes for Boxes {
    fn deliver<'a>(&'a self, delivery: MailboxDelivery<'a>) -> Doing<'a, Result<(), MailboxError>> {
        Box::pin(async move {
            if self.chance.once_in(self.fail_one_in) {
                return Err(MailboxError::Unavailable("locked by a reader".to_owned()));
            }
            let mut octets = delivery.head.to_vec();
            let mut body = delivery.body;
            while let Some(chunk) = body.next().await.map_err(MailboxError::Content)? {
                octets.extend_from_slice(&chunk);
            }
            let mut users = self.users.lock();
            let unknown = || MailboxError::Unknown(delivery.user.to_owned());
            users
                .get_mut(delivery.user)
                .ok_or_else(unknown)?
                .push(Letter { octets: octets.into() });
            Ok(())
        })
    }
}
