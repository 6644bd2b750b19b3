//! A smarthost that swallows everything costs one call a pause, and no letter waits for it.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

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

/// Forty-five letters, one a minute, by two smarthosts of which the first is a black hole for the first twenty.
#[test]
fn a_black_hole_is_asked_last() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let chance = Chance::new(11);
        let story = Story::new(false);
        let tracks = Tracks::new(story.clone());
        let net = Net::new(chance.branch(), Weather::FAIR, &tracks);
        let names = Zone::new(chance.branch());
        let ground = Ground { net: net.clone(), names, story, tracks };
        let networks = ["192.0.2.100/30".parse().unwrap()];
        let mut options = setup::options("hub.example", &["hub.example"], &["ann"], &networks);
        options.routes.default = Rule::new("smtp:[192.0.2.50],smtp:[192.0.2.51]".parse().unwrap());
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
        let first = peers::foreign(&ground, SocketAddr::new(ip(50), 25), chance.branch(), 0);
        let second = peers::foreign(&ground, SocketAddr::new(ip(51), 25), chance.branch(), 0);
        net.set_silent(ip(50), true);
        host.start();
        let mut late = 0;
        for number in 0..45 {
            if number == 20 {
                assert_eq!(first.letters().len(), 0);
                net.set_silent(ip(50), false);
            }
            let content = format!("Subject: {number}\r\n\r\nbody\r\n");
            let to = vec!["<x@one.example>".parse().unwrap()];
            let from = "<ann@hub.example>".parse().unwrap();
            let letter = peers::letter(from, to, content.as_bytes());
            let sent =
                peers::send(&net, &host.clock, ip(101), at, letter, content.as_bytes()).await;
            assert_eq!(sent, [peers::Sent::Taken]);
            tokio::time::sleep(Duration::from_secs(20)).await;
            let arrived = first.letters().len() + second.letters().len();
            late += usize::from(arrived <= number);
            tokio::time::sleep(Duration::from_secs(40)).await;
            let arrived = first.letters().len() + second.letters().len();
            assert_eq!(arrived, number + 1, "within a minute");
        }
        // At once, after five minutes, after ten more.
        assert_eq!(late, 3, "letters that paid for the call");
        assert!(first.letters().len() >= 5, "{}", first.letters().len());
    });
}
