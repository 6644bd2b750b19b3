//! A text quoted while it is made: a mark before each line, and no blank lines at its end.

use std::io;

/// Quotes what it is given, and gives it on.
pub struct Quotation<'a> {
    mark: String,
    out: &'a mut dyn FnMut(&str) -> io::Result<()>,
    /// The last line that is not blank, and what came after it.
    last: String,
    blanks: String,
    /// A line without its end.
    open: String,
}

impl<'a> Quotation<'a> {
    /// With `mark` before each line; lines that are quoted already get no blank in between. An empty
    /// mark leaves the lines as they are.
    pub fn new(mark: &str, out: &'a mut dyn FnMut(&str) -> io::Result<()>) -> Self {
        let empty = String::new;
        Self { mark: mark.to_owned(), out, last: empty(), blanks: empty(), open: empty() }
    }

    /// More of the text.
    ///
    /// # Errors
    /// It cannot be given on.
    pub fn push(&mut self, text: &str) -> io::Result<()> {
        for line in text.split_inclusive('\n') {
            self.open += line;
            if line.ends_with('\n') {
                self.line()?;
            }
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<()> {
        if self.open.trim_end().is_empty() {
            self.blanks += &std::mem::take(&mut self.open);
            return Ok(());
        }
        let next = std::mem::take(&mut self.open);
        self.give()?;
        self.last = next;
        Ok(())
    }

    /// Gives what is before the line that came last.
    fn give(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.last) + &std::mem::take(&mut self.blanks);
        if held.is_empty() { Ok(()) } else { (self.out)(&marked(&held, &self.mark)) }
    }

    /// The end of the text.
    ///
    /// # Errors
    /// It cannot be given on.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.open.is_empty() {
            self.line()?;
        }
        self.blanks.clear();
        self.last.truncate(self.last.trim_end().len());
        self.give()
    }
}

fn marked(text: &str, mark: &str) -> String {
    let tight = mark.trim_end();
    let line = |line: &str| match line {
        "" => format!("{tight}\n"),
        line if line.starts_with(tight) && !tight.is_empty() => format!("{tight}{line}\n"),
        line => format!("{mark}{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_a_mark() {
        let rows = [
            ("a\n\n> b\n\n\n", "> ", "> a\n>\n>> b\n"),
            ("a", "| ", "| a\n"),
            ("\n\na  \n b  \n \n", "> ", ">\n>\n> a  \n>  b\n"),
            ("a\n\nb \n\n", "", "a\n\nb\n"),
            ("", "> ", ""),
            ("\n \n", "> ", ""),
        ];
        for (text, mark, want) in rows {
            for piece in [1, 100] {
                let mut got = String::new();
                let mut out = |text: &str| {
                    got += text;
                    Ok(())
                };
                let mut quotation = Quotation::new(mark, &mut out);
                let pieces = text.as_bytes().chunks(piece);
                pieces.for_each(|p| quotation.push(std::str::from_utf8(p).unwrap()).unwrap());
                quotation.finish().unwrap();
                assert_eq!(got, want, "{text:?}");
            }
        }
    }
}
