//! How mail speaks: SMTP (RFC 5321) as machines without sockets, clocks or tasks. Octets, answers
//! and the time go in; octets and questions come out.
//!
//! [`mod@line`] and [`grammar`] read what both sides need read, [`server`] and [`client`] are the two
//! sides, [`sasl`] is how a client proves who it is. What a reply *is* belongs to `mail`; what is
//! decided, to whoever answers the questions.

pub mod client;
pub mod grammar;
pub mod line;
pub mod sasl;
pub mod server;
#[cfg(test)]
mod transcript;
