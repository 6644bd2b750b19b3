//! Media types and dispositions: what the octets of a part are, and how they are to be shown
//! (RFC 2045 §5, RFC 2046, RFC 2183).

use std::fmt;

use super::date_time::DateTime;
use super::defect::{Defect, Defects};
use super::lex::{Lexer, Token, is_token};
use super::parameters::Parameters;

/// The value of a Content-Type field: type and subtype in lower case, and parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaType {
    kind: String,
    subtype: String,
    /// What the field says beside.
    pub parameters: Parameters,
    /// What was wrong with the field.
    pub defects: Defects,
}

/// What a reader does with a part, by its type; unknown ones are the nearest known
/// (RFC 2046 §4, §5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// `text/plain`, and text of unknown subtypes (RFC 2046 §4.1.4).
    Plain,
    /// `text/enriched` (RFC 1896).
    Enriched,
    /// `text/richtext` (RFC 1341).
    Richtext,
    /// `text/html`.
    Html,
    /// `multipart/mixed`, and multiparts of unknown subtypes (RFC 2046 §5.1.3).
    Mixed,
    /// `multipart/alternative`: one of the parts is shown, the last that can be.
    Alternative,
    /// `multipart/digest`: parts are messages unless they say otherwise.
    Digest,
    /// `multipart/parallel`.
    Parallel,
    /// `multipart/related` (RFC 2387): one part and what it refers to.
    Related,
    /// `multipart/signed` (RFC 1847): a part and its signature.
    Signed,
    /// `multipart/report` (RFC 6522).
    Report,
    /// `message/rfc822`, and `message/global` (RFC 6532 §3.7).
    Message,
    /// `message/partial` (RFC 2046 §5.2.2).
    Partial,
    /// `message/external-body` (RFC 2046 §5.2.3).
    External,
    /// Fields of a report for machines: `message/delivery-status` and its kin
    /// (RFC 3464, RFC 6533).
    Status,
    /// `text/rfc822-headers` and `message/global-headers`: a header section (RFC 6522 §4).
    Headers,
    /// `image/…`.
    Image,
    /// `audio/…`.
    Audio,
    /// `video/…`.
    Video,
    /// `application/…`, and all that is unknown: octets to be saved (RFC 2046 §4.5).
    Octets,
}

impl Kind {
    /// Whether it has parts.
    pub fn is_multipart(self) -> bool {
        use Kind::{Alternative, Digest, Mixed, Parallel, Related, Report, Signed};
        matches!(self, Mixed | Alternative | Digest | Parallel | Related | Signed | Report)
    }

    /// Whether it is text for people.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Plain | Self::Enriched | Self::Richtext | Self::Html)
    }
}

impl MediaType {
    /// A type without parameters.
    ///
    /// None where the words are not tokens (RFC 2045 §5.1).
    pub fn new(kind: &str, subtype: &str) -> Option<Self> {
        let token = |text: &str| !text.is_empty() && text.chars().all(is_token);
        (token(kind) && token(subtype)).then(|| Self::made(kind, subtype))
    }

    fn made(kind: &str, subtype: &str) -> Self {
        Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            parameters: Parameters::default(),
            defects: Defects::NONE,
        }
    }

    /// What a part is that does not say: `text/plain; charset=us-ascii` (RFC 2045 §5.2).
    pub fn plain() -> Self {
        let mut plain = Self::made("text", "plain");
        plain.parameters.set("charset", "us-ascii");
        plain
    }

    /// What a part of a digest is that does not say (RFC 2046 §5.1.5).
    pub fn message() -> Self {
        Self::made("message", "rfc822")
    }

    /// `multipart/subtype`, for a subtype of the standard.
    pub(super) fn multipart(subtype: &str) -> Self {
        Self::made("multipart", subtype)
    }

    /// A body that is elsewhere.
    pub(super) fn external() -> Self {
        Self::made("message", "external-body")
    }

    /// A piece of a letter.
    pub(super) fn partial() -> Self {
        Self::made("message", "partial")
    }

    /// Octets of which nothing is known.
    pub fn octets() -> Self {
        Self::made("application", "octet-stream")
    }

    /// Reads the unfolded value of a field. What has not the form `type/subtype` is text/plain
    /// (RFC 2045 §5.2).
    ///
    /// ```
    /// use mail::content::{Kind, MediaType};
    ///
    /// let media = MediaType::read("Text/HTML (a page); charset=\"utf-8\"");
    /// assert_eq!(media.to_string(), "text/html");
    /// assert_eq!(media.parameters.get("charset"), Some("utf-8"));
    /// assert_eq!(media.class(), Kind::Html);
    /// ```
    pub fn read(value: &str) -> Self {
        let mut lexer = Lexer::mime(value);
        let mut defects = Defects::NONE;
        let kind = lexer.next_solid();
        let slash = lexer.next_solid();
        let before = lexer.clone();
        let subtype = lexer.next_solid();
        let mut media = match (kind, slash, subtype) {
            (
                Some((_, Token::Atom(kind))),
                Some((_, Token::Special('/'))),
                Some((_, Token::Atom(subtype))),
            ) => Self::made(kind, subtype),
            (_, slash, _) => {
                // `text; charset=x`: the rest of the field may still be good.
                if !matches!(slash, Some((_, Token::Special(';')))) {
                    lexer.raw_until(&[';']);
                } else {
                    lexer = before;
                }
                let mut plain = Self::made("text", "plain");
                plain.defects.add(Defect::BadContentType);
                plain
            }
        };
        media.parameters = Parameters::read(&mut lexer, &mut defects);
        if media.defects.has(Defect::BadContentType) && media.parameters.get("charset").is_none() {
            media.parameters.set("charset", "us-ascii");
        }
        media.defects |= defects;
        media
    }

    /// The type, in lower case.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The subtype, in lower case.
    pub fn subtype(&self) -> &str {
        &self.subtype
    }

    /// Whether this is `kind/subtype`, both in lower case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind == kind && self.subtype == subtype
    }

    /// The charset, `us-ascii` where none is named (RFC 2046 §4.1.2).
    pub fn charset(&self) -> &str {
        self.parameters.get("charset").unwrap_or("us-ascii")
    }

    /// The boundary of a multipart, without blanks at its end (RFC 2046 §5.1.1).
    pub fn boundary(&self) -> Option<&str> {
        let boundary = self.parameters.get("boundary")?.trim_end_matches([' ', '\t']);
        (!boundary.is_empty()).then_some(boundary)
    }

    /// What a reader does with it.
    pub fn class(&self) -> Kind {
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("text", "enriched") => Kind::Enriched,
            ("text", "richtext") => Kind::Richtext,
            ("text", "html") => Kind::Html,
            ("text", "rfc822-headers") | ("message", "global-headers") => Kind::Headers,
            ("text", _) => Kind::Plain,
            ("multipart", "alternative") => Kind::Alternative,
            ("multipart", "digest") => Kind::Digest,
            ("multipart", "parallel") => Kind::Parallel,
            ("multipart", "related") => Kind::Related,
            ("multipart", "signed") => Kind::Signed,
            ("multipart", "report") => Kind::Report,
            ("multipart", _) => Kind::Mixed,
            ("message", "rfc822" | "global" | "news") => Kind::Message,
            ("message", "partial") => Kind::Partial,
            ("message", "external-body") => Kind::External,
            ("message", "delivery-status" | "disposition-notification" | "feedback-report")
            | ("message", "global-delivery-status" | "global-disposition-notification") => {
                Kind::Status
            }
            ("image", _) => Kind::Image,
            ("audio", _) => Kind::Audio,
            ("video", _) => Kind::Video,
            _ => Kind::Octets,
        }
    }

    /// With a parameter set.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.set(name, value);
        self
    }
}

impl fmt::Display for MediaType {
    /// `type/subtype`, without parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype)
    }
}

/// The value of a Content-Disposition field (RFC 2183).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Disposition {
    /// Shown with the text, or only when asked for.
    pub kind: DispositionKind,
    /// Name, size, dates.
    pub parameters: Parameters,
    /// What was wrong with the field.
    pub defects: Defects,
}

/// How a part is to be shown (RFC 2183 §2.1, §2.2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum DispositionKind {
    /// With the letter.
    Inline,
    /// Apart from it, when asked for; unknown words mean this too (RFC 2183 §2.8).
    #[default]
    Attachment,
}

impl Disposition {
    /// Reads the unfolded value of a field.
    pub fn read(value: &str) -> Self {
        let mut lexer = Lexer::mime(value);
        let mut this = Self::default();
        match lexer.next_solid() {
            Some((_, Token::Atom(word))) => {
                if word.eq_ignore_ascii_case("inline") {
                    this.kind = DispositionKind::Inline;
                }
            }
            _ => {
                this.defects.add(Defect::BadSyntax);
                lexer = Lexer::mime(value);
            }
        }
        this.parameters = Parameters::read(&mut lexer, &mut this.defects);
        this
    }

    /// The word of the field.
    pub fn name(&self) -> &'static str {
        match self.kind {
            DispositionKind::Inline => "inline",
            DispositionKind::Attachment => "attachment",
        }
    }

    /// With a date, whose zone is a number (RFC 2183 §2): `creation-date`, `modification-date` or
    /// `read-date`.
    #[must_use]
    pub fn dated(mut self, name: &str, date: &DateTime) -> Self {
        self.parameters.set(name, &date.to_string());
        self
    }

    /// The size in octets that the field gives (RFC 2183 §2.7).
    pub fn size(&self) -> Option<u64> {
        self.parameters.get("size")?.trim().parse().ok()
    }
}

/// The single word of a field such as Content-Transfer-Encoding, comments left out; none where there
/// is none.
pub(super) fn single_word(value: &str) -> Option<String> {
    let mut lexer = Lexer::mime(value);
    let mut word = String::new();
    while let Some((_, token)) = lexer.next_solid() {
        match token {
            Token::Atom(text) | Token::Quoted(text) => word.push_str(text),
            // `base64;` and `7bit, 8bit`: the first counts.
            _ => break,
        }
    }
    (!word.is_empty()).then_some(word)
}

/// Whether a MIME-Version field says 1.0, comments aside (RFC 2045 §4).
pub(super) fn is_version_one(value: &str) -> bool {
    let mut lexer = Lexer::mime(value);
    let mut version = String::new();
    while let Some((_, token)) = lexer.next_solid() {
        match token {
            Token::Atom(text) => version.push_str(text),
            _ => return false,
        }
    }
    version == "1.0"
}

#[cfg(test)]
mod tests;
