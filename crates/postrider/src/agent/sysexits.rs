//! What a mail program tells the shell: the exit codes of BSD's `<sysexits.h>`, which scripts and
//! programs that call `sendmail` have relied on for forty years.

use std::process::ExitCode;

use mail::{Reply, Topic};

/// All is done, or safely queued.
pub const EX_OK: Exit = Exit(0);
/// There is no mail, as `mail -e` has always told.
pub const NO_MAIL: Exit = Exit(1);
/// The command was used wrongly.
pub const EX_USAGE: Exit = Exit(64);
/// The letter itself is not in order.
pub const EX_DATAERR: Exit = Exit(65);
/// There is no such mailbox.
pub const EX_NOUSER: Exit = Exit(67);
/// A file or folder that should be read is not there.
pub const EX_NOINPUT: Exit = Exit(66);
/// There is no such host or domain.
pub const EX_NOHOST: Exit = Exit(68);
/// Not done, and trying again will not help; or the service is not running.
pub const EX_UNAVAILABLE: Exit = Exit(69);
/// A fault in this program.
pub const EX_SOFTWARE: Exit = Exit(70);
/// The operating system refused something it never should.
pub const EX_OSERR: Exit = Exit(71);
/// A file could not be made.
pub const EX_CANTCREAT: Exit = Exit(73);
/// Reading or writing failed.
pub const EX_IOERR: Exit = Exit(74);
/// Not done now; the same again later may do.
pub const EX_TEMPFAIL: Exit = Exit(75);
/// Not allowed.
pub const EX_NOPERM: Exit = Exit(77);
/// The configuration is not in order.
pub const EX_CONFIG: Exit = Exit(78);

/// One of the codes above.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exit(u8);

impl Exit {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The code for a recipient or letter that was refused with `reply`. The first digit decides
    /// whether time can help; the enhanced status tells an unknown mailbox (RFC 3463 §3.2).
    pub fn of_refusal(reply: &Reply) -> Self {
        match reply.status().map(|status| status.topic()) {
            _ if !reply.is_permanent() => EX_TEMPFAIL,
            Some(Topic(1, 1)) => EX_NOUSER,
            Some(Topic(1, 2 | 10)) => EX_NOHOST,
            _ => EX_UNAVAILABLE,
        }
    }

    /// The code of two outcomes: what the person must act on comes before what time may mend, and
    /// the first one stands.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (EX_OK, other) | (EX_TEMPFAIL, other) if other != EX_OK => other,
            _ => self,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals() {
        let cases = [
            (550, Some(Topic(1, 1)), EX_NOUSER),
            (550, Some(Topic(1, 2)), EX_NOHOST),
            (556, Some(Topic(1, 10)), EX_NOHOST),
            (550, Some(Topic(7, 1)), EX_UNAVAILABLE),
            (552, Some(Topic(3, 4)), EX_UNAVAILABLE),
            (554, None, EX_UNAVAILABLE),
            (450, Some(Topic(1, 1)), EX_TEMPFAIL),
            (452, Some(Topic(3, 1)), EX_TEMPFAIL),
            (421, None, EX_TEMPFAIL),
        ];
        for (code, topic, exit) in cases {
            let code = mail::ReplyCode::new(code).unwrap();
            let reply = Reply::received(code, topic, vec![]);
            assert_eq!(Exit::of_refusal(&reply), exit, "{reply}");
        }
    }

    #[test]
    fn the_graver_of_two() {
        let cases = [
            (EX_OK, EX_OK, EX_OK),
            (EX_OK, EX_NOUSER, EX_NOUSER),
            (EX_TEMPFAIL, EX_OK, EX_TEMPFAIL),
            (EX_TEMPFAIL, EX_NOUSER, EX_NOUSER),
            (EX_NOUSER, EX_TEMPFAIL, EX_NOUSER),
            (EX_NOUSER, EX_UNAVAILABLE, EX_NOUSER),
        ];
        for (one, other, both) in cases {
            assert_eq!(one.and(other), both, "{one:?} {other:?}");
        }
    }
}
