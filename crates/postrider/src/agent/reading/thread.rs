//! Which letters belong together, by the Message-IDs they name (RFC 5322 §3.6.4).

use std::collections::HashMap;

use crate::agent::folder::Item;

/// A letter among those it belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The letter.
    pub index: usize,
    /// How many letters stand above it in its thread.
    pub depth: usize,
}

/// How deep a thread is shown; what is deeper stands at this depth.
const DEPTH_MAX: usize = 32;

/// The parent of each letter. No letter is its own ancestor, whatever the letters claim.
fn parents(items: &[Item]) -> Vec<Option<usize>> {
    let mut by_id: HashMap<&str, usize> = HashMap::with_capacity(items.len());
    for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.summary.id.is_empty()) {
        by_id.entry(&item.summary.id).or_insert(index);
    }
    let mut parents = vec![None; items.len()];
    // Roots as they are known so far, so that a circle is seen at once.
    let mut roots = Roots((0..items.len()).collect());
    for (index, item) in items.iter().enumerate() {
        let nearest = item.summary.parents.split(' ').rev().find_map(|id| by_id.get(id).copied());
        let Some(parent) = nearest else { continue };
        if roots.find(parent) != roots.find(index) {
            roots.join(index, parent);
            if let Some(slot) = parents.get_mut(index) {
                *slot = Some(parent);
            }
        }
    }
    parents
}

/// Disjoint sets with path halving.
struct Roots(Vec<usize>);

impl Roots {
    fn find(&mut self, mut index: usize) -> usize {
        while let Some(&up) = self.0.get(index).filter(|up| **up != index) {
            let over = self.0.get(up).copied().unwrap_or(up);
            if let Some(slot) = self.0.get_mut(index) {
                *slot = over;
            }
            index = over;
        }
        index
    }

    fn join(&mut self, index: usize, parent: usize) {
        let (root, above) = (self.find(index), self.find(parent));
        if let Some(slot) = self.0.get_mut(root) {
            *slot = above;
        }
    }
}

/// The thread of each letter: letters with the same number belong together.
pub fn threads(items: &[Item]) -> Vec<usize> {
    let parents = parents(items);
    let mut roots = Roots((0..items.len()).collect());
    for (index, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            roots.join(index, *parent);
        }
    }
    (0..items.len()).map(|index| roots.find(index)).collect()
}

/// All letters, each after the one it answers.
pub fn ordered(items: &[Item]) -> Vec<Place> {
    let parents = parents(items);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    let mut open: Vec<Place> = Vec::new();
    for (index, parent) in parents.iter().enumerate() {
        match parent.and_then(|parent| children.get_mut(parent)) {
            Some(siblings) => siblings.push(index),
            None => open.push(Place { index, depth: 0 }),
        }
    }
    open.reverse();
    let mut places = Vec::with_capacity(items.len());
    while let Some(place) = open.pop() {
        places.push(place);
        let below = children.get(place.index).map(Vec::as_slice).unwrap_or_default();
        let depth = (place.depth + 1).min(DEPTH_MAX);
        open.extend(below.iter().rev().map(|&index| Place { index, depth }));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::folder::tests::item;

    fn letters(rows: &[(&str, &str)]) -> Vec<Item> {
        let letter = |(id, parents): &(&str, &str)| {
            let mut item = item("ann", "x");
            item.summary.id = (*id).into();
            item.summary.parents = (*parents).into();
            item
        };
        rows.iter().map(letter).collect()
    }

    #[test]
    fn trees() {
        // 0 <- 1 <- 3, 2 alone, 4 answers what is not here but also 0.
        let items =
            letters(&[("a", ""), ("b", "a"), ("c", "zz"), ("d", "a b"), ("e", "a nowhere")]);
        let places: Vec<_> =
            ordered(&items).iter().map(|place| (place.index, place.depth)).collect();
        assert_eq!(places, [(0, 0), (1, 1), (3, 2), (4, 1), (2, 0)]);
        let threads = threads(&items);
        assert!(threads[0] == threads[1] && threads[1] == threads[3] && threads[3] == threads[4]);
        assert_ne!(threads[0], threads[2]);
    }

    #[test]
    fn circles() {
        let items = letters(&[("a", "b"), ("b", "a"), ("c", "c"), ("", "a")]);
        let mut seen: Vec<_> = ordered(&items).iter().map(|place| place.index).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3]);
        // A long chain needs no stack.
        let ids: Vec<(String, String)> =
            (0..100_000).map(|n| (format!("i{n}"), format!("i{}", n - 1))).collect();
        let rows: Vec<(&str, &str)> = ids.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(ordered(&letters(&rows)).len(), 100_000);
        assert!(threads(&letters(&rows)).iter().all(|thread| *thread == 0));
    }
}
