//! `[history]`: how much is kept of what happened to letters.

use std::time::Duration;

use engine::doors::Detail;

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "history",
    text: "What happened to each letter, and what was refused, for `postrider trace` and `postrider why`:\n\
           addresses, times, replies; never content, subjects or passwords. It is in data-dir/history.",
    options: &[
        OptionDoc {
            key: "keep",
            default: Shown::Value("\"30d\""),
            text: "How long. The oldest goes first.",
        },
        OptionDoc {
            key: "size",
            default: Shown::Value("\"1GB\""),
            text: "Octets on disk at most: a letter that goes out at once takes about 700. Refusals get a\n\
                   quarter at most. \"0\": no history at all.",
        },
        OptionDoc {
            key: "detail",
            default: Shown::Value("\"failures\""),
            text: "The dialogues that are kept, command by command. failures: of attempts that failed. all: of\n\
                   all attempts and of all receptions. none: no dialogue, only what came of each attempt.",
        },
    ],
};

/// `[history]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    /// How long.
    pub keep: Duration,
    /// Octets on disk; 0: nothing is kept.
    pub size: u64,
    /// How much of what was said.
    pub detail: Detail,
}

pub(super) fn read(section: &Section<'_>) -> History {
    section.only(&DOC, &[]);
    let keep = section.duration("keep").unwrap_or(Duration::from_secs(30 * 86_400));
    let size = section.size("size").unwrap_or(1_000_000_000);
    if size > 0
        && size < 40_000_000
        && let Some(value) = section.get("size")
    {
        value.tell(
            "`history.size` is too small",
            "at least \"40MB\", or \"0\"",
            "the default is \"1GB\"",
        );
    }
    History { keep, size, detail: detail(section) }
}

fn detail(section: &Section<'_>) -> Detail {
    let Some(value) = section.get("detail") else { return Detail::Failures };
    match value.text() {
        Some("failures") | None => Detail::Failures,
        Some("all") => Detail::All,
        Some("none") => Detail::None,
        Some(_) => {
            let remedy = "failures: the dialogues of attempts that failed";
            value.wrong::<()>("failures, all or none", remedy);
            Detail::Failures
        }
    }
}
