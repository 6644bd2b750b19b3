//! The flows in a small world: a paused clock, a spool in memory, peers that follow scripts. A case
//! is a row of a table; nothing sleeps in real time or dials out.

mod accounts;
mod booking;
mod chunks;
mod destination;
mod doorway;
mod expand;
mod fetch;
mod fit;
mod forwarded;
mod history;
mod hostile;
mod kept;
mod lmtp;
mod local;
mod masquerade;
mod notify;
mod operator;
mod pace;
mod pages;
mod policy;
mod receive;
mod relay;
mod reload;
mod report;
mod reuse;
mod routes;
mod script;
mod secured;
mod security;
mod silent;
mod smarthost;
mod spool;
mod submission;
mod turned;
mod world;
