//! The group that a set-group-id bit lends is put aside while a person's own programs may run and
//! files of the person's choice are read; it is taken up again only to leave a letter.

use nix::unistd::{getresgid, setresgid};

/// Puts the lent group aside.
///
/// # Errors
/// The system refuses; then nothing of the person's choice may be done.
pub fn put_aside() -> nix::Result<()> {
    let groups = getresgid()?;
    if groups.effective == groups.real {
        Ok(())
    } else {
        setresgid(groups.real, groups.real, groups.effective)
    }
}

/// Does `work` with the group that was put aside.
pub fn with_group<T>(work: impl FnOnce() -> T) -> T {
    let groups = getresgid().ok().filter(|groups| groups.saved != groups.effective);
    let Some(groups) = groups else { return work() };
    let taken = setresgid(groups.real, groups.saved, groups.saved);
    let done = work();
    if taken.is_ok() {
        // What was just allowed is allowed back.
        let _ = setresgid(groups.real, groups.real, groups.saved);
    }
    done
}
