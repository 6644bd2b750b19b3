//! `format=flowed`: paragraphs as lines that a reader may join (RFC 3676).

use super::media::MediaType;

/// Characters of a line that we write (RFC 3676 §4.2).
pub const WIDTH: usize = 72;

/// Whether the lines of a part flow.
pub fn is_flowed(media: &MediaType) -> bool {
    media.is("text", "plain")
        && media.parameters.get("format").is_some_and(|one| one.eq_ignore_ascii_case("flowed"))
}

/// Whether the blank at a line's end is no part of the text (RFC 3676 §4.4): for languages that
/// put none between words.
pub fn deletes_spaces(media: &MediaType) -> bool {
    media.parameters.get("delsp").is_some_and(|one| one.eq_ignore_ascii_case("yes"))
}

/// Joins the lines of each paragraph. Quoted lines keep one `>` for each level and a blank after
/// them; the lines end in `\n`.
///
/// ```
/// use mail::content::flowed;
///
/// let text = "This line \nflows.\n\n>> Quoted \n>> twice.\n";
/// assert_eq!(flowed::join(text, false), "This line flows.\n\n>> Quoted twice.\n");
/// ```
pub fn join(text: &str, delete_spaces: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The level of the paragraph that is open.
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let (line, ended) = match line.strip_suffix('\n') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let unquoted = line.trim_start_matches('>');
        let depth = line.len() - unquoted.len();
        let content = unquoted.strip_prefix(' ').unwrap_or(unquoted);
        // A signature begins a paragraph of its own and does not flow (RFC 3676 §4.3).
        let signature = content == "-- ";
        let joins = open == Some(depth) && !signature;
        if open.is_some() && !joins {
            // The last line of the paragraph had a blank too many: its writer broke off.
            out.push('\n');
        }
        if !joins && depth > 0 {
            out.extend(std::iter::repeat_n('>', depth));
            out.push(' ');
        }
        let flows = content.ends_with(' ') && !signature;
        let kept = if flows && delete_spaces {
            content.strip_suffix(' ').unwrap_or(content)
        } else {
            content
        };
        out.push_str(kept);
        open = flows.then_some(depth);
        if !flows && ended {
            out.push('\n');
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

/// Breaks paragraphs into lines that flow. Lines that begin with `>` are quoted text and keep their
/// level; a line of the input is a paragraph. The lines end in `\n`.
///
/// ```
/// use mail::content::flowed;
///
/// let text = "From here on it is one paragraph of many words, more than a line can hold of them.\n";
/// let flowed = flowed::split(text);
/// assert!(flowed.lines().all(|line| line.chars().count() <= flowed::WIDTH + 1));
/// assert_eq!(flowed::join(&flowed, false), text);
/// ```
pub fn split(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / WIDTH);
    for line in text.lines() {
        let unquoted = line.trim_start_matches('>');
        let depth = line.len() - unquoted.len();
        let content =
            if depth > 0 { unquoted.strip_prefix(' ').unwrap_or(unquoted) } else { unquoted };
        // Blanks at its end would make it flow into the next one.
        let signature = content == "-- ";
        let content = if signature { content } else { content.trim_end_matches(' ') };
        paragraph(content, depth, &mut out);
    }
    out
}

fn paragraph(content: &str, depth: usize, out: &mut String) {
    let mut rest = content;
    loop {
        let (line, after) = break_line(rest, WIDTH.saturating_sub(depth + 1).max(20));
        out.extend(std::iter::repeat_n('>', depth));
        // A blank keeps off what would be read as quoting, and `From ` of mbox files.
        let stuffed = line.starts_with([' ', '>']) || line.starts_with("From ");
        if depth > 0 || stuffed {
            out.push(' ');
        }
        out.push_str(line);
        out.push('\n');
        if after.is_empty() {
            return;
        }
        rest = after;
    }
}

/// The words that fit a line, with the blank after them, and the rest. A word longer than a line
/// stands alone.
fn break_line(text: &str, width: usize) -> (&str, &str) {
    if text.char_indices().nth(width).is_none() {
        return (text, "");
    }
    let mut best = None;
    for (count, (at, one)) in text.char_indices().enumerate() {
        // Dashes alone would be read as what stands before a signature.
        if one == ' ' && text.get(..=at) != Some("-- ") {
            if count < width || best.is_none() {
                best = Some(at + 1);
            }
            if count >= width {
                break;
            }
        } else if count >= width && best.is_some() {
            break;
        }
    }
    best.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests;
