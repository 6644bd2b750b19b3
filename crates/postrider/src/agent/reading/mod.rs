//! A person reads mail.

pub mod range;
pub mod thread;
pub mod words;
