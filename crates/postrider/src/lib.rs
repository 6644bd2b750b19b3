//! The rooms of `postrider`, Internet mail in one binary.

pub mod agent;
pub mod drop;
