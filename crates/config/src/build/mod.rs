//! Builds settings from tables: checks values against each other, and reads what they name.
//!
//! A function that finds a problem reports it and continues with a placeholder, so that one pass finds
//! everything. Placeholders never get out: [`crate::load`] returns settings only if no problem was
//! reported.

pub mod alerts;
pub mod bronzed;
pub mod columns;
mod csv;
mod dataset;
mod days;
pub mod exists;
mod expect;
mod job;
mod kind;
mod paging;
mod protect;
mod record;
mod request;
mod response;
mod secret;
mod silver;
mod source;
mod variables;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use toml::Value;

use super::Secrets;
use super::files::{ConfigFiles, bad_line};
use super::layers::Layers;
use super::path::KeyPath;
use super::read::named;
use bronzed_model::problem::Problems;
use bronzed_model::text::{TextFormat, WrongText};

/// Context of building one file's settings.
pub struct Build<'a> {
    /// All files of the configuration.
    pub files: &'a ConfigFiles,
    /// File whose tables are built, named relative to the configuration folder.
    pub file: &'a Path,
    /// Values of the file, with the variables over them.
    pub layers: &'a Layers,
    /// Environment variables, from which secrets are read.
    pub environment: &'a BTreeMap<String, String>,
    /// Handling of missing secrets.
    pub(super) secrets: Secrets,
    /// Full name of the dataset whose columns are to be drafted: its file of columns is not read.
    pub(super) drafted: Option<&'a str>,
    /// Receives the columns of other tables that expectations name.
    pub references: &'a mut Vec<exists::AskedReference>,
    /// Receives the problems.
    pub problems: &'a mut Problems,
}

impl Build<'_> {
    /// Reports a problem at `path`, with a hint.
    fn complain(&mut self, path: &KeyPath, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.note(self.layers.place(path), what, hint);
    }

    /// Returns `true` if `path` has a value.
    fn has(&self, path: &KeyPath) -> bool {
        self.layers.find(path).is_some()
    }

    /// Returns `true` if `path` has a value, and a right one. An empty table says nothing.
    fn said(&self, path: &KeyPath) -> bool {
        let value = self.layers.find(path);
        let empty = matches!(value, Some(Value::Table(table)) if table.is_empty());
        value.is_some() && !empty && !self.layers.is_refused(path)
    }

    /// Returns `true` if `path` has a value, be it a wrong one or under a misspelt key.
    fn meant(&self, path: &KeyPath) -> bool {
        self.has(path) || self.layers.is_refused(path)
    }

    /// Reports a key that another key requires if it is missing.
    fn needs(&mut self, path: &KeyPath, why: &str, hint: &str) {
        if !self.meant(path) {
            self.complain(path, format!("`{path}` is missing: {why}"), hint);
        }
    }

    /// Reports a key that is there, though it means nothing beside the others: `problem` goes on after its name.
    fn refuses(&mut self, path: &KeyPath, problem: &str, hint: impl Into<String>) {
        if self.said(path) {
            self.complain(path, format!("`{path}` {problem}"), hint);
        }
    }

    /// Parses a text; `None` if it is wrong, which is reported.
    fn parse<F: TextFormat>(&mut self, path: &KeyPath, text: &str) -> Option<F::Value> {
        let report = |WrongText { problem, hint }| self.complain(path, named(&problem, path), hint);
        F::parse(text).map_err(report).ok()
    }

    /// Checks a name of a source, dataset, job or silver table: it is part of variables, keys and labels.
    fn name(&mut self, path: &KeyPath, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins || !name.chars().all(plain) || name.contains("__") || name.ends_with('_') {
            self.complain(
                path,
                format!("`{name}` is not a name"),
                "write lower-case letters, digits and single `_`, a letter first: \"pncp_itens\"",
            );
        }
    }

    /// Returns the path of a file that `path` references: relative to the referencing file, or to the working
    /// directory if a variable sets `path`.
    fn named_file(&self, path: &KeyPath, named: &str) -> PathBuf {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        match std::path::absolute(named) {
            Ok(absolute) if self.layers.is_of_variable(path) => absolute,
            _ => folder.join(named),
        }
    }

    /// Reads a file that `path` references. `None` if it can't be read, which is reported.
    fn text_of(&mut self, path: &KeyPath, named: &str) -> Option<String> {
        let file = self.named_file(path, named);
        let text = self.files.read(&file);
        let report = |error| {
            let name = self.files.name(&file);
            let what = format!("`{path}` names {name}, which {}", failing(&error));
            let hint = match bad_line(&error) {
                Some(line) => format!("save that file as UTF-8: see its line {line}"),
                None => "write the path of a file that can be read".to_owned(),
            };
            self.complain(path, what, hint);
        };
        text.map_err(report).ok()
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
