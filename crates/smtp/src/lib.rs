//! How mail speaks: SMTP (RFC 5321) as machines without sockets, clocks or tasks. Octets, answers
//! and the time go in; octets and questions come out.

pub mod client;
pub mod server;
