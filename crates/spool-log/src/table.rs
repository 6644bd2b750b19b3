//! Rows in memory that are named by small numbers.

/// A table whose rows keep their numbers.
pub(crate) struct Table<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Table<T> {
    pub const fn new() -> Self {
        Self { rows: Vec::new(), free: Vec::new() }
    }

    pub fn add(&mut self, row: T) -> u32 {
        if let Some(n) = self.free.pop()
            && let Some(place) = self.rows.get_mut(n as usize)
        {
            *place = Some(row);
            return n;
        }
        self.rows.push(Some(row));
        (self.rows.len() - 1) as u32
    }

    pub fn get(&self, n: u32) -> Option<&T> {
        self.rows.get(n as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, n: u32) -> Option<&mut T> {
        self.rows.get_mut(n as usize)?.as_mut()
    }

    pub fn take(&mut self, n: u32) -> Option<T> {
        let row = self.rows.get_mut(n as usize)?.take();
        if row.is_some() {
            self.free.push(n);
        }
        row
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.iter_mut().flatten()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.rows).filter_map(|(n, row)| Some((n, row.as_ref()?)))
    }
}
