//! Splits the octets of a connection into lines (RFC 5321 §2.3.8).
//!
//! Only CR LF ends a line. A lone CR or LF is an error, never a line end: where two hosts disagree
//! about that, one message smuggles in another. Content has no lines in this sense: its dots and
//! its end are the business of `server::content`.

use bytes::{Buf, BytesMut};

/// Why a line cannot be read. The whole line, up to its CR LF, has been taken out of the buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LineError {
    /// Longer than the limit, CR LF included (RFC 5321 §4.5.3.1.4).
    #[error("the line is too long")]
    TooLong,
    /// A CR without LF or an LF without CR stands in it.
    #[error("the line holds a bare CR or LF")]
    Bare,
}

/// Takes lines out of a buffer, and remembers that it is in the midst of one that is too long.
#[derive(Debug, Default)]
pub struct Lines {
    skipping: bool,
}

impl Lines {
    /// Takes the next complete line out of `buffer`.
    ///
    /// The line comes without its CR LF and may be empty. `None`: more octets are needed. `limit`
    /// tells from the first octets how long the line may be, CR LF included; of a longer line
    /// nothing is kept, and it is reported once, when its end has come.
    pub fn next(
        &mut self,
        buffer: &mut BytesMut,
        limit: impl Fn(&[u8]) -> usize,
    ) -> Option<Result<BytesMut, LineError>> {
        let Some(length) = end_of_line(buffer) else {
            if self.skipping || buffer.len() >= limit(buffer) {
                self.skipping = true;
                // A last CR may be half of the end.
                let keep = usize::from(buffer.last() == Some(&b'\r'));
                buffer.advance(buffer.len() - keep);
            }
            return None;
        };
        let mut line = buffer.split_to(length);
        if std::mem::take(&mut self.skipping) || length > limit(&line) {
            return Some(Err(LineError::TooLong));
        }
        line.truncate(length - 2);
        let bare = memchr::memchr2(b'\r', b'\n', &line).is_some();
        Some(if bare { Err(LineError::Bare) } else { Ok(line) })
    }
}

/// The length of the first line with its CR LF.
fn end_of_line(buffer: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', buffer)
        .find(|&place| place.checked_sub(1).and_then(|before| buffer.get(before)) == Some(&b'\r'))
        .map(|place| place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], piece: usize) -> Vec<Result<String, LineError>> {
        let (mut lines, mut buffer, mut found) = (Lines::default(), BytesMut::new(), Vec::new());
        for piece in input.chunks(piece) {
            buffer.extend_from_slice(piece);
            while let Some(line) = lines.next(&mut buffer, |_| 10) {
                found.push(line.map(|line| String::from_utf8_lossy(&line).into_owned()));
            }
            assert!(buffer.len() < 10, "the buffer is bounded");
        }
        found
    }

    /// Register: 5321-2.3.8-a, 5321-2.4-e.
    #[test]
    fn only_crlf_ends_a_line() {
        use LineError::{Bare, TooLong};
        type Row = (&'static str, &'static [Result<&'static str, LineError>]);
        let rows: &[Row] = &[
            ("a\r\nb\r\n", &[Ok("a"), Ok("b")]),
            ("\r\n", &[Ok("")]),
            ("a\nb\r\nc\r\n", &[Err(Bare), Ok("c")]),
            ("a\rb\r\n", &[Err(Bare)]),
            ("a\r\r\n", &[Err(Bare)]),
            ("\n\r\n", &[Err(Bare)]),
            ("12345678\r\n", &[Ok("12345678")]),
            ("123456789\r\nx\r\n", &[Err(TooLong), Ok("x")]),
            ("12345678901234567890\n\r1\r\nx\r\n", &[Err(TooLong), Ok("x")]),
            ("unfinished", &[]),
        ];
        for (input, expected) in rows {
            for piece in [1, 3, 7, usize::MAX] {
                let expected: Vec<_> =
                    expected.iter().map(|line| line.map(str::to_owned)).collect();
                assert_eq!(lines(input.as_bytes(), piece), expected, "{input:?} by {piece}");
            }
        }
    }
}
