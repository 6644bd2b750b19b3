//! The part for people: what happened, to whom, what the other side said, what to do. In plain
//! English, in ASCII unless an address is beyond it, lines of at most 78 characters where words
//! allow.

use super::{
    Action, Diagnostic, Kind, NAMED_MAX, Report, ReportedRecipient, Returned, bare, status,
};
use super::{line, wrap};
use crate::reply::EnhancedStatus;

const WIDTH: usize = 76;

pub(super) fn write(report: &Report, out: &mut String) {
    let host = &report.reporting_mta;
    paragraph(out, &format!("This is the mail system at {host}."));
    let one = report.recipients.len() == 1;
    match report.kind {
        Kind::Failed => {
            let whom = if one { "the person named below" } else { "the people named below" };
            paragraph(
                out,
                &format!(
                    "I am sorry to tell you that your message of {} could not be delivered to \
                     {whom}. I have stopped trying.",
                    report.date(report.arrival)
                ),
            );
        }
        Kind::Delayed => delayed(report, one, out),
        Kind::Done => paragraph(
            out,
            &format!(
                "You asked to be told what becomes of your message of {}. This is it; you do not \
                 need to do anything.",
                report.date(report.arrival)
            ),
        ),
    }
    for recipient in report.recipients.iter().take(NAMED_MAX) {
        named(report, recipient, out);
    }
    if let Some(more @ 1..) = report.recipients.len().checked_sub(NAMED_MAX) {
        paragraph(out, &format!("And {more} more; the second part of this report names them all."));
    }
    closing(report, out);
}

fn delayed(report: &Report, one: bool, out: &mut String) {
    let whom = if one { "the person named below" } else { "the people named below" };
    paragraph(
        out,
        &format!(
            "THIS IS ONLY A NOTICE. YOU DO NOT NEED TO DO ANYTHING, AND YOU DO NOT NEED TO SEND \
             YOUR MESSAGE AGAIN. Your message of {} has not reached {whom} yet.",
            report.date(report.arrival)
        ),
    );
    let until = report.recipients.iter().filter_map(|recipient| recipient.will_retry_until).max();
    let text = match until {
        Some(until) => format!(
            "I will keep trying until {}. If it does not work by then, you will get another \
             message that says so.",
            report.date(until)
        ),
        None => "I will keep trying for some days. If it does not work by then, you will get \
                 another message that says so."
            .to_owned(),
    };
    paragraph(out, &text);
}

fn named(report: &Report, recipient: &ReportedRecipient, out: &mut String) {
    line(out, format_args!("<{}>", bare(&recipient.final_recipient)));
    indented(report, out, &recipient.explanation);
    let said = match (&recipient.diagnostic, &recipient.remote_mta) {
        (Some(Diagnostic::Smtp(reply)), Some(remote)) => {
            Some(format!("{remote} said: {}", status::in_one_line(reply)))
        }
        (Some(Diagnostic::Smtp(reply)), None) => {
            Some(format!("The other side said: {}", status::in_one_line(reply)))
        }
        (Some(Diagnostic::Text(text)), _) if *text != recipient.explanation => Some(text.clone()),
        _ => None,
    };
    if let Some(said) = said {
        indented(report, out, &said);
    }
    match recipient.action {
        Action::Failed => indented(report, out, advice(recipient.status)),
        Action::Relayed => indented(
            report,
            out,
            "That mail system sends no reports of success. If your message cannot be delivered \
             there, you will probably hear of it.",
        ),
        Action::Expanded => indented(
            report,
            out,
            "The address stands for several others, and your message has gone on to each of them.",
        ),
        Action::Delayed | Action::Delivered => {}
    }
    line(out, format_args!(""));
}

/// What the sender can do, by the subject of the status (RFC 3463 §3).
fn advice(status: EnhancedStatus) -> &'static str {
    let topic = status.topic();
    match (topic.0, topic.1) {
        (1, 2 | 10) => {
            "What to do: look at what stands after the @ of the address. If it is right, ask the \
             person for another address; this domain takes no mail."
        }
        (1, _) => {
            "What to do: look whether the address is spelled right. If it is, ask the person by \
             another way, for instance by telephone, for the address in use now."
        }
        (2, 3) | (3, 4) => {
            "What to do: the message is too large for the other side. Send it in smaller parts, \
             or put large files where they can be fetched."
        }
        (2, _) => {
            "What to do: the mailbox has a problem that only its owner or the people who run it \
             can mend, for instance it is full. Try again later, or tell its owner by another way."
        }
        (4, 6) | (3, 5) => {
            "What to do: the mail systems on the way are not set up rightly; you cannot mend this. \
             Please show this report to the people who look after your mail."
        }
        (3 | 4, _) => {
            "What to do: the other mail system could not be reached or is out of order. Send the \
             message again later, or tell the person by another way."
        }
        (6, _) => {
            "What to do: the other side cannot take a message of this form. Try sending it as \
             plain text, without attachments."
        }
        (7, _) => {
            "What to do: the other side refuses this message by its own rules. What it said above \
             may tell why. If you think it is wrong, ask the person to tell their mail system's \
             people, with this report."
        }
        _ => {
            "What to do: what the other side said above may tell why. If it does not help, please \
             show this report to the people who look after your mail."
        }
    }
}

fn closing(report: &Report, out: &mut String) {
    let returned = match report.returned {
        Returned::Full => "Your message comes back with this report.",
        Returned::Headers => "The header lines of your message come with this report.",
    };
    paragraph(
        out,
        &format!(
            "{returned} If you need help, write to <{}> and send this report along.",
            report.from
        ),
    );
}

fn paragraph(out: &mut String, text: &str) {
    wrap(out, text, "", "", WIDTH);
    line(out, format_args!(""));
}

/// A paragraph of a recipient. Text of the other side is in it, so it is made safe.
fn indented(report: &Report, out: &mut String, text: &str) {
    wrap(out, &report.words_of_others(text, 2000), "    ", "    ", WIDTH);
}
