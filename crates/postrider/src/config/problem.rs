//! What is wrong with a configuration, told so that it can be mended: the place, the key, what was
//! expected, what was found, what to do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Where a value came from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Source {
    /// Not said in the file: the documented default.
    #[default]
    Default,
    /// A place in a file; line and column count from 1, the column in characters.
    File {
        /// The file as it was named.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The first character.
        column: usize,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, .. } => write!(f, "{file}:{line}"),
        }
    }
}

/// A value and where it came from. Two are equal when their values are.
#[derive(Clone, Debug)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Sourced<T> {
    /// A value nobody wrote down.
    pub fn default_of(value: T) -> Self {
        Self { value, source: Source::Default }
    }
}

impl<T: PartialEq> PartialEq for Sourced<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Sourced<T> {}

impl<T> std::ops::Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A file that was read: its name and text, for showing places in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl Text {
    pub(crate) fn source_at(&self, span: &Range<usize>) -> Source {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count());
        let line = before.matches('\n').count();
        Source::File { file: Arc::clone(&self.file), line: line + 1, column: column + 1 }
    }
}

/// Whether the configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// No.
    Error,
    /// Yes, but it may not do what was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The key with its table, `queue.expire`; empty for the file as a whole.
    pub key: String,
    /// One line: what is wrong.
    pub title: String,
    /// What should stand there.
    pub expected: String,
    /// What stands there; empty where nothing can be shown.
    pub found: String,
    /// What to do.
    pub remedy: String,
    /// Where it is, where that is a place in a file.
    pub source: Source,
    pub(crate) place: Option<(Text, Range<usize>)>,
}

impl Problem {
    /// A problem without a place in a file.
    pub(crate) fn new(severity: Severity, key: &str, title: impl Into<String>) -> Self {
        Self {
            severity,
            key: key.into(),
            title: title.into(),
            expected: String::new(),
            found: String::new(),
            remedy: String::new(),
            source: Source::Default,
            place: None,
        }
    }

    pub(crate) fn at(mut self, text: &Text, span: Range<usize>) -> Self {
        self.source = text.source_at(&span);
        self.place = Some((text.clone(), span));
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    fn label(&self) -> String {
        match (self.expected.as_str(), self.found.as_str()) {
            ("", "") => String::new(),
            ("", found) => format!("found {found}"),
            (expected, "") => format!("expected {expected}"),
            (expected, found) => format!("expected {expected}, found {found}"),
        }
    }
}

/// On one line, for logs: `postrider.toml:3:10: title: expected …, found …; remedy`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Source::File { file, line, column } = &self.source {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        f.write_str(&self.title)?;
        for (before, part) in [(": ", self.label()), ("; ", self.remedy.clone())] {
            if !part.is_empty() {
                write!(f, "{before}{part}")?;
            }
        }
        Ok(())
    }
}

/// Shows `problems` in the order of the file, each with the lines it is about; with colour where
/// `color` says so.
pub fn render(problems: &[Problem], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut shown = String::new();
    for problem in problems {
        shown.push_str(&renderer.render(&[group(problem)]));
        shown.push_str("\n\n");
    }
    shown
}

fn group(problem: &Problem) -> Group<'_> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(problem.title.as_str()));
    let label = problem.label();
    match &problem.place {
        Some((text, span)) => {
            let span = if span.is_empty() { wider(&text.text, span) } else { span.clone() };
            let mark = AnnotationKind::Primary.span(span).label(label);
            let snippet = Snippet::source(&*text.text).path(&*text.file).annotation(mark);
            group = group.element(snippet);
        }
        None if !label.is_empty() => group = group.element(Level::NOTE.message(label)),
        None => {}
    }
    if !problem.remedy.is_empty() {
        group = group.element(Level::HELP.message(problem.remedy.as_str()));
    }
    group
}

/// One character to point at, where there is one.
fn wider(text: &str, span: &Range<usize>) -> Range<usize> {
    let next = text.get(span.start..).and_then(|rest| rest.chars().next());
    span.start..span.start + next.map_or(0, char::len_utf8)
}
