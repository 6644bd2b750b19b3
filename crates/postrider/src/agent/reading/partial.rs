//! Letters that came in pieces (RFC 2046 §5.2.2), put together again in whatever order they came.

use mail::content::{Fields, Head, Kind, MediaType};

use super::session::Session;
use crate::agent::folder::HEAD_MAX;

/// Pieces of one letter.
const PIECES_MAX: usize = 1000;
/// Octets of a letter that is put together.
const WHOLE_MAX: usize = 512 << 20;

/// What a piece says of itself.
struct Piece {
    id: String,
    number: usize,
    total: Option<usize>,
}

impl Piece {
    fn of(media: &MediaType) -> Option<Self> {
        if media.class() != Kind::Partial {
            return None;
        }
        let number = |name: &str| media.parameters.get(name)?.trim().parse().ok();
        Some(Self {
            id: media.parameters.get("id")?.to_owned(),
            number: number("number")?,
            total: number("total"),
        })
    }
}

impl Session<'_> {
    /// The letter of which the letter at `place` is a piece.
    ///
    /// # Errors
    /// What to tell the person: pieces that are missing, for example.
    pub fn joined(&mut self, place: usize) -> Result<Vec<u8>, String> {
        let own = self.piece(place).ok_or("this letter is no piece of another")?;
        let (mut pieces, mut total) = (std::collections::BTreeMap::new(), own.total);
        for other in 0..self.folder.items.len() {
            let Some(piece) = self.piece(other).filter(|piece| piece.id == own.id) else {
                continue;
            };
            total = total.or(piece.total);
            // The first of several that are the same.
            pieces.entry(piece.number).or_insert(other);
        }
        let total = total.ok_or("no piece says how many there are; the last one is missing")?;
        if total == 0 || total > PIECES_MAX {
            return Err(format!("{total} pieces are no letter"));
        }
        let missing: Vec<String> =
            (1..=total).filter(|n| !pieces.contains_key(n)).map(|n| n.to_string()).collect();
        if !missing.is_empty() {
            return Err(format!("of {total} pieces these are missing: {}", missing.join(", ")));
        }
        let mut octets = Vec::new();
        for place in pieces.range(1..=total).map(|(_, place)| *place).collect::<Vec<_>>() {
            octets.push(self.octets(place)?);
            if octets.iter().map(Vec::len).sum::<usize>() > WHOLE_MAX {
                return Err("together they are too large".into());
            }
        }
        Ok(put_together(&octets))
    }

    fn piece(&mut self, place: usize) -> Option<Piece> {
        let mut source = self.folder.peek(place).ok()?;
        let begin = source.read_head(HEAD_MAX).ok()?;
        Piece::of(&Head::new(mail::content::split_head(&begin).0).content_type()?)
    }
}

/// The letter of these pieces, which are whole and in order (RFC 2046 §5.2.2.1): fields of the first
/// piece, but what tells of the content from the letter within.
fn put_together(pieces: &[Vec<u8>]) -> Vec<u8> {
    let Some(first) = pieces.first() else { return Vec::new() };
    let (outer, inside) = mail::content::split_head(first);
    let (inner, body) = mail::content::split_head(inside);
    let mut whole = Vec::new();
    append_fields(outer, false, &mut whole);
    append_fields(inner, true, &mut whole);
    whole.push(b'\n');
    whole.extend_from_slice(body);
    for piece in pieces.iter().skip(1) {
        whole.extend_from_slice(mail::content::split_head(piece).1);
    }
    whole
}

/// The fields that tell of the content, or the others.
fn append_fields(head: &[u8], of_content: bool, whole: &mut Vec<u8>) {
    for field in Fields::new(head) {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        let tells = name.starts_with("content-")
            || matches!(name.as_str(), "subject" | "message-id" | "encrypted" | "mime-version");
        let local = matches!(name.as_str(), "status" | "x-status" | "return-path");
        if tells == of_content && !local {
            whole.extend_from_slice(field.name);
            whole.push(b':');
            whole.extend_from_slice(field.raw);
            whole.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 2046-5.2.2.1-a
    #[test]
    fn the_example_of_the_standard() {
        let first = b"X-Weird-Header-1: Foo\nFrom: Bill@host.com\nTo: joe@otherhost.com\n\
            Date: Fri, 26 Mar 1993 12:59:38 -0500 (EST)\nSubject: Audio mail (part 1 of 2)\n\
            Message-ID: <id1@host.com>\nMIME-Version: 1.0\n\
            Content-type: message/partial; id=\"ABC@host.com\"; number=1; total=2\n\n\
            X-Weird-Header-1: Bar\nX-Weird-Header-2: Hello\nMessage-ID: <anotherid@foo.com>\n\
            Subject: Audio mail\nMIME-Version: 1.0\nContent-type: audio/basic\n\
            Content-transfer-encoding: base64\n\nfirst half\n"
            .to_vec();
        let second =
            b"From: Bill@host.com\nTo: joe@otherhost.com\nSubject: Audio mail (part 2 of 2)\n\
            MIME-Version: 1.0\nMessage-ID: <id2@host.com>\n\
            Content-type: message/partial; id=\"ABC@host.com\"; number=2; total=2\n\nsecond half\n"
                .to_vec();
        let whole = String::from_utf8(put_together(&[first, second])).unwrap();
        assert_eq!(
            whole,
            "X-Weird-Header-1: Foo\nFrom: Bill@host.com\nTo: joe@otherhost.com\n\
             Date: Fri, 26 Mar 1993 12:59:38 -0500 (EST)\nMessage-ID: <anotherid@foo.com>\n\
             Subject: Audio mail\nMIME-Version: 1.0\nContent-type: audio/basic\n\
             Content-transfer-encoding: base64\n\nfirst half\nsecond half\n"
        );
    }
}
