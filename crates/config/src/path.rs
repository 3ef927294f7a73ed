//! Path to a value within one file.

use std::fmt;

/// Path to a value within one file: `dataset.contratacoes.window.end`, `response[0].status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// Returns the path extended by a key.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(name.to_owned());
        Self(steps)
    }

    /// Returns the path extended by a position in a list.
    #[must_use]
    pub fn index(&self, position: usize) -> Self {
        self.key(&format!("[{position}]"))
    }

    /// Returns the position in a list that a step such as `[0]` names.
    pub fn position(step: &str) -> Option<usize> {
        let digits = step.strip_prefix('[')?.strip_suffix(']')?;
        digits.parse().ok()
    }

    /// Returns the keys from the top down.
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// Returns the path of the table or list, and the last step; both empty at the top.
    pub fn split(&self) -> (Self, &str) {
        match self.0.split_last() {
            Some((last, steps)) => (Self(steps.to_vec()), last),
            None => (Self::default(), ""),
        }
    }

    /// Returns the path without its positions in lists.
    pub fn keys_alone(&self) -> Self {
        let steps = self.0.iter();
        let keys = steps.filter(|step| Self::position(step).is_none());
        Self(keys.cloned().collect())
    }

    /// Returns `true` if `other` is this path, or contains it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Returns `true` for the file as a whole.
    pub fn is_top(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the whole file");
        }
        for (position, step) in self.0.iter().enumerate() {
            let separator = if position == 0 || step.starts_with('[') {
                ""
            } else {
                "."
            };
            write!(f, "{separator}{step}")?;
        }
        Ok(())
    }
}
