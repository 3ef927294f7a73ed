//! Columns of a silver table: those of its datasets, flattened, and what is declared otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::is_single;
use crate::build::Build;
use crate::build::columns::{WrongType, named_type};
use crate::nearest::did_you_mean;
use crate::path::KeyPath;
use crate::tables::either::Either;
use crate::tables::silver::{SilverColumnKeys, SilverKeys};
use crate::text::ColumnName;
use bronzed_model::declaration::{Dataset, Kind, SilverColumn};
use bronzed_model::names::{ColumnNames, FlatColumn, flatten};
use bronzed_model::schema::Column;
use bronzed_model::text::TextFormat as _;

/// Names that a table has by itself.
const RESERVED: [&str; 5] = ["year", "month", "day", "valid_from", "valid_to"];

/// Column by default, with the declaration that differs from it.
struct Declared<'a> {
    /// The column as written: `orgaoEntidade.cnpj`.
    written: String,
    pointer: String,
    column: Column,
    keys: Option<(KeyPath, &'a SilverColumnKeys)>,
    left_out: bool,
}

impl Build<'_> {
    /// Returns the columns of a table; `None` if it has none, which is reported.
    pub(super) fn silver_columns(
        &mut self,
        path: &KeyPath,
        keys: &SilverKeys,
        inputs: &[Arc<Dataset>],
    ) -> Option<Vec<SilverColumn>> {
        let mut declared = self.by_default(path, keys, inputs);
        let at = path.key("columns");
        for (written, said) in &keys.columns {
            self.declare(&at.key(written), (written, said), &mut declared);
        }
        declared.retain(|one| !one.left_out);
        if declared.is_empty() {
            self.complain(&at, format!("`{at}` leaves no column"), "keep one or more");
            return None;
        }
        let mut taken = BTreeMap::new();
        let mut columns = Vec::new();
        for one in declared {
            let column = self.silver_column(&one, keys.history);
            let at = one.keys.as_ref().map_or(&at, |(path, _)| path);
            if let Some(other) = taken.insert(column.column.name.clone(), one.written.clone()) {
                let what = format!(
                    "`{}` and `{other}` would both be column `{}`",
                    one.written, column.column.name
                );
                self.complain(at, what, "give each a name of its own, or leave one out");
            }
            columns.push(column);
        }
        Some(columns)
    }

    /// Returns all columns of the first dataset, and those that only others have.
    fn by_default<'a>(
        &mut self,
        path: &KeyPath,
        keys: &SilverKeys,
        inputs: &[Arc<Dataset>],
    ) -> Vec<Declared<'a>> {
        let is_child = inputs.iter().any(|one| matches!(one.kind, Kind::Child(_)));
        let mut names = ColumnNames::of_table(is_child);
        let mut declared: Vec<Declared<'_>> = Vec::new();
        for input in inputs {
            let mut more = Vec::new();
            for column in flatten(&input.schema.columns) {
                let pointer = column.pointer();
                match declared.iter().find(|one| one.pointer == pointer) {
                    None => more.push(column),
                    Some(first) => self.same_type(path, keys, first, (&column, input)),
                }
            }
            names.number(&mut more);
            declared.extend(more.into_iter().map(|column| Declared {
                written: column.written(),
                pointer: column.pointer(),
                column: Column {
                    name: column.name,
                    ..column.declared.clone()
                },
                keys: None,
                left_out: false,
            }));
        }
        declared
    }

    /// Requires that datasets agree on the type of a column, unless the table says one.
    fn same_type(
        &mut self,
        path: &KeyPath,
        keys: &SilverKeys,
        first: &Declared<'_>,
        (other, input): (&FlatColumn<'_>, &Dataset),
    ) {
        let (one, two) = (&first.column.kind, &other.declared.kind);
        let said = keys.columns.iter().any(|(written, said)| {
            let named = ColumnName::parse(written);
            let is_it = named.is_ok_and(|named| named.pointer == first.pointer);
            let settles = match said {
                Either::Plain(kept) => !kept,
                Either::Table(table) => table.kind.is_some(),
            };
            is_it && settles
        });
        if one.duckdb_name() != two.duckdb_name() && !said {
            let what = format!(
                "`{path}` has `{}` as {one}, and in `{}` it is {two}",
                first.written, input.name
            );
            let hint = format!(
                "say the type: columns.\"{0}\" = {{ type = \"…\" }}; or leave it out: columns.\"{0}\" = false",
                first.written
            );
            self.complain(&path.key("from"), what, hint);
        }
    }

    /// Applies what is said of a column, or of all fields of a struct.
    fn declare<'a>(
        &mut self,
        path: &KeyPath,
        (written, said): (&str, &'a Either<bool, SilverColumnKeys>),
        declared: &mut [Declared<'a>],
    ) {
        let Some(named) = self.parse::<ColumnName>(path, written) else {
            return;
        };
        let inside = format!("{}/", named.pointer);
        let of_struct = declared.iter().any(|one| one.pointer.starts_with(&inside));
        let exact = declared.iter_mut().find(|one| one.pointer == named.pointer);
        match (said, exact) {
            (Either::Plain(true), _) => {
                let what = format!("`{path} = true` says nothing: columns are kept");
                self.complain(path, what, "write false to leave it out, or leave this out");
            }
            (Either::Plain(false), Some(one)) => one.left_out = true,
            (Either::Plain(false), None) if of_struct => {
                for one in declared {
                    one.left_out |= one.pointer.starts_with(&inside);
                }
            }
            (Either::Table(keys), Some(one)) => one.keys = Some((path.clone(), keys)),
            (Either::Table(_), None) if of_struct => {
                let what = format!("`{path}` is a struct, which the table has as its fields");
                let hint = format!("name a field inside it: \"{written}.…\"");
                self.complain(path, what, hint);
            }
            (_, None) => {
                let known = declared.iter().map(|one| one.written.as_str());
                let hint = did_you_mean(written, known, || {
                    "name a declared column of the dataset, as the API names it".to_owned()
                });
                let what = format!("`{path}` is no column of the datasets");
                self.complain(path, what, hint);
            }
        }
    }

    fn silver_column(&mut self, declared: &Declared<'_>, history: bool) -> SilverColumn {
        let mut column = declared.column.clone();
        let mut pointers = vec![declared.pointer.clone()];
        let at = declared.keys.as_ref();
        if let Some((path, keys)) = at {
            if let Some(name) = &keys.name {
                self.name(&path.key("name"), name);
                column.name.clone_from(name);
            }
            if let Some(text) = &keys.kind {
                self.narrow(&path.key("type"), text, &mut column);
            }
            pointers.extend(keys.aliases.iter().map(|alias| alias.0.pointer.clone()));
        }
        let reserved = RESERVED.contains(&column.name.as_str());
        let by_itself = history || !column.name.starts_with("valid_");
        if reserved && by_itself || column.name.starts_with('_') {
            let default = KeyPath::default().key("silver");
            let path = at.map_or(&default, |(path, _)| path);
            let what = format!(
                "`{}` would be column `{}`, which the table has by itself",
                declared.written, column.name
            );
            let hint = format!(
                "give it another name: columns.\"{}\" = {{ name = \"…\" }}",
                declared.written
            );
            self.complain(path, what, hint);
        }
        SilverColumn { column, pointers }
    }

    /// Gives a column another type.
    fn narrow(&mut self, path: &KeyPath, text: &str, column: &mut Column) {
        if !is_single(&column.kind) {
            let what = format!("`{path}` is said of a {}", column.kind);
            self.complain(
                path,
                what,
                "leave it out: only single values take another type",
            );
            return;
        }
        match named_type(text) {
            Ok(kind) => column.kind = kind,
            Err(WrongType { problem, hint }) => {
                self.complain(path, format!("`{path}{problem}"), hint);
            }
        }
    }
}
