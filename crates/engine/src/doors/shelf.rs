//! What is kept beside the mail.

use std::collections::BTreeMap;
use std::io;

use parking_lot::Mutex;

use super::Doing;

/// What is kept on the shelf.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Drawer {
    /// Policies of MTA-STS, by domain.
    Policies,
    /// What TLSRPT counts, by day.
    Tallies,
    /// What operators have ordered.
    Orders,
}

/// Small records that outlive the process and are no mail: to lose one costs another fetch, or
/// another word of the operator.
pub trait Shelf: Send + Sync {
    /// Keeps `octets` under `name`, in the place of what was there.
    fn put<'a>(
        &'a self,
        drawer: Drawer,
        name: &'a str,
        octets: &'a [u8],
    ) -> Doing<'a, io::Result<()>>;
    /// Everything in a drawer.
    fn all(&self, drawer: Drawer) -> Doing<'_, Vec<(String, Vec<u8>)>>;
    /// Forgets it, if it is there.
    fn remove<'a>(&'a self, drawer: Drawer, name: &'a str) -> Doing<'a, ()>;
}

/// A shelf in memory, for worlds that end with their process.
#[derive(Debug, Default)]
pub struct MemoryShelf(Mutex<BTreeMap<(Drawer, String), Vec<u8>>>);

impl Shelf for MemoryShelf {
    fn put<'a>(
        &'a self,
        drawer: Drawer,
        name: &'a str,
        octets: &'a [u8],
    ) -> Doing<'a, io::Result<()>> {
        self.0.lock().insert((drawer, name.to_owned()), octets.to_vec());
        Box::pin(async { Ok(()) })
    }

    fn all(&self, drawer: Drawer) -> Doing<'_, Vec<(String, Vec<u8>)>> {
        let records = self.0.lock();
        let here = records.iter().filter(|((place, _), _)| *place == drawer);
        let here = here.map(|((_, name), octets)| (name.clone(), octets.clone())).collect();
        Box::pin(async { here })
    }

    fn remove<'a>(&'a self, drawer: Drawer, name: &'a str) -> Doing<'a, ()> {
        self.0.lock().remove(&(drawer, name.to_owned()));
        Box::pin(async {})
    }
}
