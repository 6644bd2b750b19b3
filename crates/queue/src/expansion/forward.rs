//! The `.forward` of a user, in the classic form: addresses between commas or on lines of their own,
//! `\user` for the mailbox itself, `|command` and `/file` with the rights of the user, `#` comments.

use super::asking::ForwardFile;
use super::words::{Member, Trust, member, split, uncommented};
use super::{FORWARD_MEMBERS_MAX, TARGETS_MAX};
use crate::access::Forwarding;
use crate::reason::{Reason, Source};

/// Who stands for the user, and the line each stands in; nobody where the file is empty.
///
/// # Errors
/// Why the file cannot be followed, with its line: then the mail belongs in the mailbox. It is all or
/// nothing, so that a slip of the pen loses no copy.
pub(super) fn parse(
    file: &ForwardFile,
    user: &str,
    rules: &Forwarding,
) -> Result<Vec<(Member, Source)>, Reason> {
    let trust = rules.trust(user);
    let mut members = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let source = Source { file: file.file.clone(), line: number };
        for word in split(uncommented(line)) {
            let told = |what: String| {
                Reason::new(format!("the .forward of {user} is not followed: {what}"))
                    .from_rule(Some(source.clone()))
            };
            if word.starts_with(":include:") {
                return Err(told("lists are included by the file of aliases only".to_owned()));
            }
            match member(word, &trust) {
                Ok(member) => members.push((member, source.clone())),
                Err(wrong) => return Err(told(wrong.what)),
            }
            if members.len() > FORWARD_MEMBERS_MAX.min(TARGETS_MAX) {
                return Err(told(format!("more than {FORWARD_MEMBERS_MAX} addresses")));
            }
        }
    }
    Ok(members)
}

impl Forwarding {
    /// Whether the commands and files of `user` are followed.
    fn trust(&self, user: &str) -> Trust {
        let why = |what: &str| Some(format!("{user} may not have {what} in a .forward"));
        Trust {
            user: user.to_owned(),
            no_commands: why("commands").filter(|_| !self.commands.has(user)),
            no_files: why("files").filter(|_| !self.files.has(user)),
        }
    }
}
