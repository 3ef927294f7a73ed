//! Variables of templates: each one that is used has a value, and each one that is declared is used.

use std::collections::BTreeSet;

use chrono::DateTime;

use super::Build;
use super::dataset::DatasetContext;
use crate::nearest::nearest;
use crate::path::KeyPath;
use crate::tables::dataset::{DatasetTable, KindWord};
use crate::tables::source::SourceFile;
use crate::text::formatted;
use bronzed_model::declaration::Period;
use bronzed_model::template::{Template, of_variable};

/// Variables of the window, for templates.
pub const WINDOW_VARIABLES: [&str; 2] = ["start", "end"];

impl Build<'_> {
    /// Checks that templates use only known variables, and that every declared variable is used.
    pub fn variables(&mut self, context: &DatasetContext<'_>, templates: &[(KeyPath, Template)]) {
        let DatasetContext {
            name,
            path,
            table,
            source,
            ..
        } = *context;
        let is_child = table.kind == KindWord::Child;
        let orphaned =
            |table: &DatasetTable| table.kind == KindWord::Child && table.parent.is_none();
        if lineage(name, source.tables).any(orphaned) {
            // The missing `parent` is already reported.
            return;
        }
        let mut declared: Vec<(KeyPath, &str)> = Vec::new();
        for name in table.slices.keys() {
            declared.push((path.key("slices").key(name), name));
        }
        for name in table.parent.iter().flat_map(|parent| parent.bind.keys()) {
            let at = path.key("parent").key("bind").key(name);
            self.variable_name(&at, name);
            declared.push((at, name));
        }
        let mut known = variables_of(name, source.tables);
        if table.kind == KindWord::Dated {
            known.extend(WINDOW_VARIABLES.map(str::to_owned));
        }
        let mut used = BTreeSet::new();
        for (at, template) in templates {
            for variable in template.variables() {
                let (variable, format) = of_variable(variable);
                if let Some(format) = format {
                    self.format_of_variable(context, at, (variable, format));
                }
                used.insert(variable);
                let refused = [path.key("slices"), path.key("parent").key("bind")];
                let refused = refused.map(|table| self.layers.is_refused(&table.key(variable)));
                if known.contains(variable) || refused.contains(&true) {
                    continue;
                }
                let near = nearest(variable, known.iter().map(String::as_str));
                // The intended variable is misspelt, so it is not reported as unused too.
                used.extend(near);
                let hint = match near {
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None if is_child => format!("declare it under [{path}.parent.bind]"),
                    None => format!("declare it under [{path}.slices]"),
                };
                let what = format!("`{at}` names `{{{variable}}}`, which nothing gives a value");
                self.complain(at, what, hint);
            }
        }
        for (at, name) in declared.iter().filter(|(_, name)| !used.contains(name)) {
            self.complain(
                at,
                format!("`{at}` is used by no parameter: every request would be the same"),
                format!("write `{{{name}}}` into the path or a parameter"),
            );
        }
    }
}

impl Build<'_> {
    /// Checks the format that a template gives a variable: only the bounds of a window take one.
    fn format_of_variable(
        &mut self,
        context: &DatasetContext<'_>,
        at: &KeyPath,
        (variable, format): (&str, &str),
    ) {
        let is_bound = WINDOW_VARIABLES.contains(&variable);
        if context.table.kind != KindWord::Dated || !is_bound {
            let what = format!("`{at}` gives `{{{variable}}}` the format `{format}`");
            let hint = "only `{start}` and `{end}` of a dated dataset take a format: leave it out";
            self.complain(at, what, hint);
        } else if formatted(format, DateTime::UNIX_EPOCH).is_none() {
            let what =
                format!("`{at}` has `{{{variable}:{format}}}`, which is no format of a date");
            let hint = "write it with strftime's letters: `{start:%Y}`, `{start:%m}`";
            self.complain(at, what, hint);
        }
    }
}

/// Returns the variables that have values in the requests of a dataset: those of its slices or `parent.bind`,
/// and those of its parent's requests.
pub fn variables_of(name: &str, tables: &SourceFile) -> BTreeSet<String> {
    let mut variables = BTreeSet::new();
    for table in lineage(name, tables) {
        variables.extend(table.slices.keys().cloned());
        let parent = table.parent.iter();
        variables.extend(parent.flat_map(|parent| parent.bind.keys().cloned()));
    }
    variables
}

/// Returns the period of the partitions of a dataset; that of a child is its parent's.
pub fn period_of(name: &str, tables: &SourceFile) -> Period {
    let root = lineage(name, tables).last();
    let window = root.and_then(|table| table.window.as_ref());
    window.map_or(Period::Day, |window| window.period)
}

/// Returns `true` if a dataset's chain of parents has no cycle.
pub fn leads_to_a_root(name: &str, tables: &SourceFile) -> bool {
    lineage(name, tables).count() <= tables.dataset.len()
}

/// Iterates over a dataset, its parent, and so on. In a cycle it yields one more than the number of datasets.
fn lineage<'t>(name: &str, tables: &'t SourceFile) -> impl Iterator<Item = &'t DatasetTable> {
    let parent = |table: &&'t DatasetTable| tables.dataset.get(&table.parent.as_ref()?.dataset);
    std::iter::successors(tables.dataset.get(name), parent).take(tables.dataset.len() + 1)
}
