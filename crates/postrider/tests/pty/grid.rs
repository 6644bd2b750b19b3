//! What stands on a screen after the sequences that full-screen programs send.

/// Letters in lines and columns.
pub struct Grid {
    cells: Vec<Vec<char>>,
    line: usize,
    column: usize,
}

impl Grid {
    /// An empty screen.
    pub fn new(lines: u16, columns: u16) -> Self {
        let cells = vec![vec![' '; usize::from(columns)]; usize::from(lines)];
        Self { cells, line: 0, column: 0 }
    }

    /// Whether a line holds the text.
    pub fn holds(&self, text: &str) -> bool {
        self.cells.iter().any(|line| line.iter().collect::<String>().contains(text))
    }

    /// All lines.
    pub fn text(&self) -> String {
        let line = |line: &Vec<char>| line.iter().collect::<String>().trim_end().to_owned() + "\n";
        self.cells.iter().map(line).collect()
    }

    /// A letter where the cursor is.
    pub fn put(&mut self, letter: char) {
        match letter {
            '\n' => self.line = (self.line + 1).min(self.cells.len().saturating_sub(1)),
            '\r' => self.column = 0,
            '\u{8}' => self.column = self.column.saturating_sub(1),
            letter if letter.is_control() => {}
            letter => {
                let line = self.cells.get_mut(self.line);
                if let Some(cell) = line.and_then(|line| line.get_mut(self.column)) {
                    *cell = letter;
                }
                self.column += 1;
            }
        }
    }

    /// A sequence that begins with `ESC [`.
    pub fn control(&mut self, parameters: &str, last: char) {
        let number = |place: usize, default: usize| {
            let number = parameters.split(';').nth(place).and_then(|number| number.parse().ok());
            number.unwrap_or(default)
        };
        match last {
            'H' | 'f' => {
                self.line = number(0, 1).saturating_sub(1);
                self.column = number(1, 1).saturating_sub(1);
            }
            'A' => self.line = self.line.saturating_sub(number(0, 1)),
            'B' => self.line += number(0, 1),
            'C' => self.column += number(0, 1),
            'D' => self.column = self.column.saturating_sub(number(0, 1)),
            'K' => self.erase_line(),
            'J' => {
                let from = if number(0, 0) == 2 { 0 } else { self.line + 1 };
                self.cells.iter_mut().skip(from).for_each(|line| line.fill(' '));
            }
            _ => {}
        }
    }

    fn erase_line(&mut self) {
        let column = self.column;
        if let Some(line) = self.cells.get_mut(self.line) {
            line.iter_mut().skip(column).for_each(|cell| *cell = ' ');
        }
    }
}
