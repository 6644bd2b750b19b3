//! What was checked, and how it went.

/// Counts checks and prints each.
#[derive(Debug, Default)]
pub struct Checks {
    passed: usize,
    failed: usize,
    skipped: usize,
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

    /// Something is not here: a failure, unless it may be skipped.
    pub fn missing(&mut self, name: &str, may_skip: bool, remedy: &str) {
        if may_skip {
            self.skipped += 1;
            println!("  skip  {name}: {remedy}");
        } else {
            self.check(name, Err(remedy.to_owned()));
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
        let counts = format!("{} passed, {} failed", self.passed, self.failed);
        match self.skipped {
            0 => counts,
            skipped => format!("{skipped} skipped\n{counts}"),
        }
    }
}

/// `Ok` if `condition`, else what `why` says.
pub fn that(condition: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(why()) }
}
