//! Builds validated settings from tables: parses values that are still text, and rejects invalid ones.
//!
//! A function that finds a problem reports it and continues with a placeholder, so that one pass finds
//! everything. Placeholders never get out: [`crate::load`] returns settings only if no problem was
//! reported.

pub mod alerts;
pub mod bronzed;
pub mod columns;
pub mod dataset;
pub mod job;
pub mod kind;
pub mod paging;
pub mod protect;
pub mod record;
pub mod request;
pub mod response;
pub mod secret;
pub mod source;
pub mod values;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::Secrets;
use super::files::{ConfigFiles, bad_line};
use super::place::{KeyPath, LocationMap};
use bronzed_model::problem::Problems;

/// Context of building one file's settings.
pub struct Build<'a> {
    /// All files of the configuration.
    pub files: &'a ConfigFiles,
    /// File whose tables are built, named relative to the configuration folder.
    pub file: &'a Path,
    /// Locations of the file's keys.
    pub places: &'a LocationMap,
    /// Environment variables, from which secrets are read.
    pub environment: &'a BTreeMap<String, String>,
    /// Handling of missing secrets.
    pub(super) secrets: Secrets,
    /// Full name of the dataset whose columns are to be drafted: its file of columns is not read.
    pub(super) drafted: Option<&'a str>,
    /// Receives the problems.
    pub problems: &'a mut Problems,
}

impl Build<'_> {
    /// Reports a problem at `path`, with a hint.
    pub fn complain(
        &mut self,
        path: &KeyPath,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        self.problems.note(self.places.of(path), what, instead);
    }

    /// Reports a missing key that another key requires, unless its value was already rejected.
    pub fn lacks(&mut self, path: &KeyPath, why: &str, instead: &str) {
        if !self.places.is_refused(path) {
            self.complain(path, format!("`{path}` is missing: {why}"), instead);
        }
    }

    /// Returns the path of a file that `path` references: relative to the referencing file, or to the working
    /// directory if a variable sets `path`.
    pub fn named_file(&self, path: &KeyPath, named: &str) -> PathBuf {
        let by_variable = self.places.variable(path).is_some();
        let folder = self.file.parent().unwrap_or(Path::new(""));
        match std::path::absolute(named) {
            Ok(absolute) if by_variable => absolute,
            _ => folder.join(named),
        }
    }

    /// Reads a file that `path` references. `None` if it can't be read, which is reported.
    pub fn text_of(&mut self, path: &KeyPath, named: &str) -> Option<String> {
        let file = self.named_file(path, named);
        let text = self.files.read(&file);
        text.map_err(|error| {
            let name = self.files.name(&file);
            let what = format!("`{path}` names {name}, which {}", failing(&error));
            match bad_line(&error) {
                Some(line) => {
                    self.complain(
                        path,
                        what,
                        format!("save that file as UTF-8: see its line {line}"),
                    );
                }
                None => self.complain(path, what, "write the path of a file that can be read"),
            }
        })
        .ok()
    }
}

/// Returns the reason for a read error, as the end of a sentence.
pub fn failing(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "isn't there".to_owned(),
        io::ErrorKind::InvalidData => "isn't UTF-8 text".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}
