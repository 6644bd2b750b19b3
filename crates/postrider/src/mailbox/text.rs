//! Turns content from the wire into the text of a mailbox, chunk by chunk.

/// What must not start a line of an mbox.
const FROM: &[u8] = b"From ";

/// Turns CR LF into LF, and quotes lines for an mbox. Cuts between chunks do not matter.
#[derive(Debug)]
pub struct LocalText {
    /// A CR that came last: it is dropped if an LF follows.
    cr: bool,
    last: Option<u8>,
    quoting: Option<Quoting>,
}

/// At the start of a line: how many `>` came, and how much of `From ` after them.
#[derive(Debug, Default)]
struct Quoting {
    /// False once the line is known to be harmless.
    start: bool,
    arrows: usize,
    matched: usize,
}

impl LocalText {
    /// For a Maildir: line ends only.
    pub fn plain() -> Self {
        Self { cr: false, last: None, quoting: None }
    }

    /// For an mbox: each line `From …`, `>From …`, `>>From …` gets one more `>`, so that taking one
    /// away gives the line back.
    pub fn quoted() -> Self {
        let quoting = Some(Quoting { start: true, ..Quoting::default() });
        Self { quoting, ..Self::plain() }
    }

    /// Appends the text of `chunk` to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if chunk.is_empty() {
            return;
        }
        let mut rest = chunk;
        if std::mem::take(&mut self.cr) && rest.first() != Some(&b'\n') {
            self.put(b"\r", out);
        }
        while let Some(at) = memchr::memchr(b'\r', rest) {
            let (before, after) = rest.split_at(at);
            self.put(before, out);
            rest = after.get(1..).unwrap_or_default();
            match rest.first() {
                None => self.cr = true,
                Some(b'\n') => {}
                Some(_) => self.put(b"\r", out),
            }
        }
        self.put(rest, out);
    }

    /// Ends the text; a last line without an end gets one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.cr) {
            self.put(b"\r", out);
        }
        if let Some(quoting) = &mut self.quoting {
            quoting.give(out, false);
        }
        if self.last.is_some_and(|last| last != b'\n') {
            out.push(b'\n');
            self.last = Some(b'\n');
        }
    }

    fn put(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        self.last = octets.last().copied().or(self.last);
        match &mut self.quoting {
            None => out.extend_from_slice(octets),
            Some(quoting) => quoting.put(octets, out),
        }
    }
}

impl Quoting {
    fn put(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while let Some((&octet, rest)) = octets.split_first() {
            if self.start {
                self.look(octet, out);
                octets = rest;
                continue;
            }
            // The rest of a harmless line goes through in one piece.
            let end = memchr::memchr(b'\n', octets).map_or(octets.len(), |at| at + 1);
            let (line, after) = octets.split_at(end);
            out.extend_from_slice(line);
            self.start = line.last() == Some(&b'\n');
            octets = after;
        }
    }

    /// Looks at one octet while the line may still become `>*From `.
    fn look(&mut self, octet: u8, out: &mut Vec<u8>) {
        if self.matched == 0 && octet == b'>' {
            self.arrows += 1;
        } else if FROM.get(self.matched) == Some(&octet) {
            self.matched += 1;
            if self.matched == FROM.len() {
                self.give(out, true);
            }
        } else {
            self.give(out, false);
            out.push(octet);
            self.start = octet == b'\n';
        }
    }

    /// Writes what was held back, with one more `>` if the line needs it.
    fn give(&mut self, out: &mut Vec<u8>, quote: bool) {
        out.resize(out.len() + self.arrows + usize::from(quote), b'>');
        out.extend_from_slice(FROM.get(..self.matched).unwrap_or_default());
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(mut text: LocalText, content: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        content.chunks(piece).for_each(|chunk| text.push(chunk, &mut out));
        text.finish(&mut out);
        out
    }

    /// Register: 5321-4.5.2-c, 5321-4.5.2-d.
    #[test]
    fn line_ends_and_quotes() {
        let rows: &[(&[u8], &[u8], &[u8])] = &[
            (b"", b"", b""),
            (b"a\r\nb\r\n", b"a\nb\n", b"a\nb\n"),
            (b"a", b"a\n", b"a\n"),
            (b"a\rb\r\r\n\r", b"a\rb\r\n\r\n", b"a\rb\r\n\r\n"),
            (b"From me\r\n", b"From me\n", b">From me\n"),
            (b"x\r\n>>From \r\n", b"x\n>>From \n", b"x\n>>>From \n"),
            (b"From\r\n>Fro\r\n>", b"From\n>Fro\n>\n", b"From\n>Fro\n>\n"),
            (b"F>From \r\n F", b"F>From \n F\n", b"F>From \n F\n"),
            (b"\0\xff\t \r\n\r\nFrom ", b"\0\xff\t \n\nFrom \n", b"\0\xff\t \n\n>From \n"),
            (b"FFrom \r\nFrFrom \r\n", b"FFrom \nFrFrom \n", b"FFrom \nFrFrom \n"),
        ];
        for (content, plain, quoted) in rows {
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(text_of(LocalText::plain(), content, piece), *plain, "{content:?}");
                assert_eq!(text_of(LocalText::quoted(), content, piece), *quoted, "{content:?}");
            }
        }
    }
}
