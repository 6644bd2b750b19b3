//! What is remembered about a letter: in a Maildir by letters of its file's name (`:2,FRS`), in an
//! mbox by the fields `Status` and `X-Status`.

/// The marks of one letter.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// It was read.
    pub seen: bool,
    /// It was in the list of an earlier session, so it is not new.
    pub old: bool,
    /// It was answered.
    pub answered: bool,
    /// It was forwarded or sent on.
    pub passed: bool,
    /// The person marked it as important.
    pub flagged: bool,
    /// It is a letter being written.
    pub draft: bool,
    /// It is to be removed, but no program has done so yet.
    pub trashed: bool,
}

/// One mark: how it is read and set.
type Mark = (char, fn(&mut Flags) -> &mut bool);

/// The letters of a Maildir's file name, in the order they must have there.
const MAILDIR: [Mark; 6] = [
    ('D', |flags| &mut flags.draft),
    ('F', |flags| &mut flags.flagged),
    ('P', |flags| &mut flags.passed),
    ('R', |flags| &mut flags.answered),
    ('S', |flags| &mut flags.seen),
    ('T', |flags| &mut flags.trashed),
];

/// The letters of `Status`.
const STATUS: [Mark; 2] = [('R', |flags| &mut flags.seen), ('O', |flags| &mut flags.old)];

/// The letters of `X-Status`.
const X_STATUS: [Mark; 4] = [
    ('A', |flags| &mut flags.answered),
    ('F', |flags| &mut flags.flagged),
    ('T', |flags| &mut flags.draft),
    ('D', |flags| &mut flags.trashed),
];

impl Flags {
    /// Of a file in `cur`, from the letters after `:2,`.
    pub fn of_maildir(letters: &str) -> Self {
        let mut flags = Self { old: true, ..Self::default() };
        flags.read(&MAILDIR, letters);
        flags
    }

    /// The letters after `:2,`. What other programs put there (`others`) stays.
    pub fn to_maildir(mut self, others: &str) -> String {
        let known = MAILDIR.iter().filter(|(_, mark)| *mark(&mut self)).map(|(letter, _)| *letter);
        let is_known = |letter: &char| MAILDIR.iter().any(|(known, _)| known == letter);
        let mut letters: Vec<char> =
            known.chain(others.chars().filter(|other| !is_known(other))).collect();
        letters.sort_unstable();
        letters.dedup();
        letters.into_iter().collect()
    }

    /// Takes the letters of a `Status` or `X-Status` field.
    pub fn read_field(&mut self, name: &[u8], value: &[u8]) {
        let letters = String::from_utf8_lossy(value);
        if name.eq_ignore_ascii_case(b"Status") {
            self.read(&STATUS, &letters);
        } else if name.eq_ignore_ascii_case(b"X-Status") {
            self.read(&X_STATUS, &letters);
        }
    }

    /// The fields that say this in an mbox; a field without letters is left out.
    pub fn to_fields(mut self) -> String {
        let mut fields = String::new();
        for (name, marks) in [("Status", &STATUS[..]), ("X-Status", &X_STATUS)] {
            let set = marks.iter().filter(|(_, mark)| *mark(&mut self)).map(|(letter, _)| *letter);
            let letters: String = set.collect();
            if !letters.is_empty() {
                fields += &format!("{name}: {letters}\n");
            }
        }
        fields
    }

    fn read(&mut self, marks: &[Mark], letters: &str) {
        for (letter, mark) in marks {
            if letters.contains(*letter) {
                *mark(self) = true;
            }
        }
    }

    /// These marks with what was changed from `before` to `after`: two programs that mark the same
    /// letter do not undo each other.
    pub fn with_changes(mut self, before: Flags, after: Flags) -> Flags {
        let (mut before, mut after) = (before, after);
        let all = MAILDIR.iter().chain(&STATUS);
        for (_, mark) in all {
            let (was, is) = (*mark(&mut before), *mark(&mut after));
            if was != is {
                *mark(&mut self) = is;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_maildir() {
        let rows = [("", ""), ("S", "S"), ("SRF", "FRS"), ("DFPRST", "DFPRST"), ("aSb", "Sab")];
        for (letters, want) in rows {
            assert_eq!(Flags::of_maildir(letters).to_maildir(letters), want, "{letters}");
        }
    }

    #[test]
    fn fields_of_an_mbox() {
        let rows = [
            ("", "", ""),
            ("RO", "", "Status: RO\n"),
            ("O", "FA", "Status: O\nX-Status: AF\n"),
            ("", "D", "X-Status: D\n"),
        ];
        for (status, x_status, want) in rows {
            let mut flags = Flags::default();
            flags.read_field(b"status", status.as_bytes());
            flags.read_field(b"X-Status", x_status.as_bytes());
            assert_eq!(flags.to_fields(), want);
        }
    }

    #[test]
    fn two_programs_mark() {
        let before = Flags::default();
        let ours = Flags { seen: true, ..before };
        let theirs = Flags { flagged: true, ..before };
        let both = theirs.with_changes(before, ours);
        assert!(both.seen && both.flagged);
        let undone = both.with_changes(ours, before);
        assert!(!undone.seen && undone.flagged);
    }
}
