//! `_extra`: a JSON object as text that mirrors the record, of what its columns can't hold.

use crate::json;

/// The `_extra` of one row while it grows.
#[derive(Debug, Default)]
pub(in crate::bronze) struct Extra {
    text: String,
    drifted: u64,
}

/// A point that [`Extra`] can be taken back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    length: usize,
    drifted: u64,
}

/// An object within `_extra` that isn't closed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    before: usize,
    inside: usize,
}

impl Extra {
    /// Begins the object of a row.
    pub(super) fn begin(&mut self) {
        self.text.clear();
        self.text.push('{');
        self.drifted = 0;
    }

    /// Ends the object of a row.
    pub(super) fn end(&mut self) {
        if self.text.len() == 1 {
            self.text.clear();
        } else {
            self.text.push('}');
        }
    }

    /// Makes a whole element that can't be opened the row's `_extra`.
    pub(super) fn replace(&mut self, element: &str) {
        self.text.clear();
        self.text.push_str(element);
        self.drifted = 1;
    }

    /// The row's `_extra`, if there is any.
    pub(in crate::bronze) fn text(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&self.text)
    }

    /// How many values didn't fit.
    pub(in crate::bronze) fn drifted(&self) -> u64 {
        self.drifted
    }

    /// Adds a value with its own text, and counts it.
    pub(super) fn member(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
        self.drifted += 1;
    }

    /// Opens an object within.
    pub(super) fn open(&mut self, key: &str) -> Level {
        let before = self.text.len();
        self.key(key);
        self.text.push('{');
        let inside = self.text.len();
        Level { before, inside }
    }

    /// Closes the object; an empty one leaves nothing behind.
    pub(super) fn close(&mut self, level: Level) {
        if self.text.len() == level.inside {
            self.text.truncate(level.before);
        } else {
            self.text.push('}');
        }
    }

    /// Where `_extra` stands.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            length: self.text.len(),
            drifted: self.drifted,
        }
    }

    /// Whether a value was added since.
    pub(super) fn grew_since(&self, mark: Mark) -> bool {
        self.drifted > mark.drifted
    }

    /// Takes back what was added since.
    pub(super) fn take_back(&mut self, mark: Mark) {
        self.text.truncate(mark.length);
        self.drifted = mark.drifted;
    }

    fn key(&mut self, key: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        json::push_quoted(&mut self.text, key);
        self.text.push(':');
    }
}
