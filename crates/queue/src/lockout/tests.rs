use super::*;

const ANN: Option<&str> = Some("ann");

fn client(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn delay(hearing: &Hearing) -> Option<u64> {
    match hearing {
        Hearing::Heard { delay, .. } => Some(delay.as_secs()),
        Hearing::Locked { .. } => None,
    }
}

#[test]
fn delays_grow_and_end_in_a_lock() {
    let now = Instant::now();
    let mut lockout = Lockout::new(Limits { login: 9, ..Limits::default() });
    let delays: Vec<_> = (0..11).map(|n| delay(&lockout.hear(client(n), ANN, now))).collect();
    let want = [Some(0), Some(0), Some(0), Some(1), Some(2), Some(4), Some(8), Some(16), Some(16)];
    assert_eq!(delays[..9], want);
    assert_eq!(delays[9..], [None, None]);
    let Hearing::Locked { wait, reason } = lockout.hear(client(99), Some("ANN"), now) else {
        panic!()
    };
    assert_eq!(wait, Duration::from_secs(300));
    assert_eq!(reason.to_string(), "9 failed logins as \"ann\", 9 are heard");
    // What was not heard weighs nothing; one try is heard for each failure that is forgotten.
    let later = now + Duration::from_secs(300);
    assert_eq!(delay(&lockout.hear(client(99), ANN, later)), Some(16));
    assert_eq!(delay(&lockout.hear(client(99), ANN, later)), None);
    let much_later = now + Duration::from_secs(300 * 20);
    assert_eq!(delay(&lockout.hear(client(99), ANN, much_later)), Some(0));
}

#[test]
fn addresses_are_locked_with_their_neighbourhood() {
    let now = Instant::now();
    let mut lockout = Lockout::new(Limits { address: 4, ..Limits::default() });
    let host = |text: &str| text.parse::<IpAddr>().unwrap();
    for n in 0..4 {
        let login = format!("name{n}");
        assert!(delay(&lockout.hear(host(&format!("2001:db8::{n}")), Some(&login), now)).is_some());
    }
    let Hearing::Locked { reason, .. } = lockout.hear(host("2001:db8::ffff:1"), Some("x"), now)
    else {
        panic!()
    };
    assert_eq!(reason.to_string(), "4 failed logins from 2001:db8::/64, 4 are heard");
    assert_eq!(delay(&lockout.hear(host("2001:db8:0:1::1"), Some("x"), now)), Some(0));
    // An IPv4 address in IPv6 clothes is itself.
    let v4 = Neighbourhood::of(host("::ffff:192.0.2.1"));
    assert_eq!(v4, Neighbourhood::of(client(1)));
    assert_eq!(v4.to_string(), "192.0.2.1");
}

#[test]
fn success_forgets_the_failures_of_the_login_only() {
    let now = Instant::now();
    let mut lockout = Lockout::new(Limits { address: 6, ..Limits::default() });
    // Guesses at other accounts, with logins to one's own between them.
    for n in 0..6 {
        assert!(delay(&lockout.hear(client(1), Some(&format!("victim{n}")), now)).is_some());
        if n < 5 {
            assert!(delay(&lockout.hear(client(1), Some("own"), now)).is_some());
            lockout.succeeded(client(1), "own", now);
        }
    }
    assert_eq!(delay(&lockout.hear(client(1), Some("own"), now)), None);
    assert_eq!(delay(&lockout.hear(client(2), Some("own"), now)), Some(0));
}

#[test]
fn strangers_do_not_lock_the_owner_out() {
    let now = Instant::now();
    let mut lockout = Lockout::new(Limits::default());
    lockout.hear(client(1), ANN, now);
    lockout.succeeded(client(1), "ann", now);
    for n in 0..40 {
        lockout.hear(client(2 + n), ANN, now);
    }
    assert_eq!(delay(&lockout.hear(client(200), ANN, now)), None);
    assert_eq!(delay(&lockout.hear(client(1), ANN, now)), Some(0));
    // From home, too, guesses are bounded: by the address.
    let tries = (0..1000).take_while(|_| delay(&lockout.hear(client(1), ANN, now)).is_some());
    assert_eq!(tries.count(), 49);
}

#[test]
fn tries_at_once_count() {
    let now = Instant::now();
    let mut lockout = Lockout::new(Limits::default());
    let heard = (0..100).filter(|_| delay(&lockout.hear(client(1), ANN, now)).is_some());
    assert_eq!(heard.count(), 20);
    for _ in 0..20 {
        lockout.undecided(client(1), ANN, now);
    }
    assert_eq!(delay(&lockout.hear(client(1), ANN, now)), Some(0));
}

#[test]
fn the_table_is_bounded() {
    let now = Instant::now();
    let mut lockout = Lockout::new(Limits::default());
    for _ in 0..30 {
        lockout.hear(client(1), ANN, now);
    }
    for n in 0..30_000_u128 {
        let host = IpAddr::V6(Ipv6Addr::from(0x2001_0db8_u128 << 96 | n << 64));
        lockout.hear(host, Some(&format!("name{n}")), now);
        lockout.succeeded(host, &format!("name{n}"), now);
        lockout.hear(host, Some(&format!("name{n}")), now);
    }
    assert!(lockout.len() <= ENTRIES_MAX, "{}", lockout.len());
    assert_eq!((lockout.known.len(), lockout.by_age.len()), (KNOWN_MAX, KNOWN_MAX));
    assert_eq!(lockout.by_moment.len(), lockout.len());
    // Whoever failed often is remembered longest.
    assert_eq!(delay(&lockout.hear(client(9), ANN, now)), None);
    let later = now + Duration::from_secs(86_400);
    lockout.hear(client(9), ANN, later);
    assert_eq!(lockout.len(), 2);
}
