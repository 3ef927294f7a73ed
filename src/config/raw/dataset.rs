//! The tables of one dataset in a source's file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Pairs, Scalar};
use crate::source::declaration::{Action, Kind, Require, WindowEnd};

/// One record type of a source, stored in one bronze table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetTable {
    /// The table's folder in the lake; the source's name and the dataset's, joined with `_`, where
    /// nothing is said.
    pub prefix: Option<String>,
    /// Appended to the base URL; `{variables}` of the slices are replaced.
    #[schemars(required)]
    pub path: Option<String>,
    /// Query parameters; `{variables}` of the slices are replaced. Those of window and paginator
    /// come on top.
    #[serde(default)]
    pub params: Pairs<Scalar>,
    /// JSON pointer to the array of records in an answer: `/data`. Empty (which it is where
    /// nothing is said): the answer itself is the array.
    #[serde(default)]
    pub data_selector: String,
    /// The fields that make up a record's id: names, or JSON pointers for nested ones.
    #[schemars(required, length(min = 1))]
    pub primary_key: Option<Vec<String>>,
    /// How a newer version of a record is told from a repeat: `none` (where nothing is said: an id
    /// is stored once), or the field that changes with it.
    pub version: Option<String>,
    /// How the dataset is read; `dated` where nothing is said.
    pub kind: Option<Kind>,
    /// The file that declares the columns; a relative path is relative to this file's folder.
    #[schemars(required)]
    pub schema: Option<String>,
    /// How a day becomes request parameters.
    #[schemars(required)]
    pub window: Option<WindowTable>,
    /// Variables and the values that they take; the slices of a day are their product.
    #[serde(default)]
    pub slices: Pairs<Vec<Scalar>>,
    /// How a slice is cut into pages.
    #[schemars(required)]
    pub paginator: Option<PaginatorTable>,
    /// What proves that a day was read in full.
    #[serde(default)]
    pub completeness: CompletenessTable,
    /// Whether `bronzed verify`, and jobs of that mode, compare days with what the API states later;
    /// `true` where nothing is said. `false` where records leave a day by design: listings by date
    /// of update.
    pub verify: Option<bool>,
    /// How failing requests are tried again; keys that aren't here are the source's.
    #[serde(default)]
    pub retry: RetryTable,
    /// Rules on answers, looked at before the source's.
    #[serde(default)]
    pub response: Vec<ResponseTable>,
}

impl DatasetTable {
    /// The table's folder in the lake.
    pub fn prefix(&self, source: &str, name: &str) -> String {
        let said = self.prefix.clone();
        said.unwrap_or_else(|| format!("{source}_{name}"))
    }
}

/// How a day becomes request parameters, and what is known of days.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowTable {
    /// The parameter that takes the window's start.
    #[schemars(required)]
    pub start_param: Option<String>,
    /// The parameter that takes the window's end.
    pub end_param: Option<String>,
    /// How both are written, as strftime has it: `%Y%m%d`.
    #[schemars(required)]
    pub format: Option<String>,
    /// Whether the end that is sent belongs to the window. Needed with `end_param`.
    pub end: Option<WindowEnd>,
    /// The API has nothing before this day, or refuses it: `2021-04-01`.
    #[schemars(extend("format" = "date"))]
    pub earliest: Option<String>,
    /// The field with the record's own date, which is checked against the day.
    pub day_field: Option<String>,
    /// How that field begins, as strftime has it. `%Y-%m-%d` where nothing is said.
    pub day_format: Option<String>,
    /// How long after its end a day may still change. `"0s"` where nothing is said.
    pub settle: Option<String>,
}

/// How a slice is cut into pages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaginatorTable {
    /// How pages are asked for.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub style: Option<PaginatorType>,
    /// `page_number`: the parameter that takes the page's number.
    pub page_param: Option<String>,
    /// `page_number`: the first page's number. 1 where nothing is said.
    #[schemars(range(max = 1))]
    pub first_page: Option<u8>,
    /// `offset`: the parameter that takes the number of records to leave out.
    pub offset_param: Option<String>,
    /// Records on a full page. Needed by `page_number` and `offset`.
    #[schemars(range(min = 1))]
    pub page_size: Option<u32>,
    /// The parameter that takes the page size.
    pub page_size_param: Option<String>,
    /// JSON pointer to the number of records in all: `/totalRegistros`.
    pub total_records_path: Option<String>,
    /// JSON pointer to the number of pages in all: `/totalPaginas`.
    pub total_pages_path: Option<String>,
    /// JSON pointer to a boolean that says whether more pages follow.
    pub has_more_path: Option<String>,
    /// A slice that claims more pages than this is a failure. 10000 where nothing is said.
    #[schemars(range(min = 1))]
    pub max_pages: Option<u32>,
}

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["cursor", "next_link"]))]
pub enum PaginatorType {
    /// A parameter takes the page's number.
    PageNumber,
    /// A parameter takes the number of records to leave out.
    Offset,
    /// One answer is everything.
    Single,
}

impl PaginatorType {
    /// As the file says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::PageNumber => "page_number",
            Self::Offset => "offset",
            Self::Single => "single",
        }
    }
}

/// What proves that a day was read in full.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletenessTable {
    /// The proof; `two_walks` where nothing is said.
    pub require: Option<Require>,
    /// How often a slice without its proof is read again within one run. 2 where nothing is said.
    pub rewalks: Option<u8>,
}

/// How often and how long a failing request is tried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryTable {
    /// Tries in all, the first included. Answers that say "too many requests" don't count. 5 where
    /// nothing is said.
    #[schemars(range(min = 1))]
    pub max_attempts: Option<u32>,
    /// No further try begins after this long, whatever the reason. `"10m"` where nothing is said.
    pub max_elapsed: Option<String>,
    /// The first wait is between nothing and this, and doubles from try to try. `"1s"` where
    /// nothing is said.
    pub initial: Option<String>,
    /// No wait is longer, except one that the server asks for. `"60s"` where nothing is said.
    pub max: Option<String>,
}

/// A rule on answers: it matches where all that it says of an answer is so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseTable {
    /// The HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// The content type begins with this.
    pub content_type: Option<String>,
    /// The body has this text in it.
    pub body_contains: Option<String>,
    /// The body has no bytes at all (or some, where `false`).
    pub body_empty: Option<bool>,
    /// JSON pointer into the body, compared with `equals`.
    pub body_path: Option<String>,
    /// What must stand at `body_path`.
    pub equals: Option<Scalar>,
    /// What the answer means.
    #[schemars(required)]
    pub action: Option<Action>,
    /// `retry`: tries in all; those of the retry table where nothing is said.
    #[schemars(range(min = 1))]
    pub max_attempts: Option<u32>,
}
