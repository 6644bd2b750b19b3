//! `[log]`: the events that go to standard error.

use super::options::{OptionDoc, SectionDoc, Shown};
use super::reader::Section;

pub(super) const DOC: SectionDoc = SectionDoc {
    name: "log",
    text: "Events, one line each, on standard error. The environment variable POSTRIDER_LOG chooses which:\n\
           \"info\" by default.",
    options: &[OptionDoc {
        key: "format",
        default: Shown::Value("\"text\""),
        text: "\"text\" for people, \"json\" for programs: one object a line, with the event's name in `event`\n\
               and the message's in `id`, from acceptance to the fate of each recipient.",
    }],
};

/// `[log]`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Log {
    /// JSON objects instead of text.
    pub json: bool,
}

pub(super) fn read(section: &Section<'_>) -> Log {
    section.only(&DOC, &[]);
    let Some(format) = section.get("format") else { return Log::default() };
    match format.text() {
        Some("json") => Log { json: true },
        Some("text") | None => Log::default(),
        Some(_) => {
            format.wrong::<()>("\"text\" or \"json\"", "text: for people; json: for programs");
            Log::default()
        }
    }
}
