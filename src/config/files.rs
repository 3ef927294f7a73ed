//! Where configuration files come from: a folder, or the program itself.
//!
//! ```text
//! DIR/bronzed.toml
//! DIR/sources/pncp.toml                    one file per source
//! DIR/sources/pncp/contratacoes.toml       named by it: the columns of a dataset
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::settings::Origin;

const EMBEDDED: &[(&str, &str)] = &[
    ("bronzed.toml", include_str!("../../config/bronzed.toml")),
    (
        "sources/pncp.toml",
        include_str!("../../config/sources/pncp.toml"),
    ),
    (
        "sources/pncp/contratacoes.toml",
        include_str!("../../config/sources/pncp/contratacoes.toml"),
    ),
];

/// The files of a configuration.
#[derive(Debug, Clone)]
pub enum Files {
    /// In a folder.
    Folder(PathBuf),
    /// In the program.
    Embedded,
}

impl Files {
    /// As settings tell it.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Folder(folder) => Origin::Folder(folder.clone()),
            Self::Embedded => Origin::Embedded,
        }
    }

    /// Whether there is anything to read from.
    ///
    /// # Errors
    /// The name of the folder that isn't there.
    pub fn check(&self) -> Result<(), Arc<str>> {
        match self {
            Self::Folder(folder) if !folder.is_dir() => Err(folder.display().to_string().into()),
            _ => Ok(()),
        }
    }

    /// How problems name a file.
    pub fn name(&self, file: &Path) -> Arc<str> {
        match self {
            Self::Folder(folder) => folder.join(file).display().to_string().into(),
            Self::Embedded if file.is_absolute() => file.display().to_string().into(),
            Self::Embedded => format!("built-in {}", file.display()).into(),
        }
    }

    /// Where a file is on this machine.
    pub fn path(&self, file: &Path) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(file),
            Self::Embedded => file.to_owned(),
        }
    }

    /// The text of a file, named from the folder's top.
    ///
    /// # Errors
    /// When it isn't there, can't be read, or isn't UTF-8.
    pub fn read(&self, file: &Path) -> io::Result<String> {
        match self {
            Self::Folder(folder) => std::fs::read_to_string(folder.join(file)),
            Self::Embedded if file.is_absolute() => std::fs::read_to_string(file),
            Self::Embedded => EMBEDDED
                .iter()
                .find(|(name, _)| Path::new(name) == file)
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    /// The files of the sources, sorted.
    ///
    /// # Errors
    /// When there is no folder `sources`, or it can't be read.
    pub fn sources(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = match self {
            Self::Folder(folder) => {
                let mut found = Vec::new();
                for entry in std::fs::read_dir(folder.join("sources"))? {
                    found.push(Path::new("sources").join(entry?.file_name()));
                }
                found
            }
            Self::Embedded => EMBEDDED.iter().map(|(name, _)| name.into()).collect(),
        };
        let in_sources = Some(Path::new("sources"));
        found.retain(|file| file.parent() == in_sources && is_toml(file));
        found.sort();
        Ok(found)
    }
}

/// Whether this is a TOML file, and not one that an editor or a mount hides.
fn is_toml(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".toml") && !name.starts_with('.')
}
