//! A letter that is too large for one goes in pieces, each made when the one before is on its way: of
//! the whole no more than a piece is in hand.

use std::io::{self, BufRead, BufReader, Read};

use mail::DomainName;
use mail::content::MessageId;
use mail::content::partial::{SplitError, Splitter};

use crate::agent::letter::{LINE_MAX, Letter, PIECE, Text};

/// How a letter is split.
pub struct Pieces {
    splitter: Splitter,
    unique: String,
    host: DomainName,
    /// How many there are.
    pub total: u32,
}

/// The lines of its body, and the one that had no room in the last piece.
pub struct Lines<'a> {
    body: BufReader<&'a mut Letter>,
    held: Option<Vec<u8>>,
}

impl Lines<'_> {
    /// The next line; empty at the end.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        if let Some(line) = self.held.take() {
            return Ok(line);
        }
        let (mut line, max) = (Vec::new(), LINE_MAX as u64 + 2);
        (&mut self.body).take(max + 1).read_until(b'\n', &mut line)?;
        // As the splitter must have it; a piece is 7bit always.
        if line.len() as u64 > max || !line.is_ascii() {
            return Err(io::Error::other(SplitError::NotSevenBit));
        }
        Ok(line)
    }
}

impl Pieces {
    /// Of `letter`, each at most `max` octets.
    ///
    /// # Errors
    /// It cannot be split so, or not be read.
    pub fn of(
        letter: &mut Letter,
        max: usize,
        unique: &str,
        host: &DomainName,
    ) -> io::Result<Self> {
        // Fields in UTF-8 have no place in pieces, which any host must take.
        if !letter.head().is_ascii() {
            return Err(io::Error::other(SplitError::NotSevenBit));
        }
        let (unique, host) = (unique.to_owned(), host.clone());
        let id = |number| message_id(&unique, number, &host);
        let longest = id(mail::content::partial::FRAGMENTS_MAX)?;
        let splitter = Splitter::new(letter.head(), max, &id(0)?, &longest);
        let splitter = splitter.map_err(io::Error::other)?;
        let mut pieces = Self { splitter, unique, host, total: 1 };
        pieces.total = pieces.count(letter)?;
        Ok(pieces)
    }

    fn count(&self, letter: &mut Letter) -> io::Result<u32> {
        let mut lines = self.lines(letter)?;
        let (mut number, mut held) = (1, 0);
        loop {
            let line = lines.next()?.len();
            if line == 0 {
                return Ok(number);
            }
            if !self.splitter.has_room(number, held, line) {
                number = Splitter::after(number).map_err(io::Error::other)?;
                held = 0;
            }
            held += line;
        }
    }

    /// The lines to make pieces of.
    ///
    /// # Errors
    /// The letter cannot be read.
    pub fn lines<'a>(&self, letter: &'a mut Letter) -> io::Result<Lines<'a>> {
        let head = letter.head().len() as u64;
        letter.rewind()?;
        io::copy(&mut Read::take(&mut *letter, head), &mut io::sink())?;
        Ok(Lines { body: BufReader::with_capacity(PIECE, letter), held: None })
    }

    /// The piece `number`; they are made in order.
    ///
    /// # Errors
    /// The letter cannot be read.
    pub fn next(&self, number: u32, lines: &mut Lines<'_>) -> io::Result<Letter> {
        let id = message_id(&self.unique, number, &self.host)?;
        let begin = self.splitter.begin(number, self.total, &id);
        let (head, inner) = mail::content::split_head(&begin);
        let (mut text, mut held) = (Text::new(), 0);
        text.push(inner)?;
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                break;
            }
            if !self.splitter.has_room(number, held, line.len()) {
                lines.held = Some(line);
                break;
            }
            held += line.len();
            text.push(&line)?;
        }
        text.into_letter(head.to_vec())
    }
}

fn message_id(unique: &str, number: u32, host: &DomainName) -> io::Result<MessageId> {
    let id = MessageId::new(&format!("{unique}.{number}@{host}"));
    id.ok_or_else(|| io::Error::other("this host has no name for Message-IDs"))
}

#[cfg(test)]
mod tests {
    use mail::content::partial::{Fragment, Gathered};

    use super::*;

    /// The pieces are those that the library makes of the whole, and make the whole again.
    #[test]
    fn as_the_whole() {
        let mut text = Text::new();
        text.push("a line\n\n".repeat(3000).as_bytes()).unwrap();
        text.push("y".repeat(998).as_bytes()).unwrap();
        let head = b"From: a@x.example\r\nSubject: long\r\nMessage-ID: <w@x.example>\r\n";
        let mut letter = text.into_letter(head.to_vec()).unwrap();
        let host = "x.example".parse().unwrap();
        let pieces = Pieces::of(&mut letter, 4000, "id", &host).unwrap();
        let mut lines = pieces.lines(&mut letter).unwrap();
        let mut made = Vec::new();
        for number in 1..=pieces.total {
            let mut piece = Vec::new();
            pieces.next(number, &mut lines).unwrap().read_to_end(&mut piece).unwrap();
            assert!(piece.len() <= 4000, "{number}: {}", piece.len());
            made.push(piece);
        }
        assert!(lines.next().unwrap().is_empty() && made.len() > 5);
        let read: Vec<_> = made.iter().map(|piece| mail::content::Letter::read(piece)).collect();
        let mut gathered = Gathered::default();
        read.iter().for_each(|piece| {
            assert!(gathered.add(Fragment::of(piece).unwrap()));
        });
        let mut whole = Vec::new();
        letter.rewind().unwrap();
        letter.read_to_end(&mut whole).unwrap();
        let (got, want) = (gathered.whole().unwrap(), whole);
        let body = |octets: &[u8]| mail::content::split_head(octets).1.to_vec();
        assert_eq!(body(&got), body(&want));
    }

    #[test]
    fn what_cannot_be_split() {
        let mut text = Text::new();
        text.push("línea\n".repeat(1000).as_bytes()).unwrap();
        let mut letter = text.into_letter(b"Subject: x\r\n".to_vec()).unwrap();
        let host = "x.example".parse().unwrap();
        let told = |max, letter: &mut Letter| {
            Pieces::of(letter, max, "id", &host).err().unwrap().to_string()
        };
        assert!(told(4000, &mut letter).contains("7-bit"));
        assert!(told(300, &mut letter).contains("no room"));
    }
}
