//! Letters that came in pieces (RFC 2046 §5.2.2), found in the folder in whatever order they came and
//! put together in a file: of the whole no more is in memory than the header sections of the pieces.

use std::io::{self, Read, Seek};

use mail::content::partial::{Fragment, Gathered, whole_head};
use mail::content::{Head, Kind, Letter, split_head};
use tempfile::SpooledTempFile;

use super::session::Session;
use crate::agent::folder::HEAD_MAX;
use crate::agent::letter::PIECE;

impl Session<'_> {
    /// The letter of which the letter at `place` is a piece: its header section, and all of it.
    ///
    /// # Errors
    /// What to tell the person: pieces that are missing, for example.
    pub fn joined(&mut self, place: usize) -> Result<(Vec<u8>, SpooledTempFile), String> {
        let id = self.piece_id(place).ok_or("this letter is no piece of another")?;
        let (mut places, mut heads) = (Vec::new(), Vec::new());
        for other in 0..self.folder.items.len() {
            if self.piece_id(other).as_ref() == Some(&id) {
                heads.push([self.head(other)?.as_slice(), b"\r\n"].concat());
                places.push(other);
            }
        }
        let letters: Vec<Letter<'_>> = heads.iter().map(|head| Letter::read(head)).collect();
        let mut gathered = Gathered::default();
        let mut order = Vec::new();
        for (letter, place) in letters.iter().zip(places) {
            if let Some(piece) = Fragment::of(letter) {
                let number = piece.number;
                if gathered.add(piece) {
                    order.push((number, place));
                }
            }
        }
        order.sort_unstable();
        let total = gathered.total();
        let total = total.ok_or("no piece says how many there are; the last one is missing")?;
        let missing: Vec<String> = gathered.missing().iter().map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Err(format!("of {total} pieces these are missing: {}", missing.join(", ")));
        }
        // A number beyond the last is no piece of it.
        order.retain(|(number, _)| *number <= total);
        let (_, first) = order.first().ok_or("there is no piece")?;
        let (begin, _) = self.begun(*first)?;
        let (fields, body) = split_head(&begin);
        let head = whole_head(&Head::new(fields), split_head(body).0);
        let whole = self.put_together(&head, &order).map_err(|error| error.to_string())?;
        Ok((head, whole))
    }

    fn put_together(&mut self, head: &[u8], order: &[(u32, usize)]) -> io::Result<SpooledTempFile> {
        let mut whole = tempfile::spooled_tempfile(PIECE);
        io::copy(&mut head.chain(&b"\r\n"[..]), &mut whole)?;
        for (number, place) in order {
            let (begin, mut rest) = self.begun(*place).map_err(io::Error::other)?;
            let (_, mut body) = split_head(&begin);
            if *number == 1 {
                // The fields of the letter within are in its head already.
                body = split_head(body).1;
            }
            if body.is_empty() && begin.len() == HEAD_MAX {
                return Err(io::Error::other("the fields of a piece are too long"));
            }
            io::copy(&mut body.chain(&mut rest), &mut whole)?;
        }
        whole.rewind()?;
        Ok(whole)
    }

    /// What the pieces of its letter have in common, if the letter at `place` is one.
    fn piece_id(&self, place: usize) -> Option<String> {
        let mut source = self.folder.peek(place).ok()?;
        let begin = source.read_head(HEAD_MAX).ok()?;
        let media = Head::new(split_head(&begin).0).content_type()?;
        let id = media.parameters.get("id").map(str::to_owned);
        id.filter(|_| media.class() == Kind::Partial)
    }
}
