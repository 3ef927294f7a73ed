//! Reads TOML files and environment into checked settings, or says everything that is wrong.
//!
//! Files come from a folder or from the program itself; variables `BRONZED__…` lie over them
//! ([`environment`]). A wrong configuration never becomes settings: [`load`] either gives settings
//! in which every value has been checked, or all of the problems, each with its file and line (or
//! its variable), what is wrong, and what would be right.
//!
//! ```text
//! text ─► document ─► conform ─► layer ─► build ─► Settings
//!         lines       known keys  config   meaning
//!                     and types   crate
//! ```

pub mod build;
pub mod conform;
pub mod document;
pub mod environment;
pub mod files;
pub mod layer;
pub mod place;
pub mod problem;
pub mod raw;
pub mod settings;
pub mod shape;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use build::{Build, failing};
use document::Document;
use environment::{Variable, Variables};
use files::Files;
use layer::Layers;
use place::{KeyPath, Places};
use problem::{Place, Problems};
use raw::bronzed::BronzedFile;
use raw::source::SourceFile;
use settings::Settings;

use crate::source::declaration::Source;

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
    let environment = environment.into_iter().collect();
    let mut problems = Problems::default();
    let settings = Loader {
        files: &files,
        environment: &environment,
        variables: Variables::pick(&environment),
        problems: &mut problems,
    }
    .load();
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(problems),
    }
}

/// A source, and where its file says what.
struct Loaded {
    source: Source,
    places: Places,
}

struct Loader<'a> {
    files: &'a Files,
    environment: &'a BTreeMap<String, String>,
    variables: Variables,
    problems: &'a mut Problems,
}

impl Loader<'_> {
    fn load(mut self) -> Option<Settings> {
        let bronzed = Path::new("bronzed.toml");
        let variables = std::mem::take(&mut self.variables.bronzed);
        let layers = self.layers::<BronzedFile>(bronzed, &variables);
        let built = layers.map(|layers| {
            let mut build = self.build(bronzed, &layers.places);
            build.bronzed(&layers.tables)
        });
        let sources = self.sources();
        let (lake, commit, telemetry) = built?;
        let sources = sources.into_iter().map(|loaded| loaded.source);
        Some(Settings {
            origin: self.files.origin(),
            lake,
            commit,
            telemetry,
            sources: sources
                .map(|source| (source.name.clone(), Arc::new(source)))
                .collect(),
        })
    }

    fn sources(&mut self) -> Vec<Loaded> {
        let files = match self.files.sources() {
            Ok(files) => files,
            Err(error) => {
                let place = Place::File(self.files.name(Path::new("sources")), None);
                let what = format!("the folder of the sources {}", failing(&error));
                let cure = "make a folder `sources` with one file per source in it";
                self.problems.note(place, what, cure);
                Vec::new()
            }
        };
        let names: Vec<_> = files.iter().map(|file| stem(file)).collect();
        self.unknown_sources(&names);
        let mut loaded = Vec::new();
        for (file, name) in files.iter().zip(&names) {
            let variables = self.variables.sources.remove(&name.to_lowercase());
            let layers = self.layers::<SourceFile>(file, &variables.unwrap_or_default());
            let Some(Layers { tables, places }) = layers else {
                continue;
            };
            let source = self.build(file, &places).source(&tables);
            loaded.extend(source.map(|source| Loaded { source, places }));
        }
        self.prefixes(&loaded);
        loaded
    }

    /// Variables of sources that have no file.
    fn unknown_sources(&mut self, names: &[String]) {
        for (source, variables) in &self.variables.sources {
            if names.iter().any(|name| name.to_lowercase() == *source) {
                continue;
            }
            let instead = match conform::nearest(source, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("sources with a file: {}", names.join(", ")),
            };
            for variable in variables {
                let place = Place::Variable(variable.name.clone());
                let what = format!("there is no source `{source}`");
                self.problems.note(place, what, instead.clone());
            }
        }
    }

    /// No table lies in another's folder: readers of the outer one would read both.
    fn prefixes(&mut self, loaded: &[Loaded]) {
        let mut earlier: Vec<(&str, String)> = Vec::new();
        for Loaded { source, places } in loaded {
            for dataset in source.datasets.values() {
                let path = KeyPath::default().key("dataset").key(&dataset.name);
                let prefix = dataset.prefix.as_str();
                for (other, owner) in &earlier {
                    let within = |inner: &str, outer: &str| {
                        let rest = inner.strip_prefix(outer);
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    };
                    if within(prefix, other) || within(other, prefix) {
                        self.problems.note(
                            places.of(&path.key("prefix")),
                            format!("the prefix `{prefix}` and `{other}` of {owner} lie in one another"),
                            "give each dataset a folder of its own, side by side: \"pncp_contratos\"",
                        );
                    }
                }
                earlier.push((prefix, dataset.full_name()));
            }
        }
    }

    fn layers<T: serde::de::DeserializeOwned + schemars::JsonSchema>(
        &mut self,
        file: &Path,
        variables: &[Variable],
    ) -> Option<Layers<T>> {
        let name = self.files.name(file);
        let text = match self.files.read(file) {
            Ok(text) => text,
            Err(error) => {
                let cure = "name the folder that has `bronzed.toml` and `sources` in it";
                let what = format!("this file {}", failing(&error));
                self.problems.note(Place::File(name, None), what, cure);
                return None;
            }
        };
        let document = Document::parse(name, &text, self.problems);
        layer::read(&document, variables, self.problems)
    }

    fn build<'b>(&'b mut self, file: &'b Path, places: &'b Places) -> Build<'b> {
        Build {
            files: self.files,
            file,
            places,
            environment: self.environment,
            problems: self.problems,
        }
    }
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_are_right() {
        load(None, []).unwrap_or_else(|problems| panic!("{problems}"));
    }
}
