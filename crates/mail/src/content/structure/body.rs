//! Bodies: octets, and the boundary lines between parts.

use super::{Event, LINE_HELD_MAX, PARTS_MAX, Place, Shape, Structure};
use crate::content::defect::Defect;
use crate::content::take_line;

impl Structure {
    /// Octets of a body that are no boundary.
    pub(super) fn pass(&mut self, octets: &[u8], on: &mut impl FnMut(Event<'_>)) {
        if octets.is_empty() {
            return;
        }
        match self.open.last().map(|open| open.shape) {
            Some(Shape::Multipart) => on(Event::Around(octets)),
            _ => on(Event::Body(octets)),
        }
    }

    /// Within a line of a body.
    pub(super) fn body<'a>(&mut self, rest: &'a [u8], on: &mut impl FnMut(Event<'_>)) -> &'a [u8] {
        if self.full || self.open.iter().all(|open| open.shape != Shape::Multipart) {
            self.pass(rest, on);
            return &[];
        }
        if !self.held.is_empty() {
            return self.after_held_end(rest, on);
        }
        let found = memchr::memmem::find(rest, b"\n--");
        let end = match found {
            Some(at) => at,
            None => {
                // What may be the start of `\r\n--` at the end of the chunk is held.
                let tail = [&b"\r\n-"[..], b"\n-", b"\r\n", b"\n", b"\r"];
                let held = tail.iter().find(|tail| rest.ends_with(tail)).map_or(0, |t| t.len());
                let (text, held) = rest.split_at_checked(rest.len() - held).unwrap_or((rest, &[]));
                self.pass(text, on);
                self.held.extend_from_slice(held);
                if held.contains(&b'\n') {
                    self.place = Place::BodyLine;
                }
                return &[];
            }
        };
        let before = rest.get(..end).unwrap_or_default();
        let text = before.strip_suffix(b"\r").unwrap_or(before);
        self.pass(text, on);
        let (line_end, after) = rest
            .get(text.len()..)
            .and_then(|rest| rest.split_at_checked(end + 1 - text.len()))
            .unwrap_or_default();
        // The whole line is often here: then nothing is copied.
        let (line, follows) = take_line(after);
        if line.ends_with(b"\n") {
            match self.boundary_line(line) {
                Some((level, closes)) => {
                    let whole = rest.get(text.len()..text.len() + line_end.len() + line.len());
                    self.at_boundary(level, closes, whole.unwrap_or_default(), on);
                    return follows;
                }
                None => {
                    self.pass(line_end, on);
                    let (dash, _) = after.split_at_checked(1).unwrap_or_default();
                    self.pass(dash, on);
                    return after.get(1..).unwrap_or_default();
                }
            }
        }
        self.held.extend_from_slice(line_end);
        self.place = Place::BodyLine;
        after
    }

    /// After a CR that ended a chunk.
    pub(super) fn after_held_end<'a>(
        &mut self,
        rest: &'a [u8],
        on: &mut impl FnMut(Event<'_>),
    ) -> &'a [u8] {
        if let Some(after) = rest.strip_prefix(b"\n") {
            self.held.push(b'\n');
            self.place = Place::BodyLine;
            return after;
        }
        let held = std::mem::take(&mut self.held);
        self.pass(&held, on);
        rest
    }

    /// At the start of a line of a body; `held` has the line end before it and what was seen of it.
    pub(super) fn body_line<'a>(
        &mut self,
        rest: &'a [u8],
        on: &mut impl FnMut(Event<'_>),
    ) -> &'a [u8] {
        let dashes = self.line_held();
        let want = b"--".get(dashes.len().min(2)..).unwrap_or_default();
        let near = rest.get(..want.len()).unwrap_or(rest);
        if !want.starts_with(near) || self.full {
            // No boundary: the line end was text.
            let held = std::mem::take(&mut self.held);
            self.pass(&held, on);
            self.place = Place::Body;
            return rest;
        }
        let room = LINE_HELD_MAX.saturating_sub(self.held.len()).max(1);
        let (more, _) = take_line(rest.get(..room).unwrap_or(rest));
        self.held.extend_from_slice(more);
        if more.ends_with(b"\n") || self.held.len() >= LINE_HELD_MAX {
            let held = std::mem::take(&mut self.held);
            self.end_body_line(&held, on);
        }
        rest.get(more.len()..).unwrap_or_default()
    }

    /// The part of `held` after the line end.
    pub(super) fn line_held(&self) -> &[u8] {
        let held = self.held.as_slice();
        let held = held.strip_prefix(b"\r").unwrap_or(held);
        held.strip_prefix(b"\n").unwrap_or(held)
    }

    /// A line that begins with `--`, with the line end before it, is whole.
    pub(super) fn end_body_line(&mut self, held: &[u8], on: &mut impl FnMut(Event<'_>)) {
        let line = held.strip_prefix(b"\r").unwrap_or(held);
        let line = line.strip_prefix(b"\n").unwrap_or(line);
        match self.boundary_line(line) {
            Some((level, closes)) => self.at_boundary(level, closes, held, on),
            None => {
                // Its own line end may belong to a boundary in turn.
                let text = match held.strip_suffix(b"\n") {
                    Some(text) if held.len() > 2 => text.strip_suffix(b"\r").unwrap_or(text),
                    _ => held,
                };
                self.pass(text, on);
                let end = held.get(text.len()..).unwrap_or_default();
                self.held.extend_from_slice(end);
                self.place = if end.is_empty() { Place::Body } else { Place::BodyLine };
            }
        }
    }

    /// The open multipart whose boundary line this is, and whether it closes it.
    pub(super) fn boundary_line(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        let closing = line.strip_suffix(b"--");
        // The innermost first: an outer boundary that is the same is hidden by it.
        let mut levels = self.open.iter().enumerate().rev();
        levels.find_map(|(level, open)| {
            if open.shape != Shape::Multipart || open.closed {
                None
            } else if open.boundary == line {
                Some((level, false))
            } else {
                (closing == Some(open.boundary.as_slice())).then_some((level, true))
            }
        })
    }

    pub(super) fn at_boundary(
        &mut self,
        level: usize,
        closes: bool,
        octets: &[u8],
        on: &mut impl FnMut(Event<'_>),
    ) {
        if !closes && self.entities >= PARTS_MAX {
            self.full = true;
            if let Some(open) = self.open.get_mut(level) {
                open.defects.add(Defect::TooManyParts);
                // The rest is not looked at, so nothing is known of its end.
                open.closed = true;
            }
            self.place = Place::Body;
            self.pass(octets, on);
            return;
        }
        while self.open.len() > level + 1 {
            self.close(on);
        }
        on(Event::Boundary(octets));
        let Some(open) = self.open.last_mut() else { return };
        if closes {
            open.closed = true;
            self.place = Place::BodyLine;
        } else {
            open.parts += 1;
            self.begin(on);
        }
    }

    pub(super) fn close(&mut self, on: &mut impl FnMut(Event<'_>)) {
        let Some(mut open) = self.open.pop() else { return };
        if open.shape == Shape::Multipart {
            if open.parts == 0 {
                open.defects.add(Defect::NoPart);
            } else if !open.closed && !self.full {
                open.defects.add(Defect::Unclosed);
            }
        }
        on(Event::End(open.defects));
    }
}
