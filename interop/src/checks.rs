//! What was checked, and how it went.

/// Counts checks and prints each.
#[derive(Debug, Default)]
pub struct Checks {
    passed: usize,
    failed: usize,
}

impl Checks {
    /// One check; `Err` says what is wrong.
    pub fn check(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("  ok    {name}");
            }
            Err(why) => {
                self.failed += 1;
                println!("  FAIL  {name}: {why}");
            }
        }
    }

    /// How many failed so far.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// True when nothing failed.
    pub fn good(&self) -> bool {
        self.failed == 0
    }

    /// The last line of the output.
    pub fn summary(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }
}

/// `Ok` if `condition`, else what `why` says.
pub fn that(condition: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(why()) }
}
