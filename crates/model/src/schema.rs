//! The declared columns of a bronze table.

use std::fmt;

/// The declared columns of one dataset, in the order of their file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// Columns with the API's own field names, verbatim.
    pub columns: Vec<Column>,
    /// Meaning of a record.
    pub description: Option<Description>,
}

/// One declared column, or one member of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The API's own field name, verbatim.
    pub name: String,
    /// Type of the column.
    pub kind: ColumnType,
    /// Meaning of the column.
    pub description: Option<Description>,
}

impl Column {
    /// Returns a column without a description.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        Self {
            name: name.into(),
            kind,
            description: None,
        }
    }
}

/// Meaning of a record or of one of its fields, for those who read the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// In Portuguese.
    pub pt: String,
    /// In English.
    pub en: String,
    /// Codes that the field is known to hold, each with its name: `1 Edital; 2 Aviso`.
    pub codes: Option<String>,
}

/// Type of a column. A value goes into its column only if it can be rebuilt exactly from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, unchanged.
    String,
    /// A signed 64-bit integer.
    Int64,
    /// `true` or `false`.
    Boolean,
    /// An exact decimal number.
    Decimal {
        /// Total number of digits, up to 38.
        precision: u8,
        /// Number of digits after the decimal point, up to `precision`.
        scale: u8,
    },
    /// `2025-10-22`
    Date,
    /// `2025-10-22T08:41:33`: a time without an offset, stored without a zone.
    Timestamp,
    /// `2025-02-01T03:00:00Z`: an instant in UTC.
    Instant,
    /// An object with declared members.
    Struct(Vec<Column>),
    /// An array of one type.
    List(Box<ColumnType>),
}

impl ColumnType {
    /// Returns the type as SQL of DuckDB has it: `DECIMAL(18,4)`, `STRUCT("id" BIGINT)[]`.
    pub fn duckdb_name(&self) -> String {
        match self {
            Self::String => "VARCHAR".to_owned(),
            Self::Int64 => "BIGINT".to_owned(),
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
            Self::Date => "DATE".to_owned(),
            Self::Timestamp => "TIMESTAMP".to_owned(),
            Self::Instant => "TIMESTAMPTZ".to_owned(),
            Self::Struct(members) => {
                let members = members.iter().map(|member| {
                    let name = member.name.replace('"', "\"\"");
                    format!("\"{name}\" {}", member.kind.duckdb_name())
                });
                let members: Vec<_> = members.collect();
                format!("STRUCT({})", members.join(", "))
            }
            Self::List(item) => format!("{}[]", item.duckdb_name()),
        }
    }
}

impl fmt::Display for ColumnType {
    /// Formats the type as a column file declares it; a list by its element: `list of int64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Int64 => f.write_str("int64"),
            Self::Boolean => f.write_str("boolean"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Instant => f.write_str("instant"),
            Self::Struct(_) => f.write_str("struct"),
            Self::List(item) => write!(f, "list of {item}"),
        }
    }
}

/// Columns that readers of Hive partitions derive from the path; reserved names for declared columns.
pub const PARTITION_COLUMNS: [&str; 3] = ["year", "month", "day"];

/// Columns that every table has after the declared ones, in file order; reserved names for declared columns.
pub const METADATA_COLUMNS: [&str; 9] = [
    "_id",
    "_key",
    "_version",
    "_parent_id",
    "_slice",
    "_op",
    "_run_id",
    "_ingested_at",
    "_extra",
];
