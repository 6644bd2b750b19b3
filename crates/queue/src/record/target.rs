//! The target of a recipient in a record.

use mail::address::DomainName;

use super::RecordError;
use super::codec::{Reader, Writer, number, read_as, text};
use crate::target::Target;

/// The tags; never reuse one.
mod tags {
    pub const KIND: u64 = 1;
    pub const USER: u64 = 2;
    pub const DOMAIN: u64 = 3;
    /// Once for each word of a command.
    pub const ARGUMENT: u64 = 4;
    pub const PATH: u64 = 5;
    pub const WHY: u64 = 6;
}

/// The kinds; never reuse one.
mod kinds {
    pub const MAILBOX: u64 = 1;
    pub const COMMAND: u64 = 2;
    pub const FILE: u64 = 3;
    pub const NOBODY: u64 = 4;
}

/// Appends `target` as the field `tag`.
pub(super) fn write(tag: u64, target: &Target, out: &mut Writer) {
    let mut inner = Writer::nested();
    match target {
        Target::Mailbox { user, domain } => {
            inner.number(tags::KIND, kinds::MAILBOX);
            inner.text(tags::USER, user);
            if let Some(domain) = domain {
                inner.text(tags::DOMAIN, domain.as_str());
            }
        }
        Target::Command { argv, user } => {
            inner.number(tags::KIND, kinds::COMMAND);
            inner.text(tags::USER, user);
            argv.iter().for_each(|word| inner.text(tags::ARGUMENT, word));
        }
        Target::File { path, user } => {
            inner.number(tags::KIND, kinds::FILE);
            inner.text(tags::USER, user);
            inner.text(tags::PATH, path);
        }
        Target::Nobody { why } => {
            inner.number(tags::KIND, kinds::NOBODY);
            inner.text(tags::WHY, why);
        }
    }
    out.octets(tag, &inner.finish());
}

/// Reads what [`write()`] wrote. A kind that this version does not know is damage: the message must
/// not go anywhere else.
pub(super) fn read(octets: &[u8]) -> Result<Target, RecordError> {
    let mut reader = Reader::nested(octets);
    let (mut kind, mut user, mut domain, mut path, mut why) = (0, None, None, None, String::new());
    let mut argv = Vec::new();
    while let Some((tag, field)) = reader.field()? {
        match tag {
            tags::KIND => kind = number(field, "kind of target")?,
            tags::USER => user = Some(text(field, "user of a target")?),
            tags::DOMAIN => {
                domain = Some(read_as(field, "domain of a target", DomainName::parse_utf8)?);
            }
            tags::ARGUMENT => argv.push(text(field, "argument of a command")?),
            tags::PATH => path = Some(text(field, "path of a file")?),
            tags::WHY => why = text(field, "reason of a target")?,
            _ => {}
        }
    }
    let user = || user.ok_or(RecordError::Missing("user of a target"));
    match kind {
        kinds::MAILBOX => Ok(Target::Mailbox { user: user()?, domain }),
        kinds::COMMAND if argv.is_empty() => Err(RecordError::Missing("command")),
        kinds::COMMAND => Ok(Target::Command { argv, user: user()? }),
        kinds::FILE => Ok(Target::File {
            path: path.ok_or(RecordError::Missing("path of a file"))?,
            user: user()?,
        }),
        kinds::NOBODY => Ok(Target::Nobody { why }),
        _ => Err(RecordError::Malformed("kind of target")),
    }
}
