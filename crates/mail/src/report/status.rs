//! The part for programs: `message/delivery-status` (RFC 3464 §2), always in ASCII.

use super::{Action, Diagnostic, Kind, Report, ReportedRecipient, bare, line, plain, wrap};
use crate::reply::Reply;

/// Octets of a diagnostic that are shown.
const DIAGNOSTIC_MAX: usize = 900;

/// The fields of the message, then a group for each recipient, blank lines between.
pub(super) fn write(report: &Report, out: &mut String) {
    let name = report.reporting_mta.ascii();
    // Only a name that can be found in DNS is of the type `dns` (RFC 3461 §6.3).
    let kind = if name.contains('.') { "dns" } else { "x-local-hostname" };
    line(out, format_args!("Reporting-MTA: {kind}; {name}"));
    if let Some(id) = &report.envelope_id {
        line(out, format_args!("Original-Envelope-Id: {}", plain(id, 100)));
    }
    line(out, format_args!("Arrival-Date: {}", report.date(report.arrival)));
    for recipient in &report.recipients {
        line(out, format_args!(""));
        group(report, recipient, out);
    }
}

fn group(report: &Report, recipient: &ReportedRecipient, out: &mut String) {
    if let Some(original) = &recipient.original_recipient {
        line(out, format_args!("Original-Recipient: {}", plain(original, 520)));
    }
    line(out, format_args!("Final-Recipient: rfc822; {}", bare(&recipient.final_recipient)));
    line(out, format_args!("Action: {}", action(recipient.action)));
    line(out, format_args!("Status: {}", recipient.status));
    if let Some(remote) = &recipient.remote_mta {
        line(out, format_args!("Remote-MTA: dns; {}", plain(remote, 255)));
    }
    match &recipient.diagnostic {
        Some(Diagnostic::Smtp(reply)) => diagnostic(out, "smtp", &in_one_line(reply)),
        Some(Diagnostic::Text(text)) => diagnostic(out, "x-postrider", text),
        None => {}
    }
    if let Some(last) = recipient.last_attempt {
        line(out, format_args!("Last-Attempt-Date: {}", report.date(last)));
    }
    if let (Kind::Delayed, Some(until)) = (report.kind, recipient.will_retry_until) {
        line(out, format_args!("Will-Retry-Until: {}", report.date(until)));
    }
}

fn diagnostic(out: &mut String, kind: &str, text: &str) {
    let text = format!("{kind}; {}", plain(text, DIAGNOSTIC_MAX));
    wrap(out, &text, "Diagnostic-Code: ", " ", 78);
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
