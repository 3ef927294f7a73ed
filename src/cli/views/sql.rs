//! SQL of one view: structs flattened, readable names, the latest version of each record.
//!
//! Files of a table differ: columns are added over time, and the earlier pipeline wrote other types. So a row of
//! typed nulls, which no query returns, stands beside the files: a column that no file has is null instead of an
//! error, and a struct has all of its members.

use std::fmt::Write as _;

use bronzed_model::declaration::{Dataset, Kind, Version};
use bronzed_model::names::{ColumnNames, flatten};
use bronzed_model::schema::{ColumnType, Description};

/// Column of a view.
struct ViewColumn<'a> {
    name: String,
    value: String,
    description: Option<&'a Description>,
}

/// Returns the comment above all views.
pub fn head(address: &str) -> String {
    let mut head = format!(
        "-- Views of the lake {address}, for DuckDB: `bronzed views` wrote them. They hold no data, and show new files at once.\n"
    );
    let extension = match address.split_once("://") {
        Some(("s3", _)) => {
            "httpfs; LOAD httpfs; CREATE SECRET (TYPE s3, PROVIDER credential_chain);"
        }
        Some(("gs", _)) => "httpfs; LOAD httpfs; CREATE SECRET (TYPE gcs, KEY_ID '…', SECRET '…');",
        Some(("az", _)) => {
            "azure; LOAD azure; CREATE SECRET (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME '…');"
        }
        _ => return head,
    };
    let _ = writeln!(head, "-- Before them, in each session: INSTALL {extension}");
    head
}

/// Returns the statements that create the view of a dataset and describe it.
pub fn view(dataset: &Dataset, address: &str) -> String {
    let view = quoted(&dataset.full_name().replace('.', "_"));
    let columns = columns(dataset);
    let mut sql = format!("CREATE OR REPLACE VIEW {view} AS\nSELECT\n");
    for ViewColumn { name, value, .. } in &columns {
        let _ = writeln!(sql, "    {value} AS {},", quoted(name));
    }
    let _ = write!(
        sql,
        "    year, month, day\nFROM (\n    {}\n",
        files(dataset, address)
    );
    let nulls = dataset.schema.columns.iter().map(|column| {
        let kind = column.kind.duckdb_name();
        format!("NULL::{kind} AS {}", quoted(&column.name))
    });
    let nulls: Vec<_> = nulls.collect();
    let _ = write!(
        sql,
        "    UNION ALL BY NAME\n    SELECT {}\n    WHERE false\n)",
        nulls.join(", ")
    );
    if matches!(dataset.kind, Kind::Snapshot) {
        sql += "\nWHERE _op <> 'vanished'";
    }
    sql += ";\n";
    if let Some(said) = &dataset.schema.description {
        let _ = writeln!(sql, "COMMENT ON VIEW {view} IS {};", comment(said));
    }
    for column in columns {
        if let Some(said) = column.description {
            let name = quoted(&column.name);
            let _ = writeln!(sql, "COMMENT ON COLUMN {view}.{name} IS {};", comment(said));
        }
    }
    sql
}

/// Returns the query of the files: of a dataset with versions, the latest one of each record.
fn files(dataset: &Dataset, address: &str) -> String {
    let glob = literal(&format!("{address}/{}/year=*/**/*.parquet", dataset.prefix));
    let read = |more: &str| {
        format!(
            "SELECT * FROM read_parquet({glob}, hive_partitioning = true, union_by_name = true{more})"
        )
    };
    let order = match (&dataset.kind, &dataset.version) {
        (Kind::Dated(_) | Kind::Child(_), Version::None) => return read(""),
        (Kind::Dated(_) | Kind::Child(_), Version::Field(_)) => "_version DESC NULLS LAST, ",
        // Names of files sort as they were committed.
        _ => "",
    };
    let file = read(", filename = true, file_row_number = true");
    format!(
        "{file}\n    QUALIFY row_number() OVER (PARTITION BY _key ORDER BY {order}filename DESC, file_row_number DESC) = 1"
    )
}

/// Returns the columns of the view: each field that isn't in a list, and the parent of a child.
fn columns(dataset: &Dataset) -> Vec<ViewColumn<'_>> {
    let is_child = matches!(dataset.kind, Kind::Child(_));
    let parent = is_child.then(|| ViewColumn {
        name: "parent_id".to_owned(),
        value: "_parent_id".to_owned(),
        description: None,
    });
    let mut flat = flatten(&dataset.schema.columns);
    ColumnNames::of_table(is_child).number(&mut flat);
    let fields = flat.into_iter().map(|column| {
        let steps: Vec<_> = column.steps.iter().map(|step| quoted(step)).collect();
        let value = steps.join(".");
        let value = match &column.declared.kind {
            ColumnType::String | ColumnType::List(_) => value,
            // For files of the earlier pipeline; in all others it is the type already.
            kind => format!("TRY_CAST({value} AS {})", kind.duckdb_name()),
        };
        ViewColumn {
            name: column.name,
            value,
            description: column.declared.description.as_ref(),
        }
    });
    parent.into_iter().chain(fields).collect()
}

fn comment(said: &Description) -> String {
    let codes = said.codes.iter().map(|codes| format!(" [{codes}]"));
    literal(&format!(
        "{} / {}{}",
        said.pt,
        said.en,
        codes.collect::<String>()
    ))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_names_and_addresses_end_nothing() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("d'água"), "'d''água'");
    }
}
