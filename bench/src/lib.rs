//! Load generator, sink, and the figures of a mail server.
//!
//! Nothing here is part of the product and nothing of the product is used here: what is measured is
//! a process at the other end of a socket. The generator and the sink share the machine with it, so
//! both are single threads over `epoll` that neither allocate nor wake anyone per letter; what they
//! cost is printed beside what the server costs.

pub mod bare;
pub mod client;
pub mod compare;
pub mod cost;
pub mod generator;
pub mod ledger;
pub mod letter;
pub mod letters;
pub mod mailboxes;
pub mod postfix;
pub mod report;
pub mod scenario;
pub mod server;
pub mod sink;
mod wire;
