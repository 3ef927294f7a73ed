//! Builds the form of CSV responses, and checks what else a dataset says against it.

use super::Build;
use super::dataset::DatasetContext;
use crate::tables::dataset::CsvTable;
use crate::text::value;
use bronzed_model::declaration::CsvFormat;
use bronzed_model::schema::ColumnType;

impl Build<'_> {
    /// Builds the form of CSV responses.
    pub fn csv(&mut self, context: &DatasetContext<'_>, table: &CsvTable) -> CsvFormat {
        let problem = "has nothing to point at in a CSV response, which is rows alone";
        for key in ["data_selector", "explode"] {
            self.refuses(&context.path.key(key), problem, "leave it out");
        }
        let paginator = context.path.key("paginator");
        for key in [
            "total_records_path",
            "total_pages_path",
            "has_more_path",
            "next_path",
        ] {
            let hint = "leave it out; the walk ends with an empty page, or type = \"single\"";
            self.refuses(&paginator.key(key), problem, hint);
        }
        for column in context.schema.iter().flat_map(|schema| &schema.columns) {
            let of_text = matches!(
                column.kind,
                ColumnType::String | ColumnType::Date | ColumnType::Timestamp | ColumnType::Instant
            );
            if !of_text {
                let path = context.path.key("schema");
                let (name, kind) = (&column.name, &column.kind);
                let what = format!("`{path}` declares the column `{name}` as {kind}");
                let hint = "the fields of a CSV row are text: declare it as \"string\"";
                self.complain(&path, what, hint);
            }
        }
        let default = CsvFormat::default();
        CsvFormat {
            delimiter: value(&table.delimiter).unwrap_or(default.delimiter),
            encoding: table.encoding,
            columns: table.columns.clone(),
            final_newline: table.final_newline.unwrap_or(default.final_newline),
            file: table.file.clone(),
        }
    }
}
