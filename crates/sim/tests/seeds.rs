//! A seed is a world: lived through twice, it tells the same story.

use sim::chaos::run;

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in [0, 1, 2, 7] {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first, second, "seed {seed}");
        assert!(first.events > 0);
    }
    assert_ne!(run(1).digest, run(2).digest);
}
