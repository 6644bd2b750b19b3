//! Cuts a line into its command and what follows.

/// The command's word and the rest. A line that begins with a list (`3`, `.`, `/lunch`) has the empty
/// word: those letters are shown.
pub fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let Some(first) = line.chars().next() else { return ("", "") };
    if "!=|?#".contains(first) {
        let (word, rest) = line.split_at(first.len_utf8());
        return (word, rest.trim());
    }
    if !first.is_ascii_alphabetic() {
        return ("", line);
    }
    let letters = |c: char| c.is_ascii_alphabetic();
    let mut end = line.find(|c| !letters(c)).unwrap_or(line.len());
    // `reply-all`, but `p-`: the letter before.
    while let Some(after) = line.get(end..).and_then(|rest| rest.strip_prefix('-')) {
        let more = after.find(|c| !letters(c)).unwrap_or(after.len());
        if more == 0 {
            break;
        }
        end += 1 + more;
    }
    let (word, rest) = line.split_at(end);
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let rows = [
            ("", ("", "")),
            ("p", ("p", "")),
            ("p 1-3", ("p", "1-3")),
            ("p3", ("p", "3")),
            ("p-", ("p", "-")),
            ("z+", ("z", "+")),
            ("reply-all 3", ("reply-all", "3")),
            ("3", ("", "3")),
            ("/lunch", ("", "/lunch")),
            (".", ("", ".")),
            ("!ls -l", ("!", "ls -l")),
            ("| cat", ("|", "cat")),
            ("? save", ("?", "save")),
            ("d *", ("d", "*")),
            ("d:r", ("d", ":r")),
        ];
        for (line, want) in rows {
            assert_eq!(split(line), want, "{line}");
        }
    }
}
