//! The commands of a person who writes: lines that begin with a tilde.

/// What a command does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Escape {
    /// `~.`
    Done,
    /// `~?`
    Help,
    /// `~!`
    Shell,
    /// `~|`
    Filter,
    /// `~:`
    Command,
    /// `~@` and `~a`
    Attach,
    /// `~b`
    Bcc,
    /// `~c`
    Cc,
    /// `~t`
    To,
    /// `~s`
    Subject,
    /// `~h`
    Headers,
    /// `~d`
    DeadLetter,
    /// `~D`
    Draft,
    /// `~e`
    Edit,
    /// `~v`
    Visual,
    /// `~f`, `~F`
    Include,
    /// `~m`, `~M`
    Quote,
    /// `~p`
    Print,
    /// `~q`
    Quit,
    /// `~x`
    Exit,
    /// `~r`, `~<`
    Read,
    /// `~w`
    Write,
}

/// A letter after the tilde, what it does, and how it is told of.
pub type Row = (char, Escape, &'static str, &'static str);

/// All of them.
pub const ESCAPES: [Row; 28] = [
    ('.', Escape::Done, "~.", "End the letter, as a lone . and Ctrl-D do."),
    ('?', Escape::Help, "~?", "Show this list."),
    ('p', Escape::Print, "~p", "Show the letter so far."),
    ('h', Escape::Headers, "~h", "Change To, Subject, Cc and Bcc."),
    ('t', Escape::To, "~t ADDRESS,...", "Add recipients."),
    ('s', Escape::Subject, "~s SUBJECT", "Set the subject."),
    ('c', Escape::Cc, "~c ADDRESS,...", "Add recipients of copies."),
    ('b', Escape::Bcc, "~b ADDRESS,...", "Add recipients whom the others do not see."),
    ('a', Escape::Attach, "~a FILE", "Attach a file."),
    ('@', Escape::Attach, "~@ FILE", "The same; without a name, change the list of attachments."),
    ('r', Escape::Read, "~r FILE", "Take in the text of a file."),
    ('<', Escape::Read, "~< FILE", "The same; ~<!COMMAND takes in what a command says."),
    ('e', Escape::Edit, "~e", "Change the text with $EDITOR."),
    ('v', Escape::Visual, "~v", "Change the text with $VISUAL."),
    ('|', Escape::Filter, "~| COMMAND", "Replace the text by what a command makes of it."),
    ('m', Escape::Quote, "~m LETTERS", "Take in letters of the folder, quoted."),
    ('M', Escape::Quote, "~M LETTERS", "The same with all their fields."),
    ('f', Escape::Include, "~f LETTERS", "Take in letters of the folder as they are."),
    ('F', Escape::Include, "~F LETTERS", "The same with all their fields."),
    ('w', Escape::Write, "~w FILE", "Write the text to a file."),
    ('d', Escape::DeadLetter, "~d", "Take in the text of dead.letter."),
    ('D', Escape::Draft, "~D", "Put the letter among the drafts, and stop."),
    ('q', Escape::Quit, "~q", "Give the letter up; it is kept in dead.letter."),
    ('x', Escape::Exit, "~x", "Give the letter up and keep nothing."),
    ('!', Escape::Shell, "~! COMMAND", "Run a shell command."),
    (':', Escape::Command, "~: COMMAND", "Run a command of the reader, as set or list."),
    ('_', Escape::Command, "~_ COMMAND", "The same."),
    ('~', Escape::Help, "~~", "Begin a line with one tilde."),
];

/// What the letter after the tilde asks for.
pub fn escape(letter: char) -> Option<Escape> {
    ESCAPES.iter().find(|(known, ..)| *known == letter).map(|(_, escape, ..)| *escape)
}

/// The list of `~?`.
pub fn help() -> String {
    let line = |(_, _, usage, meaning): &Row| format!("  {usage:<17} {meaning}\n");
    let lines: String = ESCAPES.iter().map(line).collect();
    format!("A line of the letter that begins with a tilde is a command:\n{}", lines.trim_end())
}
