//! Builder of `_extra`: JSON text of an object that mirrors the record, with the values that its columns
//! can't hold.

use bronzed_model::json;

/// Builder of the `_extra` of one row.
#[derive(Debug, Default)]
pub(in crate::bronze) struct Extra {
    text: String,
    drifted: u64,
}

/// Position to which [`Extra`] can be rolled back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    length: usize,
    drifted: u64,
}

/// An open object within `_extra`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExtraLevel {
    before: usize,
    inside: usize,
}

impl Extra {
    /// Begins the object of a row.
    pub(in crate::bronze) fn begin(&mut self) {
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

    /// Sets the row's `_extra` to the text of a record that can't be parsed as an object.
    pub(super) fn replace(&mut self, element: &str) {
        self.text.clear();
        self.text.push_str(element);
        self.drifted = 1;
    }

    /// Returns the row's `_extra`. `None` if all values fit.
    pub(in crate::bronze) fn text(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&self.text)
    }

    /// Number of values that didn't fit.
    pub(in crate::bronze) fn drifted(&self) -> u64 {
        self.drifted
    }

    /// Adds a value with its original text, and counts it as drifted.
    pub(super) fn member(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
        self.drifted += 1;
    }

    /// Opens a nested object.
    pub(super) fn open(&mut self, key: &str) -> ExtraLevel {
        let before = self.text.len();
        self.key(key);
        self.text.push('{');
        let inside = self.text.len();
        ExtraLevel { before, inside }
    }

    /// Closes the object, and removes it if it is empty.
    pub(super) fn close(&mut self, level: ExtraLevel) {
        if self.text.len() == level.inside {
            self.text.truncate(level.before);
        } else {
            self.text.push('}');
        }
    }

    /// Returns the current position.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            length: self.text.len(),
            drifted: self.drifted,
        }
    }

    /// `true` if a value was added since `mark`.
    pub(super) fn grew_since(&self, mark: Mark) -> bool {
        self.drifted > mark.drifted
    }

    /// Rolls back to `mark`.
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
