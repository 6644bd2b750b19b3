//! Transfer encodings: how octets pass through hosts that carry only lines of text (RFC 2045 §6).
//!
//! [`Decoder`] and the encoders stream: octets come cut anywhere, memory is a line. Decoding is
//! charitable and never fails; what no encoder writes is reported as a [`Defect`].

mod base64;
mod measure;
mod quoted_printable;
mod uuencode;

use std::borrow::Cow;
use std::fmt;

pub use base64::Base64Encoder;
pub use measure::Measure;
pub use quoted_printable::{QuotedPrintableEncoder, Source};

use super::defect::{Defect, Defects};

/// Octets of an encoded line without its line end (RFC 2045 §6.7, §6.8).
pub const LINE_MAX: usize = 76;

/// The values of Content-Transfer-Encoding (RFC 2045 §6.1).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum TransferEncoding {
    /// Lines of ASCII (RFC 2045 §2.7), the default.
    #[default]
    SevenBit,
    /// Lines with octets above 127 (RFC 2045 §2.8).
    EightBit,
    /// Any octets (RFC 2045 §2.9).
    Binary,
    /// Quoted-printable (RFC 2045 §6.7).
    QuotedPrintable,
    /// Base64 (RFC 2045 §6.8).
    Base64,
    /// `x-uuencode`: not of the standard, older than it, and still met.
    Uuencode,
    /// Anything else: the octets are left alone and mean nothing (RFC 2045 §6.4).
    Unknown,
}

impl TransferEncoding {
    /// Reads a value of the field; comments and blanks around it are taken away before, case does
    /// not matter (RFC 2045 §6.1).
    pub fn from_name(name: &[u8]) -> Self {
        let is = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()));
        match () {
            () if is(&["7bit", "7-bit", "7 bit"]) => Self::SevenBit,
            () if is(&["8bit", "8-bit", "8 bit"]) => Self::EightBit,
            () if is(&["binary"]) => Self::Binary,
            () if is(&["quoted-printable", "quotedprintable"]) => Self::QuotedPrintable,
            () if is(&["base64", "base-64"]) => Self::Base64,
            () if is(&["x-uuencode", "x-uue", "uuencode"]) => Self::Uuencode,
            () => Self::Unknown,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
            Self::Uuencode => "x-uuencode",
            Self::Unknown => "x-unknown",
        }
    }

    /// Whether the octets of the body are those that are meant.
    pub fn is_identity(self) -> bool {
        matches!(self, Self::SevenBit | Self::EightBit | Self::Binary | Self::Unknown)
    }

    /// The octets that `encoded` stands for; borrowed where it stands for itself.
    pub fn decode(self, encoded: &[u8]) -> (Cow<'_, [u8]>, Defects) {
        if self.is_identity() {
            let mut defects = Defects::NONE;
            if self == Self::SevenBit && !encoded.is_ascii() {
                defects.add(Defect::EightBit);
            }
            if self == Self::Unknown {
                defects.add(Defect::UnknownEncoding);
            }
            return (Cow::Borrowed(encoded), defects);
        }
        let mut decoder = Decoder::new(self);
        let mut out = Vec::with_capacity(encoded.len());
        decoder.feed(encoded, &mut out);
        let defects = decoder.finish(&mut out);
        (Cow::Owned(out), defects)
    }
}

impl fmt::Display for TransferEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Decodes a body that streams past.
///
/// ```
/// use mail::content::transfer::{Decoder, TransferEncoding};
///
/// let mut decoder = Decoder::new(TransferEncoding::QuotedPrintable);
/// let mut out = Vec::new();
/// for piece in ["J=C", "3=B8r", "n =\r\nSimonsen"] {
///     decoder.feed(piece.as_bytes(), &mut out);
/// }
/// assert!(decoder.finish(&mut out).is_empty());
/// assert_eq!(out, "Jørn Simonsen".as_bytes());
/// ```
#[derive(Clone, Debug)]
pub struct Decoder(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Identity { encoding: TransferEncoding, defects: Defects },
    QuotedPrintable(quoted_printable::Decoder),
    Base64(base64::Decoder),
    Uuencode(uuencode::Decoder),
}

impl Decoder {
    /// Before the first octet.
    pub fn new(encoding: TransferEncoding) -> Self {
        Self(match encoding {
            TransferEncoding::QuotedPrintable => Kind::QuotedPrintable(Default::default()),
            TransferEncoding::Base64 => Kind::Base64(Default::default()),
            TransferEncoding::Uuencode => Kind::Uuencode(Default::default()),
            _ => Kind::Identity { encoding, defects: Defects::NONE },
        })
    }

    /// The next octets of the body; what they stand for is appended to `out`.
    pub fn feed(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Identity { encoding, defects } => {
                if *encoding == TransferEncoding::SevenBit && !encoded.is_ascii() {
                    defects.add(Defect::EightBit);
                }
                if *encoding == TransferEncoding::Unknown {
                    defects.add(Defect::UnknownEncoding);
                }
                out.extend_from_slice(encoded);
            }
            Kind::QuotedPrintable(decoder) => decoder.feed(encoded, out),
            Kind::Base64(decoder) => decoder.feed(encoded, out),
            Kind::Uuencode(decoder) => decoder.feed(encoded, out),
        }
    }

    /// No octets follow. Gives what was wrong with them.
    pub fn finish(self, out: &mut Vec<u8>) -> Defects {
        match self.0 {
            Kind::Identity { defects, .. } => defects,
            Kind::QuotedPrintable(decoder) => decoder.finish(out),
            Kind::Base64(decoder) => decoder.finish(out),
            Kind::Uuencode(decoder) => decoder.finish(out),
        }
    }
}

#[cfg(test)]
mod tests;
