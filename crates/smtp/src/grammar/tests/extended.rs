//! What extensions add to the grammar: parameters, paths in UTF-8, sizes of chunks, names of queues.

use super::*;

/// The parameters of MAIL that extensions bring: what is kept of them, or why they are refused.
///
/// Register: 3461-4-a, 3461-4-b, 3461-4.3-a, 3461-4.4-a, 3461-4.4-b, 3461-4.5-b, 3461-5.1-c,
/// 3461-5.4-a, 3461-5.4-d, 2852-4-a, 4954-3-c, 4954-5-b, 6531-3.1-d, 6531-3.2-a, 8689-2-a,
/// 3030-3-j, 1870-6-a.
#[test]
fn parameters_of_mail() {
    use Fault::{Octets, Parameter, UnknownParameter};
    let long = |name: &str, octet: &str, count: usize| format!("{name}={}", octet.repeat(count));
    let most = long("ENVID", "a", 100);
    let more = long("ENVID", "a", 101);
    let most_shown = long("envid", "a", 100);
    let auth = format!("AUTH={}@b.example", "a".repeat(500));
    let rows: &[(&str, Result<&str, Fault>)] = &[
        ("RET=full ENVID=QQ+2B1", Ok("ret=Full envid=QQ+2B1")),
        ("RET=HDRS", Ok("ret=Headers")),
        ("ENVID=+41+42", Ok("envid=+41+42")),
        ("RET=foo", Err(Parameter)),
        ("RET", Err(Parameter)),
        ("RET=HDRS RET=FULL", Err(Parameter)),
        ("ENVID=", Err(Parameter)),
        ("ENVID", Err(Parameter)),
        ("ENVID=a ENVID=a", Err(Parameter)),
        ("ENVID=a+2b", Err(Parameter)),
        ("ENVID=a+", Err(Parameter)),
        ("ENVID=a+0D+0AMAIL", Err(Parameter)),
        ("ENVID=a+00", Err(Parameter)),
        ("ENVID=\u{e9}", Err(Parameter)),
        (&most, Ok(&most_shown)),
        (&more, Err(Parameter)),
        ("BY=120;R", Ok("by=120 Return")),
        ("by=+5;nt", Ok("by=5 Notify trace")),
        ("BY=-5;N", Ok("by=-5 Notify")),
        ("BY=999999999;RT", Ok("by=999999999 Return trace")),
        ("BY=0;R", Err(Parameter)),
        ("BY=-1;R", Err(Parameter)),
        ("BY=1000000000;R", Err(Parameter)),
        ("BY=120", Err(Parameter)),
        ("BY=120;X", Err(Parameter)),
        ("BY=;R", Err(Parameter)),
        ("BY=+-5;N", Err(Parameter)),
        ("HOLDFOR=60", Ok("hold=60s")),
        ("HOLDFOR=0", Err(Parameter)),
        ("HOLDFOR=-1", Err(Parameter)),
        ("HOLDUNTIL=2030-01-01T00:00:00Z", Ok("until=1893456000")),
        ("HOLDUNTIL=tomorrow", Err(Parameter)),
        ("HOLDFOR=60 HOLDUNTIL=2030-01-01T00:00:00Z", Err(Parameter)),
        ("HOLDFOR=60 BY=59;N", Err(Parameter)),
        ("HOLDFOR=60 BY=60;N", Ok("by=60 Notify hold=60s")),
        ("MT-PRIORITY=-9", Ok("priority=-9")),
        ("mt-priority=9", Ok("priority=9")),
        ("MT-PRIORITY=0", Ok("priority=0")),
        ("MT-PRIORITY=10", Err(Parameter)),
        ("MT-PRIORITY=+3", Err(Parameter)),
        ("MT-PRIORITY=-0", Err(Parameter)),
        ("MT-PRIORITY", Err(Parameter)),
        ("MT-PRIORITY=1 MT-PRIORITY=1", Err(Parameter)),
        ("REQUIRETLS", Ok("tls")),
        ("REQUIRETLS=x", Err(Parameter)),
        ("REQUIRETLS REQUIRETLS", Err(Parameter)),
        ("SMTPUTF8", Ok("utf8")),
        ("SMTPUTF8=1", Err(Parameter)),
        ("SMTPUTF8 SMTPUTF8", Err(Parameter)),
        ("AUTH=<>", Ok("auth=<>")),
        ("AUTH=e+3Dmc2@example.com", Ok("auth=e=mc2@example.com")),
        ("AUTH=a=b", Err(Parameter)),
        ("AUTH=nobody", Err(Parameter)),
        ("AUTH=a@b.example+0D+0AX", Err(Parameter)),
        ("AUTH=<> AUTH=<>", Err(Parameter)),
        ("AUTH=b+C3+BCcher@b.example", Err(Parameter)),
        ("SMTPUTF8 AUTH=b+C3+BCcher@b.example", Ok("utf8 auth=b\u{fc}cher@b.example")),
        (&auth, Err(Parameter)),
        ("BODY=BINARYMIME", Ok("Binary")),
        ("BODY=binarymime SIZE=10", Ok("Binary")),
        ("BODY=8BITMIME BODY=BINARYMIME", Err(Parameter)),
        ("NOTIFY=NEVER", Err(UnknownParameter)),
        ("TRANSID=1", Err(UnknownParameter)),
        ("SOLICIT=x", Err(UnknownParameter)),
        ("AVERYLONGKEYWORD=1", Err(UnknownParameter)),
        ("RET=FULL\u{7}", Err(Octets)),
        ("RET=FULL\u{85}", Err(Octets)),
    ];
    for (text, expected) in rows {
        let rest = format!(" FROM:<> {text}");
        let found = mail(rest.as_bytes(), Sender::Server, &Extensions::ALL);
        let found = found.map(|(_, parameters)| shown(&parameters));
        assert_eq!(found.as_deref().map_err(|fault| *fault), *expected, "{text}");
        let least = mail(rest.as_bytes(), Sender::Server, &Extensions::NONE);
        assert!(least.is_err(), "{text} is taken though nothing is offered");
    }
}

/// What was said, as a row of a table.
fn shown(parameters: &MailParameters) -> String {
    use mail::envelope::{AuthSender, Hold};
    let mut out = Vec::new();
    if parameters.utf8 {
        out.push("utf8".to_owned());
    }
    if parameters.body != BodyType::SevenBit {
        out.push(format!("{:?}", parameters.body));
    }
    out.extend(parameters.ret.map(|ret| format!("ret={ret:?}")));
    out.extend(parameters.envelope_id.as_ref().map(|id| format!("envid={id}")));
    out.extend(parameters.auth.as_ref().map(|auth| match auth {
        AuthSender::Unknown => "auth=<>".to_owned(),
        AuthSender::Mailbox(mailbox) => format!("auth={mailbox}"),
    }));
    out.extend(parameters.deliver_by.map(|by| {
        let trace = if by.trace { " trace" } else { "" };
        format!("by={} {:?}{trace}", by.seconds, by.mode)
    }));
    out.extend(parameters.hold.map(|hold| match hold {
        Hold::For(seconds) => format!("hold={seconds}s"),
        Hold::Until(moment) => {
            let since = moment.duration_since(std::time::SystemTime::UNIX_EPOCH);
            format!("until={}", since.unwrap().as_secs())
        }
    }));
    out.extend(parameters.priority.map(|priority| format!("priority={priority}")));
    if parameters.require_tls {
        out.push("tls".to_owned());
    }
    out.join(" ")
}

/// Register: 3461-4.1-b, 3461-4.2-e, 3461-4.2-f, 3461-4.5-c, 3461-5.1-f, 3461-5.4-a, 3461-5.4-c.
#[test]
fn parameters_of_recipients() {
    use Fault::{Parameter, UnknownParameter};
    let most = format!("ORCPT=rfc822;{}", "a".repeat(493));
    let more = format!("ORCPT=rfc822;{}", "a".repeat(494));
    let rows: &[(&str, Result<&str, Fault>)] = &[
        ("NOTIFY=NEVER", Ok("---")),
        ("NOTIFY=success,Delay", Ok("s-d")),
        ("NOTIFY=SUCCESS,FAILURE,DELAY", Ok("sfd")),
        ("NOTIFY=never,success", Err(Parameter)),
        ("NOTIFY=SUCCESS,", Err(Parameter)),
        ("NOTIFY=sometimes", Err(Parameter)),
        ("NOTIFY", Err(Parameter)),
        ("NOTIFY=NEVER NOTIFY=NEVER", Err(Parameter)),
        ("ORCPT=rfc822;Bob+40b.example", Ok("rfc822;Bob+40b.example")),
        ("ORCPT=X400;not-an-address", Ok("X400;not-an-address")),
        ("ORCPT=rfc822;a+0Ab", Err(Parameter)),
        ("ORCPT=rfc822;a+40B+0d", Err(Parameter)),
        ("ORCPT=rfc822;", Err(Parameter)),
        ("ORCPT=;a", Err(Parameter)),
        ("ORCPT=rfc822", Err(Parameter)),
        ("ORCPT=rfc(822);a", Err(Parameter)),
        ("ORCPT=rfc822;a ORCPT=rfc822;a", Err(Parameter)),
        ("ORCPT=rfc822;\u{fc}@b.example", Err(Parameter)),
        ("ORCPT=utf-8;\u{fc}@b.example", Ok("utf-8;\u{fc}@b.example")),
        (r"ORCPT=UTF-8;\x{FC}@b.example", Ok(r"UTF-8;\x{FC}@b.example")),
        ("ORCPT=utf-8;a+40b.example", Ok("utf-8;a+40b.example")),
        (r"ORCPT=utf-8;\x{FC", Err(Parameter)),
        (r"ORCPT=utf-8;\x{fc}", Err(Parameter)),
        (r"ORCPT=utf-8;\x{D800}", Err(Parameter)),
        ("ORCPT=utf-8;a+4", Err(Parameter)),
        ("ORCPT=utf-8;a+\u{fc}\u{fc}", Err(Parameter)),
        (&most, Ok(&most[6..])),
        (&more, Err(Parameter)),
        ("RET=FULL", Err(UnknownParameter)),
        ("RRVS=2014-04-03T23:01:00Z", Err(UnknownParameter)),
    ];
    for (text, expected) in rows {
        let rest = format!(" TO:<a@b.example> {text}");
        let found = recipient(rest.as_bytes(), Sender::Server, &Extensions::ALL, false);
        let found = found.map(|(_, parameters)| match (parameters.notify, parameters.original) {
            (_, Some(original)) => format!("{};{}", original.address_type, original.address),
            (Some(notify), None) => {
                let letter = |set, letter| if set { letter } else { '-' };
                let (s, f) = (letter(notify.success, 's'), letter(notify.failure, 'f'));
                format!("{s}{f}{}", letter(notify.delay, 'd'))
            }
            (None, None) => String::new(),
        });
        assert_eq!(found.as_deref().map_err(|fault| *fault), *expected, "{text}");
    }
}

/// Paths in the letters of all languages, with the parameter and without.
///
/// Register: 6531-3.2-a, 6531-3.2-l, 6531-3.3-a.
#[test]
fn paths_in_utf8() {
    let not_ascii = Err(Fault::Path(AddressError::NotAscii));
    let rows: &[(&[u8], Result<&str, Fault>)] = &[
        (" FROM:<jörg@bücher.example> SMTPUTF8".as_bytes(), Ok("<jörg@bücher.example>")),
        (" FROM:<\"jörg m\"@b.example> SMTPUTF8".as_bytes(), Ok("<\"jörg m\"@b.example>")),
        // Combining marks stay as they came.
        (" FROM:<jo\u{308}rg@b.example> SMTPUTF8".as_bytes(), Ok("<jo\u{308}rg@b.example>")),
        (" FROM:<a@b.example> SMTPUTF8".as_bytes(), Ok("<a@b.example>")),
        (" FROM:<jörg@b.example>".as_bytes(), not_ascii),
        (" FROM:<a@bücher.example>".as_bytes(), not_ascii),
        (" FROM:<j\u{85}@b.example> SMTPUTF8".as_bytes(), Err(Fault::Octets)),
        // Overlong, cut and surrogate forms are no UTF-8.
        (b" FROM:<a\xc0\x80@b.example> SMTPUTF8", Err(Fault::Octets)),
        (b" FROM:<a\xc3@b.example> SMTPUTF8", Err(Fault::Octets)),
        (b" FROM:<a\xed\xa0\x80@b.example> SMTPUTF8", Err(Fault::Octets)),
        (b" FROM:<a\xc0\xbe SIZE=1@b.example> SMTPUTF8", Err(Fault::Octets)),
    ];
    for (rest, expected) in rows {
        let found = mail(rest, Sender::Server, &Extensions::ALL).map(|(path, _)| path.to_string());
        let expected = expected.map(str::to_owned);
        assert_eq!(found, expected, "{}", rest.escape_ascii());
    }
}

/// Register: 3030-2-b, 3030-2-c.
#[test]
fn chunk_sizes() {
    for (rest, expected) in [
        (" 86", Some((86, false))),
        (" 0 LAST", Some((0, true))),
        ("  00086  last ", Some((86, true))),
        (" 9223372036854775808", Some((1 << 63, false))),
        (" 99999999999999999999", Some((u64::MAX, false))),
        (" 999999999999999999999", None),
        ("", None),
        (" LAST", None),
        (" -1", None),
        (" +1", None),
        (" 0x10", None),
        (" 1 FIRST", None),
        (" 1 LAST LAST", None),
    ] {
        assert_eq!(chunk(rest.as_bytes()).ok(), expected, "{rest}");
    }
}

/// Register: 1985-5-b.
#[test]
fn releases() {
    let name = |text: &str| text.parse::<DomainName>().unwrap();
    for (rest, expected) in [
        (" host.example", Some(Release::Node(name("host.example")))),
        (" @example.net", Some(Release::Below(name("example.net")))),
        (" #uucp!1", Some(Release::Queue("uucp!1".to_owned()))),
        (" host", None),
        (" @", None),
        (" #", None),
        (" #a b", None),
        ("", None),
        (" a..b", None),
        (" [192.0.2.1]", None),
    ] {
        assert_eq!(release(rest.as_bytes()).ok(), expected, "{rest}");
    }
    assert_eq!(turn(b""), Ok(Vec::new()));
    assert_eq!(turn(b" a.example,b.example").map(|it| it.len()), Ok(2));
    assert_eq!(turn(b" a.example,,b.example"), Err(Fault::Argument));
    assert_eq!(turn(b" localhost"), Err(Fault::Argument));
}
