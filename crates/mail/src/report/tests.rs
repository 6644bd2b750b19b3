use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::content::{Fields, split_head};
use crate::reply::Topic;

fn recipient(address: &str) -> ReportedRecipient {
    ReportedRecipient {
        final_recipient: format!("<{address}>").parse().unwrap(),
        original_recipient: None,
        status: EnhancedStatus::permanent(Topic(1, 1)),
        action: Action::Failed,
        remote_mta: Some("mx.dest.example".to_owned()),
        diagnostic: Some(Diagnostic::Smtp(Reply::new(550, Topic(1, 1), "No such user\nReally"))),
        last_attempt: Some(UNIX_EPOCH + Duration::from_secs(1_751_364_060)),
        will_retry_until: None,
        explanation: "The host mx.dest.example refused this recipient.".to_owned(),
    }
}

fn report(kind: Kind) -> Report {
    Report {
        kind,
        reporting_mta: "our.example".parse().unwrap(),
        from: "postmaster@our.example".parse().unwrap(),
        to: "ann@home.example".parse().unwrap(),
        envelope_id: None,
        received_from: None,
        hold: None,
        arrival: UNIX_EPOCH + Duration::from_secs(1_751_364_000),
        now: UNIX_EPOCH + Duration::from_secs(1_751_364_061),
        offset_minutes: 120,
        message_id: "4Zk9x1@our.example".to_owned(),
        boundary_seed: 0xfeed,
        recipients: vec![recipient("Bob@dest.example")],
        returned: Returned::Headers,
        eight_bit: false,
        global: false,
    }
}

fn original(kind: &str, address: &str) -> OriginalRecipient {
    OriginalRecipient { address_type: kind.to_owned(), address: address.to_owned() }
}

fn text(report: &Report, returned: &str) -> String {
    let (head, tail) = (report.head(), report.tail());
    String::from_utf8([&head, returned.as_bytes(), &tail].concat()).unwrap()
}

/// The parts, each as its content type and its body, without the line end of the boundary.
fn parts(report: &Report, whole: &str) -> Vec<(String, String)> {
    let (_, body) = split_head(whole.as_bytes());
    let body = String::from_utf8(body.to_vec()).unwrap();
    let delimiter = format!("\r\n--{}", report.boundary());
    let mut pieces = body.split(&delimiter);
    pieces.next();
    let mut parts = Vec::new();
    for piece in pieces {
        if piece == "--\r\n" {
            break;
        }
        let piece = piece.strip_prefix("\r\n").unwrap();
        let (head, body) = split_head(piece.as_bytes());
        let kind = Fields::new(head).find(|field| field.is("Content-Type")).unwrap();
        let kind = String::from_utf8(kind.value().into_owned()).unwrap();
        parts.push((kind, String::from_utf8(body.to_vec()).unwrap()));
    }
    parts
}

/// The whole of a small report, octet by octet.
///
/// Register: 3464-2-a, 3464-2-b, 3464-2-c, 3464-2.1-b, 3464-2.2.2-a, 3464-2.2.5-a, 3464-2.3.2-a,
/// 3464-2.3.2-c, 3464-2.3.2-d, 3464-2.3.3-a, 3464-2.3.4-a, 3464-2.3.6-a, 3464-2.3.7-b, 3464-3-a,
/// 3461-6.2-a, 3461-9.2-a, 3834-3.2.1-a, 3461-6.3-c, 3461-6.3-f, 3461-6.3-g, 3461-6.3-i, 3461-6.3-j, 6522-3-a, 6522-3-b,
/// 6522-3-c, 3834-5.1-a, 3834-5.2-c, 3834-5.2-e, 5321-3.6.3-b.
#[test]
fn failed() {
    let want = "\
From: Mail Delivery System <postmaster@our.example>\r
To: <ann@home.example>\r
Subject: Your message could not be delivered\r
Date: Tue, 01 Jul 2025 12:01:01 +0200\r
Message-ID: <4Zk9x1@our.example>\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status;\r
 boundary=\"=_4Zk9x1ourexample_000000000000feed\"\r
\r
This is a message in MIME format, a report about your mail.\r
\r
--=_4Zk9x1ourexample_000000000000feed\r
Content-Type: text/plain; charset=us-ascii\r
\r
This is the mail system at our.example.\r
\r
I am sorry to tell you that your message of Tue, 01 Jul 2025 12:00:00 +0200\r
could not be delivered to the person named below. I have stopped trying.\r
\r
<Bob@dest.example>\r
    The host mx.dest.example refused this recipient.\r
    mx.dest.example said: 550 5.1.1 No such user Really\r
    What to do: look whether the address is spelled right. If it is, ask the\r
    person by another way, for instance by telephone, for the address in use\r
    now.\r
\r
The header lines of your message come with this report. If you need help,\r
write to <postmaster@our.example> and send this report along.\r
\r
\r
--=_4Zk9x1ourexample_000000000000feed\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; our.example\r
Arrival-Date: Tue, 01 Jul 2025 12:00:00 +0200\r
\r
Final-Recipient: rfc822; Bob@dest.example\r
Action: failed\r
Status: 5.1.1\r
Remote-MTA: dns; mx.dest.example\r
Diagnostic-Code: smtp; 550-5.1.1 No such user\r
 550 5.1.1 Really\r
Last-Attempt-Date: Tue, 01 Jul 2025 12:01:00 +0200\r
\r
--=_4Zk9x1ourexample_000000000000feed\r
Content-Type: text/rfc822-headers\r
\r
Subject: hello\r
\r
--=_4Zk9x1ourexample_000000000000feed--\r
";
    assert_eq!(text(&report(Kind::Failed), "Subject: hello\r\n"), want);
}

/// Register: 3464-2.3.4-b, 3464-2.3.9-a, 3464-2.3.9-b, 3461-6.2-d.
#[test]
fn delayed() {
    let mut late = report(Kind::Delayed);
    late.recipients[0].action = Action::Delayed;
    late.recipients[0].status = EnhancedStatus::transient(Topic(4, 1));
    late.recipients[0].diagnostic = None;
    late.recipients[0].remote_mta = None;
    late.recipients[0].explanation = "No host could be reached.".to_owned();
    late.recipients[0].will_retry_until = Some(late.arrival + Duration::from_secs(5 * 86_400));
    let whole = text(&late, "Subject: hello\r\n");
    for wanted in [
        "Subject: Your message is delayed (we keep trying)\r\n",
        "YOU DO NOT NEED TO DO ANYTHING",
        "I will keep trying until Sun, 06 Jul 2025 12:00:00 +0200.",
        "Action: delayed\r\nStatus: 4.4.1\r\n",
        "Will-Retry-Until: Sun, 06 Jul 2025 12:00:00 +0200\r\n",
    ] {
        assert!(whole.contains(wanted), "{wanted} in\n{whole}");
    }
    for unwanted in ["What to do", "Remote-MTA", "Diagnostic-Code"] {
        assert!(!whole.contains(unwanted), "{unwanted} in\n{whole}");
    }
    late.kind = Kind::Failed;
    assert!(!text(&late, "").contains("Will-Retry-Until"));
}

/// Fields of the part for programs that are registered and that we write; nothing here is a gateway.
const PER_MESSAGE: &[&str] =
    &["Original-Envelope-Id", "Reporting-MTA", "Received-From-MTA", "Arrival-Date"];
const PER_RECIPIENT: &[&str] = &[
    "Original-Recipient",
    "Final-Recipient",
    "Action",
    "Status",
    "Remote-MTA",
    "Diagnostic-Code",
    "Last-Attempt-Date",
    "Final-Log-ID",
    "Will-Retry-Until",
    "Localized-Diagnostic",
];

/// Each field of a group is one of `known`, and stands there once.
fn check_fields(group: &str, known: &[&str]) {
    let mut left = known.to_vec();
    for field in Fields::new(group.as_bytes()) {
        let at = left.iter().position(|name| field.is(name));
        left.remove(at.unwrap_or_else(|| panic!("a field too many in {group}")));
    }
}

/// What others say cannot break a line, a field or a part; no octet above 127, no line over 998.
///
/// Register: 3464-2.1-a, 3464-2.3.2-c, 3464-2.2-a, 3464-2.2.3-a, 3464-2.4-a.
#[test]
fn hostile_text() {
    let mut bad = report(Kind::Failed);
    let evil = "x\r\nStatus: 2.0.0\r\n\r\n--=_4Zk9x1ourexample_000000000000feed--\r\n \u{e9}\0";
    let long = "y".repeat(5000);
    bad.message_id = evil.to_owned();
    bad.envelope_id = Some(evil.to_owned());
    for said in [evil, &long] {
        let mut one = recipient("\"a b\\\\c\"@dest.example");
        one.original_recipient = Some(original("rfc822", said));
        one.remote_mta = Some(said.to_owned());
        one.explanation = said.to_owned();
        one.diagnostic = Some(Diagnostic::Text(said.to_owned()));
        bad.recipients.push(one.clone());
        one.diagnostic = Some(Diagnostic::Smtp(Reply::new(550, Topic(1, 1), said.to_owned())));
        bad.recipients.push(one);
    }
    let whole = text(&bad, "Subject: hello\r\n");
    assert!(whole.is_ascii());
    assert!(
        whole.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0']))
    );
    let parts = parts(&bad, &whole);
    let kinds: Vec<_> = parts.iter().map(|(kind, _)| kind.as_str()).collect();
    let want = ["text/plain; charset=us-ascii", "message/delivery-status", "text/rfc822-headers"];
    assert_eq!(kinds, want);
    let groups: Vec<_> = parts[1].1.split("\r\n\r\n").collect();
    assert_eq!(groups.len(), 1 + bad.recipients.len());
    check_fields(groups[0], PER_MESSAGE);
    for group in &groups[1..] {
        check_fields(group, PER_RECIPIENT);
        let statuses = Fields::new(group.as_bytes()).filter(|field| field.is("Status")).count();
        assert_eq!(statuses, 1, "{group}");
    }
}

/// Register: 3461-6.3-a, 3461-6.3-b, 3461-6.3-d, 3461-6.3-e, 3461-6.3-l, 3464-2.2.1-a, 3464-2.2.1-b,
/// 3464-2.2.1-c, 3464-2.1.2-a, 3464-2.3.1-a, 3464-2.3.5-a, 3464-2.3.7-a, 3464-3-b.
#[test]
fn only_what_is_known() {
    let mut told = report(Kind::Failed);
    told.reporting_mta = "laptop".parse().unwrap();
    told.envelope_id = Some("Id+With Case".to_owned());
    told.recipients[0].original_recipient = Some(original("rfc822", "Old+2B@x.example"));
    told.recipients[0].final_recipient = ForwardPath::Postmaster;
    let whole = text(&told, "");
    for wanted in [
        "Reporting-MTA: x-local-hostname; laptop\r\n",
        "Original-Envelope-Id: Id+With Case\r\n",
        "Original-Recipient: rfc822;Old+@x.example\r\nFinal-Recipient: rfc822; postmaster\r\n",
    ] {
        assert!(whole.contains(wanted), "{wanted} in\n{whole}");
    }
    let mut untold = report(Kind::Failed);
    untold.recipients[0].remote_mta = None;
    untold.recipients[0].diagnostic = None;
    untold.recipients[0].last_attempt = None;
    let whole = text(&untold, "");
    let fields =
        ["Original-Envelope-Id", "Original-Recipient", "Remote-MTA", "Diagnostic", "Last-Attempt"];
    for unwanted in fields {
        assert!(!whole.contains(unwanted), "{unwanted} in\n{whole}");
    }
}

/// What is returned comes back octet for octet, and is labelled by what it is.
///
/// Register: 6522-4-a, 6522-4-b, 3461-6.2-b, 3461-6.2-c, 3461-6.2-d, 3461-6.2-e, 6522-3-d, 6522-3-f,
/// 3461-4.3-b, 3461-4.3-c.
#[test]
fn returned_content() {
    let rows = [
        (Kind::Failed, 1000, None, Returned::Full),
        (Kind::Failed, RETURN_WHOLE_MAX, None, Returned::Full),
        (Kind::Failed, RETURN_WHOLE_MAX + 1, None, Returned::Headers),
        (Kind::Failed, RETURN_WHOLE_MAX + 1, Some(Return::Full), Returned::Full),
        (Kind::Failed, RETURN_ASKED_MAX + 1, Some(Return::Full), Returned::Headers),
        (Kind::Failed, 1000, Some(Return::Headers), Returned::Headers),
        (Kind::Delayed, 1000, None, Returned::Headers),
        (Kind::Delayed, 1000, Some(Return::Full), Returned::Headers),
        (Kind::Done, 1000, Some(Return::Full), Returned::Headers),
    ];
    for (kind, len, ret, want) in rows {
        assert_eq!(Returned::choose(kind, len, ret), want);
    }
    for content in ["A: 1\r\n\r\nbody\r\n", "A: 1\r\n\r\nno end", "A: 1\r\n\r\n\r\n\r\n"] {
        let mut whole_message = report(Kind::Failed);
        whole_message.returned = Returned::Full;
        let whole = text(&whole_message, content);
        let parts = parts(&whole_message, &whole);
        assert_eq!(parts[2], ("message/rfc822".to_owned(), content.to_owned()));
    }
    let mut eight_bit = report(Kind::Failed);
    eight_bit.eight_bit = true;
    let whole = text(&eight_bit, "Subject: \u{e9}\r\n");
    assert_eq!(whole.matches("Content-Transfer-Encoding: 8bit\r\n").count(), 2);
    assert!(eight_bit.head().is_ascii());
}

#[test]
fn headers_are_cut_after_a_line() {
    assert_eq!(cut_headers(b"A: 1\r\n"), b"A: 1\r\n");
    let long = "A: 12345\r\n".repeat(10_000);
    let cut = cut_headers(long.as_bytes());
    assert!(cut.ends_with(b"\r\n") && cut.len() <= RETURN_HEADERS_MAX);
    assert!(cut.len() > RETURN_HEADERS_MAX - 10);
    assert_eq!(cut_headers(&[b'x'; 100_000]), b"");
}

/// Many recipients are one report. Register: 5321-4.4-v, 5321-4.4-w, 3464-2-g, 3464-2-h.
#[test]
fn many_recipients() {
    let mut many = report(Kind::Failed);
    many.recipients = (0..1000).map(|n| recipient(&format!("user{n}@dest.example"))).collect();
    let whole = text(&many, "");
    assert_eq!(whole.matches("Final-Recipient:").count(), 1000);
    assert!(whole.contains("And 950 more;"));
}

/// Every advice is a whole paragraph.
#[test]
fn advice() {
    for topic in [(0, 0), (1, 1), (1, 10), (2, 2), (3, 4), (4, 1), (4, 6), (6, 3), (7, 1), (9, 9)] {
        let mut one = report(Kind::Failed);
        one.recipients[0].status = EnhancedStatus::permanent(Topic(topic.0, topic.1));
        assert!(text(&one, "").contains("    What to do: "), "{topic:?}");
    }
}

/// Reports of success: what was asked for, nothing to be done.
///
/// Register: 3464-2.3.3-a, 3461-6.2-d.
#[test]
fn done() {
    let mut done = report(Kind::Done);
    done.recipients[0].action = Action::Delivered;
    done.recipients[0].status = EnhancedStatus::success(Topic(0, 0));
    done.recipients[0].diagnostic = None;
    done.recipients[0].remote_mta = None;
    done.recipients[0].explanation = "The message is in the mailbox.".to_owned();
    let whole = text(&done, "Subject: hello\r\n");
    for wanted in [
        "Subject: Your message has been delivered\r\n",
        "<Bob@dest.example>\r\n    The message is in the mailbox.\r\n\r\n",
        "Action: delivered\r\nStatus: 2.0.0\r\nLast-Attempt-Date:",
    ] {
        assert!(whole.contains(wanted), "{wanted} in\n{whole}");
    }
    assert!(!whole.contains("What to do"), "{whole}");
    let mut relayed = recipient("eve@far.example");
    relayed.action = Action::Relayed;
    done.recipients.push(relayed);
    let whole = text(&done, "");
    for wanted in
        ["Subject: Your message is on its way\r\n", "Action: relayed\r\n", "sends no reports"]
    {
        assert!(whole.contains(wanted), "{wanted} in\n{whole}");
    }
}

/// Where the message came from, and until when it was to be held.
///
/// Register: 3464-2.2.4-a, 3464-2.2.4-b.
#[test]
fn facts_of_the_message() {
    let mut told = report(Kind::Failed);
    told.received_from = Some("Ehlo.Example\r\n ([192.0.2.1])".to_owned());
    told.hold = Some(Hold::For(3600));
    let whole = text(&told, "");
    let wanted = "Received-From-MTA: dns; Ehlo.Example?? ([192.0.2.1])\r\nArrival-Date: Tue, 01 Jul \
                  2025 12:00:00 +0200\r\nFuture-Release-Request: for;3600\r\n";
    assert!(whole.contains(wanted), "{whole}");
    told.hold = Some(Hold::Until(UNIX_EPOCH + Duration::from_secs(1_751_364_000)));
    assert!(text(&told, "").contains("Future-Release-Request: until;2025-07-01T10:00:00Z\r\n"));
}

fn beyond_ascii(to: &str) -> Report {
    let mut told = report(Kind::Failed);
    told.to = Mailbox::parse_utf8(to).unwrap();
    told.recipients[0].final_recipient = ForwardPath::parse_utf8("<用@例え.example>").unwrap();
    told.recipients[0].original_recipient = Some(original("utf-8", "\\x{7528}@b.example"));
    told.recipients[0].diagnostic =
        Some(Diagnostic::Smtp(Reply::new(550, Topic(1, 1), "kein Büro")));
    told.global = true;
    told.eight_bit = true;
    told
}

/// A sender in ASCII gets a report that passes any host: only the words for people have 8 bits.
///
/// Register: 6533-3-c, 6533-4.5-a, 6533-4.4-b, 6532-3.7-b, 3464-2.1-a.
#[test]
fn beyond_ascii_to_an_ascii_sender() {
    for (returned, part) in
        [(Returned::Full, "message/global"), (Returned::Headers, "message/global-headers")]
    {
        let mut told = beyond_ascii("ann@home.example");
        told.returned = returned;
        assert!(!told.needs_utf8() && told.is_eight_bit());
        let header = "Subject: Grüße an alle, die diese lange Zeile lesen, und noch mehr\r\n";
        let mut enclosed = told.enclosed();
        let pieces = [&header[..10], &header[10..]].map(|piece| Bytes::from(piece.to_owned()));
        let mut octets: Vec<u8> =
            pieces.into_iter().flat_map(|piece| enclosed.feed(piece)).collect();
        octets.extend_from_slice(&enclosed.finish());
        let octets = String::from_utf8(octets).unwrap();
        let whole = text(&told, &octets);
        let parts = parts(&told, &whole);
        assert_eq!(parts[0].0, "text/plain; charset=utf-8");
        assert!(parts[0].1.contains("<用@例え.example>"), "{whole}");
        assert_eq!(parts[1].0, "message/delivery-status");
        assert!(parts[1].1.is_ascii());
        let fields = "Original-Recipient: utf-8;\\x{7528}@b.example\r\n\
                      Final-Recipient: utf-8; \\x{7528}@\\x{4F8B}\\x{3048}.example\r\n";
        assert!(parts[1].1.contains(fields), "{}", parts[1].1);
        assert_eq!(parts[2].0, part);
        assert!(whole.contains(&format!("{part}\r\nContent-Transfer-Encoding: base64\r\n")));
        use base64::Engine as _;
        let digits: String = parts[2].1.split("\r\n").collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(digits).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), header);
        assert!(parts[2].1.lines().all(|line| line.len() <= 76));
    }
}

/// A sender beyond ASCII gets the forms of RFC 6533.
///
/// Register: 6531-3.2-g, 6531-3.2-j, 6533-3-d, 6533-3-i, 6533-4.1-a, 6533-4.1-c, 6533-6.3-a,
/// 6533-6.4-a.
#[test]
fn beyond_ascii_to_a_sender_beyond_ascii() {
    let mut told = beyond_ascii("józef@dom.example");
    assert!(told.needs_utf8() && told.is_eight_bit());
    let whole = text(&told, "Subject: Grüße\r\n");
    assert!(whole.contains("To: <józef@dom.example>\r\n"));
    let parts = parts(&told, &whole);
    let kinds: Vec<_> = parts.iter().map(|(kind, _)| kind.as_str()).collect();
    let want =
        ["text/plain; charset=utf-8", "message/global-delivery-status", "message/global-headers"];
    assert_eq!(kinds, want);
    assert_eq!(whole.matches("Content-Transfer-Encoding: 8bit\r\n").count(), 4);
    for wanted in [
        "Original-Recipient: utf-8;用@b.example\r\n",
        "Final-Recipient: utf-8; 用@例え.example\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 kein Büro\r\n",
    ] {
        assert!(parts[1].1.contains(wanted), "{wanted} in\n{}", parts[1].1);
    }
    assert!(parts[2].1.contains("Grüße"));
    told.recipients[0].explanation = format!("\u{85}\u{2028}{}", "ü".repeat(3000));
    assert!(text(&told, "").split("\r\n").all(|line| line.len() <= 998));
}
