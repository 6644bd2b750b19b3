//! The part for programs: `message/delivery-status` (RFC 3464 §2) in ASCII, or
//! `message/global-delivery-status` (RFC 6533 §4.1) where the report needs `SMTPUTF8` anyway.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    Action, Diagnostic, Kind, Report, ReportedRecipient, bare, line, plain, printable, wrap,
};
use crate::address::ForwardPath;
use crate::envelope::Hold;
use crate::original::address_in_ascii;
use crate::reply::Reply;

/// Characters of a diagnostic that are shown.
const DIAGNOSTIC_MAX: usize = 900;
/// Characters of an original recipient that are shown: 500 and its type. Escapes of up to ten stand
/// for one.
const ORIGINAL_MAX: usize = 960;

/// The fields of the message, then a group for each recipient, blank lines between.
pub(super) fn write(report: &Report, out: &mut String) {
    let name = report.reporting_mta.ascii();
    // Only a name that can be found in DNS is of the type `dns` (RFC 3461 §6.3).
    let kind = if name.contains('.') { "dns" } else { "x-local-hostname" };
    line(out, format_args!("Reporting-MTA: {kind}; {name}"));
    if let Some(id) = &report.envelope_id {
        line(out, format_args!("Original-Envelope-Id: {}", plain(id, 100)));
    }
    if let Some(from) = &report.received_from {
        line(out, format_args!("Received-From-MTA: dns; {}", plain(from, 400)));
    }
    line(out, format_args!("Arrival-Date: {}", report.date(report.arrival)));
    match report.hold {
        None => {}
        Some(Hold::For(seconds)) => {
            line(out, format_args!("Future-Release-Request: for;{seconds}"))
        }
        Some(Hold::Until(moment)) => {
            line(out, format_args!("Future-Release-Request: until;{}", utc(moment)));
        }
    }
    for recipient in &report.recipients {
        line(out, format_args!(""));
        group(report, recipient, out);
    }
}

fn group(report: &Report, recipient: &ReportedRecipient, out: &mut String) {
    if let Some(original) = &recipient.original_recipient {
        let shown = match report.needs_utf8() {
            true => printable(&original.shown_utf8(), ORIGINAL_MAX),
            false => plain(&original.shown_ascii(), ORIGINAL_MAX),
        };
        line(out, format_args!("Original-Recipient: {shown}"));
    }
    let (kind, address) = typed(&recipient.final_recipient, report.needs_utf8());
    line(out, format_args!("Final-Recipient: {kind}; {address}"));
    line(out, format_args!("Action: {}", action(recipient.action)));
    line(out, format_args!("Status: {}", recipient.status));
    if let Some(remote) = &recipient.remote_mta {
        line(out, format_args!("Remote-MTA: dns; {}", plain(remote, 255)));
    }
    match &recipient.diagnostic {
        Some(Diagnostic::Smtp(reply)) => transcription(report, out, reply),
        Some(Diagnostic::Text(text)) => diagnostic(report, out, text),
        None => {}
    }
    if let Some(last) = recipient.last_attempt {
        line(out, format_args!("Last-Attempt-Date: {}", report.date(last)));
    }
    if let (Kind::Delayed, Some(until)) = (report.kind, recipient.will_retry_until) {
        line(out, format_args!("Will-Retry-Until: {}", report.date(until)));
    }
}

/// Type and address of a mailbox (RFC 3464 §2.3.2, RFC 6533 §3).
fn typed(path: &ForwardPath, utf8: bool) -> (&'static str, String) {
    let address = bare(path);
    match (path.is_ascii(), utf8) {
        (true, _) => ("rfc822", address),
        (false, true) => ("utf-8", address),
        (false, false) => ("utf-8", address_in_ascii(&address)),
    }
}

fn diagnostic(report: &Report, out: &mut String, text: &str) {
    let text = format!("x-postrider; {}", shown(report, text, DIAGNOSTIC_MAX));
    wrap(out, &text, "Diagnostic-Code: ", " ", 78);
}

/// A reply as it was said, line by line, a blank before each but the first (RFC 3461 §9.2).
fn transcription(report: &Report, out: &mut String, reply: &Reply) {
    let mut left = DIAGNOSTIC_MAX;
    let last = reply.text().len().saturating_sub(1);
    let status = reply.status().map(|status| format!("{status} ")).unwrap_or_default();
    for (number, text) in reply.text().iter().enumerate() {
        let between = if number == last { ' ' } else { '-' };
        let said = format!("{}{between}{status}{text}", reply.code());
        let said = shown(report, &said, left);
        left = left.saturating_sub(said.chars().count());
        let before = if number == 0 { "Diagnostic-Code: smtp; " } else { " " };
        line(out, format_args!("{before}{}", said.trim_end()));
        if left == 0 {
            return;
        }
    }
}

/// What others said, made safe for the part: at most `max` characters.
fn shown(report: &Report, text: &str, max: usize) -> String {
    match report.needs_utf8() {
        // Up to four octets each, and a line has 998.
        true => printable(text, max.min(200)),
        false => plain(text, max),
    }
}

/// A moment as RFC 3339 writes it, in UTC (RFC 4865 §3).
fn utc(moment: SystemTime) -> String {
    let date = crate::date::rfc5322(moment, 0);
    let words: Vec<&str> = date.split(' ').collect();
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    match words.as_slice() {
        [_, day, month, year, time, _] if moment >= UNIX_EPOCH => {
            let month = MONTHS.find(month).unwrap_or_default() / 3 + 1;
            format!("{year}-{month:02}-{day}T{time}Z")
        }
        _ => "1970-01-01T00:00:00Z".to_owned(),
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Failed => "failed",
        Action::Delayed => "delayed",
        Action::Delivered => "delivered",
        Action::Relayed => "relayed",
        Action::Expanded => "expanded",
    }
}

/// The lines of a reply, code and status once.
pub(super) fn in_one_line(reply: &Reply) -> String {
    reply.to_string()
}
