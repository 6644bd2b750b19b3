//! `text/enriched` as plain text (RFC 1896).

/// The text without its commands: one line break is a blank, each further one a line; `<nofill>`
/// keeps lines as they are; `<<` is `<`; what stands in `<param>` is not text.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut nofill, mut params) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(one) = rest.chars().next() {
        let after = rest.get(one.len_utf8()..).unwrap_or_default();
        match one {
            '<' if after.starts_with('<') => {
                if params == 0 {
                    out.push('<');
                }
                rest = after.get(1..).unwrap_or_default();
            }
            '<' => {
                let (name, follows) = command(after);
                let (name, ends) = match name.strip_prefix('/') {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                let count = match name {
                    _ if name.eq_ignore_ascii_case("param") => Some(&mut params),
                    _ if name.eq_ignore_ascii_case("nofill") => Some(&mut nofill),
                    _ => None,
                };
                if let Some(count) = count {
                    *count = if ends { count.saturating_sub(1) } else { *count + 1 };
                }
                rest = follows;
            }
            '\n' if nofill == 0 => {
                let run = rest.len() - rest.trim_start_matches('\n').len();
                if params == 0 {
                    match run {
                        1 => out.push(' '),
                        _ => out.extend(std::iter::repeat_n('\n', run - 1)),
                    }
                }
                rest = rest.get(run..).unwrap_or_default();
            }
            _ => {
                if params == 0 {
                    out.push(one);
                }
                rest = after;
            }
        }
    }
    finished(out)
}

/// The name of a command and what follows its `>`; without one, all is text that was cut off.
pub(super) fn command(text: &str) -> (&str, &str) {
    /// A name has at most 60 characters (RFC 1896 §3); with its slash.
    const NAME_MAX: usize = 61;
    let near = text.char_indices().nth(NAME_MAX + 1).map_or(text.len(), |(at, _)| at);
    match text.get(..near).and_then(|near| near.find('>')) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => ("", text),
    }
}

/// With a line end at the end, if there is text.
pub(super) fn finished(mut out: String) -> String {
    let kept = out.trim_end_matches([' ', '\n']).len();
    out.truncate(kept);
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    /// The example of RFC 1896 §8, and what its own program makes of a letter.
    #[test]
    fn read_as_text() {
        let rows = [
            (
                "<bold>Now</bold> is the time for\n<italic>all</italic> good men\n\
                 \x20<smaller>(and <<women>)</smaller> to\n\
                 <ignoreme>come</ignoreme>\n\nto the aid of their\n\n\n\
                 <color><param>red</param>beloved</color>\ncountry.\n",
                "Now is the time for all good men  (and <women>) to come\nto the aid of their\n\n\
                 beloved country.\n",
            ),
            ("<nofill>a\nb\n</nofill>c\nd", "a\nb\nc d\n"),
            ("a <param>x<<y\nz</param>b", "a b\n"),
            ("</param></nofill>a\nb", "a b\n"),
            ("a<unfinished", "aunfinished\n"),
            ("", ""),
        ];
        for (enriched, want) in rows {
            assert_eq!(super::plain(enriched), want, "{enriched}");
        }
    }
}
