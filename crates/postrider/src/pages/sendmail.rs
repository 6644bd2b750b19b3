//! `sendmail(1)`: its options are its own, so the page is made from what its `--help` says.

use clap_mangen::roff::bold;

use super::page::{Page, Teaching, table};
use crate::agent;

/// The page.
pub(super) fn page() -> String {
    let help = agent::sendmail_help();
    let teaching = Teaching::read(&help);
    let mut page = Page::new("sendmail", "1", "hand a letter to the mail service, for programs");
    page.section("SYNOPSIS");
    page.text("`sendmail` [OPTION...] [ADDRESS...]");
    page.section("DESCRIPTION");
    page.text(
        "Takes a letter on standard input, completes what its header section lacks (From, Date, \
         Message-ID), and hands it to the mail service of this host. While the service is down the \
         letter is left in the drop directory and goes out when it starts. `postrider sendmail` is \
         the same program; so is `newaliases`, as `-bi`.",
    );
    page.paragraph(
        "Options may be joined, and their argument attached, as `getopt`(3) has it: `-tif ADDRESS`.",
    );
    page.section("OPTIONS");
    let lists = || teaching.notes.iter().copied();
    for list in lists().filter(|note| note.starts_with("  -")) {
        items(&mut page, list);
    }
    for (title, list) in lists().filter_map(|note| note.split_once(":\n")) {
        page.part(title);
        items(&mut page, list);
    }
    teaching.write_sections(&mut page);
    page.section("ENVIRONMENT");
    page.item(
        vec![bold("POSTRIDER_CONFIG")],
        "the configuration; not heeded where the program is set-group-id",
    );
    page.see_also(&["mail(1)", "mailq(1)", "postrider(1)", "postrider.toml(5)"]);
    page.finish()
}

fn items(page: &mut Page, list: &str) {
    for (term, meaning) in table(list) {
        page.item(vec![bold(term)], &meaning);
    }
}
