//! The table of one silver table.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::either::Either;
use super::expect::ExpectTable;
use crate::text::{ColumnName, Prefix, Text};
use bronzed_model::declaration::DeletedRows;

/// Silver table: the latest version of each record, made of one or several datasets of the source.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["from"]))]
pub struct SilverKeys {
    /// Datasets that hold versions of the record; their primary keys are the same. Of two equal versions, that of the
    /// later dataset counts.
    #[schemars(length(min = 1))]
    pub from: Option<Vec<String>>,
    /// `true` if the daemon keeps the table. Default: `true` if one of its datasets is enabled. `bronzed silver build`
    /// builds a table that it names in any case.
    pub enabled: Option<bool>,
    /// Folder of the table in the lake. Default: `silver/SOURCE_NAME`.
    pub prefix: Option<Text<Prefix>>,
    /// Column with the greatest value in the latest version of a record: the time of its last change. A record without
    /// it is older than all with it. Default: none, which leaves it to the order in which versions were stored.
    pub order_by: Option<Text<ColumnName>>,
    /// Treatment of records that the API has no more. Default: `flag`.
    #[serde(default)]
    pub deleted: DeletedRows,
    /// `true` if the table has every version of a snapshot's row, with `valid_from` and `valid_to`. Default: `false`,
    /// the latest version alone.
    #[serde(default)]
    pub history: bool,
    /// Date or time by whose month the table is partitioned, by its name in the table. Default: none, one partition.
    pub partition_by: Option<String>,
    /// Columns that differ from the default, by their names in the dataset: another name or type, names that the field
    /// had, or `false` to leave one out. Default: all declared columns, structs flattened, names in lower case
    /// with `_` between words (`orgaoEntidade.cnpj` is `orgao_entidade_cnpj`).
    #[serde(default)]
    pub columns: IndexMap<String, Either<bool, SilverColumnKeys>>,
    /// Expectations on the rows of a partition, by name; columns are named as in the table. One of severity `error` that
    /// fails holds the partition back.
    #[serde(default)]
    pub expect: IndexMap<String, ExpectTable>,
}

/// Column of a silver table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilverColumnKeys {
    /// Name in the table. Default: made of the dataset's name for it.
    pub name: Option<String>,
    /// Type in the table: `string`, `int64`, `boolean`, `decimal(18,4)`, `date`, `timestamp` or `instant`. A value that it
    /// can't hold is null there, and counted. Default: that of the dataset.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Names that the field had, the latest first: they give the value where the field isn't there.
    #[serde(default)]
    pub aliases: Vec<Text<ColumnName>>,
}
