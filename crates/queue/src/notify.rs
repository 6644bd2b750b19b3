//! Which reports are due and which requests go on with the mail: the tables of RFC 3461 §5.2, and
//! what RFC 2852 §4.1 adds to them for mail that must be there by a certain time.
//!
//! Nothing here knows of a null reverse-path: about such mail nobody is ever told
//! (RFC 3461 §5.2), which [`fate`](crate::fate) sees to.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use mail::envelope::{
    DeliverBy, Hold, LateMode, MailParameters, Notify, RecipientParameters, Return,
};
use mail::report::Action;

/// What happened to a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// It will never be delivered, or not in time.
    Failed,
    /// It takes longer.
    Delayed,
    /// It lies in a mailbox, or a program or a list has it (RFC 3461 §5.2.3, §5.2.7.1).
    Delivered,
    /// Another host has it now.
    Relayed(Onward),
    /// It became several recipients that are not those of a list (RFC 3461 §5.2.7.3, way c).
    Expanded,
}

/// Which requests another host took over together with the mail.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Onward {
    /// `NOTIFY`, `ORCPT`, `RET` and `ENVID`: it reports itself from here on.
    pub dsn: bool,
    /// `BY`.
    pub deliver_by: bool,
}

/// The report that is due to the sender about one recipient. `deliver_by`: what was asked for, as
/// long as its time has not passed.
///
/// # Errors
/// Why there is none, for the operator.
pub fn due(
    event: Event,
    notify: Option<Notify>,
    deliver_by: Option<DeliverBy>,
) -> Result<Action, &'static str> {
    const UNASKED: &str = "NOTIFY does not ask for it";
    if notify.is_some_and(Notify::is_never) {
        return Err("NOTIFY=NEVER");
    }
    let asks = |wanted: fn(Notify) -> bool, unsaid: bool| notify.map_or(unsaid, wanted);
    let success = asks(|notify| notify.success, false);
    let (is_due, action) = match event {
        Event::Failed => (asks(|notify| notify.failure, true), Action::Failed),
        Event::Delayed => (asks(|notify| notify.delay, true), Action::Delayed),
        Event::Delivered => (success, Action::Delivered),
        Event::Expanded => (success, Action::Expanded),
        Event::Relayed(onward) => {
            let traced = deliver_by.is_some_and(|by| is_traced(by, onward));
            if onward.dsn && !traced {
                return Err("the next hop reports");
            }
            (success || traced, Action::Relayed)
        }
    };
    if is_due { Ok(action) } else { Err(UNASKED) }
}

/// Whether the sender hears of the relaying itself: it asked for a trace, or the host that has the
/// mail now knows nothing of the time (RFC 2852 §4.1.4, §4.1.4.2).
fn is_traced(by: DeliverBy, onward: Onward) -> bool {
    by.trace || (by.mode == LateMode::Notify && !onward.deliver_by)
}

/// How mail goes on to somebody else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// To the next hop (RFC 3461 §5.2.1), or to the one address of an alias (§5.2.7.2).
    Same,
    /// To one of several addresses of an alias: who asked for success has been told `expanded`
    /// (§5.2.7.3, way c).
    Several,
    /// To a member of a list: a transaction of the list's own (§5.2.7.1).
    List,
}

/// The parameters of `MAIL` that go that way.
pub fn mail_parameters(parameters: &MailParameters, way: Way) -> MailParameters {
    let mut onward = parameters.clone();
    // What is held was held here: it goes on when its time has come (RFC 4865 §4.2).
    onward.hold = None;
    if way == Way::List {
        (onward.ret, onward.envelope_id, onward.deliver_by) = (None, None, None);
    }
    onward
}

/// The parameters of `RCPT` that go that way. Nothing is ever added to what came.
pub fn recipient_parameters(parameters: &RecipientParameters, way: Way) -> RecipientParameters {
    let mut onward = parameters.clone();
    match way {
        Way::Same => {}
        Way::List => onward = RecipientParameters::default(),
        Way::Several => {
            // Of SUCCESS alone nothing is left, which is NEVER: failures were not asked for.
            onward.notify = parameters.notify.map(|notify| Notify { success: false, ..notify });
        }
    }
    onward
}

/// `NOTIFY` for a host that takes reports over and not the time: delays are asked for, which the
/// time was for (RFC 2852 §4.1.4.2, against RFC 3461 §5.2.1 on purpose).
pub fn with_delay(notify: Option<Notify>) -> Option<Notify> {
    match notify {
        None => Some(Notify { success: false, failure: true, delay: true }),
        Some(notify) if notify.is_never() => Some(notify),
        Some(notify) => Some(Notify { delay: true, ..notify }),
    }
}

/// When mail must be there (RFC 2852 §4): so long after it came. Mail that came late already
/// (`BY=-5;N`) has a moment before its arrival.
pub fn deadline(by: DeliverBy, arrival: SystemTime) -> SystemTime {
    let span = Duration::from_secs(by.seconds.unsigned_abs());
    let moment = match by.seconds {
        0.. => arrival.checked_add(span),
        _ => arrival.checked_sub(span),
    };
    moment.unwrap_or(arrival)
}

/// What of `BY` goes to the next hop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnwardBy {
    /// Nothing came, or the next hop does not know of it and need not.
    Without,
    /// This, with the seconds that are left; negative where the moment has passed.
    With(DeliverBy),
    /// The mail may not go there at all (RFC 2852 §4.1.4.1): why.
    Refused(&'static str),
}

/// What of `BY` goes on at `now`. `offered`: the next hop has DELIVERBY, with the least number of
/// seconds it takes, 0 where it names none.
pub fn onward_by(
    by: Option<DeliverBy>,
    arrival: SystemTime,
    now: SystemTime,
    offered: Option<u64>,
) -> OnwardBy {
    let Some(by) = by else { return OnwardBy::Without };
    let seconds = seconds_left(deadline(by, arrival), now);
    match (by.mode, offered) {
        (LateMode::Notify, None) => OnwardBy::Without,
        (LateMode::Notify, Some(_)) => OnwardBy::With(DeliverBy { seconds, ..by }),
        (LateMode::Return, None) => {
            OnwardBy::Refused("the next host cannot return mail that is late (DELIVERBY)")
        }
        // A time of 0 or less may not be asked for (RFC 2852 §4).
        (LateMode::Return, Some(least)) if seconds < 1 || seconds.unsigned_abs() < least => {
            OnwardBy::Refused("the next host needs more time than is left (DELIVERBY)")
        }
        (LateMode::Return, Some(_)) => OnwardBy::With(DeliverBy { seconds, ..by }),
    }
}

/// Whole seconds from `now` to `moment`.
fn seconds_left(moment: SystemTime, now: SystemTime) -> i64 {
    let whole = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match moment.duration_since(now) {
        Ok(left) => whole(left),
        Err(over) => -whole(over.duration()),
    }
}

/// The first moment a message may be sent on (RFC 4865 §4.2); none where it is not held.
pub fn release(parameters: &MailParameters, arrival: SystemTime) -> Option<SystemTime> {
    match parameters.hold? {
        Hold::For(seconds) => arrival.checked_add(Duration::from_secs(seconds)),
        Hold::Until(moment) => Some(moment),
    }
}

/// What of the message a report may return: as asked for, but never the text of mail that must be
/// kept from listeners (RFC 8689 §5).
pub fn returned(parameters: &MailParameters) -> Option<Return> {
    if parameters.require_tls { Some(Return::Headers) } else { parameters.ret }
}
