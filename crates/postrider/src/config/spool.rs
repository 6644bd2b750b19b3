//! `[spool]`: how much mail in flight is held. Over a limit new mail is refused for the time being;
//! what is held goes on.

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::Section;
use super::units::{SIZE, Share};

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "spool",
    text: "How much mail in flight is held. Over a limit new mail is answered 452, and what is held goes on.",
    options: &[
        OptionDoc { key: "messages", default: Shown::Value("5000000"), text: "Messages." },
        OptionDoc {
            key: "size",
            default: Shown::Value("\"80%\""),
            text: "Octets on disk: a size, or a part of the file system.",
        },
        OptionDoc {
            key: "free-space",
            default: Shown::Value("\"256MB\""),
            text: "What must stay free on the file system.",
        },
        OptionDoc {
            key: "free-inodes",
            default: Shown::Value("1000"),
            text: "How many more files the file system must be able to take.",
        },
    ],
};

/// `[spool]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SpoolLimits {
    /// Messages.
    pub messages: u64,
    /// Octets on disk.
    pub size: Share,
    /// Octets that stay free.
    pub free_space: u64,
    /// Files that can still be made.
    pub free_inodes: u64,
}

pub(super) fn read(section: &Section<'_>) -> SpoolLimits {
    section.only(&DOC, &[]);
    let size = section.get("size").and_then(|value| {
        let share = value.text_quietly().and_then(Share::parse);
        share.or_else(|| value.wrong(&format!("a part, like \"80%\", or {SIZE}"), ""))
    });
    SpoolLimits {
        messages: section.number("messages", 1..=u64::MAX).unwrap_or(5_000_000),
        size: size.unwrap_or(Share::Percent(80)),
        free_space: section.size("free-space").unwrap_or(256_000_000),
        free_inodes: section.number("free-inodes", 0..=u64::MAX).unwrap_or(1000),
    }
}
