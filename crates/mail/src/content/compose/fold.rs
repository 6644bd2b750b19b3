//! Folds the body of a field into lines (RFC 5322 §2.2.3).

/// Octets that may follow a token before the line can break: ` :;,` after an empty group.
const GLUED_MAX: usize = 4;
/// Octets of a line, 78 with what follows (RFC 5322 §2.1.1).
const WIDTH: usize = 78 - GLUED_MAX;
/// Octets of a line that holds an encoded word, 76 with what follows (RFC 2047 §2).
const WORD_WIDTH: usize = 76 - GLUED_MAX;
/// Octets of any line: here a blank is folded at even where it stands first (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;

/// One field that is being written. Lines break only before a token, where there is white space,
/// and so no line is blank.
pub(super) struct Folder {
    out: String,
    /// Where the line begins.
    line: usize,
    /// A token stands on the line.
    full: bool,
    word: bool,
}

impl Folder {
    /// Characters that no field name has are left out of `name`.
    pub(super) fn new(name: &str) -> Self {
        let mut out: String =
            name.chars().filter(|one| one.is_ascii_graphic() && *one != ':').collect();
        out.push(':');
        Self { out, line: 0, full: false, word: false }
    }

    /// Octets that a word after one blank still has on this line.
    pub(super) fn room_for_word(&self) -> usize {
        WORD_WIDTH.saturating_sub(self.out.len() - self.line + 1)
    }

    /// A token after one blank.
    pub(super) fn token(&mut self, token: &str) {
        self.spaced(" ", token, false);
    }

    /// An encoded word after one blank.
    pub(super) fn word(&mut self, word: &str) {
        self.spaced(" ", word, true);
    }

    /// A token after white space, which is kept as it is.
    pub(super) fn spaced(&mut self, space: &str, token: &str, word: bool) {
        let width = if word || self.word { WORD_WIDTH } else { WIDTH };
        let len = self.out.len() - self.line + space.len() + token.len();
        // Before the first token only where there is no other way.
        if (len > width && self.full) || len > LINE_MAX {
            self.out.push_str("\r\n");
            self.line = self.out.len();
            self.word = false;
        }
        self.out.push_str(space);
        self.out.push_str(token);
        self.full = true;
        self.word |= word;
    }

    /// Text that no white space may part from the token before.
    pub(super) fn glued(&mut self, text: &str) {
        self.out.push_str(text);
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("\r\n");
        self.out
    }
}
