//! Keys that a person typed before anybody asked for them, while the full-screen view has the terminal.
//!
//! The screen reads keys, the line mode lines, each with a memory of its own. So what was typed for
//! the one must not lie in the memory of the other: lines asked for by a command of the screen begin
//! with the keys that the screen has read already, and the screen asks for `Enter` itself, so that
//! the keys after it stay its own.
//!
//! There is no way back: what the editor of lines has read beyond its line waits for the next line, and
//! neither the screen nor a program that is run in between can have it.

use std::io::{self, Write};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use super::typing::Typed;

/// A line as far as its keys were typed ahead.
#[derive(Debug, Eq, PartialEq)]
pub enum Ahead {
    /// All of it.
    Whole(Typed),
    /// Its beginning.
    Begun(String),
}

/// Takes the keys of one line out of those that were typed ahead. The line begins as `initial`.
///
/// # Errors
/// The terminal fails.
pub fn line(initial: &str) -> io::Result<Ahead> {
    let mut line = initial.to_owned();
    while event::poll(Duration::ZERO)? {
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                if let Some(typed) = press(&mut line, key) {
                    return Ok(Ahead::Whole(typed));
                }
            }
            Event::Paste(text) => line += &text,
            _ => {}
        }
    }
    Ok(Ahead::Begun(line))
}

/// What a key does to a line; the line when it ends it.
fn press(line: &mut String, key: KeyEvent) -> Option<Typed> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Enter => return Some(Typed::Line(std::mem::take(line).into_bytes())),
        // As it comes where the terminal is not raw.
        KeyCode::Char('j' | 'm') if control => {
            return Some(Typed::Line(std::mem::take(line).into_bytes()));
        }
        KeyCode::Char('c') if control => return Some(Typed::Interrupted),
        KeyCode::Char('d') if control && line.is_empty() => return Some(Typed::End),
        KeyCode::Char('u') if control => line.clear(),
        KeyCode::Backspace => drop(line.pop()),
        KeyCode::Tab => line.push('\t'),
        KeyCode::Char(letter) if !control => line.push(letter),
        _ => {}
    }
    None
}

/// Waits for `Enter`, or for Ctrl-C; keys before it are for nothing, those after it are kept.
///
/// # Errors
/// The terminal fails.
pub fn enter(prompt: &str, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{prompt}")?;
    out.flush()?;
    enable_raw_mode()?;
    let waited = loop {
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                if press(&mut String::new(), key).is_some() {
                    break Ok(());
                }
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    disable_raw_mode()?;
    waited
}

#[cfg(test)]
mod tests {
    use super::*;

    type Key = (KeyCode, KeyModifiers);

    #[test]
    fn keys_make_lines() {
        let (plain, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        let rows: &[(&[Key], Option<Typed>, &str)] = &[
            (&[(KeyCode::Char('a'), plain), (KeyCode::Char('b'), plain)], None, "xab"),
            (&[(KeyCode::Backspace, plain), (KeyCode::Char('é'), plain)], None, "é"),
            (&[(KeyCode::Char('u'), control)], None, ""),
            (&[(KeyCode::Enter, plain)], Some(Typed::Line(b"x".to_vec())), ""),
            (&[(KeyCode::Char('j'), control)], Some(Typed::Line(b"x".to_vec())), ""),
            (&[(KeyCode::Char('c'), control)], Some(Typed::Interrupted), "x"),
            (&[(KeyCode::Char('d'), control)], None, "x"),
            (&[(KeyCode::Backspace, plain), (KeyCode::Char('d'), control)], Some(Typed::End), ""),
        ];
        for (keys, want, left) in rows {
            let mut line = "x".to_owned();
            let mut keys = keys.iter().map(|(code, with)| KeyEvent::new(*code, *with));
            let typed = keys.find_map(|key| press(&mut line, key));
            assert_eq!((&typed, line.as_str()), (want, *left), "{keys:?}");
        }
    }
}
