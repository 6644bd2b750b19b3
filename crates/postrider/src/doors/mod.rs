//! The doors of `engine`, opened on the real world: the host's clock and chance, its sockets, the
//! name servers it is told of, and mailboxes in its file system.
//!
//! Nothing here decides anything about mail. Each door turns one kind of call into system calls,
//! bounds it, and says plainly what went wrong. Rules, retries and caches are left to the engine.

mod chance;
mod clock;
pub mod mailbox;
pub mod names;
pub mod net;
mod tasks;

use std::sync::Arc;

use engine::doors::World;
use spool::Spool;

use crate::config::Config;

pub use chance::SystemRandom;
pub use clock::SystemClock;
pub use mailbox::{FileMailboxes, MailboxTemplate};
pub use names::{NameServers, Stub};
pub use net::{TcpNetwork, listen};
pub use tasks::Runtime;

/// All doors on the real world, as `config` says, over `spool`.
pub fn open(config: &Config, spool: Arc<dyn Spool>) -> World {
    let mailbox = config.local.mailbox.value.clone();
    World {
        tasks: Arc::new(Runtime),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        network: Arc::new(TcpNetwork),
        names: Arc::new(Stub::new(config.dns.name_servers().0)),
        mailboxes: Arc::new(FileMailboxes::new(mailbox, config.hostname.as_str())),
        spool,
    }
}
