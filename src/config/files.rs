//! Where configuration files come from: a folder, or the program itself.
//!
//! ```text
//! DIR/bronzed.toml
//! DIR/sources/pncp.toml                    one file per source
//! DIR/sources/pncp/contratacoes.toml       named by it: the columns of a dataset
//! ```

#[cfg(any(test, fuzzing))]
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::settings::Origin;

/// The files of `config/`, by their names in it.
macro_rules! embedded {
    ($($file:literal,)*) => {
        &[$(($file, include_str!(concat!("../../config/", $file))),)*]
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
pub enum Files {
    /// In a folder.
    Folder(PathBuf),
    /// In the program.
    Embedded,
    /// In memory, by their names: those of tests, which have no others.
    #[cfg(any(test, fuzzing))]
    Given(BTreeMap<String, String>),
}

/// The files that the program carries, by their names.
#[cfg(any(test, fuzzing))]
pub fn carried() -> BTreeMap<String, String> {
    let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    EMBEDDED.iter().map(own).collect()
}

impl Files {
    /// As settings tell it.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Folder(folder) => Origin::Folder(folder.clone()),
            Self::Embedded => Origin::Embedded,
            #[cfg(any(test, fuzzing))]
            Self::Given(_) => Origin::Embedded,
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
            #[cfg(any(test, fuzzing))]
            Self::Given(_) => file.display().to_string().into(),
        }
    }

    /// Where a file is on this machine.
    pub fn path(&self, file: &Path) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(file),
            Self::Embedded => file.to_owned(),
            #[cfg(any(test, fuzzing))]
            Self::Given(_) => file.to_owned(),
        }
    }

    /// The text of a file, named from the folder's top.
    ///
    /// # Errors
    /// When it isn't there, can't be read, or isn't UTF-8.
    pub fn read(&self, file: &Path) -> io::Result<String> {
        match self {
            Self::Folder(folder) => text(&folder.join(file)),
            Self::Embedded if file.is_absolute() => text(file),
            Self::Embedded => EMBEDDED
                .iter()
                .find(|(name, _)| Path::new(name) == file)
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)),
            #[cfg(any(test, fuzzing))]
            Self::Given(files) => {
                let found = file.to_str().and_then(|name| files.get(name));
                found
                    .cloned()
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
            }
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
            #[cfg(any(test, fuzzing))]
            Self::Given(files) => files.keys().map(PathBuf::from).collect(),
        };
        let in_sources = Some(Path::new("sources"));
        found.retain(|file| file.parent() == in_sources && is_toml(file));
        found.sort();
        Ok(found)
    }
}

/// Bytes that aren't UTF-8 begin in this line, counted from 1.
#[derive(Debug, thiserror::Error)]
#[error("line {0} isn't UTF-8")]
struct NotUtf8(usize);

/// The line in which a file that was read stops being UTF-8, if that is what was wrong with it.
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

/// Whether this is a TOML file, and not one that an editor or a mount hides.
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
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
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
