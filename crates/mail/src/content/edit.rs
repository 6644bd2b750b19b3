//! Changes to the fields of a letter that leave every other octet as it is.
//!
//! A letter keeps its folds, its odd spellings and its line ends; only the lines of the fields that
//! are named change.

use super::{Field, Fields, split_head};

/// One change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edit<'e> {
    /// Takes all fields of this name out.
    Remove(&'e str),
    /// Gives the first field of this name another value, and takes the others out; where there is
    /// none, adds it behind the others.
    Set(&'e str, &'e str),
}

/// The letter with the changes made.
///
/// Values are text of one line: each control character in them becomes a blank, so that no value
/// adds a field.
///
/// ```
/// use mail::content::edit::{Edit, edited};
///
/// let letter = b"Subject:  odd\r\nBCC: secret@example.net\r\nstatus: O\r\n\r\nbody";
/// let edits = [Edit::Remove("Bcc"), Edit::Set("Status", "RO")];
/// assert_eq!(edited(letter, &edits), b"Subject:  odd\r\nstatus: RO\r\n\r\nbody");
/// ```
pub fn edited(letter: &[u8], edits: &[Edit<'_>]) -> Vec<u8> {
    let (head, _) = split_head(letter);
    let line_end: &[u8] =
        if head.windows(2).any(|two| two == b"\r\n") || head.is_empty() { b"\r\n" } else { b"\n" };
    let mut out = Vec::with_capacity(letter.len() + 100);
    let mut done = vec![false; edits.len()];
    let mut at = 0;
    for field in Fields::new(head) {
        let (start, end) = lines_of(head, &field);
        out.extend_from_slice(head.get(at..start).unwrap_or_default());
        at = end;
        let edit = edits.iter().zip(&mut done).find(|(edit, _)| field.is(edit.name()));
        match edit {
            None => out.extend_from_slice(head.get(start..end).unwrap_or_default()),
            Some((Edit::Remove(_), _)) => {}
            Some((Edit::Set(_, value), done)) => {
                if !std::mem::replace(done, true) {
                    write(field.name, value, line_end, &mut out);
                }
            }
        }
    }
    out.extend_from_slice(head.get(at..).unwrap_or_default());
    for (edit, done) in edits.iter().zip(done) {
        if let (Edit::Set(name, value), false) = (edit, done) {
            if !out.is_empty() && !out.ends_with(b"\n") {
                out.extend_from_slice(line_end);
            }
            write(name.as_bytes(), value, line_end, &mut out);
        }
    }
    out.extend_from_slice(letter.get(head.len()..).unwrap_or_default());
    out
}

impl<'e> Edit<'e> {
    fn name(&self) -> &'e str {
        match self {
            Self::Remove(name) | Self::Set(name, _) => name,
        }
    }
}

fn write(name: &[u8], value: &str, line_end: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    let clean: String = value.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    out.extend_from_slice(clean.as_bytes());
    out.extend_from_slice(line_end);
}

/// Where the lines of a field begin and end, its last line end included.
fn lines_of(head: &[u8], field: &Field<'_>) -> (usize, usize) {
    let before = head.get(..field.raw_at).unwrap_or_default();
    // The name begins its line, and blanks may stand before the colon.
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let end = field.raw_at + field.raw.len();
    let rest = head.get(end..).unwrap_or_default();
    let line_end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
    (start, end + line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits() {
        let letter = "A : 1\r\n  folded\r\nb: 2\r\nA: 3\r\n\r\nA: body\r\n";
        let rows: &[(&str, &[Edit<'_>], &str)] = &[
            (letter, &[], letter),
            (letter, &[Edit::Remove("a")], "b: 2\r\n\r\nA: body\r\n"),
            (letter, &[Edit::Remove("B")], "A : 1\r\n  folded\r\nA: 3\r\n\r\nA: body\r\n"),
            (letter, &[Edit::Set("a", "x")], "A: x\r\nb: 2\r\n\r\nA: body\r\n"),
            (
                letter,
                &[Edit::Set("C", "x\r\ny"), Edit::Set("b", "z")],
                "A : 1\r\n  folded\r\nb: z\r\nA: 3\r\nC: x  y\r\n\r\nA: body\r\n",
            ),
            ("A: 1\n\nx", &[Edit::Set("B", "2")], "A: 1\nB: 2\n\nx"),
            ("A: 1", &[Edit::Set("B", "2")], "A: 1\nB: 2\n"),
            ("A: 1", &[Edit::Remove("A")], ""),
            ("\r\nbody", &[Edit::Set("B", "2")], "B: 2\r\n\r\nbody"),
            ("", &[Edit::Set("B", "2")], "B: 2\r\n"),
            ("no field\r\n", &[Edit::Remove("A")], "no field\r\n"),
        ];
        for (letter, edits, want) in rows {
            let got = edited(letter.as_bytes(), edits);
            assert_eq!(String::from_utf8(got).unwrap(), *want, "{letter:?} {edits:?}");
        }
    }

    proptest::proptest! {
        /// Fields that are not named stay, octet for octet, and so does the body.
        #[test]
        fn others_stay(letter in "((A|B|Status)(| ): x(| y)(\r\n z|)(\r\n|\n)| odd\n|\u{e9}\n){0,6}(\r\n(A: x\r\n)?)?") {
            let octets = letter.as_bytes();
            proptest::prop_assert_eq!(edited(octets, &[]), octets);
            let got = edited(octets, &[Edit::Remove("b"), Edit::Set("status", "RO")]);
            let (head, body) = split_head(octets);
            let (new_head, new_body) = split_head(&got);
            proptest::prop_assert_eq!(new_body, body);
            let kept = |head| Fields::new(head).filter(|one| one.is("A")).map(|one| one.raw.to_vec()).collect::<Vec<_>>();
            proptest::prop_assert_eq!(kept(new_head), kept(head));
            let status: Vec<_> = Fields::new(new_head).filter(|one| one.is("Status")).map(|one| one.value().into_owned()).collect();
            proptest::prop_assert_eq!(status, vec![b"RO".to_vec()]);
            proptest::prop_assert_eq!(Fields::new(new_head).filter(|one| one.is("B")).count(), 0);
        }
    }
}
