use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;

/// A name system in lines of `name TYPE value`. A value of `!` is a temporary failure; a name that
/// occurs in no line does not exist.
struct Zone(BTreeMap<String, Vec<(String, String)>>);

impl Zone {
    fn new(text: &str) -> Self {
        let mut names: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (name, kind, value) = (word(), word(), word());
            names.entry(name).or_default().push((kind, value));
        }
        Self(names)
    }

    fn ask(&self, question: &Question) -> Answer {
        let (ttl, security) = (Duration::from_secs(60), Security::Unchecked);
        let Some(records) = self.0.get(&question.name) else {
            return Answer::NoName { ttl, security };
        };
        let mut found = Vec::new();
        for (kind, value) in records {
            match (kind.as_str(), question.kind) {
                ("MX", Kind::Mx) | ("A", Kind::A) | ("AAAA", Kind::Aaaa) if value == "!" => {
                    return Answer::Failed("SERVFAIL".to_owned());
                }
                ("MX", Kind::Mx) => {
                    let (preference, host) = value.split_once(' ').unwrap();
                    found.push(Record::Mx(preference.parse().unwrap(), host.to_owned()));
                }
                ("A", Kind::A) => found.push(Record::A(value.parse().unwrap())),
                ("AAAA", Kind::Aaaa) => found.push(Record::Aaaa(value.parse().unwrap())),
                ("CNAME", _) => found.push(Record::Cname(value.clone())),
                _ => {}
            }
        }
        if found.is_empty() {
            Answer::NoData { ttl, security }
        } else {
            Answer::Found { records: found, ttl, security }
        }
    }
}

/// Plays a search to its end, the questions answered backwards where `backwards` says so.
fn play(next_hop: &str, zone: &Zone, facts: &Facts, seed: u64, backwards: bool) -> (Search, usize) {
    let next_hop = NextHop::parse(next_hop).unwrap();
    let mut search = Search::new(&next_hop, facts.clone(), seed);
    let mut asked = 0;
    for _ in 0..100 {
        let Step::Ask(mut questions) = search.poll() else { return (search, asked) };
        assert!(!questions.is_empty(), "it waits for nothing");
        if backwards {
            questions.reverse();
        }
        for question in questions {
            assert!(matches!(question.kind, Kind::Mx | Kind::A | Kind::Aaaa));
            search.answer(&question, &zone.ask(&question));
            asked += 1;
        }
    }
    panic!("it asks for ever");
}

fn shown(search: &Search) -> String {
    match search.poll() {
        Step::Ask(_) => "still asking".to_owned(),
        Step::Done(Err(failure)) => {
            let class = if failure.permanent { 5 } else { 4 };
            assert_eq!(failure.status.class(), class, "{failure:?}");
            format!("{} {}", failure.status, failure.explanation)
        }
        Step::Done(Ok(exchangers)) => {
            let one = |exchanger: &Exchanger| {
                let addresses: Vec<_> =
                    exchanger.addresses.iter().map(|address| address.to_string()).collect();
                format!("{} {}={}", exchanger.preference, exchanger.host, addresses.join(","))
            };
            exchangers.iter().map(one).collect::<Vec<_>>().join(" ")
        }
    }
}

fn facts() -> Facts {
    Facts {
        own_names: vec!["our.example".parse().unwrap()],
        own_addresses: vec!["198.51.100.1".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap()],
        ..Facts::default()
    }
}

struct Row {
    name: &'static str,
    section: &'static str,
    zone: &'static str,
    next_hop: &'static str,
    want: &'static str,
}

/// Every row of the algorithm, numbered as in the notes it follows.
const ROWS: &[Row] = &[
    Row {
        name: "an address literal asks nothing",
        section: "1: RFC 5321 §4.1.3",
        zone: "",
        next_hop: "smtp:[192.0.2.1]:25",
        want: "0 [192.0.2.1]=192.0.2.1",
    },
    Row {
        name: "an IPv6 literal",
        section: "1: RFC 5321 §4.1.3",
        zone: "",
        next_hop: "smtp:[IPv6:2001:db8::7]:2525",
        want: "0 [IPv6:2001:db8::7]=2001:db8::7",
    },
    Row {
        name: "a configured host in brackets: its MX records do not count",
        section: "1",
        zone: "hub.example MX 10 other.example
               hub.example A 192.0.2.9",
        next_hop: "smtp:[hub.example]:25",
        want: "0 hub.example=192.0.2.9",
    },
    Row {
        name: "a configured host without brackets: MX first",
        section: "1",
        zone: "hub.example MX 10 other.example
               hub.example A 192.0.2.9
               other.example A 192.0.2.8",
        next_hop: "smtp:hub.example:2525",
        want: "10 other.example=192.0.2.8",
    },
    Row {
        name: "a configured host without brackets and MX",
        section: "1",
        zone: "hub.example A 192.0.2.9",
        next_hop: "smtp:hub.example:25",
        want: "0 hub.example=192.0.2.9",
    },
    Row {
        name: "a configured host that is gone waits for the operator",
        section: "1",
        zone: "",
        next_hop: "smtp:hub.example:25",
        want: "4.4.4 the domain hub.example does not exist",
    },
    Row {
        name: "the domain does not exist",
        section: "2: RFC 5321 §5.1",
        zone: "",
        next_hop: "mx:gone.example",
        want: "5.1.2 the domain gone.example does not exist",
    },
    Row {
        name: "the name system does not work",
        section: "2: RFC 5321 §5.1",
        zone: "a.example MX !",
        next_hop: "mx:a.example",
        want: "4.4.3 the MX records of a.example are not known: SERVFAIL",
    },
    Row {
        name: "an alias, its MX in the same answer",
        section: "2: RFC 5321 §5.1",
        zone: "www.example CNAME a.example
               www.example MX 10 m.example
               m.example A 192.0.2.1",
        next_hop: "mx:www.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "an alias of an alias",
        section: "2: RFC 5321 §5.1",
        zone: "www.example CNAME b.example
               b.example CNAME C.example.
               c.example MX 10 m.example
               m.example A 192.0.2.1",
        next_hop: "mx:www.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "an alias of a name without MX",
        section: "2: RFC 5321 §5.1",
        zone: "www.example CNAME b.example
               b.example A 192.0.2.1",
        next_hop: "mx:www.example",
        want: "0 b.example=192.0.2.1",
    },
    Row {
        name: "aliases in a circle",
        section: "2",
        zone: "a.example CNAME b.example
               b.example CNAME a.example",
        next_hop: "mx:a.example",
        want: "5.4.4 the aliases from b.example lead nowhere",
    },
    Row {
        name: "null MX",
        section: "3a: RFC 7505 §3",
        zone: "a.example MX 0 .
               a.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "5.1.10 the domain a.example accepts no mail (null MX)",
    },
    Row {
        name: "a null MX of another preference is no null MX, and no host",
        section: "3a: RFC 7505 §3",
        zone: "a.example MX 5 .
               a.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "5.4.4 no MX record of a.example names a host",
    },
    Row {
        name: "a null MX among others is skipped",
        section: "3a: RFC 7505 §3",
        zone: "a.example MX 0 .
               a.example MX 10 m.example
               m.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "exchanges that are addresses or no names are dropped",
        section: "3b",
        zone: "a.example MX 5 192.0.2.77
               a.example MX 6 [192.0.2.77]
               a.example MX 7 2001:db8::77
               a.example MX 8 a..b
               a.example MX 9 a b.example
               a.example MX 10 m_1.example.
               m_1.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "10 m_1.example=192.0.2.1",
    },
    Row {
        name: "duplicates are one, at the better preference",
        section: "3b",
        zone: "a.example MX 20 M.example
               a.example MX 10 m.example.
               a.example MX 15 n.example
               m.example A 192.0.2.1
               n.example A 192.0.2.2",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1 15 n.example=192.0.2.2",
    },
    Row {
        name: "sorted by preference",
        section: "3c: RFC 5321 §5.1",
        zone: "a.example MX 65535 z.example
               a.example MX 0 m.example
               a.example MX 10 n.example
               z.example A 192.0.2.3
               m.example A 192.0.2.1
               n.example A 192.0.2.2",
        next_hop: "mx:a.example",
        want: "0 m.example=192.0.2.1 10 n.example=192.0.2.2 65535 z.example=192.0.2.3",
    },
    Row {
        name: "hosts without address are passed over",
        section: "3d: RFC 5321 §5.1",
        zone: "a.example MX 10 gone.example
               a.example MX 20 empty.example
               a.example MX 30 m.example
               empty.example TXT x
               m.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "30 m.example=192.0.2.1",
    },
    Row {
        name: "a host that is not known now is passed over",
        section: "3d",
        zone: "a.example MX 10 broken.example
               a.example MX 20 m.example
               broken.example A !
               broken.example AAAA !
               m.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "20 m.example=192.0.2.1",
    },
    Row {
        name: "one family is known, the other not now",
        section: "3d",
        zone: "a.example MX 10 m.example
               m.example A 192.0.2.1
               m.example AAAA !",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "an exchanger that is an alias is followed",
        section: "3d",
        zone: "a.example MX 10 m.example
               m.example CNAME n.example
               n.example A 192.0.2.1
               n.example AAAA 2001:db8::1",
        next_hop: "mx:a.example",
        want: "10 m.example=2001:db8::1,192.0.2.1",
    },
    Row {
        name: "an exchanger whose aliases go in a circle has no address",
        section: "3d",
        zone: "a.example MX 10 m.example
               m.example CNAME n.example
               n.example CNAME m.example",
        next_hop: "mx:a.example",
        want: "5.4.4 m.example has no address that can be used",
    },
    Row {
        name: "our name drops its preference and worse",
        section: "3e: RFC 5321 §5.1",
        zone: "a.example MX 10 m.example
               a.example MX 20 OUR.example
               a.example MX 20 n.example
               a.example MX 30 o.example
               m.example A 192.0.2.1
               n.example A 192.0.2.2
               o.example A 192.0.2.3",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "so does our address under another name",
        section: "3e: RFC 5321 §5.1",
        zone: "a.example MX 10 m.example
               a.example MX 20 alias.example
               a.example MX 20 n.example
               m.example A 192.0.2.1
               n.example A 192.0.2.2
               alias.example A 203.0.113.1
               alias.example A 198.51.100.1",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "and our IPv6 address, and an IPv4 address in IPv6 clothes",
        section: "3e: RFC 5321 §5.1",
        zone: "a.example MX 10 m.example
               a.example MX 20 alias.example
               m.example A 192.0.2.1
               alias.example AAAA ::ffff:198.51.100.1",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "and an alias of our name",
        section: "3e",
        zone: "a.example MX 10 m.example
               a.example MX 20 alias.example
               m.example A 192.0.2.1
               alias.example CNAME our.example
               our.example A 203.0.113.5",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "the self check comes before unusable hosts are dropped",
        section: "3e",
        zone: "a.example MX 10 gone.example
               a.example MX 20 our.example
               a.example MX 30 m.example
               m.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "5.4.4 gone.example has no address that can be used",
    },
    Row {
        name: "we are the best: nothing left",
        section: "3e: RFC 5321 §5.1",
        zone: "a.example MX 10 our.example
               a.example MX 10 n.example
               a.example MX 20 m.example
               m.example A 192.0.2.1
               n.example A 192.0.2.2",
        next_hop: "mx:a.example",
        want: "5.4.6 mail would come back to this host: our.example is ourselves",
    },
    Row {
        name: "we are the best by address",
        section: "3e: RFC 5321 §5.1",
        zone: "a.example MX 10 n.example
               n.example A 198.51.100.1",
        next_hop: "mx:a.example",
        want: "5.4.6 mail would come back to this host: n.example is ourselves",
    },
    Row {
        name: "an exchanger on the loopback is ourselves",
        section: "3e",
        zone: "a.example MX 10 n.example
               n.example A 127.0.0.5",
        next_hop: "mx:a.example",
        want: "5.4.6 mail would come back to this host: n.example is ourselves",
    },
    Row {
        name: "localhost is ourselves",
        section: "3e",
        zone: "a.example MX 10 localhost",
        next_hop: "mx:a.example",
        want: "5.4.6 mail would come back to this host: localhost is ourselves",
    },
    Row {
        name: "no usable host: the addresses of the domain do not count",
        section: "3f: RFC 5321 §5.1",
        zone: "a.example MX 10 gone.example
               a.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "5.4.4 gone.example has no address that can be used",
    },
    Row {
        name: "no usable host, one not known now: wait",
        section: "3f: RFC 5321 §5.1",
        zone: "a.example MX 10 gone.example
               a.example MX 20 broken.example
               broken.example A !",
        next_hop: "mx:a.example",
        want: "4.4.3 the addresses of gone.example, broken.example are not known now: SERVFAIL",
    },
    Row {
        name: "no MX: the domain itself",
        section: "4: RFC 5321 §5.1",
        zone: "a.example A 192.0.2.1
               a.example AAAA 2001:db8::1",
        next_hop: "mx:a.example",
        want: "0 a.example=2001:db8::1,192.0.2.1",
    },
    Row {
        name: "no MX and no address",
        section: "4: RFC 5321 §5.1",
        zone: "a.example TXT x",
        next_hop: "mx:a.example",
        want: "5.4.4 a.example has no address that can be used",
    },
    Row {
        name: "no MX and the addresses not known now",
        section: "4: RFC 5321 §5.1",
        zone: "a.example AAAA !",
        next_hop: "mx:a.example",
        want: "4.4.3 the addresses of a.example are not known now: SERVFAIL",
    },
    Row {
        name: "no MX and the address is ours",
        section: "4",
        zone: "a.example A 198.51.100.1",
        next_hop: "mx:a.example",
        want: "5.4.6 mail would come back to this host: a.example is ourselves",
    },
    Row {
        name: "no MX and the domain is our own name",
        section: "4",
        zone: "our.example A 192.0.2.1",
        next_hop: "mx:our.example",
        want: "5.4.6 mail would come back to this host: our.example is ourselves",
    },
    Row {
        name: "a multihomed host: the resolver's order, families in turn",
        section: "5: RFC 5321 §5.1",
        zone: "a.example MX 10 m.example
               m.example A 192.0.2.3
               m.example A 192.0.2.1
               m.example A 192.0.2.2
               m.example AAAA 2001:db8::2
               m.example AAAA 2001:db8::1",
        next_hop: "mx:a.example",
        want: "10 m.example=2001:db8::2,192.0.2.3,2001:db8::1,192.0.2.1,192.0.2.2",
    },
    Row {
        name: "addresses nobody can be at are dropped",
        section: "5",
        zone: "a.example MX 10 m.example
               m.example A 0.0.0.0
               m.example A 224.0.0.1
               m.example A 255.255.255.255
               m.example AAAA ::
               m.example AAAA ff02::1
               m.example A 192.0.2.1",
        next_hop: "mx:a.example",
        want: "10 m.example=192.0.2.1",
    },
    Row {
        name: "a configured host that is ourselves at our port",
        section: "1",
        zone: "",
        next_hop: "smtp:[198.51.100.1]:25",
        want: "5.4.6 mail would come back to this host: [198.51.100.1] is ourselves",
    },
    Row {
        name: "a filter beside us at another port",
        section: "1",
        zone: "our.example A 198.51.100.1",
        next_hop: "smtp:[our.example]:10025",
        want: "0 our.example=198.51.100.1",
    },
    Row {
        name: "local mail has no addresses",
        section: "1",
        zone: "",
        next_hop: "local",
        want: "5.3.5 local is no host that mail is sent to",
    },
];

/// Each row, its answers in either order.
///
/// Register: 5321-5.1-a, 5321-5.1-d, 5321-5.1-e, 5321-5.1-f, 5321-5.1-g, 5321-5.1-h, 5321-5.1-i,
/// 5321-5.1-j, 5321-5.1-l, 5321-5.1-p, 5321-5.1-r, 5321-5.1-t, 5321-5.1-u, 5321-5.1-v, 5321-5.1-w,
/// 5321-5.1-x, 5321-5.2-a, 5321-2.3.5-b, 7672-2.2.2-d, 1123-5.2.12-a, 1123-5.3.4-e, 1123-5.3.5-a, 1123-5.3.5-b, 7505-3-a, 7505-4.1-a.
#[test]
fn rows() {
    for row in ROWS {
        let zone = Zone::new(row.zone);
        for backwards in [false, true] {
            let (search, _) = play(row.next_hop, &zone, &facts(), 1, backwards);
            assert_eq!(shown(&search), row.want, "{} ({})", row.name, row.section);
            assert!(!search.trail().is_empty() || row.next_hop.starts_with("smtp"), "{}", row.name);
        }
    }
}

/// Every order of equals comes up, about as often; unequals never change places.
///
/// Register: 5321-5.1-q, 1123-5.3.4-d.
#[test]
fn equals_are_shuffled() {
    let zone = Zone::new(
        "a.example MX 10 m.example
         a.example MX 10 n.example
         a.example MX 10 o.example
         a.example MX 20 last.example
         m.example A 192.0.2.1
         n.example A 192.0.2.2
         o.example A 192.0.2.3
         last.example A 192.0.2.4",
    );
    let mut orders: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..6000 {
        let (search, _) = play("mx:a.example", &zone, &facts(), seed, false);
        let shown = shown(&search);
        assert!(shown.ends_with(" 20 last.example=192.0.2.4"));
        *orders.entry(shown).or_default() += 1;
    }
    assert_eq!(orders.len(), 6);
    assert!(orders.values().all(|&times| (800..1200).contains(&times)), "{orders:?}");
}

/// Register: 5321-5.1-n, 5321-5.1-o, 1123-5.3.4-b, 1123-5.3.4-c.
#[test]
fn bounds() {
    let mut text = String::new();
    for n in 0..5000 {
        text += &format!("a.example MX {n} m{n}.example\nm{n}.example A 192.0.2.{}\n", 1 + n % 250);
    }
    for n in 1..200 {
        text += &format!("m1.example A 203.0.113.{n}\nm0.example A 203.0.113.{n}\n");
    }
    let (search, asked) = play("mx:a.example", &Zone::new(&text), &facts(), 1, false);
    let Step::Done(Ok(found)) = search.poll() else { panic!("{}", shown(&search)) };
    assert!(found.len() <= 5 && asked <= 1 + 2 * EXCHANGERS_MAX);
    assert_eq!(found.iter().map(|one| one.addresses.len()).sum::<usize>(), 10);
    let few = Facts { addresses_max: 0, hosts_max: 0, ..facts() };
    let (search, _) = play("mx:a.example", &Zone::new(&text), &few, 1, false);
    assert!(shown(&search).matches(',').count() == 1, "at least two addresses are tried");
    // Our own name far down in the list is found all the same.
    text += "a.example MX 1 our.example\n";
    let (search, _) = play("mx:a.example", &Zone::new(&text), &facts(), 1, false);
    let Step::Done(Ok(found)) = search.poll() else { panic!("{}", shown(&search)) };
    assert_eq!(found.len(), 1);
}

/// Register: 5321-5.2-b.
#[test]
fn families() {
    let zone = Zone::new("a.example A 192.0.2.1\na.example AAAA 2001:db8::1");
    let rows = [
        (Family::Ipv6First, "0 a.example=2001:db8::1,192.0.2.1", 3),
        (Family::Ipv4First, "0 a.example=192.0.2.1,2001:db8::1", 3),
        (Family::Ipv4Only, "0 a.example=192.0.2.1", 2),
        (Family::Ipv6Only, "0 a.example=2001:db8::1", 2),
    ];
    for (family, want, questions) in rows {
        let facts = Facts { family, ..facts() };
        let (search, asked) = play("mx:a.example", &zone, &facts, 1, false);
        assert_eq!((shown(&search).as_str(), asked), (want, questions));
    }
}

/// Several hosts on one machine, as in a scene: the loopback is not ourselves there.
#[test]
fn scene_on_one_machine() {
    let zone = Zone::new("b.example MX 10 m.example\nm.example A 127.0.0.3");
    let facts = Facts {
        own_addresses: vec!["127.0.0.2".parse().unwrap()],
        loopback_is_own: false,
        port: 2525,
        ..facts()
    };
    let (search, _) = play("mx:b.example", &zone, &facts, 1, false);
    assert_eq!(shown(&search), "10 m.example=127.0.0.3");
    let Step::Done(Ok(found)) = search.poll() else { panic!("failed") };
    assert_eq!(found[0].port, 2525);
}

/// Aliases: ten are followed, no more.
#[test]
fn long_chains() {
    for (length, works) in [(10, true), (11, false)] {
        let mut text = format!("n{length}.example A 192.0.2.1\n");
        for n in 0..length {
            text += &format!("n{n}.example CNAME n{}.example\n", n + 1);
        }
        let zone = Zone::new(&text);
        for next_hop in ["mx:n0.example", "smtp:[n0.example]:25"] {
            let (search, _) = play(next_hop, &zone, &facts(), 1, false);
            assert_eq!(matches!(search.poll(), Step::Done(Ok(_))), works, "{length} {next_hop}");
        }
    }
}

/// Answers nobody asked for, or given twice, change nothing.
#[test]
fn stray_answers() {
    let zone = Zone::new("a.example MX 10 m.example\nm.example A 192.0.2.1");
    let next_hop = NextHop::parse("mx:a.example").unwrap();
    let mut search = Search::new(&next_hop, facts(), 1);
    let gone = Answer::NoName { ttl: Duration::ZERO, security: Security::Unchecked };
    search.answer(&Question::new("other.example", Kind::Mx), &gone);
    search.answer(&Question::new("a.example", Kind::A), &gone);
    let Step::Ask(questions) = search.poll() else { panic!("done") };
    assert_eq!(search.poll(), Step::Ask(questions.clone()), "asking again changes nothing");
    search.answer(&questions[0], &zone.ask(&questions[0]));
    search.answer(&questions[0], &gone);
    let (question, again) =
        (Question::new("m.example", Kind::A), Question::new("m.example", Kind::Aaaa));
    search.answer(&question, &zone.ask(&question));
    search.answer(&question, &gone);
    search.answer(&again, &zone.ask(&again));
    search.answer(&again, &gone);
    assert_eq!(shown(&search), "10 m.example=192.0.2.1");
}

#[test]
fn trail() {
    let zone = Zone::new(
        "www.example CNAME a.example
         a.example MX 10 m.example
         a.example MX 20 our.example
         a.example MX 30 192.0.2.7
         m.example A 192.0.2.1",
    );
    let (search, _) = play("mx:www.example", &zone, &facts(), 1, false);
    let told: Vec<_> = search.trail().iter().map(|reason| reason.to_string()).collect();
    let want = [
        "www.example is an alias of a.example",
        "MX 30 192.0.2.7 dropped: it is an address",
        "MX 20 our.example is this host: it and what is not better is dropped",
        "m.example (preference 10) at 192.0.2.1",
    ];
    assert_eq!(told, want);
}

proptest::proptest! {
    /// Whatever a small name system holds, the search ends, within its bounds, and never with us.
    #[test]
    fn any_zone(
        lines in proptest::collection::vec(
            "[abc] (MX [0-3] ([abc]|our\\.example|\\.)|A 192\\.0\\.2\\.[1-3]|A 198\\.51\\.100\\.1|A !|AAAA !|MX !|CNAME [abc])",
            0..12,
        ),
        seed in proptest::prelude::any::<u64>(),
        backwards in proptest::prelude::any::<bool>(),
    ) {
        let (search, asked) = play("mx:a", &Zone::new(&lines.join("\n")), &facts(), seed, backwards);
        proptest::prop_assert!(asked < 200);
        if let Step::Done(Ok(found)) = search.poll() {
            proptest::prop_assert!(!found.is_empty() && found.len() <= 5);
            let all: Vec<_> = found.iter().flat_map(|one| &one.addresses).collect();
            proptest::prop_assert!(all.iter().all(|one| one.to_string() != "198.51.100.1"));
            let preferences: Vec<_> = found.iter().map(|one| one.preference).collect();
            proptest::prop_assert!(preferences.is_sorted());
            let hosts: BTreeSet<_> = found.iter().map(|one| &one.host).collect();
            proptest::prop_assert_eq!(hosts.len(), found.len());
        }
    }
}
