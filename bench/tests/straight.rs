//! The generator sends straight into the sink: neither may lose, repeat or miscount a letter.

use std::sync::Arc;

use bench::generator::{self, Load, Mode};
use bench::ledger::Ledger;
use bench::sink::Sink;

#[test]
fn every_letter_arrives_once() {
    let sink = Sink::start("127.0.0.1:0".parse().expect("address")).expect("sink");
    let cases = [
        (Mode::LockStep, 1, 50, 600),
        (Mode::Pipelined, 1, 50, 600),
        (Mode::LockStep, 20, 400, 4096),
        (Mode::Pipelined, 20, 400, 4096),
        // More sessions than letters; letters larger than any buffer on the way.
        (Mode::Pipelined, 8, 3, 4096),
        (Mode::Pipelined, 3, 9, 3_000_000),
        (Mode::LockStep, 3, 9, 3_000_000),
    ];
    for (mode, sessions, letters, size) in cases {
        let ledger = Arc::new(Ledger::new(letters as usize));
        sink.open(&ledger);
        let load = Load {
            target: sink.address(),
            sessions,
            letters: 0..letters,
            size,
            mode,
            sender: "a@one.example".into(),
            recipients: vec!["b@two.example".into()],
        };
        let sent = generator::run(&load, &ledger).expect("run");
        let (balance, all) = (ledger.balance(), letters as usize);
        let case = format!("{mode:?}, {sessions} sessions: {:?}", sent.complaints);
        assert_eq!((balance.sent, balance.accepted, balance.arrived), (all, all, all), "{case}");
        assert_eq!((balance.repeated, ledger.strays(), sent.refused, sent.broken), (0, 0, 0, 0));
    }
}
