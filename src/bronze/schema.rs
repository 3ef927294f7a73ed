//! The declared columns of a bronze table.

/// The declared columns of one dataset, in the order of their file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// Carry the API's own field names, verbatim.
    pub columns: Vec<Column>,
}

/// One declared column, or one member of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The API's own field name, verbatim.
    pub name: String,
    /// What the column holds.
    pub kind: ColumnType,
}

/// What a column holds. A value goes into its column only if it can be rebuilt exactly from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, to the letter.
    String,
    /// A whole number of 64 bits.
    Int64,
    /// `true` or `false`.
    Boolean,
    /// An exact decimal number.
    Decimal {
        /// Digits in all, up to 38.
        precision: u8,
        /// Digits after the point, up to the precision.
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

/// The columns that every table has after the declared ones, in the order of the file: no declared
/// column may be named so.
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
