//! The log keeps the contract of every spool.

use proptest::prelude::*;
use spool::contract::{check, walk};

use super::{Life, options};
use crate::{Drive, Options};

#[test]
fn inline() {
    check(|| Life::in_memory(options(1)));
}

#[test]
fn inline_with_large_segments() {
    check(|| Life::in_memory(Options { segment_size: 2 << 20, ..options(1) }));
}

#[test]
fn with_threads_on_real_files() {
    check(|| Life::on_disk(Options { drive: Drive::Thread, segment_size: 1 << 20, ..options(1) }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn walks_beside_the_model(tape in proptest::collection::vec(any::<u32>(), 1..1200)) {
        walk(&tape, &mut Life::in_memory(Options { segment_size: 16 * 1024, ..options(3) }));
    }
}
