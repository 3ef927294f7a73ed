//! Loads TOML files and environment variables into validated settings, or reports all problems.
//!
//! Files come from a folder or are embedded in the program; variables `BRONZED__…` override them
//! (`environment`). Invalid configuration never becomes settings: [`load`] returns either settings in which
//! every value has been checked, or all problems, each with its file and line (or variable), the error and a
//! hint.
//!
//! ```text
//! text ─► document ─► layers ────► read ────► build ─► Settings
//!         lines       variables    tables,    keys against
//!                     over them    by serde   each other
//! ```

mod build;
mod document;
mod environment;
mod files;
mod layers;
mod loader;
mod nearest;
mod path;
mod read;
#[cfg(test)]
mod reference;
pub mod secrets;
mod shape;
mod tables;
mod text;

#[cfg(any(test, feature = "test-util"))]
use std::collections::BTreeMap;
use std::path::Path;

use bronzed_model::problem::Problems;
use bronzed_model::schema::Schema;
use bronzed_model::settings::Settings;
use files::ConfigFiles;
#[cfg(any(test, feature = "test-util"))]
pub use files::carried;
pub use files::embedded;

/// Loads the configuration in `folder`, or the embedded one if `folder` is `None`.
///
/// `environment` is the complete environment: variables `BRONZED__…` override files, and secrets are read
/// from the variables that the files name.
///
/// # Errors
/// Returns all problems at once.
pub fn load(
    folder: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problems> {
    let environment = environment.into_iter().collect();
    loader::settings(&ConfigFiles::of(folder), &environment, Secrets::Needed)
}

/// Loads the configuration for display only: a missing secret is a warning, and its value is empty.
///
/// # Errors
/// Returns all other problems at once.
pub fn load_without_secrets(
    folder: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problems> {
    let environment = environment.into_iter().collect();
    loader::settings(&ConfigFiles::of(folder), &environment, Secrets::Spared)
}

/// Loads the configuration to draft the columns of `dataset` (`pncp.contratacoes`): its `schema` may name a file
/// that doesn't exist yet, and the dataset has no columns.
///
/// # Errors
/// Returns all other problems at once.
pub fn load_to_draft(
    folder: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    dataset: &str,
) -> Result<Settings, Problems> {
    let files = match folder {
        Some(folder) => ConfigFiles::Folder(folder.to_owned()),
        None => ConfigFiles::Embedded,
    };
    let environment = environment.into_iter().collect();
    loader::settings_to_draft(&files, &environment, dataset)
}

/// Handling of missing secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// A missing secret is an error: the settings are loaded to be run.
    Needed,
    /// A missing secret is a warning: the settings are loaded for display.
    Spared,
}

/// Loads the configuration from files in memory, by name.
///
/// # Errors
/// Returns all problems at once.
#[cfg(any(test, feature = "test-util"))]
pub fn load_given(
    files: BTreeMap<String, String>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problems> {
    let environment = environment.into_iter().collect();
    loader::settings(&ConfigFiles::Given(files), &environment, Secrets::Needed)
}

/// Parses a file of columns, as referenced by a dataset's `schema`; `name` is the file's name in problems.
///
/// # Errors
/// Returns all problems of the file at once.
pub fn columns(name: &str, text: &str) -> Result<Schema, Problems> {
    let mut problems = Problems::default();
    build::columns::parse(name.into(), text, &mut problems).ok_or(problems)
}

#[cfg(test)]
mod tests;
