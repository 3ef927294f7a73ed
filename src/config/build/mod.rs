//! From tables to checked settings: reads what is still text, and refuses what doesn't fit.
//!
//! A function that has to complain notes the problem and goes on with a stand-in, so that one pass
//! finds everything. Stand-ins never get out: [`crate::config::load`] gives settings only if
//! nothing was noted.

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
use super::files::{Files, bad_line};
use super::place::{KeyPath, Places};
use super::problem::Problems;

/// What building needs to know, and where complaints go.
pub struct Build<'a> {
    /// All files.
    pub files: &'a Files,
    /// The one whose tables are built, named from the folder's top.
    pub file: &'a Path,
    /// Where everything in it was said.
    pub places: &'a Places,
    /// The environment, which has secrets.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether secrets must be there.
    pub(super) secrets: Secrets,
    /// Where complaints go.
    pub problems: &'a mut Problems,
}

impl Build<'_> {
    /// Notes what is wrong with what is said at `path`, and what would be right.
    pub fn complain(
        &mut self,
        path: &KeyPath,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        self.problems.note(self.places.of(path), what, instead);
    }

    /// Notes that a key is missing that something else asks for.
    pub fn lacks(&mut self, path: &KeyPath, why: &str, instead: &str) {
        if !self.places.is_refused(path) {
            self.complain(path, format!("`{path}` is missing: {why}"), instead);
        }
    }

    /// A file that `path` names: relative to the file that names it, or to the working directory
    /// where a variable does.
    pub fn named_file(&self, path: &KeyPath, named: &str) -> PathBuf {
        let by_variable = self.places.variable(path).is_some();
        let folder = self.file.parent().unwrap_or(Path::new(""));
        match std::path::absolute(named) {
            Ok(absolute) if by_variable => absolute,
            _ => folder.join(named),
        }
    }

    /// The text of a file that `path` names, or `None` and a problem.
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

/// Why reading a file failed, as the end of a sentence.
pub fn failing(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "isn't there".to_owned(),
        io::ErrorKind::InvalidData => "isn't UTF-8 text".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}
