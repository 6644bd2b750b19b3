//! What a host that keeps mail for us says when we ask for it, and what that means to an operator:
//! ETRN (RFC 1985) and ATRN (RFC 2645).

use mail::{Reply, Severity};

use crate::reason::{Reason, Source};

/// How it is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// To send it to us as it would send it anyway, only now.
    Etrn,
    /// To send it over the connection that we have made.
    Atrn,
}

/// Who must act now.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Standing {
    /// Nobody: the mail is on its way, or there is none.
    Well,
    /// Time: another try may do better.
    Later,
    /// The operator, here or there.
    Wrong,
}

/// One answer, judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// Who must act.
    pub standing: Standing,
    /// There is no sense in asking this host the same for other names (RFC 1985 §5.2).
    pub is_final: bool,
    /// What it means.
    pub reason: Reason,
}

/// What `reply` to `command` means. The codes that the standards name speak for themselves, others by
/// their first digit (RFC 5321 §4.2.1); none: the host does not offer the command, and it was not said.
pub fn judge(command: Command, reply: Option<&Reply>, source: Option<&Source>) -> Judged {
    use Command::{Atrn, Etrn};
    use Standing::{Later, Well, Wrong};
    let code = reply.map_or(0, |reply| reply.code().get());
    let (standing, text) = match (command, code) {
        (Etrn, 0) => (Wrong, "the host does not offer ETRN"),
        (Atrn, 0) => (Wrong, "the host does not offer ATRN"),
        (Etrn, 250) => (Well, "its queue is started"),
        (Etrn, 251) => (Well, "no mail waits there"),
        (Etrn, 252 | 253) => (Well, "mail waits there and is sent now"),
        (Etrn, 458) => (Later, "it cannot start its queue now"),
        // The code is of class 4, and no time heals it (RFC 1985 §5.2).
        (Etrn, 459) => (Wrong, "it does not let us ask for that name"),
        (Etrn, 500 | 502) => (Wrong, "it does not know ETRN"),
        (Etrn, 501) => (Wrong, "it does not take that name"),
        (Atrn, 250) => (Well, "it sends over this connection what waits there"),
        // A domain that the login may not have, or too many calls (RFC 2645 §5.2.1).
        (Atrn, 450) => (Later, "it refuses: the login may not have a domain, or asks too often"),
        (Atrn, 451) => (Later, "it cannot look for our mail now"),
        (Atrn, 453) => (Well, "no mail waits there"),
        (Atrn, 500 | 502) => (Wrong, "it does not know ATRN"),
        (Atrn, 530) => (Wrong, "it wants a login first"),
        _ => match reply.map(Reply::severity) {
            Some(Severity::Success) => (Well, "it agrees"),
            Some(Severity::Permanent) => (Wrong, "it refuses for good"),
            _ => (Later, "it refuses for now"),
        },
    };
    let is_final = code == 0 || reply.is_some_and(|reply| reply.severity() == Severity::Permanent);
    Judged { standing, is_final, reason: Reason::new(text).from_rule(source.cloned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 1985-5.2-a, 1985-5.2-b, 2645-7-a.
    #[test]
    fn answers() {
        use Command::{Atrn, Etrn};
        use Standing::{Later, Well, Wrong};
        let rows = [
            (Etrn, 250, Well, false),
            (Etrn, 251, Well, false),
            (Etrn, 252, Well, false),
            (Etrn, 253, Well, false),
            (Etrn, 200, Well, false),
            (Etrn, 450, Later, false),
            (Etrn, 458, Later, false),
            (Etrn, 459, Wrong, false),
            (Etrn, 500, Wrong, true),
            (Etrn, 501, Wrong, true),
            (Etrn, 502, Wrong, true),
            (Etrn, 550, Wrong, true),
            (Atrn, 250, Well, false),
            (Atrn, 450, Later, false),
            (Atrn, 451, Later, false),
            (Atrn, 453, Well, false),
            (Atrn, 454, Later, false),
            (Atrn, 502, Wrong, true),
            (Atrn, 530, Wrong, true),
            (Atrn, 554, Wrong, true),
        ];
        for (command, code, standing, is_final) in rows {
            let judged = judge(command, Some(&Reply::bare(code, "text")), None);
            assert_eq!(
                (judged.standing, judged.is_final),
                (standing, is_final),
                "{command:?} {code}"
            );
        }
        for command in [Etrn, Atrn] {
            let judged = judge(command, None, None);
            assert_eq!((judged.standing, judged.is_final), (Wrong, true));
            assert!(judged.reason.text.contains("not offer"), "{}", judged.reason);
        }
    }
}
