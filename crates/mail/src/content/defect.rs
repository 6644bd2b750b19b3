//! What is wrong with a letter that can be read all the same. Reading never fails: it gives what
//! good readers give, and says with these values where it had to guess.

use std::fmt;

/// One kind of damage.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Defect {
    /// A line of the header section is no field: the body begins there (RFC 5322 §2.2).
    BadHeaderLine,
    /// The first line is the `From ` line of an mbox file, not a field.
    MailboxLine,
    /// The header section holds octets above 127 that are not UTF-8 (RFC 6532 §3).
    BadUtf8InHead,
    /// NUL octets (RFC 5322 §4).
    Nul,
    /// A value is longer than what is kept of it.
    ValueCut,
    /// Text that follows no syntax of its field: what could be read is there.
    BadSyntax,
    /// An encoded word stands where none may (RFC 2047 §5).
    MisplacedWord,
    /// The Content-Type field cannot be read: text/plain is assumed (RFC 2045 §5.2).
    BadContentType,
    /// A multipart without a boundary parameter: shown as one piece (RFC 2046 §5.1.1).
    NoBoundary,
    /// A multipart that has no part (RFC 2046 §5.1).
    NoPart,
    /// The line that closes a multipart is missing: the letter is cut off, or its parts are.
    Unclosed,
    /// Entities are nested deeper than is followed: what is inside is shown as one piece.
    TooDeep,
    /// More parts than are counted: the rest is part of the last one.
    TooManyParts,
    /// A transfer encoding on a multipart, which may have none (RFC 2045 §6.4).
    EncodedComposite,
    /// A transfer encoding that nobody knows: the octets are left as they are (RFC 2045 §6.4).
    UnknownEncoding,
    /// Quoted-printable with things in it that no encoder writes (RFC 2045 §6.7).
    BadQuotedPrintable,
    /// Base64 with foreign characters, or cut off (RFC 2045 §6.8).
    BadBase64,
    /// Uuencoded text that is cut off or damaged.
    BadUuencode,
    /// A charset that nobody knows: guessed.
    UnknownCharset,
    /// Octets that the charset given does not have.
    BadCharset,
    /// Octets above 127 where the label says there are none (RFC 2045 §2.7).
    EightBit,
    /// Several fields where one may be (RFC 5322 §3.6); the first counts.
    Repeated,
}

const ALL: [Defect; 22] = [
    Defect::BadHeaderLine,
    Defect::MailboxLine,
    Defect::BadUtf8InHead,
    Defect::Nul,
    Defect::ValueCut,
    Defect::BadSyntax,
    Defect::MisplacedWord,
    Defect::BadContentType,
    Defect::NoBoundary,
    Defect::NoPart,
    Defect::Unclosed,
    Defect::TooDeep,
    Defect::TooManyParts,
    Defect::EncodedComposite,
    Defect::UnknownEncoding,
    Defect::BadQuotedPrintable,
    Defect::BadBase64,
    Defect::BadUuencode,
    Defect::UnknownCharset,
    Defect::BadCharset,
    Defect::EightBit,
    Defect::Repeated,
];

impl fmt::Display for Defect {
    /// A few words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadHeaderLine => "a header line that is no field",
            Self::MailboxLine => "a mailbox line before the header",
            Self::BadUtf8InHead => "octets in the header that are not UTF-8",
            Self::Nul => "NUL octets",
            Self::ValueCut => "a value too long to be kept whole",
            Self::BadSyntax => "a value that breaks the syntax of its field",
            Self::MisplacedWord => "an encoded word where none may be",
            Self::BadContentType => "a Content-Type that cannot be read",
            Self::NoBoundary => "a multipart without boundary",
            Self::NoPart => "a multipart without parts",
            Self::Unclosed => "the end of the multipart is missing",
            Self::TooDeep => "parts nested too deep",
            Self::TooManyParts => "too many parts",
            Self::EncodedComposite => "a multipart in a transfer encoding",
            Self::UnknownEncoding => "an unknown transfer encoding",
            Self::BadQuotedPrintable => "damaged quoted-printable",
            Self::BadBase64 => "damaged base64",
            Self::BadUuencode => "damaged uuencode",
            Self::UnknownCharset => "an unknown charset",
            Self::BadCharset => "octets that the charset does not have",
            Self::EightBit => "octets above 127 that are not declared",
            Self::Repeated => "a field that is there twice",
        })
    }
}

/// A set of [`Defect`]s.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Defects(u32);

impl Defects {
    /// None.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn add(&mut self, defect: Defect) {
        self.0 |= 1 << defect as u32;
    }

    /// Whether `defect` is among them.
    pub fn has(self, defect: Defect) -> bool {
        self.0 & (1 << defect as u32) != 0
    }

    /// Whether nothing is wrong.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// One after the other, in the order of the enum.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        ALL.into_iter().filter(move |defect| self.has(*defect))
    }
}

impl From<Defect> for Defects {
    fn from(defect: Defect) -> Self {
        let mut defects = Self::NONE;
        defects.add(defect);
        defects
    }
}

impl From<Option<Defect>> for Defects {
    fn from(defect: Option<Defect>) -> Self {
        defect.map_or(Self::NONE, Self::from)
    }
}

impl std::ops::BitOr for Defects {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Defects {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<T: IntoIterator<Item = Defect>>(defects: T) -> Self {
        let mut set = Self::NONE;
        defects.into_iter().for_each(|defect| set.add(defect));
        set
    }
}

impl fmt::Debug for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Defects {
    /// Separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, defect) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            defect.fmt(f)?;
        }
        Ok(())
    }
}

/// Text that was decoded, and what was wrong with its octets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    /// The text. It may hold control characters: make them harmless before a terminal sees them.
    pub text: String,
    /// What had to be guessed.
    pub defects: Defects,
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}
