//! `text/richtext` as plain text (RFC 1341 §7.1.3), the older form of text/enriched.

use super::enriched::{command, finished};

/// The text without its commands: line breaks are blanks, `<nl>` is a line break, `<lt>` is `<`,
/// what stands in `<comment>` is not text.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut comments = 0_usize;
    let mut rest = text;
    while let Some(one) = rest.chars().next() {
        let after = rest.get(one.len_utf8()..).unwrap_or_default();
        rest = after;
        let piece = match one {
            '<' => {
                let (name, follows) = command(after);
                rest = follows;
                match name.to_ascii_lowercase().as_str() {
                    "comment" => {
                        comments += 1;
                        ""
                    }
                    "/comment" => {
                        comments = comments.saturating_sub(1);
                        ""
                    }
                    "lt" => "<",
                    "nl" => "\n",
                    "np" | "paragraph" | "/paragraph" => "\n\n",
                    _ => "",
                }
            }
            '\n' => " ",
            _ => {
                if comments == 0 {
                    out.push(one);
                }
                continue;
            }
        };
        if comments == 0 {
            // Paragraphs that touch are one blank line apart.
            let full = piece.starts_with('\n') && (out.is_empty() || out.ends_with("\n\n"));
            out.push_str(if full { "" } else { piece });
        }
    }
    finished(out)
}

#[cfg(test)]
mod tests {
    /// The example of RFC 1341 §7.1.3.
    #[test]
    fn read_as_text() {
        let rows = [
            (
                "<bold>Now</bold> is the time for\n<italic>all</italic> good men\n\
                 <smaller>(and <lt>women>)</smaller> to\n<ignoreme></ignoreme> come\n\
                 to the aid of their\n<nl>\n\
                 beloved <nl><nl>country. <comment> Stupid\nquote! </comment> -- the end\n",
                "Now is the time for all good men (and <women>) to  come to the aid of their \n \
                 beloved \n\ncountry.  -- the end\n",
            ),
            ("<paragraph>a</paragraph><paragraph>b</paragraph>", "a\n\nb\n"),
            ("</comment>a", "a\n"),
        ];
        for (richtext, want) in rows {
            assert_eq!(super::plain(richtext), want, "{richtext}");
        }
    }
}
