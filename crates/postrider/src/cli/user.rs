//! Becoming somebody with fewer rights: ports are open, and the rest needs none of root's.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User, geteuid, initgroups, setgid, setuid};

use crate::config::RunAs;

/// Becomes the user of `run_as`, for good. `data_dir` is given to that user if it is root's.
///
/// # Errors
/// In words: there is no such user, or the system does not let us.
pub(super) fn become_user(run_as: &RunAs, data_dir: &Path) -> Result<(), String> {
    let name = &run_as.user.value;
    let user = User::from_name(name).map_err(|errno| errno.to_string())?;
    let user = user.ok_or_else(|| format!("there is no user {name}"))?;
    let gid = match &run_as.group {
        Some(group) => group_id(&group.value)?,
        None => user.gid,
    };
    if geteuid() == user.uid {
        return Ok(());
    }
    if !geteuid().is_root() {
        return Err(format!("only root can become {name}; start as root, or as {name}"));
    }
    give(data_dir, user.uid, gid)?;
    let c_name = std::ffi::CString::new(name.as_str()).map_err(|error| error.to_string())?;
    let failed = |errno: nix::Error| format!("cannot become {name}: {}", errno.desc());
    initgroups(&c_name, gid).map_err(failed)?;
    setgid(gid).map_err(failed)?;
    setuid(user.uid).map_err(failed)?;
    // If root came back from here, nothing would have been gained.
    match user.uid.is_root() || setuid(Uid::from_raw(0)).is_err() {
        true => Ok(()),
        false => Err("the rights of root could be taken back".to_owned()),
    }
}

fn group_id(name: &str) -> Result<Gid, String> {
    let group = Group::from_name(name).map_err(|errno| errno.to_string())?;
    group.map(|group| group.gid).ok_or_else(|| format!("there is no group {name}"))
}

/// A data directory that was just made by root is given away; one that belongs to another user than
/// root stays as it is, for what lies in it would not be given with it.
fn give(data_dir: &Path, uid: Uid, gid: Gid) -> Result<(), String> {
    let shown = data_dir.display();
    let found = std::fs::metadata(data_dir).map_err(|error| format!("{shown}: {error}"))?;
    if found.uid() == uid.as_raw() {
        return Ok(());
    }
    let mut inside = std::fs::read_dir(data_dir).map_err(|error| format!("{shown}: {error}"))?;
    if found.uid() != 0 || inside.next().is_some() {
        return Err(format!(
            "the data directory {shown} belongs to another user, or holds files of root; \
             stop the server and give it away whole: chown -R"
        ));
    }
    chown(data_dir, Some(uid.as_raw()), Some(gid.as_raw()))
        .map_err(|error| format!("{shown}: {error}"))
}
