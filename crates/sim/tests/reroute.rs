//! Letters that wait follow the routes of today, whatever their queue was called yesterday.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use mail::lookup::Record;
use queue::domains::DomainPattern;
use queue::route::Rule;
use sim::host::{Ground, Host, Plan};
use sim::mailboxes::Boxes;
use sim::names::Zone;
use sim::net::{Net, Weather};
use sim::story::Story;
use sim::tracks::Tracks;
use sim::world::Chance;
use sim::{peers, setup};

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

fn rule(transport: &str) -> Rule {
    Rule::new(transport.parse().unwrap())
}

/// One job for three domains waits for a smarthost that is down. After a restart two of the domains
/// have routes of their own, and the smarthost is up.
#[test]
fn a_job_parts_when_its_routes_do() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let chance = Chance::new(7);
        let story = Story::new(false);
        let tracks = Tracks::new(story.clone());
        let net = Net::new(chance.branch(), Weather::FAIR, &tracks);
        let names = Zone::new(chance.branch());
        names.add_host("mx.one.example", &[ip(51)]);
        names.add("one.example", Record::Mx(10, "mx.one.example".to_owned()));
        let ground = Ground { net: net.clone(), names, story, tracks };
        let mut options = setup::options(
            "hub.example",
            &["hub.example"],
            &["ann"],
            &["192.0.2.100/30".parse().unwrap()],
        );
        options.routes.default = rule("smtp:[192.0.2.50]");
        let at = SocketAddr::new(ip(1), 25);
        let plan = Plan {
            name: "hub.example".to_owned(),
            min_free: 0,
            promised: Default::default(),
            plant: None,
            addresses: vec![ip(1)],
            options,
            listeners: vec![(at, setup::session("hub.example"))],
        };
        let boxes = Boxes::new(&["ann"], chance.branch(), &ground.story);
        let mut host = Host::new(plan, &ground, chance.branch(), boxes);
        host.start();

        let content = b"Subject: parting\r\n\r\nbody\r\n";
        let recipients = ["<x@one.example>", "<y@two.example>", "<z@three.example>"];
        let recipients = recipients.map(|path| path.parse().unwrap()).to_vec();
        let letter = peers::letter("<ann@hub.example>".parse().unwrap(), recipients, content);
        let sent = peers::send(&net, &host.clock, ip(101), at, letter, content).await;
        assert_eq!(sent, vec![peers::Sent::Taken; 3]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        host.crash().await;

        let smarthost = peers::foreign(&ground, SocketAddr::new(ip(50), 25), chance.branch(), 0);
        let one = peers::foreign(&ground, SocketAddr::new(ip(51), 25), chance.branch(), 0);
        let two = peers::foreign(&ground, SocketAddr::new(ip(52), 25), chance.branch(), 0);
        host.reconfigure(|options| {
            let table = &mut options.routes.table;
            table.insert("one.example".parse::<DomainPattern>().unwrap(), rule("mx"));
            table
                .insert("two.example".parse::<DomainPattern>().unwrap(), rule("smtp:[192.0.2.52]"));
        });
        host.start();
        tokio::time::sleep(Duration::from_secs(3 * 3600)).await;

        let taken =
            [(one, "x@one.example"), (two, "y@two.example"), (smarthost, "z@three.example")];
        for (peer, path) in taken {
            let letters = peer.letters();
            assert_eq!(letters.len(), 1, "{path}");
            assert_eq!(letters[0].recipients, [path]);
            let text = letters[0].letter.text();
            assert!(text.ends_with("\r\n\r\nbody\r\n"), "{text}");
        }
        assert!(host.boxes.of("ann").is_empty(), "nobody is told of a failure");
        assert_eq!(host.engine().unwrap().list(None, 10).await.unwrap().0.len(), 0);
    });
}
