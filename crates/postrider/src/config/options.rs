//! The documentation of options, next to which each table is defined, and the sample file made
//! from it.

use std::fmt::Write;

/// One option as the manual and the sample file show it.
pub(crate) struct OptionDoc {
    pub(crate) key: &'static str,
    pub(crate) default: Shown,
    /// Meaning, default where it is computed, reason; lines as they are to be shown.
    pub(crate) text: &'static str,
}

/// What the sample file shows as the value.
pub(crate) enum Shown {
    /// The default, in TOML.
    Value(&'static str),
    /// The default depends on the host: an example, in TOML, which is commented out.
    Example(&'static str),
}

/// One table.
pub(crate) struct SectionDoc {
    /// Its name in brackets; empty for the top.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) options: &'static [OptionDoc],
}

const HEAD: &str = "\
# Postrider's configuration. Every option is shown with its default, so that this file says the same
# as an empty one. Options whose default depends on the host are commented out and show an example.
#
# An unknown key is an error. Times and sizes carry their unit. A relative path starts from the
# directory of this file. `postrider check --config FILE` tells what is wrong, with the line.
";

/// The sample file, made from the documentation of the options.
pub fn sample() -> String {
    let mut out = HEAD.to_owned();
    for section in super::SECTIONS {
        out.push('\n');
        comment(&mut out, section.text);
        if !section.name.is_empty() {
            // A name in quotes is an example, and so is its table.
            let mark = if section.name.contains('"') { "#" } else { "" };
            let _ = writeln!(out, "{mark}[{}]", section.name);
        }
        let described = section.name != "listen.submission";
        for (number, option) in section.options.iter().enumerate() {
            if described {
                if number > 0 || section.name.is_empty() {
                    out.push('\n');
                }
                comment(&mut out, option.text);
            }
            let (mark, value) = match option.default {
                Shown::Value(value) => ("", value),
                Shown::Example(value) => ("#", value),
            };
            let _ = writeln!(out, "{mark}{} = {value}", option.key);
        }
    }
    out
}

fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "# {line}");
    }
}
