//! `[control]`: who may look at the queue of a running server.

use super::options::{OptionDoc, SectionDoc, Shown};
use super::problem::Sourced;
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "control",
    text: "The control socket, `control` in the data directory: `mailq` and `postrider queue` speak to\n\
           the server through it.",
    options: &[OptionDoc {
        key: "group",
        default: Shown::Example("\"adm\""),
        text: "A group whose members may look at the queue (lists and numbers, not the letters) and\n\
               change nothing. Without it only root and the server's user get in. The group must be let\n\
               into the data directory: chgrp adm /var/lib/postrider; chmod 0710 /var/lib/postrider.",
    }],
};

/// `[control]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Control {
    /// Who may look.
    pub group: Option<Sourced<String>>,
}

pub(super) fn read(section: &Section<'_>) -> Control {
    section.only(&DOC, &[]);
    let group = section.get("group").and_then(|value| {
        let name = value.text()?;
        let there = nix::unistd::Group::from_name(name).is_ok_and(|group| group.is_some());
        match there {
            true => Some(value.sourced(name.to_owned())),
            false => value.wrong("the name of a group of this host", "`getent group` lists them"),
        }
    });
    Control { group }
}
