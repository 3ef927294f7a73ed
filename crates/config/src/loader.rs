//! Loads the files of a configuration, and checks them against each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::Secrets;
use super::build::exists::{self, AskedReference};
use super::build::{Build, failing};
use super::document::TomlDocument;
use super::environment::{Variable, Variables};
use super::files::{ConfigFiles, bad_line};
use super::layers::Layers;
use super::nearest::did_you_mean;
use super::path::KeyPath;
use super::read;
use super::shape::Shape;
use super::tables::bronzed::BronzedFile;
use super::tables::json_schema;
use super::tables::source::SourceFile;
use bronzed_model::declaration::Source;
use bronzed_model::problem::{Location, Problems};
use bronzed_model::settings::Settings;

/// Returns the settings from files and environment, or all problems.
pub(super) fn settings(
    files: &ConfigFiles,
    environment: &BTreeMap<String, String>,
    secrets: Secrets,
) -> Result<Settings, Problems> {
    load(files, environment, secrets, None)
}

/// Returns the settings without the columns of one dataset, which are to be drafted.
pub(super) fn settings_to_draft(
    files: &ConfigFiles,
    environment: &BTreeMap<String, String>,
    dataset: &str,
) -> Result<Settings, Problems> {
    load(files, environment, Secrets::Needed, Some(dataset))
}

fn load(
    files: &ConfigFiles,
    environment: &BTreeMap<String, String>,
    secrets: Secrets,
    drafted: Option<&str>,
) -> Result<Settings, Problems> {
    let mut problems = Problems::default();
    let loader = Loader {
        files,
        environment,
        secrets,
        drafted,
        variables: Variables::pick(environment),
        prefixes: Vec::new(),
        references: Vec::new(),
        problems: &mut problems,
    };
    match loader.load() {
        Some(settings) if problems.is_empty() => Ok(Settings {
            warnings: problems.into_warnings(),
            ..settings
        }),
        _ => Err(problems),
    }
}

struct Loader<'a> {
    files: &'a ConfigFiles,
    environment: &'a BTreeMap<String, String>,
    secrets: Secrets,
    /// Full name of the dataset whose columns are to be drafted.
    drafted: Option<&'a str>,
    variables: Variables,
    /// Prefixes of the tables loaded so far, with their full names.
    prefixes: Vec<(String, String)>,
    /// Columns of other tables that expectations name.
    references: Vec<AskedReference>,
    problems: &'a mut Problems,
}

impl Loader<'_> {
    fn load(mut self) -> Option<Settings> {
        if let Err(missing) = self.files.check() {
            let place = Location::File(missing, None);
            let hint = "name a folder that has `bronzed.toml` and `sources/` in it";
            self.problems.note(place, "there is no such folder", hint);
            return None;
        }
        self.misspelt_variables();
        let bronzed = Path::new("bronzed.toml");
        let variables = std::mem::take(&mut self.variables.bronzed);
        let tables = self.tables::<BronzedFile>(bronzed, &variables);
        let settings = tables.map(|(tables, layers)| {
            let origin = self.files.origin();
            self.build(bronzed, &layers).bronzed(tables, origin)
        });
        let sources = self.sources().into_iter();
        let sources = sources.map(|source| (source.name.clone(), Arc::new(source)));
        let sources = sources.collect();
        Some(Settings {
            sources,
            ..settings?
        })
    }

    fn misspelt_variables(&mut self) {
        let schema = json_schema::<BronzedFile>();
        let tables = Shape::of(schema.as_value()).keys();
        for (name, right) in Variables::misspelt(self.environment, &tables) {
            let what =
                "this variable is ignored: two underscores part the steps, the first ones too";
            let place = Location::Variable(name);
            self.problems.warn(place, what, format!("write `{right}`"));
        }
    }

    fn sources(&mut self) -> Vec<Source> {
        let files = self.files.sources().and_then(|files| match files.len() {
            0 => Err(std::io::ErrorKind::NotFound.into()),
            _ => Ok(files),
        });
        let files = files.unwrap_or_else(|error| {
            let place = Location::File(self.files.name(Path::new("sources")), None);
            let what = format!("a folder with files of sources {}", failing(&error));
            let hint = "make a folder `sources` with a TOML file per source in it";
            self.problems.note(place, what, hint);
            Vec::new()
        });
        let names: Vec<_> = files.iter().map(|file| stem(file)).collect();
        let mut sources = Vec::new();
        for (file, name) in files.iter().zip(&names) {
            let variables = self.variables.sources.remove(&name.to_lowercase());
            let tables = self.tables::<SourceFile>(file, &variables.unwrap_or_default());
            if let Some((tables, layers)) = tables {
                self.prefixes(name, &tables, &layers);
                sources.extend(self.build(file, &layers).source(&tables));
            }
        }
        self.unknown_sources(&names);
        let declared = self.prefixes.iter();
        let declared = declared.filter_map(|(_, owner)| owner.strip_prefix("silver."));
        let declared: Vec<_> = declared.collect();
        exists::resolve(&self.references, &declared, &mut sources, self.problems);
        sources
    }

    /// Reports the variables of sources that have no file: those left after all files are loaded.
    fn unknown_sources(&mut self, names: &[String]) {
        for (source, variables) in &self.variables.sources {
            let hint = did_you_mean(source, names.iter().map(String::as_str), || {
                format!("sources that have a file: {}", names.join(", "))
            });
            for variable in variables {
                let what = format!("there is no source `{source}`");
                self.problems.note(variable.place(), what, hint.clone());
            }
        }
    }

    /// Reports tables that lie in another table's folder, because readers of the outer table would read both.
    fn prefixes(&mut self, source: &str, tables: &SourceFile, layers: &Layers) {
        for (name, table) in &tables.dataset {
            let path = KeyPath::default().key("dataset").key(name).key("prefix");
            let owner = format!("{source}.{name}");
            self.prefix(&path, (table.folder(source, name), owner), layers);
        }
        for (name, table) in &tables.silver {
            let path = KeyPath::default().key("silver").key(name).key("prefix");
            let owner = format!("silver.{source}.{name}");
            self.prefix(&path, (table.folder(source, name), owner), layers);
        }
    }

    /// Notes the prefix of a table, or reports that it isn't the table's alone.
    fn prefix(&mut self, path: &KeyPath, (prefix, table): (String, String), layers: &Layers) {
        for (other, owner) in &self.prefixes {
            if within(&prefix, other) || within(other, &prefix) {
                self.problems.note(
                    layers.place(path),
                    format!("`{path} = \"{prefix}\"`, but {owner} has `{other}` already"),
                    "give each table a folder beside the others: \"pncp_contratos\"",
                );
            }
        }
        self.prefixes.push((prefix, table));
    }

    /// Reads the tables of a file, with the variables over them. `None` if the file has syntax errors, because
    /// further checks would report errors that aren't there.
    fn tables<T: DeserializeOwned + JsonSchema>(
        &mut self,
        file: &Path,
        variables: &[Variable],
    ) -> Option<(T, Layers)> {
        let name = self.files.name(file);
        let text = match self.files.read(file) {
            Ok(text) => text,
            Err(error) => {
                let line = bad_line(&error);
                let hint = match line {
                    Some(_) => "save it as UTF-8",
                    None => "name a folder that has `bronzed.toml` and `sources/` in it",
                };
                let what = format!("this file {}", failing(&error));
                self.problems.note(Location::File(name, line), what, hint);
                return None;
            }
        };
        let document = TomlDocument::parse(name, &text, self.problems);
        if document.garbled {
            return None;
        }
        let mut layers = Layers::new(document);
        let schema = json_schema::<T>();
        let shape = Shape::of(schema.as_value());
        for variable in variables {
            variable.set(&mut layers, shape, self.problems);
        }
        let tables = read::tables(&mut layers, shape, self.problems)?;
        Some((tables, layers))
    }

    fn build<'b>(&'b mut self, file: &'b Path, layers: &'b Layers) -> Build<'b> {
        Build {
            files: self.files,
            file,
            layers,
            environment: self.environment,
            secrets: self.secrets,
            drafted: self.drafted,
            references: &mut self.references,
            problems: self.problems,
        }
    }
}

/// Returns `true` if `inner` equals `outer` or lies in it.
fn within(inner: &str, outer: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
