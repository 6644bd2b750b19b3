//! From the name that a letter gives a file to one that is safe to make (RFC 2183 §2.3).

/// Octets of a name that file systems take.
const NAME_MAX: usize = 200;

/// A name for a file within one folder: no path, no control characters, no leading dot, none of the
/// names that mean a device, not too long. None where nothing is left. Whether a file of that name
/// is there already is for the caller to see.
///
/// ```
/// use mail::content::safe_file_name;
///
/// assert_eq!(safe_file_name("../../etc/passwd").as_deref(), Some("passwd"));
/// assert_eq!(safe_file_name(".login").as_deref(), Some("login"));
/// assert_eq!(safe_file_name("/"), None);
/// ```
pub fn safe_file_name(name: &str) -> Option<String> {
    // Paths of other systems are paths too.
    let last = name.rsplit(['/', '\\']).find(|piece| !piece.trim().is_empty())?;
    let allowed =
        |one: &char| !one.is_control() && !is_invisible(*one) && !"<>:\"|?*".contains(*one);
    let kept: String = last.chars().filter(allowed).collect();
    let kept = kept.trim_end_matches(|one: char| one.is_whitespace() || one == '.');
    let kept = kept.trim_start_matches(|one: char| one.is_whitespace() || ".-".contains(one));
    if kept.is_empty() {
        return None;
    }
    let short = shortened(kept);
    Some(if is_device(&short) { format!("_{short}") } else { short })
}

/// Marks that turn the direction of text or have no width: `gpj.exe` must not be shown as a picture.
fn is_invisible(one: char) -> bool {
    matches!(one, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Cut in its middle, so that the ending stays.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_MAX {
        return name.to_owned();
    }
    let (stem, ending) = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 20 => name.split_at_checked(dot).unwrap_or((name, "")),
        _ => (name, ""),
    };
    let mut end = NAME_MAX - ending.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", stem.get(..end).unwrap_or_default())
}

/// The names that are devices on some systems, whatever their ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || numbered.is_some_and(|number| {
            number.len() == 1 && number != "0" && number.bytes().all(|digit| digit.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Register: 2183-2.3-a, 2183-2.3-b.
    #[test]
    fn names() {
        let long = format!("{}.tar.gz", "ä".repeat(300));
        let rows: &[(&str, Option<&str>)] = &[
            ("report.pdf", Some("report.pdf")),
            ("naïve name.txt", Some("naïve name.txt")),
            ("../../etc/passwd", Some("passwd")),
            ("/etc/passwd", Some("passwd")),
            ("C:\\Windows\\x.exe", Some("x.exe")),
            ("folder/", Some("folder")),
            (".login", Some("login")),
            ("...", None),
            ("..", None),
            ("", None),
            (" / ", None),
            ("-rf", Some("rf")),
            ("-.#", Some("#")),
            ("a\0b\r\nc\u{1b}[2J", Some("abc[2J")),
            ("gpj\u{202e}exe", Some("gpjexe")),
            ("CON", Some("_CON")),
            ("con.txt", Some("_con.txt")),
            ("lpt1", Some("_lpt1")),
            ("lpt", Some("lpt")),
            ("a:b*c?", Some("abc")),
            ("name. ", Some("name")),
        ];
        for (name, want) in rows {
            assert_eq!(safe_file_name(name).as_deref(), *want, "{name:?}");
        }
        let short = safe_file_name(&long).unwrap();
        assert!(short.len() <= NAME_MAX && short.ends_with(".gz"));
    }

    proptest::proptest! {
        #[test]
        fn never_a_path(name: String) {
            if let Some(safe) = safe_file_name(&name) {
                proptest::prop_assert!(!safe.contains(['/', '\\', '\0']));
                proptest::prop_assert!(!safe.starts_with('.') && !safe.is_empty());
                proptest::prop_assert_eq!(safe_file_name(&safe), Some(safe));
            }
        }
    }
}
