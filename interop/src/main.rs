//! Interop.
fn main() {}
