//! What kind of file this is: by its first octets, then by the ending of its name.

/// Octets that are looked at.
pub const LOOK: usize = 8 << 10;

/// How a file begins, from which octet on, and what it is then.
const BEGINNINGS: [(usize, &[u8], &str); 29] = [
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"PK\x03\x04", "application/zip"),
];

/// Endings that say more than the first octets: of packages in ZIP and the like, and of text.
const ENDINGS: [(&str, &str); 38] = [
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("epub", "application/epub+zip"),
    ("jar", "application/java-archive"),
    ("doc", "application/msword"),
    ("xls", "application/vnd.ms-excel"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("webm", "video/webm"),
    ("mp3", "audio/mpeg"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("md", "text/markdown"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("js", "text/javascript"),
    ("patch", "text/x-diff"),
    ("diff", "text/x-diff"),
    ("c", "text/x-c"),
    ("h", "text/x-c"),
    ("rs", "text/x-rust"),
    ("py", "text/x-python"),
    ("sh", "application/x-sh"),
    ("xml", "application/xml"),
    ("svg", "image/svg+xml"),
    ("json", "application/json"),
    ("asc", "text/plain"),
    ("txt", "text/plain"),
    ("log", "text/plain"),
];

/// The kind of a file with this `name` whose first octets are `begin`; `text` says that all of it is
/// text in lines.
pub fn kind_of(name: &str, begin: &[u8], text: bool) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let by_ending = ENDINGS.iter().find(|(known, _)| ending.as_deref() == Some(*known));
    let starts = |(at, octets, _): &&(usize, &[u8], &str)| {
        begin.get(*at..).is_some_and(|rest| rest.starts_with(octets))
    };
    let by_begin = BEGINNINGS.iter().find(starts).map(|(_, _, kind)| *kind);
    let riff = begin.starts_with(b"RIFF");
    let word = match (by_begin, by_ending) {
        (Some("image/webp" | "audio/wav" | "video/x-msvideo"), _) if !riff => None,
        // Containers: the ending says what is in them.
        (
            Some("application/zip" | "application/x-ole-storage" | "application/ogg"),
            Some((_, kind)),
        )
        | (Some("video/x-matroska"), Some((_, kind))) => Some(*kind),
        (Some(kind), _) => Some(kind),
        // A text under the name of something else is a text.
        (None, Some((_, kind))) if text || !is_text(kind) => Some(*kind),
        (None, _) => None,
    };
    let fallback = if text { "text/plain" } else { "application/octet-stream" };
    word.unwrap_or(fallback)
}

fn is_text(kind: &str) -> bool {
    kind.starts_with("text/") || kind.ends_with("xml") || kind.ends_with("json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let rows: &[(&str, &[u8], bool, &str)] = &[
            ("a.txt", b"hello\n", true, "text/plain"),
            ("a", b"hello\n", true, "text/plain"),
            ("a.html", b"<p>", true, "text/html"),
            ("a.html", b"\0\0", false, "application/octet-stream"),
            ("a.pdf", b"%PDF-1.7", false, "application/pdf"),
            ("lies.txt", b"%PDF-1.7", true, "application/pdf"),
            ("a.png", b"\x89PNG\r\n\x1a\n..", false, "image/png"),
            ("a.webp", b"RIFFxxxxWEBPVP8", false, "image/webp"),
            ("a.bin", b"xxxxxxxxWEBP", false, "application/octet-stream"),
            ("a.zip", b"PK\x03\x04", false, "application/zip"),
            (
                "A.DOCX",
                b"PK\x03\x04",
                false,
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ),
            ("a.mp4", b"\0\0\0\x18ftypisom", false, "video/mp4"),
            ("", b"", true, "text/plain"),
        ];
        for (name, begin, text, want) in rows {
            assert_eq!(kind_of(name, begin, *text), *want, "{name}");
        }
    }
}
