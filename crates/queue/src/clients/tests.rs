use super::*;

fn limits() -> Limits {
    Limits {
        connections: 3,
        connection_rate: 10,
        message_rate: 6,
        mistakes: 20,
        tarpit: Duration::from_secs(5),
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn shown(verdict: &Verdict<()>) -> String {
    match verdict {
        Verdict::Accept { .. } => "yes".to_owned(),
        Verdict::Refuse { reply, reason } => format!("{} {reason}", reply.code()),
    }
}

#[test]
fn connections_at_once() {
    let now = Instant::now();
    let mut clients = Clients::new(limits());
    let one = address("192.0.2.1");
    for _ in 0..3 {
        assert_eq!(shown(&clients.opened(one, now)), "yes");
    }
    assert_eq!(shown(&clients.opened(one, now)), "421 4 connections of 192.0.2.1 at once");
    assert_eq!(shown(&clients.opened(address("192.0.2.2"), now)), "yes");
    clients.closed(one);
    clients.closed(one);
    assert_eq!(shown(&clients.opened(one, now)), "yes");
    // A host has a whole /64.
    for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"] {
        assert_eq!(shown(&clients.opened(address(host), now)), "yes");
    }
    let refused = shown(&clients.opened(address("2001:db8::4"), now));
    assert_eq!(refused, "421 4 connections of 2001:db8::/64 at once");
    assert_eq!(shown(&clients.opened(address("2001:db8:0:1::1"), now)), "yes");
    // One that was never opened takes nothing from others.
    clients.closed(address("192.0.2.77"));
}

#[test]
fn rates() {
    let mut now = Instant::now();
    let mut clients = Clients::new(Limits { connections: 0, ..limits() });
    let one = address("192.0.2.1");
    for _ in 0..10 {
        assert_eq!(shown(&clients.opened(one, now)), "yes");
    }
    let refused = shown(&clients.opened(one, now));
    assert_eq!(refused, "421 over 10 connections of 192.0.2.1 in a minute");
    now += Duration::from_secs(6);
    assert_eq!(shown(&clients.opened(one, now)), "yes");
    assert!(shown(&clients.opened(one, now)).starts_with("421"));
    for _ in 0..6 {
        assert_eq!(shown(&clients.message(one, now)), "yes");
    }
    let refused = shown(&clients.message(one, now));
    assert_eq!(refused, "450 over 6 messages of 192.0.2.1 in a minute");
    now += Duration::from_secs(60);
    for _ in 0..6 {
        assert_eq!(shown(&clients.message(one, now)), "yes");
    }
}

#[test]
fn mistakes() {
    let mut now = Instant::now();
    let mut clients = Clients::new(Limits { connections: 0, connection_rate: 0, ..limits() });
    let one = address("192.0.2.1");
    for _ in 0..20 {
        clients.mistake(one, now);
        assert_eq!(clients.tarpit(one, now), Duration::ZERO);
    }
    clients.mistake(one, now);
    assert_eq!(clients.tarpit(one, now), Duration::from_secs(5));
    assert_eq!(clients.tarpit(address("192.0.2.2"), now), Duration::ZERO);
    assert_eq!(shown(&clients.opened(one, now)), "yes");
    for _ in 0..100 {
        clients.mistake(one, now);
    }
    assert_eq!(shown(&clients.opened(one, now)), "421 192.0.2.1 has made too many mistakes");
    // A minute forgets two; ten minutes and it is answered at once again.
    now += Duration::from_secs(60);
    assert_eq!(shown(&clients.opened(one, now)), "yes");
    assert_eq!(clients.tarpit(one, now), Duration::from_secs(5));
    now += Duration::from_secs(600);
    assert_eq!(clients.tarpit(one, now), Duration::ZERO);
}

#[test]
fn no_bounds() {
    let now = Instant::now();
    let none = Limits {
        connections: 0,
        connection_rate: 0,
        message_rate: 0,
        mistakes: 0,
        tarpit: Duration::from_secs(5),
    };
    let mut clients = Clients::new(none);
    for _ in 0..10_000 {
        clients.mistake(address("192.0.2.1"), now);
        assert_eq!(shown(&clients.opened(address("192.0.2.1"), now)), "yes");
        assert_eq!(shown(&clients.message(address("192.0.2.1"), now)), "yes");
    }
    assert_eq!(clients.tarpit(address("192.0.2.1"), now), Duration::ZERO);
}

/// A flood of addresses does not fill the memory, and does not wash away who was there lately.
#[test]
fn a_flood_of_addresses() {
    let now = Instant::now();
    let mut clients = Clients::new(Limits { connections: 0, connection_rate: 1, ..limits() });
    let one = address("192.0.2.1");
    assert_eq!(shown(&clients.opened(one, now)), "yes");
    for number in 0..(3 * CLIENTS_MAX) {
        if number % (CLIENTS_MAX / 2) == 0 {
            assert!(shown(&clients.opened(one, now)).starts_with("421"), "{number}");
        }
        let number = u32::try_from(number).unwrap();
        clients.message(IpAddr::from(number.to_be_bytes()), now);
        assert!(clients.young.len() <= CLIENTS_MAX && clients.old.len() <= CLIENTS_MAX);
    }
}
