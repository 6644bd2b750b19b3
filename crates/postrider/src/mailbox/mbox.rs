//! How letters follow each other in an mbox (RFC 4155): a `From_` line, the letter with lines like it
//! quoted, an empty line.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::SystemTime;

/// Octets of the reverse-path in a `From_` line.
const FROM_MAX: usize = 256;

/// What must stand between the last letter and the next, in a `file` of `before` octets: an empty
/// line, of which a crash or another program may have left out a part.
///
/// # Errors
/// The file cannot be read.
pub fn gap_after(file: &mut File, before: u64) -> std::io::Result<&'static [u8]> {
    let mut end = [0; 2];
    match before {
        0 => return Ok(b""),
        1 => return Ok(b"\n\n"),
        _ => {
            file.seek(SeekFrom::End(-2))?;
            file.read_exact(&mut end)?;
        }
    }
    Ok(match end {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

/// The first line of a letter, `From ann@example.net Tue Nov 24 18:22:48 2026`, in UTC (RFC 4155).
pub fn from_line(from: &str, time: SystemTime) -> String {
    // A blank would end the address: what is exact stands in Return-Path.
    let keep = |octet: char| if octet.is_ascii_graphic() { octet } else { '-' };
    let from: String = from.chars().take(FROM_MAX).map(keep).collect();
    let from = if from.is_empty() { "MAILER-DAEMON" } else { &from };
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("From {from} {}\n", time.strftime("%a %b %e %H:%M:%S %Y"))
}

/// Whether `line` begins a letter, when it stands at the beginning of the file or after an empty
/// line: `From `, a word, and a time of day somewhere behind it. Who writes an mbox quotes such lines
/// of a letter, and many did not.
pub fn is_from_line(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let digit = |octet: &u8| octet.is_ascii_digit();
    let clock = |window: &[u8]| match window {
        [a, b, b':', c, d] => [a, b, c, d].into_iter().all(digit),
        _ => false,
    };
    rest.windows(5).any(clock)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn from_lines() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_544_568);
        let rows = [
            ("ann@example.net", "From ann@example.net Tue Nov 24 18:22:48 2026\n"),
            ("", "From MAILER-DAEMON Tue Nov 24 18:22:48 2026\n"),
            ("\"a b\"@x.example", "From \"a-b\"@x.example Tue Nov 24 18:22:48 2026\n"),
        ];
        for (from, want) in rows {
            assert_eq!(from_line(from, time), want);
        }
    }
}
