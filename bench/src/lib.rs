//! Load generator, sink, and the figures of a mail server.
