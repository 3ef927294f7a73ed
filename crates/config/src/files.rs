//! Origin of configuration files: a folder, or files embedded in the program.
//!
//! ```text
//! DIR/bronzed.toml
//! DIR/sources/pncp.toml                    one file per source
//! DIR/sources/pncp/contratacoes.toml       columns of a dataset, referenced by the source's file
//! ```

#[cfg(any(test, feature = "test-util"))]
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bronzed_model::settings::Origin;

/// Embeds the files of `config/`, by their names in it.
macro_rules! embedded {
    ($($file:literal,)*) => {
        &[$(($file, include_str!(concat!("../../../config/", $file))),)*]
    };
}

const EMBEDDED: &[(&str, &str)] = embedded![
    "bronzed.toml",
    "sources/comprasnet.toml",
    "sources/comprasnet/arp.toml",
    "sources/comprasnet/arp_itens.toml",
    "sources/comprasnet/contratacoes.toml",
    "sources/comprasnet/contratos.toml",
    "sources/comprasnet/contratos_itens.toml",
    "sources/comprasnet/fornecedores.toml",
    "sources/comprasnet/itens.toml",
    "sources/comprasnet/legado_itens_pregoes.toml",
    "sources/comprasnet/legado_licitacoes.toml",
    "sources/comprasnet/legado_pregoes.toml",
    "sources/comprasnet/materiais.toml",
    "sources/comprasnet/orgaos.toml",
    "sources/comprasnet/resultados.toml",
    "sources/comprasnet/servicos.toml",
    "sources/comprasnet/uasg.toml",
    "sources/pncp.toml",
    "sources/pncp/arquivos.toml",
    "sources/pncp/atas.toml",
    "sources/pncp/contratacoes.toml",
    "sources/pncp/contratos.toml",
    "sources/pncp/instrumentos_cobranca.toml",
    "sources/pncp/itens.toml",
    "sources/pncp/pca.toml",
    "sources/pncp/resultados.toml",
    "sources/tcu.toml",
    "sources/tcu/acordaos.toml",
    "sources/tcu/inabilitados.toml",
    "sources/tcu/inidoneos.toml",
    "sources/tcu/pedidos_congresso.toml",
    "sources/tcu/termos_contratuais.toml",
];

/// The files of a configuration.
#[derive(Debug, Clone)]
pub enum ConfigFiles {
    /// Files in a folder.
    Folder(PathBuf),
    /// Files embedded in the program.
    Embedded,
    /// Files in memory, by name: only for tests and fuzzing.
    #[cfg(any(test, feature = "test-util"))]
    Given(BTreeMap<String, String>),
}

/// Returns the files embedded in the program: their names relative to the configuration folder, and their texts.
pub fn embedded() -> impl Iterator<Item = (&'static str, &'static str)> {
    EMBEDDED.iter().copied()
}

/// Returns the embedded files, by name.
#[cfg(any(test, feature = "test-util"))]
pub fn carried() -> BTreeMap<String, String> {
    let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    EMBEDDED.iter().map(own).collect()
}

impl ConfigFiles {
    /// Returns the files of a folder, or the embedded ones if there is none.
    pub fn of(folder: Option<&Path>) -> Self {
        folder.map_or(Self::Embedded, |folder| Self::Folder(folder.to_owned()))
    }

    /// Returns the origin for the settings.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Folder(folder) => Origin::Folder(folder.clone()),
            Self::Embedded => Origin::Embedded,
            #[cfg(any(test, feature = "test-util"))]
            Self::Given(_) => Origin::Embedded,
        }
    }

    /// Checks that the folder exists.
    ///
    /// # Errors
    /// Returns the name of the missing folder.
    pub fn check(&self) -> Result<(), Arc<str>> {
        match self {
            Self::Folder(folder) if !folder.is_dir() => Err(folder.display().to_string().into()),
            _ => Ok(()),
        }
    }

    /// Returns the name of a file in problems.
    pub fn name(&self, file: &Path) -> Arc<str> {
        match self {
            Self::Folder(folder) => folder.join(file).display().to_string().into(),
            Self::Embedded if file.is_absolute() => file.display().to_string().into(),
            Self::Embedded => format!("built-in {}", file.display()).into(),
            #[cfg(any(test, feature = "test-util"))]
            Self::Given(_) => file.display().to_string().into(),
        }
    }

    /// Returns the path of a file on this machine.
    pub fn path(&self, file: &Path) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(file),
            Self::Embedded => file.to_owned(),
            #[cfg(any(test, feature = "test-util"))]
            Self::Given(_) => file.to_owned(),
        }
    }

    /// Reads the text of a file, named relative to the configuration folder.
    ///
    /// # Errors
    /// Returns an error if the file is missing, unreadable or not UTF-8.
    pub fn read(&self, file: &Path) -> io::Result<String> {
        match self {
            Self::Folder(folder) => text(&folder.join(file)),
            Self::Embedded if file.is_absolute() => text(file),
            Self::Embedded => EMBEDDED
                .iter()
                .find(|(name, _)| Path::new(name) == file)
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)),
            #[cfg(any(test, feature = "test-util"))]
            Self::Given(files) => {
                let found = file.to_str().and_then(|name| files.get(name));
                found
                    .cloned()
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
            }
        }
    }

    /// Returns the files of the sources, sorted.
    ///
    /// # Errors
    /// Returns an error if the folder `sources` is missing or unreadable.
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
            #[cfg(any(test, feature = "test-util"))]
            Self::Given(files) => files.keys().map(PathBuf::from).collect(),
        };
        let in_sources = Some(Path::new("sources"));
        found.retain(|file| file.parent() == in_sources && is_toml(file));
        found.sort();
        Ok(found)
    }
}

/// Invalid UTF-8; the field is the first invalid line, counted from 1.
#[derive(Debug, thiserror::Error)]
#[error("line {0} isn't UTF-8")]
struct NotUtf8(usize);

/// Returns the first line that is not UTF-8. `None` if the error has another cause.
pub fn bad_line(error: &io::Error) -> Option<usize> {
    let NotUtf8(line) = error.get_ref()?.downcast_ref()?;
    Some(*line)
}

fn text(file: &Path) -> io::Result<String> {
    String::from_utf8(std::fs::read(file)?).map_err(|error| {
        let (valid, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let breaks = bytes[..valid].iter().filter(|byte| **byte == b'\n');
        io::Error::new(io::ErrorKind::InvalidData, NotUtf8(breaks.count() + 1))
    })
}

/// Returns `true` for a TOML file that is not hidden (as files of editors and mounts are).
fn is_toml(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".toml") && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                toml_files(&path, found);
            } else if is_toml(&path) {
                found.push(path);
            }
        }
    }

    #[test]
    fn the_program_carries_every_file_of_the_folder() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"));
        let mut found = Vec::new();
        toml_files(folder, &mut found);
        let names = found
            .iter()
            .map(|path| path.strip_prefix(folder).unwrap().to_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        let mut carried: Vec<_> = EMBEDDED
            .iter()
            .map(|(name, _)| PathBuf::from(name))
            .collect();
        carried.sort();
        assert_eq!(carried, names);
    }
}
