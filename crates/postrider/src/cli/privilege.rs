//! The group that a set-group-id bit lends (see [`drop`](crate::drop)): it is for leaving letters in
//! the drop directory, and for nothing else.
//!
//! With it a user could have any file that the group may read told as a faulty configuration, so
//! the programs that keep it take no configuration of the user's choice, and all else puts it off.

use nix::unistd::{getegid, geteuid, getgid, getuid, setresgid};

/// This process may do more than who called it.
pub(super) fn is_lent() -> bool {
    getegid() != getgid() || geteuid() != getuid()
}

/// Goes on with nothing but the caller's own group.
pub(super) fn drop_group() -> nix::Result<()> {
    let own = getgid();
    if getegid() == own { Ok(()) } else { setresgid(own, own, own) }
}
