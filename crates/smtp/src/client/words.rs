//! How steps and losses are named to people: in records, reports and logs.

use std::fmt;

use super::{Lack, Lost, Step};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Handshake => "the TLS handshake",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Content => "content",
            Self::Dot => "end of data",
            Self::Reset => "RSET",
            Self::Quit => "QUIT",
            Self::Release => "ETRN",
            Self::Turn => "ATRN",
            Self::Idle => "no command",
        })
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection was closed"),
            Self::TimedOut => f.write_str("no reply in time"),
            Self::Nonsense(text) => write!(f, "the reply is none: {text:?}"),
            Self::Injected => f.write_str("octets came in the clear after the reply to STARTTLS"),
            Self::Unchunked => f.write_str("CHUNKING is offered, and BDAT is not known"),
            Self::Aborted => f.write_str("we cut the connection"),
        }
    }
}

/// The extension, and what for.
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EightBitMime => "8BITMIME, for content with octets above 127",
            Self::BinaryMime => "BINARYMIME, for content that is not in lines",
            Self::Utf8Address => "SMTPUTF8, for an address that is not in ASCII",
            Self::Utf8Header => "SMTPUTF8, for header fields that are not in ASCII",
            Self::RequireTls => "REQUIRETLS over a secured connection",
            Self::DeliverBy => "DELIVERBY, for as little time as is left",
        })
    }
}
