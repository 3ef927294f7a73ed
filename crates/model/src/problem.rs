//! Problems of a configuration: all at once, each with its location and a hint.
//!
//! ```text
//! config/sources/pncp.toml:24: unknown key `concurency` in `limits`
//!     did you mean `concurrency`?
//! BRONZED__LAKE__URL: `ftp://lake` isn't a lake that this program knows
//!     write a folder, or file://, s3://, gs://, az:// or memory://
//! ```

use std::fmt;
use std::sync::Arc;

/// Location that a problem refers to. Files sort before variables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// File, and line counted from 1; `None` for the file as a whole.
    File(Arc<str>, Option<usize>),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name, Some(line)) => write!(f, "{name}:{line}"),
            Self::File(name, None) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One problem. Never shows the value of anything that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Location of the problem.
    pub location: Location,
    /// Description of the problem.
    pub what: String,
    /// Hint: how to fix the problem.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.location, self.what, self.hint)
    }
}

/// Errors and warnings, each sorted by location.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Problems {
    /// Adds an error. Exact duplicates are dropped.
    pub fn note(&mut self, location: Location, what: impl Into<String>, hint: impl Into<String>) {
        insert(&mut self.errors, location, what.into(), hint.into());
    }

    /// Adds a warning: a probable mistake, which does not prevent loading.
    pub fn warn(&mut self, location: Location, what: impl Into<String>, hint: impl Into<String>) {
        insert(&mut self.warnings, location, what.into(), hint.into());
    }

    /// Returns the warnings, sorted by location.
    pub fn into_warnings(self) -> Vec<Problem> {
        self.warnings
    }

    /// Returns the errors, sorted by location.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.errors.iter()
    }

    /// Returns `true` if there are no errors.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

/// Inserts a problem in order; exact duplicates are dropped.
fn insert(problems: &mut Vec<Problem>, location: Location, what: String, hint: String) {
    let problem = Problem {
        location,
        what,
        hint,
    };
    if let Err(position) = problems.binary_search(&problem) {
        problems.insert(position, problem);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.errors.iter().enumerate() {
            let separator = if position > 0 { "\n" } else { "" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_shown_by_file_and_line_then_variable() {
        let mut problems = Problems::default();
        let file = |name: &str, line| Location::File(name.into(), line);
        problems.note(Location::Variable("BRONZED__A".into()), "d", "x");
        problems.note(file("b.toml", Some(2)), "c", "x");
        problems.note(file("a.toml", Some(10)), "b", "x");
        problems.note(file("a.toml", Some(9)), "a", "x");
        problems.note(file("a.toml", Some(9)), "a", "x");
        assert_eq!(
            problems.to_string(),
            "a.toml:9: a\n    x\na.toml:10: b\n    x\nb.toml:2: c\n    x\nBRONZED__A: d\n    x"
        );
    }
}
