use super::*;

/// Letters, and roles and paths of what is shown of them.
fn check(letter: &str, can_show: fn(&MediaType) -> bool, want: &[(Role, &[usize])]) {
    let letter = Letter::read(letter.as_bytes());
    let got: Vec<_> =
        view(&letter, can_show).iter().map(|item| (item.role, item.part.path())).collect();
    let want: Vec<_> = want.iter().map(|(role, path)| (*role, path.to_vec())).collect();
    assert_eq!(got, want);
}

fn multipart(subtype: &str, parts: &[&str]) -> String {
    let mut out = format!("Content-Type: multipart/{subtype}; boundary=\"{subtype}\"\n\n");
    for part in parts {
        out.push_str(&format!("--{subtype}\n{part}\n"));
    }
    out + &format!("--{subtype}--\n")
}

const PLAIN: &str = "\nplain";
const HTML: &str = "Content-Type: text/html\n\n<p>";
const PICTURE: &str = "Content-Type: image/png\n\nx";

fn nothing(_: &MediaType) -> bool {
    false
}

fn html(media: &MediaType) -> bool {
    media.is("text", "html")
}

/// Register: 2046-4.5.1-a, 2046-5.1.4-b, 2046-5.1.3-a, 2046-4.5.3-a, 2046-4.2-a, 2183-2.8-a,
/// 2046-4.1.4-a,
/// 2045-6.4-c.
#[test]
fn views() {
    use Role::{Attachment, External, Headers, Message, Partial, Status, Text};
    check(PLAIN, nothing, &[(Text, &[])]);
    check(HTML, nothing, &[(Text, &[])]);
    check(PICTURE, nothing, &[(Attachment, &[])]);
    check(&multipart("mixed", &[PLAIN, PICTURE]), nothing, &[(Text, &[1]), (Attachment, &[2])]);
    check(&multipart("unknown", &[PLAIN, PLAIN]), nothing, &[(Text, &[1]), (Text, &[2])]);
    check(
        &multipart("parallel", &[PICTURE, PICTURE]),
        nothing,
        &[(Attachment, &[1]), (Attachment, &[2])],
    );
    let both = multipart("alternative", &[PLAIN, HTML]);
    check(&both, nothing, &[(Text, &[1])]);
    check(&both, html, &[(Text, &[2])]);
    // What is related to HTML comes with it; where only that can be shown, it is listed.
    let related = multipart("related", &[HTML, PICTURE]);
    let nested = multipart("alternative", &[PLAIN, &related]);
    check(&nested, nothing, &[(Text, &[1])]);
    check(&nested, html, &[(Text, &[2, 1]), (Attachment, &[2, 2])]);
    let start = related
        .replace("boundary", "start=\"<root@x>\"; boundary")
        .replace("Content-Type: text/html", "Content-ID: <other@x>\nContent-Type: text/html");
    let start =
        start.replace("Content-Type: image/png", "Content-ID: <root@x>\nContent-Type: image/png");
    check(&start, html, &[(Attachment, &[2]), (Text, &[1])]);
    // What a file asks to have done with it is not listened to.
    let script = "Content-Type: application/octet-stream; type=script; conversions=sh\n\nrm -rf /";
    check(script, nothing, &[(Attachment, &[])]);
    check(&multipart("alternative", &[PICTURE, PICTURE]), nothing, &[(Attachment, &[1])]);
    let calendar = "Content-Type: text/calendar\n\nBEGIN:VCALENDAR";
    check(&multipart("alternative", &[PLAIN, calendar]), nothing, &[(Text, &[1])]);
    check(calendar, nothing, &[(Text, &[])]);
    check("Content-Type: text/odd; charset=odd\n\nx", nothing, &[(Attachment, &[])]);
    check("Content-Type: image/unheard-of\n\nx", nothing, &[(Attachment, &[])]);
    check("Content-Type: application/unheard-of\n\nx", nothing, &[(Attachment, &[])]);
    check("Content-Type: unheard/of\n\nx", nothing, &[(Attachment, &[])]);
    check("Content-Transfer-Encoding: odd\n\nx", nothing, &[(Attachment, &[])]);
    check("Content-Disposition: odd\n\nx", nothing, &[(Attachment, &[])]);
    check("Content-Disposition: inline\n\nx", nothing, &[(Text, &[])]);
    check(
        &multipart("digest", &["\nSubject: a\n\none", "\nSubject: b\n\ntwo"]),
        nothing,
        &[(Message, &[1, 1]), (Text, &[1, 1]), (Message, &[2, 1]), (Text, &[2, 1])],
    );
    let external = "Content-Type: message/external-body; access-type=ftp\n\nContent-ID: <1@x>\n";
    check(external, nothing, &[(External, &[])]);
    check("Content-Type: message/partial; id=1; number=1\n\nx", nothing, &[(Partial, &[])]);
    check(
        &multipart("signed", &[PLAIN, "Content-Type: application/pgp-signature\n\nx"]),
        nothing,
        &[(Text, &[1]), (Attachment, &[2])],
    );
    check(
        &multipart(
            "report",
            &[
                PLAIN,
                "Content-Type: message/delivery-status\n\nA: 1\n",
                "Content-Type: text/rfc822-headers\n\nA: 1",
            ],
        ),
        nothing,
        &[(Text, &[1]), (Status, &[2]), (Headers, &[3])],
    );
    // Broken ones are shown as they are.
    check("Content-Type: multipart/mixed\n\nx", nothing, &[(Text, &[])]);
    check("Content-Type: multipart/mixed; boundary=b\n\nx", nothing, &[(Text, &[])]);
}

/// A report within a letter that was sent on. Register: 6522-3-h, 6533-4.4-a.
#[test]
fn reports_anywhere() {
    let report = |status: &str, headers: &str| {
        let status = format!("Content-Type: {status}\n\nReporting-MTA: dns; x\n");
        let headers = format!("Content-Type: {headers}\n\nSubject: x");
        multipart("report", &[PLAIN, &status, &headers])
    };
    for (status, headers) in [
        ("message/delivery-status", "text/rfc822-headers"),
        ("message/global-delivery-status", "message/global-headers"),
        ("message/disposition-notification", "text/rfc822-headers"),
        ("message/global-disposition-notification", "message/global-headers"),
    ] {
        let forwarded = format!("Content-Type: message/rfc822\n\n{}", report(status, headers));
        let letter = multipart("mixed", &[PLAIN, &forwarded]);
        let letter = Letter::read(letter.as_bytes());
        let roles: Vec<_> = view(&letter, nothing).iter().map(|item| item.role).collect();
        assert_eq!(roles, [Role::Text, Role::Message, Role::Text, Role::Status, Role::Headers]);
    }
    let whole = multipart(
        "report",
        &[
            PLAIN,
            "Content-Type: message/global-delivery-status\n\nA: 1",
            "Content-Type: message/global\n\nSubject: ü\n\nx",
        ],
    );
    let letter = Letter::read(whole.as_bytes());
    let roles: Vec<_> = view(&letter, nothing).iter().map(|item| item.role).collect();
    assert_eq!(roles, [Role::Text, Role::Status, Role::Message, Role::Text]);
}
