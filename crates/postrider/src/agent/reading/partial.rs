//! Letters that came in pieces (RFC 2046 §5.2.2), found in the folder in whatever order they came.

use mail::content::partial::{Fragment, Gathered};
use mail::content::{Head, Kind, Letter};

use super::session::Session;
use crate::agent::folder::HEAD_MAX;

/// Octets of a letter that is put together.
const WHOLE_MAX: usize = 512 << 20;

impl Session<'_> {
    /// The letter of which the letter at `place` is a piece.
    ///
    /// # Errors
    /// What to tell the person: pieces that are missing, for example.
    pub fn joined(&mut self, place: usize) -> Result<Vec<u8>, String> {
        let id = self.piece_id(place).ok_or("this letter is no piece of another")?;
        let (mut all, mut size) = (Vec::new(), 0);
        for other in 0..self.folder.items.len() {
            if self.piece_id(other).as_ref() == Some(&id) {
                let octets = self.octets(other)?;
                size += octets.len();
                if size > WHOLE_MAX {
                    return Err("together they are too large".into());
                }
                all.push(octets);
            }
        }
        let letters: Vec<Letter<'_>> = all.iter().map(|octets| Letter::read(octets)).collect();
        let mut gathered = Gathered::default();
        for letter in &letters {
            Fragment::of(letter).into_iter().for_each(|piece| {
                gathered.add(piece);
            });
        }
        if let Some(whole) = gathered.whole() {
            return Ok(whole);
        }
        let missing: Vec<String> = gathered.missing().iter().map(ToString::to_string).collect();
        match gathered.total() {
            Some(total) => {
                Err(format!("of {total} pieces these are missing: {}", missing.join(", ")))
            }
            None => Err("no piece says how many there are; the last one is missing".into()),
        }
    }

    /// What the pieces of its letter have in common, if the letter at `place` is one.
    fn piece_id(&self, place: usize) -> Option<String> {
        let mut source = self.folder.peek(place).ok()?;
        let begin = source.read_head(HEAD_MAX).ok()?;
        let media = Head::new(mail::content::split_head(&begin).0).content_type()?;
        let id = media.parameters.get("id").map(str::to_owned);
        id.filter(|_| media.class() == Kind::Partial)
    }
}
