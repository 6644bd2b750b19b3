//! The laws have teeth: each planted fault is reported as the law that it breaks, and without a
//! plant the same worlds break none.

use sim::chaos::{Wish, play};
use sim::plant::Plant;

/// Seeds within which a plant must be found.
const SEEDS: u64 = 12;

#[test]
fn each_plant_is_caught() {
    for plant in Plant::ALL {
        let caught = (0..SEEDS).any(|seed| {
            let report = play(Wish { seed, plant: Some(plant), ..Wish::default() });
            report.broken.iter().any(|law| law.contains(plant.law()))
        });
        assert!(caught, "{plant:?} breaks no law that says {:?}", plant.law());
    }
}
