//! A person types a letter: prompts, lines, the few tilde escapes there are so far.

use std::io::{self, BufRead, Read};

use crate::agent::console::Console;
use crate::agent::letter::Text;

/// Octets of one typed line. A terminal gives 4096; a paste may give more.
const LINE_MAX: u64 = 1 << 20;

/// How the writing ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// With a dot or the end of input.
    Done,
    /// With `~q`.
    Quit,
}

const TILDES: &str = "\
A line of the letter that begins with a tilde is a command:
  ~.   end the letter, as a lone . does
  ~q   give the letter up; it is kept in dead.letter
  ~~   a line that begins with one tilde
  ~?   this list";

/// Asks for one line; the end of input is an empty answer.
pub(super) fn ask(console: &mut Console<'_>, prompt: &str) -> io::Result<String> {
    console.prompt(prompt);
    let line = read_line(console)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}

/// Takes lines into `body` until a lone dot, `~.`, `~q` or the end of input.
pub(super) fn dictate(console: &mut Console<'_>, body: &mut Text) -> io::Result<Ending> {
    let mut continued = false;
    while let Some(line) = read_line(console)? {
        let end = line.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
        let text = line.get(..end).unwrap_or_default();
        // The rest of an overlong line is never a command.
        let begins = !std::mem::replace(&mut continued, !line.ends_with(b"\n"));
        match text {
            b"." | b"~." if begins => return Ok(Ending::Done),
            b"~q" | b"~x" if begins => return Ok(Ending::Quit),
            b"~?" if begins => console.say(TILDES),
            [b'~', b'~', ..] if begins => body.push(line.get(1..).unwrap_or_default())?,
            [b'~', letter, ..] if begins && !letter.is_ascii_whitespace() => {
                let letter = char::from(*letter).escape_default();
                console.say(&format!(
                    "~{letter} is not known here, and the line is left out; ~? tells more"
                ));
            }
            _ => body.push(&line)?,
        }
    }
    // The shell's prompt would stand behind the last line.
    console.say("");
    Ok(Ending::Done)
}

/// A line with its end, or the first part of a very long one; `None` at the end of input.
fn read_line(console: &mut Console<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    (&mut *console.input).take(LINE_MAX).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}
