//! Reads TOML files and environment into checked settings, or says everything that is wrong.
//!
//! Files come from a folder or from the program itself; variables `BRONZED__…` lie over them
//! (`environment`). A wrong configuration never becomes settings: [`load`] either gives settings
//! in which every value has been checked, or all of the problems, each with its file and line (or
//! its variable), what is wrong, and what would be right.
//!
//! ```text
//! text ─► document ─► conform ─► layer ─► build ─► Settings
//!         lines       known keys  config   meaning
//!                     and types   crate
//! ```

mod build;
mod conform;
mod document;
mod environment;
mod files;
mod layer;
mod loader;
mod place;
pub mod problem;
mod raw;
#[cfg(test)]
mod reference;
pub mod settings;
mod shape;

#[cfg(any(test, fuzzing))]
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use build::secret::smells;
use files::Files;
#[cfg(any(test, fuzzing))]
pub(crate) use files::carried;
use problem::Problems;
use settings::Settings;

use crate::bronze::schema::Schema;

/// Reads the configuration in `folder`, or the one that the program carries where none is named.
///
/// `environment` is the whole of it: variables `BRONZED__…` override files, and secrets are read
/// from the variables that files name.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(
    folder: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problems> {
    let files = match folder {
        Some(folder) => Files::Folder(folder.to_owned()),
        None => Files::Embedded,
    };
    loader::settings(&files, &environment.into_iter().collect(), Secrets::Needed)
}

/// Reads it to be looked at: a secret that isn't there is a warning, and empty.
///
/// # Errors
/// Everything else that is wrong, at once.
pub fn load_without_secrets(
    folder: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problems> {
    let files = match folder {
        Some(folder) => Files::Folder(folder.to_owned()),
        None => Files::Embedded,
    };
    loader::settings(&files, &environment.into_iter().collect(), Secrets::Spared)
}

/// Whether the secrets that the files name must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// What is loaded is going to be run.
    Needed,
    /// It is going to be looked at.
    Spared,
}

/// Reads the configuration that these files make, by their names.
///
/// # Errors
/// Everything that is wrong, at once.
#[cfg(any(test, fuzzing))]
pub(crate) fn load_given(
    files: BTreeMap<String, String>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problems> {
    let environment = environment.into_iter().collect();
    loader::settings(&Files::Given(files), &environment, Secrets::Needed)
}

/// Reads a file of columns, as a dataset's `schema` names one; `name` is what problems call it.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn columns(name: &str, text: &str) -> Result<Schema, Problems> {
    let mut problems = Problems::default();
    build::columns::parse(name.into(), text, &mut problems).ok_or(problems)
}

#[cfg(test)]
mod tests;
