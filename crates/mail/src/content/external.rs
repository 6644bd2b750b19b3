//! `message/external-body`: a body that is elsewhere, and the way to it (RFC 2046 §5.2.3).
//!
//! Nothing here fetches anything: a reader asks its person first.

use super::address_list::AddrSpec;
use super::date_time::DateTime;
use super::head::Head;
use super::letter::Part;
use super::media::{Kind, MediaType};

/// A body that is elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct External<'a> {
    /// The way to it.
    pub access: Access,
    /// Until when it is surely there.
    pub expiration: Option<DateTime>,
    /// Its size in octets, decoded.
    pub size: Option<u64>,
    /// Whether it may be changed there.
    pub read_write: bool,
    /// What is said of it: its type, its encoding, its Content-ID.
    pub head: Head<'a>,
    /// What follows those fields: commands for a mail server, and else nothing of meaning.
    pub phantom: &'a [u8],
}

/// The ways of RFC 2046 §5.2.3, and two registered later.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Access {
    /// `ftp`, `anon-ftp` or `tftp`.
    Ftp {
        /// The word.
        protocol: Protocol,
        /// The host.
        site: String,
        /// Where there.
        directory: Option<String>,
        /// The file.
        name: String,
        /// How it is to be transferred.
        mode: Option<String>,
    },
    /// `local-file`, and `afs` of RFC 1521: a file of this machine.
    LocalFile {
        /// Its path.
        name: String,
        /// The hosts that have it, `*.example.net` among them.
        site: Option<String>,
    },
    /// `mail-server`: the phantom body is sent there.
    MailServer {
        /// The address.
        server: AddrSpec,
        /// What stands in Subject.
        subject: Option<String>,
    },
    /// `url` (RFC 2017).
    Url(String),
    /// `content-id` (RFC 1873): another part of the same letter.
    ContentId,
    /// Another way, or one of these with a parameter missing.
    Other(String),
}

/// How a file is fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// With a name and a password that the person gives.
    Ftp,
    /// As `anonymous`.
    AnonFtp,
    /// By TFTP.
    Tftp,
}

impl<'a> External<'a> {
    /// What `part` says, if its body is elsewhere.
    pub fn of(part: &Part<'_, 'a>) -> Option<Self> {
        let media = part.media_type();
        if media.class() != Kind::External {
            return None;
        }
        let phantom = part.children().next();
        let get = |name: &str| media.parameters.get(name);
        Some(Self {
            access: Access::of(&media),
            expiration: get("expiration").and_then(DateTime::read),
            size: get("size").and_then(|size| size.trim().parse().ok()),
            read_write: get("permission").is_some_and(|one| one.eq_ignore_ascii_case("read-write")),
            head: phantom.map_or(Head::new(b""), |phantom| phantom.head()),
            phantom: phantom.map_or(&[], |phantom| phantom.raw_body()),
        })
    }

    /// The type of the body that is elsewhere.
    pub fn media_type(&self) -> MediaType {
        self.head.content_type().unwrap_or_else(MediaType::plain)
    }
}

impl Access {
    /// The way that a media type `message/external-body` says.
    pub fn of(media: &MediaType) -> Self {
        let get = |name: &str| media.parameters.get(name).filter(|value| !value.is_empty());
        let owned = |name: &str| get(name).map(str::to_owned);
        let word = get("access-type").unwrap_or_default().to_ascii_lowercase();
        let protocol = match word.as_str() {
            "ftp" => Some(Protocol::Ftp),
            "anon-ftp" => Some(Protocol::AnonFtp),
            "tftp" => Some(Protocol::Tftp),
            _ => None,
        };
        let found = match (protocol, word.as_str()) {
            (Some(protocol), _) => owned("site").zip(owned("name")).map(|(site, name)| {
                let (directory, mode) = (owned("directory"), owned("mode"));
                Access::Ftp { protocol, site, directory, name, mode }
            }),
            (None, "local-file" | "afs") => {
                owned("name").map(|name| Access::LocalFile { name, site: owned("site") })
            }
            (None, "mail-server") => get("server")
                .and_then(|server| server.parse().ok())
                .map(|server| Access::MailServer { server, subject: owned("subject") }),
            // Long ones are given in lines; blanks are none of it (RFC 2017 §3).
            (None, "url") => get("url").map(|url| {
                Access::Url(
                    url.chars().filter(|one| !one.is_whitespace() && !one.is_control()).collect(),
                )
            }),
            (None, "content-id") => Some(Access::ContentId),
            _ => None,
        };
        found.unwrap_or(Access::Other(word))
    }
}

#[cfg(test)]
mod tests;
