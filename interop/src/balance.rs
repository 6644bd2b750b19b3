//! What became of the letters of a play without crashes: each with a 250 arrives, and once.

use bench::ledger::Ledger;

use crate::checks::{Checks, that};

/// Judges the ledger when everything has settled.
pub fn exactly_once(checks: &mut Checks, ledger: &Ledger) {
    let balance = ledger.balance();
    println!(
        "  {} sent, {} accepted, {} arrived, {} lost, {} arrived again, {} arrived though the \
         reply was lost",
        balance.sent,
        balance.accepted,
        balance.arrived,
        balance.lost.len(),
        balance.repeated,
        balance.unanswered,
    );
    let lost = || format!("{} are lost, first {:?}", balance.lost.len(), balance.lost.first());
    checks.check("each letter with a 250 arrives", that(balance.lost.is_empty(), lost));
    let twice = || format!("{} came again", balance.repeated);
    checks.check("none comes twice", that(balance.repeated == 0, twice));
    let uninvited = || format!("{} did", balance.unanswered);
    checks.check("none without a 250 arrives", that(balance.unanswered == 0, uninvited));
    let strays = ledger.strays();
    checks.check("nothing came unnumbered", that(strays == 0, || format!("{strays} did")));
}
