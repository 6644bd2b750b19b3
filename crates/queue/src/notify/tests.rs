use std::time::UNIX_EPOCH;

use mail::Xtext;
use mail::envelope::OriginalRecipient;

use super::*;

const NEVER: Option<Notify> = Some(Notify::NEVER);
const SUCCESS: Option<Notify> = Some(Notify { success: true, failure: false, delay: false });
const FAILURE: Option<Notify> = Some(Notify { success: false, failure: true, delay: false });
const DELAY: Option<Notify> = Some(Notify { success: false, failure: false, delay: true });
const ALL: Option<Notify> = Some(Notify { success: true, failure: true, delay: true });
const ASKED: [Option<Notify>; 6] = [None, NEVER, SUCCESS, FAILURE, DELAY, ALL];

const BEYOND: Event = Event::Relayed(Onward { dsn: false, deliver_by: false });
const ON: Event = Event::Relayed(Onward { dsn: true, deliver_by: false });

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_750_000_000 + seconds)
}

fn by(seconds: i64, mode: LateMode, trace: bool) -> DeliverBy {
    DeliverBy { seconds, mode, trace }
}

/// The whole table of RFC 3461 §5.2: an event, and who is told of it with no NOTIFY, NEVER, SUCCESS,
/// FAILURE, DELAY, and all three.
///
/// Register: 3461-4.1-c, 3461-4.1-d, 3461-5.2.2-b, 3461-5.2.2-c, 3461-5.2.2-d, 3461-5.2.2-f,
/// 3461-5.2.2-g, 3461-5.2.3-a, 3461-5.2.3-b, 3461-5.2.5-a, 3461-5.2.5-b, 3461-5.2.6-a, 3461-5.2.6-b,
/// 3461-5.2.6-c, 3461-5.2.7.1-a, 3461-5.2.7.3-a.
#[test]
fn table() {
    let rows: [(Event, Action, [bool; 6]); 6] = [
        (Event::Failed, Action::Failed, [true, false, false, true, false, true]),
        (Event::Delayed, Action::Delayed, [true, false, false, false, true, true]),
        (Event::Delivered, Action::Delivered, [false, false, true, false, false, true]),
        (BEYOND, Action::Relayed, [false, false, true, false, false, true]),
        (ON, Action::Relayed, [false; 6]),
        (Event::Expanded, Action::Expanded, [false, false, true, false, false, true]),
    ];
    for (event, action, told) in rows {
        for (notify, told) in ASKED.into_iter().zip(told) {
            let got = due(event, notify, None);
            assert_eq!(got.ok(), told.then_some(action), "{event:?} {notify:?}");
        }
    }
}

/// What a time to be there by adds: relaying is told of where a trace was asked for, and where the
/// next host knows nothing of the time; never to who wants to hear nothing.
///
/// Register: 2852-4.1.4.2-a, 3461-5.2.2-d.
#[test]
fn relaying_with_a_time() {
    let onward = |dsn, deliver_by| Event::Relayed(Onward { dsn, deliver_by });
    let rows: [(DeliverBy, Event, [bool; 6]); 7] = [
        (by(60, LateMode::Notify, true), onward(true, true), [true, false, true, true, true, true]),
        (by(60, LateMode::Return, true), onward(true, true), [true, false, true, true, true, true]),
        (
            by(60, LateMode::Notify, false),
            onward(false, false),
            [true, false, true, true, true, true],
        ),
        (
            by(60, LateMode::Notify, false),
            onward(true, false),
            [true, false, true, true, true, true],
        ),
        (by(60, LateMode::Notify, false), onward(true, true), [false; 6]),
        (by(60, LateMode::Return, false), onward(true, true), [false; 6]),
        (
            by(60, LateMode::Return, false),
            onward(false, true),
            [false, false, true, false, false, true],
        ),
    ];
    for (by, event, told) in rows {
        for (notify, told) in ASKED.into_iter().zip(told) {
            let got = due(event, notify, Some(by));
            assert_eq!(got.is_ok(), told, "{by:?} {event:?} {notify:?}");
        }
    }
}

/// What goes on with the mail.
///
/// Register: 3461-5.2.1-a, 3461-5.2.1-b, 3461-5.2.1-c, 3461-5.2.1-d, 3461-5.2.1-e, 3461-5.2.1-f,
/// 3461-5.2.1-g, 3461-5.2.7.1-b, 3461-5.2.7.2-b, 3461-5.2.7.3-a, 3461-4.2-c.
#[test]
fn parameters_that_go_on() {
    let full = MailParameters {
        ret: Some(Return::Full),
        envelope_id: Some(Xtext::encode(b"QQ+1")),
        deliver_by: Some(by(60, LateMode::Notify, false)),
        hold: Some(Hold::For(60)),
        priority: Some(3),
        ..MailParameters::default()
    };
    let onward = mail_parameters(&full, Way::Same);
    assert_eq!(onward, MailParameters { hold: None, ..full.clone() });
    assert_eq!(mail_parameters(&full, Way::Several), onward);
    let list = mail_parameters(&full, Way::List);
    assert_eq!((list.ret, list.envelope_id, list.deliver_by), (None, None, None));
    let none = MailParameters::default();
    assert_eq!(mail_parameters(&none, Way::Same), none);

    let original =
        OriginalRecipient { address_type: "RFC822".to_owned(), address: "Ann+40x.example".into() };
    for notify in ASKED {
        let came = RecipientParameters { notify, original: Some(original.clone()) };
        assert_eq!(recipient_parameters(&came, Way::Same), came);
        assert_eq!(recipient_parameters(&came, Way::List), RecipientParameters::default());
        let several = recipient_parameters(&came, Way::Several);
        assert_eq!(several.original, came.original);
        assert!(several.notify.is_none_or(|notify| !notify.success), "{notify:?}");
        let rest = |notify: Notify| (notify.failure, notify.delay);
        assert_eq!(several.notify.map(rest), notify.map(rest));
    }
    let nothing = RecipientParameters::default();
    assert_eq!(recipient_parameters(&nothing, Way::Same), nothing);
    assert_eq!(with_delay(None).map(|notify| (notify.failure, notify.delay)), Some((true, true)));
    assert_eq!(with_delay(NEVER), NEVER);
    assert_eq!(
        with_delay(SUCCESS).map(|notify| (notify.success, notify.delay)),
        Some((true, true))
    );
}

/// Register: 2852-4.1.4-a, 2852-4.1.4.1-a.
#[test]
fn seconds_that_go_on() {
    let with = |by| OnwardBy::With(by);
    let (notify, give_back) = (LateMode::Notify, LateMode::Return);
    let rows: [(DeliverBy, u64, Option<u64>, OnwardBy); 9] = [
        (by(60, notify, true), 10, Some(0), with(by(50, notify, true))),
        (by(60, notify, false), 60, Some(0), with(by(0, notify, false))),
        (by(60, notify, false), 75, Some(300), with(by(-15, notify, false))),
        (by(-5, notify, false), 10, Some(0), with(by(-15, notify, false))),
        (by(60, notify, false), 10, None, OnwardBy::Without),
        (by(60, give_back, false), 10, Some(50), with(by(50, give_back, false))),
        (by(i64::MAX, give_back, false), 10, Some(0), OnwardBy::Refused("")),
        (by(60, give_back, false), 10, Some(51), OnwardBy::Refused("")),
        (by(60, give_back, false), 60, Some(0), OnwardBy::Refused("")),
    ];
    for (by, age, offered, want) in rows {
        let got = onward_by(Some(by), at(0), at(age), offered);
        match (want, got) {
            // A span no clock can hold is no time at all.
            (OnwardBy::Refused(_), OnwardBy::Refused(_)) => {}
            _ => assert_eq!(got, want, "{by:?} after {age}"),
        }
    }
    assert!(matches!(
        onward_by(Some(by(60, give_back, false)), at(0), at(1), None),
        OnwardBy::Refused(_)
    ));
    assert_eq!(onward_by(None, at(0), at(1), Some(0)), OnwardBy::Without);
}

#[test]
fn held_mail() {
    let parameters = |hold| MailParameters { hold, ..MailParameters::default() };
    assert_eq!(release(&parameters(None), at(0)), None);
    assert_eq!(release(&parameters(Some(Hold::For(60))), at(0)), Some(at(60)));
    assert_eq!(release(&parameters(Some(Hold::Until(at(99)))), at(0)), Some(at(99)));
}

/// Register: 8689-5-b.
#[test]
fn what_is_returned() {
    let rows = [
        (None, false, None),
        (Some(Return::Full), false, Some(Return::Full)),
        (Some(Return::Headers), false, Some(Return::Headers)),
        (Some(Return::Full), true, Some(Return::Headers)),
        (None, true, Some(Return::Headers)),
    ];
    for (ret, require_tls, want) in rows {
        let parameters = MailParameters { ret, require_tls, ..MailParameters::default() };
        assert_eq!(returned(&parameters), want);
    }
}
