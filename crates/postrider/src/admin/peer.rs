//! Who is at the other end of the control socket: the kernel says it.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use engine::Operator;
use nix::unistd::{Gid, Group, Uid, User, chown};
use tokio::net::UnixStream;
use tracing::warn;

use crate::agent::control::Grounds;

/// Letters of a reason that are kept: it is a line in the log.
const WHY_MAX: usize = 500;

/// The process at the other end.
pub(super) struct Peer {
    /// Its user; none: the kernel does not know.
    uid: Option<u32>,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> Self {
        Self { uid: stream.peer_cred().ok().map(|credentials| credentials.uid()) }
    }

    /// Root and the user of the server may change things; others have got in by their group.
    pub(super) fn may_change(&self) -> bool {
        self.uid.is_some_and(|uid| uid == 0 || uid == Uid::effective().as_raw())
    }

    /// The same as an operator of the queue.
    pub(super) fn operator(&self, grounds: Grounds) -> Operator {
        let clean = |text: &str| -> String {
            let text = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
            text.take(WHY_MAX).collect()
        };
        let uid = self.uid.unwrap_or(u32::MAX);
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let name = user.map_or_else(|| format!("uid {uid}"), |user| user.name);
        let by = match grounds.sudo.filter(|_| uid == 0) {
            Some(sudo) => format!("{name} (sudo by {})", clean(&sudo)),
            None => name,
        };
        Operator { by, why: clean(&grounds.why) }
    }
}

/// Lets the members of `group` connect to the socket at `path`.
///
/// # Errors
/// When there is no such group, or the socket cannot be given to it.
pub(super) fn open_to(path: &Path, group: &str) -> io::Result<()> {
    let found = Group::from_name(group)?.map(|group| group.gid);
    let gid = found.ok_or_else(|| {
        let text = format!("there is no group {group} ([control] group)");
        io::Error::new(io::ErrorKind::NotFound, text)
    })?;
    chown(path, None, Some(gid)).map_err(|error| {
        let text = "make the server's user a member of it, or run it as root";
        io::Error::other(format!("it cannot be given to the group {group}: {error}; {text}"))
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    if !lets_through(folder, gid)? {
        let remedy = format!("chgrp {group} {0} && chmod 0710 {0}", folder.display());
        warn!(event = "control.unreachable", group, remedy, "its members cannot reach the socket");
    }
    Ok(())
}

/// Whether members of the group may pass through the folder.
fn lets_through(folder: &Path, gid: Gid) -> io::Result<bool> {
    let about = std::fs::metadata(folder)?;
    let by_group = about.gid() == gid.as_raw() && about.mode() & 0o010 != 0;
    Ok(by_group || about.mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_change() {
        let own = Uid::effective().as_raw();
        let rows =
            [(Some(0), true), (Some(own), true), (Some(own + 1), own == u32::MAX), (None, false)];
        for (uid, wanted) in rows {
            assert_eq!(Peer { uid }.may_change(), wanted, "{uid:?}");
        }
    }

    #[test]
    fn who_it_was() {
        let grounds = |why: &str| Grounds { why: why.into(), sudo: Some("ann".into()) };
        let root = Peer { uid: Some(0) }.operator(grounds("a\nb"));
        assert_eq!((root.by.as_str(), root.why.as_str()), ("root (sudo by ann)", "a b"));
        // Nobody else is believed who they say they are.
        let other = Peer { uid: Some(4_000_000_000) }.operator(grounds(&"x".repeat(2000)));
        assert_eq!((other.by.as_str(), other.why.len()), ("uid 4000000000", WHY_MAX));
    }
}
