//! The letters of a world: who writes to whom, what it says, and what way it must take.

use bytes::Bytes;
use mail::envelope::Notify;

use crate::laws::MARK;
use crate::world::Chance;

/// A recipient, whether anybody takes mail for it, and how many hosts of ours take it there from
/// the hub on.
const RECIPIENTS: [(&str, bool, usize); 14] = [
    ("ann@a.example", true, 1),
    ("bob@a.example", true, 1),
    ("nobody@a.example", false, 1),
    // Others stand for these: see `country::ALIASES`.
    ("team@a.example", true, 1),
    ("away@a.example", true, 2),
    ("ann@b.example", true, 2),
    ("cid@b.example", true, 2),
    ("nobody@b.example", false, 2),
    ("eve@foreign.example", true, 1),
    ("fay@foreign.example", true, 1),
    ("gil@foreign.example", true, 1),
    ("eve@dead.example", false, 1),
    ("eve@nomail.example", false, 1),
    ("eve@gone.example", false, 1),
];

/// One recipient of a letter.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The address.
    pub recipient: &'static str,
    /// Somebody takes mail for it.
    pub is_good: bool,
    /// Hosts of ours from the hub on.
    pub hops: usize,
    /// What the author wants to hear of it.
    pub notify: Option<Notify>,
}

/// A letter before it is sent.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is in its mark.
    pub number: u64,
    /// Who writes; nobody: `<>`.
    pub sender: Option<String>,
    /// To whom.
    pub goals: Vec<Goal>,
    /// Header section and body.
    pub content: Bytes,
}

/// Writes the letter `number`; its author sits at `domain`.
pub fn draft(number: u64, domain: &str, chance: &Chance) -> Draft {
    let sender = (!chance.once_in(6)).then(|| format!("bob@{domain}"));
    let first = chance.below(RECIPIENTS.len() as u64) as usize;
    let count = 1 + chance.below(5) as usize;
    let goal = |(recipient, is_good, hops): &(&'static str, bool, usize)| Goal {
        recipient,
        is_good: *is_good,
        hops: *hops,
        notify: notify(chance),
    };
    let goals = RECIPIENTS.iter().cycle().skip(first).take(count).map(goal).collect();
    let labels = if chance.once_in(3) { LABELS } else { "" };
    let mut content = format!(
        "{MARK}: {number}\r\nFrom: <bob@{domain}>\r\n{labels}Subject: letter {number}\r\n\r\n"
    )
    .into_bytes();
    // Now and then one that the spool keeps in a file of its own.
    let lines = if chance.once_in(8) { chance.below(2_500) } else { chance.below(150) };
    for line in 0..lines {
        write_line(&mut content, line, number, chance);
    }
    Draft { number, sender, goals, content: content.into() }
}

/// What some authors say of their octets; others say nothing.
const LABELS: &str = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
    Content-Transfer-Encoding: 8bit\r\n";

fn notify(chance: &Chance) -> Option<Notify> {
    let asked = |success, failure, delay| Some(Notify { success, failure, delay });
    match chance.below(9) {
        0 => Some(Notify::NEVER),
        1 => asked(true, false, false),
        2 => asked(false, true, false),
        3 => asked(true, true, false),
        4 => asked(true, true, true),
        _ => None,
    }
}

/// Lines of which each is a trap for somebody: dots, octets beyond ASCII, nothing at all.
fn write_line(content: &mut Vec<u8>, line: u64, number: u64, chance: &Chance) {
    match chance.below(16) {
        0 => content.extend_from_slice(b"."),
        1 => content.extend_from_slice(b"..two dots, one dot."),
        2 => {}
        3 => content.extend_from_slice(b"From the beginning of a line"),
        4 if number.is_multiple_of(3) => {
            content.extend_from_slice(b"\xe4\xf6\xfc \xff \x80 8 bits")
        }
        _ => content.extend_from_slice(format!("line {line} of letter {number}").as_bytes()),
    }
    content.extend_from_slice(b"\r\n");
}
