//! `postrider`: Internet mail in one binary.
fn main() {}
