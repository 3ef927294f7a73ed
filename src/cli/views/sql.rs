//! SQL of one view: structs flattened, readable names, the latest version of each record.
//!
//! Files of a table differ: columns are added over time, and the earlier pipeline wrote other types. So a row of
//! typed nulls, which no query returns, stands beside the files: a column that no file has is null instead of an
//! error, and a struct has all of its members.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bronzed_model::declaration::{Dataset, Kind, Version};
use bronzed_model::schema::{Column, ColumnType, Description};

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
    let mut columns = Vec::new();
    let mut taken = BTreeSet::from(["year", "month", "day"].map(str::to_owned));
    if matches!(dataset.kind, Kind::Child(_)) {
        taken.insert("parent_id".to_owned());
        columns.push(ViewColumn {
            name: "parent_id".to_owned(),
            value: "_parent_id".to_owned(),
            description: None,
        });
    }
    flatten(&dataset.schema.columns, "", "", &mut taken, &mut columns);
    columns
}

fn flatten<'a>(
    declared: &'a [Column],
    above: &str,
    names: &str,
    taken: &mut BTreeSet<String>,
    columns: &mut Vec<ViewColumn<'a>>,
) {
    for Column {
        name,
        kind,
        description,
    } in declared
    {
        let value = format!("{above}{}", quoted(name));
        let name = format!("{names}{}", snake_case(name));
        let value = match kind {
            ColumnType::Struct(members) => {
                let (above, names) = (format!("{value}."), format!("{name}_"));
                flatten(members, &above, &names, taken, columns);
                continue;
            }
            ColumnType::String | ColumnType::List(_) => value,
            // For files of the earlier pipeline; in all others it is the type already.
            _ => format!("TRY_CAST({value} AS {})", kind.duckdb_name()),
        };
        // `orgao.cnpj` and `orgaoCnpj` would have one name.
        let mut free = name.clone();
        for number in 2.. {
            if taken.insert(free.clone()) {
                break;
            }
            free = format!("{name}_{number}");
        }
        columns.push(ViewColumn {
            name: free,
            value,
            description: description.as_ref(),
        });
    }
}

/// Returns a name of the API in lower case, its words joined by `_`: `numeroControlePNCPCompra` as
/// `numero_controle_pncp_compra`.
fn snake_case(name: &str) -> String {
    let letters: Vec<_> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins = before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
            || before.is_some_and(|before| before.is_uppercase())
                && after.is_some_and(|after| after.is_lowercase());
        if letter.is_uppercase() && begins {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
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
    fn names_are_readable() {
        for (name, expected) in [
            ("numeroControlePNCPCompra", "numero_controle_pncp_compra"),
            ("orgaoSubRogado", "orgao_sub_rogado"),
            ("urlArquivoPDF", "url_arquivo_pdf"),
            ("decreto_7174", "decreto_7174"),
            ("srp", "srp"),
            ("dataTipoEventoMaisRecente", "data_tipo_evento_mais_recente"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn a_name_that_two_columns_would_have_is_numbered() {
        let text = |name: &str| Column::new(name, ColumnType::String);
        let organ = ColumnType::Struct(vec![text("cnpj")]);
        let declared = [
            Column::new("orgao", organ),
            text("orgaoCnpj"),
            text("Dia"),
            text("year_"),
        ];
        let (mut taken, mut columns) = (BTreeSet::new(), Vec::new());
        flatten(&declared, "", "", &mut taken, &mut columns);
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["orgao_cnpj", "orgao_cnpj_2", "dia", "year_"]);
    }

    #[test]
    fn quotes_in_names_and_addresses_end_nothing() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("d'água"), "'d''água'");
    }
}
