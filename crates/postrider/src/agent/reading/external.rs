//! Bodies that are elsewhere (RFC 2046 §5.2.3): said in words, and followed only when the person asks.
//!
//! A file of this machine is read and a mail server is written to; nothing is ever fetched over the
//! network from here.

use mail::content::{Access, MediaType, Protocol};

/// Where a body is that is not fetched from here, in words.
pub fn place(access: &Access, media: &MediaType) -> String {
    match access {
        Access::Ftp { protocol, site, directory, name, .. } => {
            let scheme = if *protocol == Protocol::Tftp { "tftp" } else { "ftp" };
            let folder = directory.as_deref().unwrap_or_default();
            let slash = if folder.is_empty() || folder.ends_with('/') { "" } else { "/" };
            let path = format!("{folder}{slash}{name}");
            let root = if path.starts_with('/') { "" } else { "/" };
            format!("{scheme}://{site}{root}{path}")
        }
        Access::LocalFile { name, site: None } => format!("the file {name}"),
        Access::LocalFile { name, site: Some(site) } => format!("the file {name} of {site}"),
        Access::MailServer { server, .. } => format!("the mail server {server}"),
        Access::Url(url) => url.clone(),
        Access::ContentId => "another part of this letter".into(),
        Access::Other(way) => {
            format!("{way}: {}", media.parameters.get("name").unwrap_or_default())
        }
    }
}

/// The same for the person.
pub fn explain(media: &MediaType) -> String {
    let expires = media.parameters.get("expiration");
    let expires = expires.map(|moment| format!(", until {moment}")).unwrap_or_default();
    let access = Access::of(media);
    let how = match access {
        Access::LocalFile { .. } => "; the command fetch reads it",
        Access::MailServer { .. } => " sends it; the command fetch asks it to",
        Access::ContentId => "",
        _ => ", which is not fetched from here",
    };
    format!("its body is elsewhere: {}{how}{expires}", place(&access, media))
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
