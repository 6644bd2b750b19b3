//! Chance from the operating system.

use engine::doors::Random;

/// A generator per thread, seeded by the operating system and reseeded as it goes: fit for what an
/// outsider must not guess, and without a lock in the mail path.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn next(&self) -> u64 {
        rand::random()
    }
}
