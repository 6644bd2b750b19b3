//! List and letter together on the whole screen.
//!
//! Keys do what commands do; what needs lines of text (answers, commands behind a colon) leaves the
//! screen for as long as it takes. Everything a letter says is made harmless before it is drawn.

use std::io;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use ratatui::{DefaultTerminal, Frame};

use super::session::{Done, Flow, Session};
use super::{commands, list};
use crate::agent::console::{Console, harmless_text};
use crate::agent::settings::Order;

/// Part of the screen that the list has while a letter is shown.
const LIST_SHARE: u16 = 35;

const HELP: &str = "\
Keys of the screen

  j, Down      the next letter            Enter, Space  show the letter; then its next page
  k, Up        the letter before          b, PageUp     the page before
  g, Home      the first letter           i, Esc        only the list
  G, End       the last letter            PageDown      a page of letters further
  d            delete, and go on          u             undelete
  F            flag or unflag             N             read or not read
  r            answer all                 R             answer who wrote it
  f            pass on, attached          m             write a letter
  s            save into a folder         t             threads, or as letters came
  H            all fields                 p             the list of parts
  /            the next letter with these words in its subject or author
  n            the same words again       :             any command of the line mode
  $            keep what was done         q             keep it and end
  x            end and keep nothing       Ctrl-L        draw again

Any key goes on.";

/// Octets of a letter that are on the screen; who reads more of it prints it.
const TEXT_MAX: usize = 4 << 20;

/// What is on the screen.
struct Screen {
    /// Letters in the order of the list.
    order: Vec<super::thread::Place>,
    /// The place in `order` of the letter that is chosen.
    at: usize,
    /// The first line of the list.
    top: usize,
    /// The letter that is shown, and its text.
    letter: Option<(usize, Vec<String>)>,
    /// The first line of the text.
    line: usize,
    all_fields: bool,
    message: String,
    words: String,
    /// What is typed at the bottom: a prompt and the text so far.
    typing: Option<(Typing, String)>,
    help: bool,
    /// Lines of the list and of the text as they were drawn.
    list_lines: usize,
    text_lines: usize,
}

/// What is typed at the bottom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Typing {
    Command,
    Search,
    Save,
}

/// What follows a key.
enum Step {
    Go,
    /// Leave the screen for this command.
    Run(String),
    End(Flow),
}

/// Shows the folder until the person has enough of it, or of the screen.
pub fn run(session: &mut Session<'_>, console: &mut Console<'_>) -> Done {
    if console.editor.is_none() {
        return Err("a full screen needs a terminal that can move its cursor".into());
    }
    let _ = console.out.flush();
    let mut screen = Screen::new(session);
    let fail = |error: io::Error| {
        ratatui::restore();
        format!("the screen cannot be used: {error}")
    };
    let mut terminal = ratatui::try_init().map_err(fail)?;
    loop {
        match screen.step(session, &mut terminal).map_err(fail)? {
            Step::Go => {}
            Step::End(flow) => {
                ratatui::restore();
                return Ok(flow);
            }
            Step::Run(line) => {
                ratatui::restore();
                beside(console, true);
                let done = leave_for(session, &line, console);
                beside(console, false);
                match done {
                    Ok(Flow::Go) => {}
                    end => return end,
                }
                terminal = ratatui::try_init().map_err(fail)?;
                screen.renew(session);
            }
        }
    }
}

/// Does a command on the ordinary screen, and waits until what it says is read.
fn leave_for(session: &mut Session<'_>, line: &str, console: &mut Console<'_>) -> Done {
    let (word, _) = super::line::split(line);
    if word == "screen" {
        return Ok(Flow::Go);
    }
    match commands::obey(session, line, console) {
        Ok(Flow::Go) => {}
        Ok(end) => return Ok(end),
        Err(why) => console.complain("mail", &why),
    }
    let _ = console.out.flush();
    if let Some(editor) = &mut console.editor {
        editor.enter("Enter goes back to the screen ").map_err(|error| error.to_string())?;
    }
    Ok(Flow::Go)
}

/// Keys typed ahead for a command have been read by the screen, and those for the screen must not be
/// read by the command.
fn beside(console: &mut Console<'_>, beside: bool) {
    if let Some(editor) = &mut console.editor {
        editor.is_beside_screen(beside);
    }
}

impl Screen {
    fn new(session: &Session<'_>) -> Self {
        let mut screen = Self {
            order: session.order(),
            at: 0,
            top: 0,
            letter: None,
            line: 0,
            all_fields: false,
            message: "? tells the keys".into(),
            words: String::new(),
            typing: None,
            help: false,
            list_lines: 1,
            text_lines: 1,
        };
        screen.follow(session);
        screen
    }

    /// Looks at the folder again, the same letter chosen.
    fn renew(&mut self, session: &Session<'_>) {
        self.order = session.order();
        self.letter = None;
        self.follow(session);
    }

    fn follow(&mut self, session: &Session<'_>) {
        let dot = session.dot;
        let place = self.order.iter().position(|place| Some(place.index) == dot);
        self.at = place.unwrap_or(self.at).min(self.order.len().saturating_sub(1));
    }

    fn chosen(&self) -> Option<usize> {
        self.order.get(self.at).map(|place| place.index)
    }

    fn step(
        &mut self,
        session: &mut Session<'_>,
        terminal: &mut DefaultTerminal,
    ) -> io::Result<Step> {
        self.look(session);
        terminal.draw(|frame| self.draw(session, frame))?;
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                if key.code == KeyCode::Char('l') && key.modifiers == KeyModifiers::CONTROL {
                    terminal.clear()?;
                    return Ok(Step::Go);
                }
                Ok(self.key(key, session))
            }
            _ => Ok(Step::Go),
        }
    }

    /// Looks what others did.
    fn look(&mut self, session: &mut Session<'_>) {
        match session.folder.refresh() {
            Ok(changes) if changes.arrived + changes.vanished > 0 => {
                let (came, went) = (changes.arrived, changes.vanished);
                self.message = match (came, went) {
                    (came, 0) => format!("{came} new"),
                    (0, went) => format!("{went} removed by another program"),
                    (came, went) => format!("{came} new, {went} removed by another program"),
                };
                let chosen = self.chosen();
                self.order = session.order();
                let place = self.order.iter().position(|place| Some(place.index) == chosen);
                self.at = place.unwrap_or(0);
            }
            Ok(_) => {}
            Err(error) => self.message = error.to_string(),
        }
    }

    fn key(&mut self, key: KeyEvent, session: &mut Session<'_>) -> Step {
        if std::mem::take(&mut self.help) {
            return Step::Go;
        }
        if let Some((typing, text)) = self.typing.take() {
            return self.type_on(typing, text, key, session);
        }
        self.message.clear();
        if key.modifiers == KeyModifiers::CONTROL {
            return match key.code {
                KeyCode::Char('c') => {
                    self.message = "q ends, x ends and keeps nothing".into();
                    Step::Go
                }
                _ => Step::Go,
            };
        }
        match key.code {
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('q') => return self.end(session),
            KeyCode::Char('x') => return Step::End(session.exit()),
            KeyCode::Char(':') => self.typing = Some((Typing::Command, String::new())),
            KeyCode::Char('/') => self.typing = Some((Typing::Search, String::new())),
            KeyCode::Char('n') => self.search(session),
            KeyCode::Char('s') => self.typing = Some((Typing::Save, String::new())),
            KeyCode::Char('$') => {
                self.message = session.write_back().unwrap_or_else(|why| why);
            }
            KeyCode::Char('t') => {
                let threads = session.settings.order == Order::Threads;
                session.settings.order = if threads { Order::Arrival } else { Order::Threads };
                let chosen = self.chosen();
                self.order = session.order();
                let place = self.order.iter().position(|place| Some(place.index) == chosen);
                self.at = place.unwrap_or(0);
            }
            KeyCode::Char('H') => {
                self.all_fields = !self.all_fields;
                self.show(session);
            }
            KeyCode::Char('i') | KeyCode::Esc => self.letter = None,
            KeyCode::Enter | KeyCode::Char(' ') => self.show_or_scroll(session),
            KeyCode::Char('b') | KeyCode::PageUp if self.letter.is_some() => {
                self.line = self.line.saturating_sub(self.text_lines.max(1));
            }
            KeyCode::PageDown if self.letter.is_some() => self.scroll(),
            code => return self.move_or_mark(code, session),
        }
        Step::Go
    }

    fn move_or_mark(&mut self, code: KeyCode, session: &mut Session<'_>) -> Step {
        let last = self.order.len().saturating_sub(1);
        let page = self.list_lines.max(1);
        let to = match code {
            KeyCode::Char('j') | KeyCode::Down => Some((self.at + 1).min(last)),
            KeyCode::Char('k') | KeyCode::Up => Some(self.at.saturating_sub(1)),
            KeyCode::Char('g') | KeyCode::Home => Some(0),
            KeyCode::Char('G') | KeyCode::End => Some(last),
            KeyCode::PageDown => Some((self.at + page).min(last)),
            KeyCode::PageUp => Some(self.at.saturating_sub(page)),
            _ => None,
        };
        if let Some(to) = to {
            self.go_to(to, session);
            return Step::Go;
        }
        let Some(index) = self.chosen() else { return Step::Go };
        let number = index + 1;
        match code {
            KeyCode::Char('d') => {
                if let Some(item) = session.folder.items.get_mut(index) {
                    item.deleted = true;
                }
                self.go_to((self.at + 1).min(last), session);
            }
            KeyCode::Char('u') => {
                if let Some(item) = session.folder.items.get_mut(index) {
                    item.deleted = false;
                    item.flags.trashed = false;
                }
            }
            KeyCode::Char('F') => session.mark(&[index], |flags| flags.flagged = !flags.flagged),
            KeyCode::Char('N') => session.mark(&[index], |flags| flags.seen = !flags.seen),
            KeyCode::Char('r') => return Step::Run(format!("reply-all {number}")),
            KeyCode::Char('R') => return Step::Run(format!("reply-sender {number}")),
            KeyCode::Char('f') => return Step::Run(format!("forward {number}")),
            KeyCode::Char('m') => return Step::Run("mail".into()),
            KeyCode::Char('p') => return Step::Run(format!("parts {number}")),
            _ => self.message = "? tells the keys".into(),
        }
        Step::Go
    }

    fn end(&mut self, session: &mut Session<'_>) -> Step {
        // The line mode says what was kept.
        if session.is_read_only() {
            return Step::End(session.exit());
        }
        Step::Run("quit".into())
    }

    fn go_to(&mut self, place: usize, session: &mut Session<'_>) {
        self.at = place;
        let Some(index) = self.chosen() else { return };
        session.go_to(index);
        if self.letter.is_some() {
            self.show(session);
        }
    }

    fn show_or_scroll(&mut self, session: &mut Session<'_>) {
        let shown = self.letter.as_ref().map(|(index, _)| *index);
        if shown.is_some() && shown == self.chosen() { self.scroll() } else { self.show(session) }
    }

    fn scroll(&mut self) {
        let lines = self.letter.as_ref().map_or(0, |(_, lines)| lines.len());
        let next = self.line + self.text_lines.max(1);
        if next < lines {
            self.line = next;
        } else {
            self.message = "that is the end of the letter".into();
        }
    }

    fn show(&mut self, session: &mut Session<'_>) {
        let Some(index) = self.chosen() else { return };
        match session.text_begin(index, self.all_fields, TEXT_MAX) {
            Ok(text) => {
                let lines = harmless_text(&text).lines().map(str::to_owned).collect();
                self.letter = Some((index, lines));
                self.line = 0;
                session.go_to(index);
                session.mark(&[index], |flags| flags.seen = true);
            }
            Err(why) => self.message = why,
        }
    }

    fn type_on(
        &mut self,
        typing: Typing,
        mut text: String,
        key: KeyEvent,
        session: &mut Session<'_>,
    ) -> Step {
        match key.code {
            KeyCode::Esc => return Step::Go,
            KeyCode::Char('c') if key.modifiers == KeyModifiers::CONTROL => return Step::Go,
            KeyCode::Backspace if text.pop().is_none() => return Step::Go,
            KeyCode::Backspace => {}
            KeyCode::Enter => {
                match typing {
                    Typing::Command => return Step::Run(text),
                    Typing::Search => {
                        self.words = text.to_lowercase();
                        self.search(session);
                    }
                    Typing::Save => {
                        let number = self.chosen().map_or(0, |index| index + 1);
                        return Step::Run(format!("save {number} {text}"));
                    }
                }
                return Step::Go;
            }
            KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                text.push(letter);
            }
            _ => {}
        }
        self.typing = Some((typing, text));
        Step::Go
    }

    /// The next letter with the words, from the chosen one on and round to it again.
    fn search(&mut self, session: &mut Session<'_>) {
        let len = self.order.len();
        let fits = |place: &usize| {
            let index = self.order.get(*place).map(|place| place.index);
            let item = index.and_then(|index| session.folder.items.get(index));
            item.is_some_and(|item| {
                let text = format!("{} {}", item.summary.subject, item.summary.from);
                !item.gone && text.to_lowercase().contains(&self.words)
            })
        };
        let found = (self.at + 1..len).chain(0..(self.at + 1).min(len)).find(fits);
        match found {
            Some(place) => self.go_to(place, session),
            None => self.message = format!("no letter has {}", self.words),
        }
    }

    // ---- drawing

    fn draw(&mut self, session: &Session<'_>, frame: &mut Frame<'_>) {
        let area = frame.area();
        if self.help {
            frame.render_widget(Paragraph::new(HELP), area);
            return;
        }
        let share = if self.letter.is_some() { LIST_SHARE } else { 100 };
        let [title, rest, bottom] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
                .areas(area);
        let [list, text] =
            Layout::vertical([Constraint::Percentage(share), Constraint::Fill(1)]).areas(rest);
        let reversed = Style::new().add_modifier(Modifier::REVERSED);
        frame.render_widget(Line::from(harmless_text(&session.summary())).style(reversed), title);
        self.draw_list(session, frame, list);
        if self.letter.is_some() {
            self.draw_letter(frame, text);
        }
        let line = match &self.typing {
            Some((Typing::Command, typed)) => format!(":{typed}"),
            Some((Typing::Search, typed)) => format!("/{typed}"),
            Some((Typing::Save, typed)) => format!("Save into folder: {typed}"),
            None => self.message.clone(),
        };
        frame.render_widget(Line::from(harmless_text(&line)), bottom);
    }

    fn draw_list(&mut self, session: &Session<'_>, frame: &mut Frame<'_>, area: Rect) {
        self.list_lines = usize::from(area.height);
        if self.at < self.top {
            self.top = self.at;
        } else if self.at >= self.top + self.list_lines {
            self.top = self.at + 1 - self.list_lines;
        }
        let look = session.look(Some(usize::from(area.width)));
        let visible = self.order.iter().enumerate().skip(self.top).take(self.list_lines);
        let lines = visible.filter_map(|(place, at)| {
            let item = session.folder.items.get(at.index)?;
            let current = place == self.at;
            let mut style = Style::new();
            if !item.flags.seen && !item.gone {
                style = style.add_modifier(Modifier::BOLD);
            }
            if current {
                style = style.add_modifier(Modifier::REVERSED);
            }
            Some(Line::from(list::line(item, at.index + 1, current, at.depth, &look)).style(style))
        });
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
    }

    fn draw_letter(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let [rule, area] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        self.text_lines = usize::from(area.height).saturating_sub(1).max(1);
        let Some((index, lines)) = &self.letter else { return };
        let of = format!("- Letter {}, line {} of {} ", index + 1, self.line + 1, lines.len());
        let left = usize::from(rule.width).saturating_sub(of.len());
        frame.render_widget(Line::from(of + &"-".repeat(left)), rule);
        let width = usize::from(area.width).max(1);
        let visible = lines.iter().skip(self.line).take(usize::from(area.height));
        // Long lines are cut to columns here, so that scrolling counts the same lines.
        let lines: Vec<Line<'_>> = visible
            .flat_map(|line| pieces(line, width))
            .take(usize::from(area.height))
            .map(Line::from)
            .collect();
        frame.render_widget(Paragraph::new(lines), area);
    }
}

/// A line in pieces of at most `columns`.
fn pieces(line: &str, columns: usize) -> Vec<String> {
    let (mut pieces, mut piece, mut at) = (Vec::new(), String::new(), 0);
    for letter in line.chars() {
        let wide = list::width(letter.encode_utf8(&mut [0; 4]));
        if at + wide > columns {
            pieces.push(std::mem::take(&mut piece));
            at = 0;
        }
        piece.push(letter);
        at += wide;
    }
    pieces.push(piece);
    pieces
}
