//! Parses what columns mean, for those who read the lake.
//!
//! ```toml
//! [descriptions]                       # of a record, and of its fields
//! pt = "Contratação publicada no PNCP"
//! en = "Procurement published in PNCP"
//! objetoCompra.pt = "Objeto"
//! objetoCompra.en = "Object"
//! cnpj.pt = "CNPJ do órgão"            # each `cnpj`, in whichever struct
//! cnpj.en = "CNPJ of the body"
//! amparoLegal.codigo.pt = "Código"     # this one
//! amparoLegal.codigo.en = "Code"
//! amparoLegal.codigo.codes = "1 Art. 28, I; 2 Art. 28, II"
//! ```

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::ColumnsReader;
use crate::nearest::nearest;
use crate::path::KeyPath;
use bronzed_model::schema::{Column, ColumnType, Description};

/// Descriptions by path; that of a record has an empty one.
type DescriptionsByPath = BTreeMap<Vec<String>, Description>;

const HINT: &str = "write `pt`, `en` and, where it holds known codes, `codes`: cnpj.pt = \"…\"";

impl ColumnsReader<'_> {
    /// Adds each description to its columns, and returns that of a record. One that is of no column is doubtful,
    /// and harms nothing; if a column was `refused`, it may be that one's.
    pub(super) fn describe(
        &mut self,
        path: &KeyPath,
        table: &Value,
        columns: &mut [Column],
        refused: bool,
    ) -> Option<Description> {
        let mut found = DescriptionsByPath::new();
        self.collect(path, table, &mut Vec::new(), &mut found);
        let record = found.remove(&Vec::new());
        let mut unused: BTreeSet<_> = found.keys().cloned().collect();
        let mut names = BTreeSet::new();
        attach(columns, &mut Vec::new(), &found, &mut unused, &mut names);
        for steps in unused.into_iter().filter(|_| !refused) {
            let at = steps.iter().fold(path.clone(), |path, step| path.key(step));
            let name = steps.join(".");
            let last = steps.last().map_or("", String::as_str);
            let hint = match nearest(last, names.iter().map(String::as_str)) {
                Some(near) if near != last => format!("did you mean `{near}`?"),
                _ => "write the path of a declared column, or its last names".to_owned(),
            };
            let what = format!("`{name}` is described, and isn't declared");
            self.problems.warn(self.document.place(&at), what, hint);
        }
        record
    }

    /// Collects the descriptions of a table and of those below it.
    fn collect(
        &mut self,
        path: &KeyPath,
        value: &Value,
        steps: &mut Vec<String>,
        found: &mut DescriptionsByPath,
    ) {
        let empty = Table::new();
        let table = value.as_table().unwrap_or(&empty);
        if table.is_empty() {
            self.complain(path, format!("`{path}` describes nothing"), HINT);
        }
        let mut clear = true;
        for (key, value) in table {
            let at = path.key(key);
            match value {
                Value::Table(_) => {
                    steps.push(key.clone());
                    self.collect(&at, value, steps, found);
                    steps.pop();
                }
                Value::String(text) if matches!(key.as_str(), "pt" | "en" | "codes") => {
                    if text.trim().is_empty() {
                        self.complain(&at, format!("`{at}` is empty"), "write it, or leave it out");
                    }
                }
                _ => {
                    clear = false;
                    self.complain(&at, format!("`{at}` is not a description"), HINT);
                }
            }
        }
        let text = |key| table.get(key).and_then(Value::as_str).map(str::to_owned);
        match (text("pt"), text("en"), text("codes")) {
            (Some(pt), Some(en), codes) => {
                found.insert(steps.clone(), Description { pt, en, codes });
            }
            (None, None, None) => {}
            _ if clear => {
                let what = format!("`{path}` is described in one language");
                self.complain(path, what, "write both, `pt` and `en`");
            }
            _ => {}
        }
    }
}

/// Gives each column the description with the most names of its path, counted from the last.
fn attach(
    columns: &mut [Column],
    path: &mut Vec<String>,
    found: &DescriptionsByPath,
    unused: &mut BTreeSet<Vec<String>>,
    names: &mut BTreeSet<String>,
) {
    for column in columns {
        path.push(column.name.clone());
        names.insert(column.name.clone());
        let ends = (0..path.len()).map(|from| path[from..].to_vec());
        if let Some(end) = ends.into_iter().find(|end| found.contains_key(end)) {
            column.description = found.get(&end).cloned();
            unused.remove(&end);
        }
        if let Some(members) = members(&mut column.kind) {
            attach(members, path, found, unused, names);
        }
        path.pop();
    }
}

/// Returns the members of a struct, or of the structs of a list.
fn members(kind: &mut ColumnType) -> Option<&mut Vec<Column>> {
    match kind {
        ColumnType::Struct(members) => Some(members),
        ColumnType::List(item) => members(item),
        _ => None,
    }
}
