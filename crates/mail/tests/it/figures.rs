//! The letters that the standards print.

use mail::content::{Access, External, Kind, Letter, MediaType, Part, Role, view};

/// Media type, path and body of every entity without parts.
fn leaves(letter: &Letter<'_>) -> Vec<(String, Vec<usize>, String)> {
    let leaf = |part: &Part<'_, '_>| part.children().next().is_none();
    let shown = |part: Part<'_, '_>| {
        (
            part.media_type().to_string(),
            part.path(),
            String::from_utf8_lossy(part.raw_body()).into_owned(),
        )
    };
    letter.parts().filter(leaf).map(shown).collect()
}

fn check(letter: &str, want: &[(&str, &[usize], &str)]) {
    let letter = letter.replace('\n', "\r\n");
    let read = Letter::read(letter.as_bytes());
    let want: Vec<_> = want
        .iter()
        .map(|(media, path, body)| ((*media).to_owned(), path.to_vec(), body.replace('\n', "\r\n")))
        .collect();
    assert_eq!(leaves(&read), want, "{letter}");
    assert!(read.defects().is_empty(), "{}", read.defects());
}

/// RFC 2046 §5.1.1, and RFC 1521 §7.2.1 before it: two parts, with and without a line break at the
/// end.
#[test]
fn simple_multipart() {
    check(
        "From: Nathaniel Borenstein <nsb@bellcore.com>\nTo:  Ned Freed <ned@innosoft.com>\n\
         Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)\nSubject: Sample message\nMIME-Version: 1.0\n\
         Content-type: multipart/mixed; boundary=\"simple boundary\"\n\n\
         This is the preamble.  It is to be ignored, though it\nis a handy place for composition agents to include an\n\
         explanatory note to non-MIME conformant readers.\n\n--simple boundary\n\n\
         This is implicitly typed plain US-ASCII text.\nIt does NOT end with a linebreak.\n--simple boundary\n\
         Content-type: text/plain; charset=us-ascii\n\nThis is explicitly typed plain US-ASCII text.\n\
         It DOES end with a linebreak.\n\n--simple boundary--\n\nThis is the epilogue.  It is also to be ignored.\n",
        &[
            (
                "text/plain",
                &[1],
                "This is implicitly typed plain US-ASCII text.\nIt does NOT end with a linebreak.",
            ),
            (
                "text/plain",
                &[2],
                "This is explicitly typed plain US-ASCII text.\nIt DOES end with a linebreak.\n",
            ),
        ],
    );
}

/// RFC 2046 §5.1.4. Register: 2046-5.1.4-b.
#[test]
fn alternatives() {
    let letter = "From: Nathaniel Borenstein <nsb@bellcore.com>\nTo: Ned Freed <ned@innosoft.com>\n\
        Date: Mon, 22 Mar 1993 09:41:09 -0800 (PST)\nSubject: Formatted text mail\nMIME-Version: 1.0\n\
        Content-Type: multipart/alternative; boundary=boundary42\n\n--boundary42\n\
        Content-Type: text/plain; charset=us-ascii\n\n  ... plain text version of message goes here ...\n\n\
        --boundary42\nContent-Type: text/enriched\n\n  ... RFC 1896 text/enriched version of same message\n\
        \x20     goes here ...\n\n--boundary42\nContent-Type: application/x-whatever\n\n\
        \x20 ... fanciest version of same message goes here ...\n\n--boundary42--\n";
    let letter = Letter::read(letter.as_bytes());
    let shown = |can: fn(&MediaType) -> bool| -> Vec<_> {
        view(&letter, can).iter().map(|item| item.part.media_type().to_string()).collect()
    };
    assert_eq!(shown(|_| false), ["text/enriched"]);
    assert_eq!(shown(|media| media.is("application", "x-whatever")), ["application/x-whatever"]);
}

/// RFC 2046 §5.1.5: a digest in a letter, with boundaries that are dashes and blanks.
#[test]
fn digest() {
    let letter = "From: Moderator-Address\nTo: Recipient-List\nDate: Mon, 22 Mar 1994 13:34:51 +0000\n\
        Subject: Internet Digest, volume 42\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n\
        \x20             boundary=\"---- main boundary ----\"\n\n------ main boundary ----\n\n\
        \x20 ...Introductory text or table of contents...\n\n------ main boundary ----\n\
        Content-Type: multipart/digest;\n              boundary=\"---- next message ----\"\n\n\
        ------ next message ----\n\nFrom: someone-else\nDate: Fri, 26 Mar 1993 11:13:32 +0200\nSubject: my opinion\n\n\
        \x20 ...body goes here ...\n\n------ next message ----\n\nFrom: someone-else-again\n\
        Date: Fri, 26 Mar 1993 10:07:13 -0500\nSubject: my different opinion\n\n  ... another body goes here ...\n\n\
        ------ next message ------\n\n------ main boundary ------\n";
    check(
        letter,
        &[
            ("text/plain", &[1], "  ...Introductory text or table of contents...\n"),
            ("text/plain", &[2, 1, 1], "  ...body goes here ...\n"),
            ("text/plain", &[2, 2, 1], "  ... another body goes here ...\n"),
        ],
    );
    let read = Letter::read(letter.as_bytes());
    let messages: Vec<_> = view(&read, |_| false)
        .iter()
        .filter(|item| item.role == Role::Message)
        .map(|item| item.part.head().subject().unwrap().text)
        .collect();
    assert_eq!(messages, ["my opinion", "my different opinion"]);
    assert_eq!(read.head().addresses("From").to_string(), "Moderator-Address");
}

/// RFC 2049 Appendix A: five parts, one of them two to be shown at once.
#[test]
fn complex_multipart() {
    check(
        "MIME-Version: 1.0\nFrom: Nathaniel Borenstein <nsb@nsb.fv.com>\nTo: Ned Freed <ned@innosoft.com>\n\
         Date: Fri, 07 Oct 1994 16:15:05 -0700 (PDT)\nSubject: A multipart example\n\
         Content-Type: multipart/mixed;\n              boundary=unique-boundary-1\n\n\
         This is the preamble area of a multipart message.\n\n--unique-boundary-1\n\n\
         \x20 ... Some text appears here ...\n\n--unique-boundary-1\nContent-type: text/plain; charset=US-ASCII\n\n\
         This could have been part of the previous part.\n\n--unique-boundary-1\n\
         Content-Type: multipart/parallel; boundary=unique-boundary-2\n\n--unique-boundary-2\n\
         Content-Type: audio/basic\nContent-Transfer-Encoding: base64\n\nAAAA\n\n--unique-boundary-2\n\
         Content-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\n/9j/\n\n--unique-boundary-2--\n\n\
         --unique-boundary-1\nContent-type: text/enriched\n\n\
         This is <bold><italic>enriched.</italic></bold>\n<smaller>as defined in RFC 1896</smaller>\n\n\
         Isn't it\n<bigger><bigger>cool?</bigger></bigger>\n\n--unique-boundary-1\nContent-Type: message/rfc822\n\n\
         From: (mailbox in US-ASCII)\nTo: (address in US-ASCII)\nSubject: (subject in US-ASCII)\n\
         Content-Type: Text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: Quoted-printable\n\n\
         \x20 ... Additional text in =\nISO-8859-1: =E9 goes here ...\n\n--unique-boundary-1--\n",
        &[
            ("text/plain", &[1], "  ... Some text appears here ...\n"),
            ("text/plain", &[2], "This could have been part of the previous part.\n"),
            ("audio/basic", &[3, 1], "AAAA\n"),
            ("image/jpeg", &[3, 2], "/9j/\n"),
            (
                "text/enriched",
                &[4],
                "This is <bold><italic>enriched.</italic></bold>\n<smaller>as defined in RFC 1896</smaller>\n\n\
                 Isn't it\n<bigger><bigger>cool?</bigger></bigger>\n",
            ),
            ("text/plain", &[5, 1], "  ... Additional text in =\nISO-8859-1: =E9 goes here ...\n"),
        ],
    );
    let enriched = "Content-type: text/enriched\n\nThis is <bold><italic>enriched.</italic></bold>\n\
        <smaller>as defined in RFC 1896</smaller>\n\nIsn't it\n<bigger><bigger>cool?</bigger></bigger>\n";
    let text = Letter::read(enriched.as_bytes()).root().text();
    assert_eq!(text, "This is enriched. as defined in RFC 1896\nIsn't it cool?\n");
    let latin = "Content-Type: Text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: Quoted-printable\n\n\
        in =\nISO-8859-1: =E9\n";
    assert_eq!(Letter::read(latin.as_bytes()).root().text(), "in ISO-8859-1: é\n");
}

/// A multipart/mixed letter with an alternative of two bodies that are elsewhere.
#[test]
fn alternative_of_two_external_bodies() {
    let letter = "From: Whomever\nTo: Someone\nSubject: whatever\nMIME-Version: 1.0\nMessage-ID: <id1@host.com>\n\
        Content-Type: multipart/mixed; boundary=outer\n\n--outer\n\nThe paper is here:\n\n--outer\n\
        Content-Type: multipart/alternative; boundary=42\nContent-ID: <id001@guppylake.bellcore.com>\n\n--42\n\
        Content-Type: message/external-body; name=\"BodyFormats.ps\";\n\
        \x20             site=\"thumper.bellcore.com\"; mode=\"image\";\n              access-type=ANON-FTP; directory=\"pub\";\n\
        \x20             expiration=\"Fri, 14 Jun 1991 19:13:14 -0400 (EDT)\"\n\n\
        Content-type: application/postscript\nContent-ID: <id42@guppylake.bellcore.com>\n\n--42\n\
        Content-Type: message/external-body; access-type=mail-server;\n              server=\"listserv@bogus.bitnet\";\n\
        \x20             expiration=\"Fri, 14 Jun 1991 19:13:14 -0400 (EDT)\"\n\n\
        Content-type: application/postscript\nContent-ID: <id42@guppylake.bellcore.com>\n\nget RFC-MIME.DOC\n\n--42--\n\
        --outer--\n";
    let letter = Letter::read(letter.as_bytes());
    assert!(letter.defects().is_empty());
    let alternative = letter.root().children().nth(1).unwrap();
    assert_eq!(alternative.kind(), Kind::Alternative);
    let ways: Vec<_> = alternative.children().map(|part| External::of(&part).unwrap()).collect();
    assert!(matches!(&ways[0].access, Access::Ftp { site, .. } if site == "thumper.bellcore.com"));
    assert!(matches!(&ways[1].access, Access::MailServer { .. }));
    assert_eq!(ways[1].phantom, b"get RFC-MIME.DOC\n");
    assert!(ways.iter().all(|way| way.media_type().is("application", "postscript")));
    // Where neither can be shown in place, one way is offered, and the text before it.
    let roles: Vec<_> = view(&letter, |_| false).iter().map(|item| item.role).collect();
    assert_eq!(roles, [Role::Text, Role::External]);
}

/// RFC 5322 Appendix A.1.1 to A.6.3: headers, read.
#[test]
fn headers_of_the_standard() {
    let rows = [
        (
            "From: John Doe <jdoe@machine.example>\nSender: Michael Jones <mjones@machine.example>\n\
             To: Mary Smith <mary@example.net>\nSubject: Saying Hello\nDate: Fri, 21 Nov 1997 09:55:06 -0600\n\
             Message-ID: <1234@local.machine.example>\n",
            "John Doe <jdoe@machine.example>",
            "Mary Smith <mary@example.net>",
            880_127_706,
            "1234@local.machine.example",
        ),
        (
            "From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\n\
             To:A Group(Some people)\n     :Chris Jones <c@(Chris's host.)public.example>,\n\
             \x20        joe@example.org,\n  John <jdoe@one.test> (my dear friend); (the end of the group)\n\
             Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\n\
             Date: Thu,\n      13\n        Feb\n          1969\n      23:32\n               -0330 (Newfoundland Time)\n\
             Message-ID:              <testabcd.1234@silly.test>\n",
            "Pete <pete@silly.test>",
            "A Group: Chris Jones <c@public.example>, joe@example.org, John <jdoe@one.test>;",
            -27_723_480,
            "testabcd.1234@silly.test",
        ),
        (
            "From: Joe Q. Public <john.q.public@example.com>\nTo: Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example\n\
             Date: Tue, 1 Jul 2003 10:52:37 +0200\nMessage-ID: <5678.21-Nov-1997@example.com>\n",
            "\"Joe Q. Public\" <john.q.public@example.com>",
            "Mary Smith <mary@example.net>, jdoe@test.example",
            1_057_049_557,
            "5678.21-Nov-1997@example.com",
        ),
        (
            "From  : John Doe  <jdoe@machine(comment).  example>\nTo    : Mary Smith\n__\n          <mary@example.net>\n\
             Subject     : Saying Hello\nDate  : Fri, 21 Nov 1997 09(comment):   55  :  06 -0600\n\
             Message-ID  : <1234   @   local(blah)  .machine .example>\n",
            "John Doe <jdoe@machine.example>",
            "Mary Smith <mary@example.net>",
            880_127_706,
            "1234@local.machine.example",
        ),
    ];
    for (head, from, to, date, id) in rows {
        // The standard prints a line of two blanks as two underscores.
        let letter = format!(
            "{}\r\n\r\nbody\r\n",
            head.trim_end().replace("__", "  ").replace('\n', "\r\n")
        );
        let letter = Letter::read(letter.as_bytes());
        let head = letter.head();
        assert_eq!(head.addresses("From").to_string(), from);
        assert_eq!(head.addresses("To").to_string(), to);
        assert_eq!(head.date("Date").unwrap().seconds, date);
        assert_eq!(head.message_id().unwrap().as_str(), id);
        assert_eq!(letter.root().raw_body(), b"body\r\n");
    }
}

/// RFC 6522 §3 and RFC 3464 Appendix A: a report.
#[test]
fn report() {
    check(
        "Date: Thu, 7 Jul 1994 17:16:05 -0400\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@CS.UTK.EDU>\n\
         Message-Id: <199407072116.RAA14128@CS.UTK.EDU>\nSubject: Returned mail: Cannot send message for 5 days\n\
         To: <owner-info-mime@cs.utk.edu>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n      boundary=\"RAA14128.773615765/CS.UTK.EDU\"\n\n\
         --RAA14128.773615765/CS.UTK.EDU\n\nThe original message was received at Sat, 2 Jul 1994 17:10:28 -0400\n\n\
         --RAA14128.773615765/CS.UTK.EDU\ncontent-type: message/delivery-status\n\n\
         Reporting-MTA: dns; cs.utk.edu\n\nFinal-Recipient: rfc822;louisl@larry.slip.umd.edu\nAction: failed\nStatus: 4.0.0\n\n\
         --RAA14128.773615765/CS.UTK.EDU\ncontent-type: message/rfc822\n\nSubject: original\n\ntext\n\
         --RAA14128.773615765/CS.UTK.EDU--\n",
        &[
            (
                "text/plain",
                &[1],
                "The original message was received at Sat, 2 Jul 1994 17:10:28 -0400\n",
            ),
            (
                "message/delivery-status",
                &[2],
                "Reporting-MTA: dns; cs.utk.edu\n\nFinal-Recipient: rfc822;louisl@larry.slip.umd.edu\nAction: failed\nStatus: 4.0.0\n",
            ),
            ("text/plain", &[3, 1], "text"),
        ],
    );
}
