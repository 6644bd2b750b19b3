//! What stands around the bodies: header fields, boundary lines, and the text around parts that
//! nobody reads. It goes on as it came, but in lines that the hop takes: a lone LF is a line end, a
//! lone CR is none, so that no two hosts see different lines.

use super::Target;

/// Octets of a line without its end (RFC 5321 §4.5.3.1.6).
const LINE_MAX: usize = 998;

/// Writes framing.
#[derive(Debug)]
pub(super) struct Framing {
    target: Target,
    /// Octets of the line so far, of text around parts.
    column: usize,
    /// A CR is held until it is known what follows.
    held: bool,
}

impl Framing {
    pub(super) fn new(target: Target) -> Self {
        Self { target, column: 0, held: false }
    }

    /// Octets of a field or of a boundary line.
    pub(super) fn line(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for &octet in octets {
            if self.lone_cr(octet) {
                out.push(b' ');
            }
            match octet {
                b'\r' => self.held = true,
                b'\n' => out.extend_from_slice(b"\r\n"),
                _ => out.push(octet),
            }
        }
        self.column = 0;
    }

    /// Text around parts: what the hop does not take becomes `?`, and a line that is too long is
    /// folded.
    pub(super) fn text(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for &octet in octets {
            if self.lone_cr(octet) {
                self.octet(b'?', out);
            }
            match octet {
                b'\r' => self.held = true,
                b'\n' => {
                    out.extend_from_slice(b"\r\n");
                    self.column = 0;
                }
                0 => self.octet(b'?', out),
                128.. if self.target == Target::SevenBit => self.octet(b'?', out),
                _ => self.octet(octet, out),
            }
        }
    }

    /// The framing ends here: what is held ends its line.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) {
            out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
    }

    /// Whether a CR was held that `octet` does not make a line end of.
    fn lone_cr(&mut self, octet: u8) -> bool {
        std::mem::take(&mut self.held) && octet != b'\n'
    }

    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        if self.column == LINE_MAX {
            // A blank, so that no new line can be a boundary.
            out.extend_from_slice(b"\r\n ");
            self.column = 1;
        }
        out.push(octet);
        self.column += 1;
    }
}
