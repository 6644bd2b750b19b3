use super::*;
use crate::content::Letter;

/// The letter of RFC 1521 §7.3.3.4: one document, three ways to it, with the semicolons that its
/// authors forgot. Register: 2046-5.2.3-a.
#[test]
fn three_ways_to_one_document() {
    let letter = "From: Whomever\r\nTo: Someone\r\nSubject: whatever\r\nMIME-Version: 1.0\r\n\
        Message-ID: <id1@host.com>\r\nContent-Type: multipart/alternative; boundary=42\r\n\
        Content-ID: <id001@guppylake.bellcore.com>\r\n\r\n--42\r\n\
        Content-Type: message/external-body;\r\n     name=\"BodyFormats.ps\";\r\n\
        \x20    site=\"thumper.bellcore.com\";\r\n     access-type=ANON-FTP;\r\n     directory=\"pub\";\r\n\
        \x20    mode=\"image\";\r\n     expiration=\"Fri, 14 Jun 1991 19:13:14 -0400 (EDT)\"\r\n\r\n\
        Content-type: application/postscript\r\nContent-ID: <id42@guppylake.bellcore.com>\r\n\r\n\
        --42\r\nContent-Type: message/external-body; access-type=local-file;\r\n\
        \x20    name=\"/u/nsb/writing/rfcs/RFC-MIME.ps\";\r\n     site=\"thumper.bellcore.com\";\r\n\
        \x20    expiration=\"Fri, 14 Jun 1991 19:13:14 -0400 (EDT)\"\r\n\r\n\
        Content-type: application/postscript\r\nContent-ID: <id42@guppylake.bellcore.com>\r\n\r\n\
        --42\r\nContent-Type: message/external-body;\r\n     access-type=mail-server\r\n\
        \x20    server=\"listserv@bogus.bitnet\";\r\n     expiration=\"Fri, 14 Jun 1991 19:13:14 -0400 (EDT)\"\r\n\r\n\
        Content-type: application/postscript\r\nContent-ID: <id42@guppylake.bellcore.com>\r\n\r\n\
        get RFC-MIME.DOC\r\n\r\n--42--\r\n";
    let letter = Letter::read(letter.as_bytes());
    assert!(letter.root().defects().is_empty());
    let ways: Vec<_> = letter.root().children().map(|part| External::of(&part).unwrap()).collect();
    let expiration = DateTime::read("Fri, 14 Jun 1991 19:13:14 -0400");
    for way in &ways {
        assert_eq!(way.media_type().to_string(), "application/postscript");
        assert_eq!(way.head.ids("Content-ID")[0].as_str(), "id42@guppylake.bellcore.com");
        assert_eq!(way.expiration, expiration);
        assert!(!way.read_write && way.size.is_none());
    }
    let ftp = Access::Ftp {
        protocol: Protocol::AnonFtp,
        site: "thumper.bellcore.com".into(),
        directory: Some("pub".into()),
        name: "BodyFormats.ps".into(),
        mode: Some("image".into()),
    };
    assert_eq!(ways[0].access, ftp);
    let site = Some("thumper.bellcore.com".to_owned());
    let name = "/u/nsb/writing/rfcs/RFC-MIME.ps".to_owned();
    assert_eq!(ways[1].access, Access::LocalFile { name, site });
    let server = "listserv@bogus.bitnet".parse().unwrap();
    assert_eq!(ways[2].access, Access::MailServer { server, subject: None });
    assert_eq!(ways[2].phantom, b"get RFC-MIME.DOC\r\n");
}

#[test]
fn ways() {
    let rows: &[(&str, Access)] = &[
        (
            "access-type=mail-server; server=\"a@b.example\"; subject=\"get it\"",
            Access::MailServer {
                server: "a@b.example".parse().unwrap(),
                subject: Some("get it".into()),
            },
        ),
        ("access-type=mail-server; server=nowhere", Access::Other("mail-server".into())),
        ("access-type=URL; URL=\"http://a.example/ x\"", Access::Url("http://a.example/x".into())),
        (
            "access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/bulk-mailer.tar\"",
            Access::Url("ftp://cs.utk.edu/bulk-mailer.tar".into()),
        ),
        ("access-type=content-id", Access::ContentId),
        ("access-type=ftp; name=x", Access::Other("ftp".into())),
        ("access-type=X-own; name=x", Access::Other("x-own".into())),
        ("name=x", Access::Other(String::new())),
        ("access-type=afs; name=\"/a\"", Access::LocalFile { name: "/a".into(), site: None }),
        ("access-type=local-file", Access::Other("local-file".into())),
    ];
    for (value, want) in rows {
        let letter = format!(
            "Content-Type: message/external-body; {value}; size=12; permission=READ-WRITE\r\n\r\n\
             Content-ID: <1@x>\r\n\r\n"
        );
        let letter = Letter::read(letter.as_bytes());
        let external = External::of(&letter.root()).unwrap();
        assert_eq!(external.access, *want, "{value}");
        assert_eq!((external.size, external.read_write), (Some(12), true));
        assert_eq!(external.media_type().to_string(), "text/plain");
    }
    let empty = Letter::read(b"Content-Type: message/external-body; access-type=ftp");
    assert!(External::of(&empty.root()).unwrap().phantom.is_empty());
    assert!(External::of(&Letter::read(b"A: 1\r\n\r\nx").root()).is_none());
}
