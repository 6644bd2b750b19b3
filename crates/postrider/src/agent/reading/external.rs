//! Bodies that are elsewhere (RFC 2046 §5.2.3): said in words, and followed only when the person asks.
//!
//! A file of this machine is read and a mail server is written to; nothing is ever fetched over the
//! network from here.

use std::path::PathBuf;

use mail::content::MediaType;

/// How a body can be had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Access {
    /// From a file of this machine.
    File(PathBuf),
    /// By a letter to a server.
    MailServer {
        /// Its address.
        server: String,
        /// What the letter is about.
        subject: String,
    },
    /// By means this program does not use: where it is, in words.
    Elsewhere(String),
}

/// How the body of a part of type `message/external-body` can be had.
pub fn access(media: &MediaType) -> Access {
    let get = |name: &str| media.parameters.get(name).unwrap_or_default().to_owned();
    let kind = get("access-type").to_ascii_lowercase();
    match kind.as_str() {
        "local-file" => Access::File(get("name").into()),
        "mail-server" => Access::MailServer { server: get("server"), subject: get("subject") },
        "ftp" | "anon-ftp" | "tftp" => {
            let scheme = if kind == "tftp" { "tftp" } else { "ftp" };
            let folder = get("directory");
            let slash = if folder.is_empty() || folder.ends_with('/') { "" } else { "/" };
            let path = format!("{folder}{slash}{}", get("name"));
            let root = if path.starts_with('/') { "" } else { "/" };
            Access::Elsewhere(format!("{scheme}://{}{root}{path}", get("site")))
        }
        // RFC 2017 §3: folded into pieces of 40, blanks mean nothing.
        "url" => Access::Elsewhere(get("url").split_whitespace().collect()),
        "afs" => Access::Elsewhere(format!("the AFS file {}", get("name"))),
        other => Access::Elsewhere(format!("{other}: {}", get("name"))),
    }
}

/// The same for the person.
pub fn explain(media: &MediaType) -> String {
    let expires = media.parameters.get("expiration");
    let expires = expires.map(|moment| format!(", until {moment}")).unwrap_or_default();
    let how = match access(media) {
        Access::File(path) => {
            format!("the file {}; the command fetch reads it", path.display())
        }
        Access::MailServer { server, .. } => {
            format!("the mail server {server} sends it; the command fetch asks it to")
        }
        Access::Elsewhere(place) => format!("{place}, which is not fetched from here"),
    };
    format!("its body is elsewhere: {how}{expires}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 2046-5.2.3.6-a
    #[test]
    fn in_words() {
        let rows = [
            ("access-type=local-file; name=\"/u/x.ps\"", "the file /u/x.ps; the command fetch"),
            (
                "access-type=mail-server; server=\"info@x.example\"",
                "the mail server info@x.example",
            ),
            (
                "access-type=ANON-FTP; site=\"x.example\"; directory=pub; name=\"a.ps\"",
                "ftp://x.example/pub/a.ps, which is not fetched",
            ),
            ("access-type=URL; URL=\"http://x.example/ a b\"", "http://x.example/ab, which is not"),
            ("access-type=ftp; site=x; name=a; expiration=\"Fri, 14 Jun 1991\"", ", until Fri, 14"),
            ("access-type=odd; name=n", "odd: n"),
        ];
        for (parameters, want) in rows {
            let media = MediaType::read(&format!("message/external-body; {parameters}"));
            assert!(explain(&media).contains(want), "{}", explain(&media));
        }
    }
}
