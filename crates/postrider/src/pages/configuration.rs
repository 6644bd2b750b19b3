//! `postrider.toml(5)`: made from the documentation of the options, like the sample file.

use clap_mangen::roff::{bold, roman};

use super::page::Page;
use crate::config::{SECTIONS, Shown};

/// A hub for a small organisation; the README shows the same.
pub(super) const HUB: &str = r#"hostname = "mx.example.net"
data-dir = "/var/lib/postrider"

[listen.mx]
address = ["0.0.0.0:25", "[::]:25"]
kind = "mx"

[local]
domains = ["example.net"]
users = "system"
mailbox = "maildir:/home/{user}/Maildir"

[relay]
networks = ["127.0.0.0/8", "::1", "192.0.2.0/24"]
"#;

/// The page.
pub(super) fn page() -> String {
    let mut page = Page::new("postrider.toml", "5", "the configuration of Postrider");
    page.section("SYNOPSIS");
    page.text("`/etc/postrider/postrider.toml`");
    page.section("DESCRIPTION");
    page.text(
        "One file of TOML, in UTF-8. Every option has a default, and no file says the same as an \
         empty one: a safe profile for one machine. An unknown key is an error. Times and sizes \
         carry their unit: \"30m\", \"50MB\". A relative path starts from the directory of the file.",
    );
    page.paragraph(
        "`postrider check --config FILE` tells all that is wrong, each with its line and what to do. \
         A running service keeps the configuration it started with.",
    );
    page.section("TABLES");
    let mut told = None;
    for section in SECTIONS {
        match section.name {
            "" => page.part("At the top"),
            name => page.part(&format!("[{name}]")),
        }
        page.text(section.text);
        let kind = section.name.split('.').next();
        for option in section.options {
            let (mark, value) = match option.default {
                Shown::Value(value) => (" = ", value),
                Shown::Example(value) => (", for example ", value),
            };
            // The second kind of listener has the keys of the first.
            let meaning = if told == kind { "" } else { option.text };
            page.item(vec![bold(option.key), roman(format!("{mark}{value}"))], meaning);
        }
        told = kind;
    }
    page.section("EXAMPLES");
    page.text("A hub for a small organisation:");
    page.verbatim(HUB);
    page.paragraph("A workstation that gives all its mail to a hub:");
    page.verbatim("[route]\ndefault = \"smtp:mailhost.example.net\"\n");
    page.see_also(&["postrider(1)", "postrider-check(1)", "postrider-serve(1)"]);
    page.finish()
}
