//! Writes content for the wire: CR LF line ends only, dots stuffed (RFC 5321 §4.5.2).
//!
//! Whatever the content holds, nothing but CR LF leaves as a line end: a bare CR or LF becomes one
//! (RFC 5321 §2.3.8), and only then, when the lines are certain, is a dot at the start of a line
//! doubled. So no content of ours can end early at any host (RFC 5321 §4.1.1.4).

/// Where in the content the next octet stands.
#[derive(Debug)]
pub(super) struct Stuffing {
    /// At the start of a line.
    start: bool,
    /// After a CR that is not written yet: what it is depends on the next octet.
    cr: bool,
    /// Dots are doubled, and one ends the content.
    dots: bool,
}

/// The line that ends content.
pub(super) const FINAL_DOT: &[u8] = b".\r\n";

impl Stuffing {
    /// Octets of content that make no more than 64 KiB on the wire: each becomes at most two, and
    /// a CR from before another two.
    pub(super) const INPUT_MAX: usize = 32 * 1024 - 1;

    pub(super) fn new() -> Self {
        Self { start: true, cr: false, dots: true }
    }

    /// Makes lines and leaves dots alone, for content whose size is told (RFC 3030 §2).
    pub(super) fn without_dots() -> Self {
        Self { dots: false, ..Self::new() }
    }

    /// Writes the next octets of the content.
    pub(super) fn write(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + input.len() / 16 + 4);
        if self.cr && !input.is_empty() {
            // The pair is written with the LF; without one the CR was bare.
            self.cr = false;
            input = input.strip_prefix(b"\n").unwrap_or(input);
            self.end_line(out);
        }
        // What lies before `written` is in `out`; whole lines in order go out together.
        let (mut at, mut written) = (0, 0);
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            if self.start && self.dots && rest.first() == Some(&b'.') {
                copy(input, written..at, out);
                out.push(b'.');
                written = at;
            }
            self.start = false;
            let Some(length) = memchr::memchr2(b'\r', b'\n', rest) else { break };
            let end = at + length;
            let cr = rest.get(length) == Some(&b'\r');
            match rest.get(length + 1) {
                Some(b'\n') if cr => {
                    at = end + 2;
                    self.start = true;
                }
                None if cr => {
                    copy(input, written..end, out);
                    self.cr = true;
                    return;
                }
                _ => {
                    copy(input, written..end, out);
                    self.end_line(out);
                    at = end + 1;
                    written = at;
                }
            }
        }
        copy(input, written..input.len(), out);
    }

    /// Ends the content: its last line gets a CR LF if it has none (RFC 5321 §4.1.1.4), the dot
    /// follows.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if !self.start {
            self.end_line(out);
        }
        if self.dots {
            out.extend_from_slice(FINAL_DOT);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.start = true;
    }
}

fn copy(input: &[u8], range: std::ops::Range<usize>, out: &mut Vec<u8>) {
    out.extend_from_slice(input.get(range).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(input: &[u8], piece: usize) -> Vec<u8> {
        let (mut stuffing, mut out) = (Stuffing::new(), Vec::new());
        for piece in input.chunks(piece) {
            stuffing.write(piece, &mut out);
        }
        stuffing.finish(&mut out);
        out
    }

    /// Register: 5321-2.3.8-b, 5321-2.3.8-c, 5321-4.1.1.4-c, 5321-4.1.1.4-d, 5321-4.5.2-a,
    /// 1123-5.2.11-a.
    #[test]
    fn what_goes_on_the_wire() {
        let rows: &[(&str, &str)] = &[
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("..", "...\r\n.\r\n"),
            (".a\r\n", "..a\r\n.\r\n"),
            ("a.b\r\n.\r\nc", "a.b\r\n..\r\nc\r\n.\r\n"),
            ("a\nb", "a\r\nb\r\n.\r\n"),
            ("a\rb", "a\r\nb\r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
            ("a\n", "a\r\n.\r\n"),
            ("a\r\r\nb", "a\r\n\r\nb\r\n.\r\n"),
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n.\rMAIL", "a\r\n..\r\nMAIL\r\n.\r\n"),
            ("\n\r", "\r\n\r\n.\r\n"),
        ];
        for (input, wire) in rows {
            for piece in [1, 2, 3, usize::MAX] {
                let out = stuffed(input.as_bytes(), piece);
                assert_eq!(String::from_utf8_lossy(&out), *wire, "{input:?} by {piece}");
            }
        }
    }

    /// The worst growth keeps within the bound of one output.
    #[test]
    fn growth_is_bounded() {
        for pattern in [&b"\n"[..], b"\n.", b"\r", b"."] {
            let mut input: Vec<u8> = pattern.repeat(Stuffing::INPUT_MAX);
            input.truncate(Stuffing::INPUT_MAX);
            let (mut stuffing, mut out) = (Stuffing::new(), Vec::new());
            stuffing.write(b"x\r", &mut out);
            out.clear();
            stuffing.write(&input, &mut out);
            assert!(out.len() <= 64 * 1024, "{pattern:?}: {}", out.len());
        }
    }
}
