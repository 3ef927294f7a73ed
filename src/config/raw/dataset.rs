//! The tables of one dataset in a source's file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Pairs, Scalar};
use crate::protection::Method;
use crate::source::declaration::{Action, Require, WindowEnd};

/// One record type of a source, stored in one bronze table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetTable {
    /// Whether jobs, and commands on the whole source, read it (`true` where nothing is said). A
    /// command that names it reads it all the same.
    pub enabled: Option<bool>,
    /// Where it is read, if not at the source's own `base_url`.
    pub base_url: Option<String>,
    /// The table's folder in the lake; the source's name and the dataset's, joined with `_`, where
    /// nothing is said.
    pub prefix: Option<String>,
    /// Appended to the base URL. `{variables}` are replaced: those of the slices, of `parent.bind`,
    /// and `{start}` and `{end}` of the window.
    #[schemars(required)]
    pub path: Option<String>,
    /// Query parameters, with `{variables}` as in the path. Those of window and paginator come on
    /// top.
    #[serde(default)]
    pub params: Pairs<Scalar>,
    /// JSON pointer to the array of records in an answer: `/data`. Empty (which it is where
    /// nothing is said): the answer itself is the array.
    #[serde(default)]
    pub data_selector: String,
    /// A field of each element of that array which holds a list. Each of the list's elements makes
    /// one record: the whole element, in which the one stands where the list stood.
    pub explode: Option<String>,
    /// The fields that make up a record's id: names, or JSON pointers for nested ones. Of a child,
    /// `_parent_id` stands for its parent's id.
    #[schemars(required, length(min = 1))]
    pub primary_key: Option<Vec<String>>,
    /// How a newer version of a record is told from a repeat: `none` (where nothing is said: an id
    /// is stored once), the field that changes with it, or `content`: any change of the record
    /// makes a new one.
    pub version: Option<String>,
    /// How the dataset is read; `dated` where nothing is said.
    pub kind: Option<KindWord>,
    /// The file that declares the columns; a relative path is relative to this file's folder.
    #[schemars(required)]
    pub schema: Option<String>,
    /// How a day becomes request parameters (`dated`), and what is known of days (`dated`, `feed`).
    pub window: Option<WindowTable>,
    /// Which days must become complete; jobs of `incomplete` days work on it.
    #[serde(default)]
    pub coverage: CoverageTable,
    /// Variables and the values that they take; the slices of a day are their product.
    #[serde(default)]
    pub slices: Pairs<SliceValuesTable>,
    /// `child`: the dataset whose records it is read for.
    pub parent: Option<ParentTable>,
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
    /// Whether records leave a day by design, as they do in listings by date of update: then a slice,
    /// or a day, that had rows and is empty once the day has settled is no fault. `false` where
    /// nothing is said: it is one, until answers some hours apart agree.
    pub rows_leave: Option<bool>,
    /// Fields with personal data (names, or JSON pointers for nested ones; lists on the way are gone
    /// through), and what becomes of their values before anything is written.
    #[serde(default)]
    pub protect: Pairs<ProtectTable>,
    /// How failing requests are tried again; keys that aren't here are the source's.
    #[serde(default)]
    pub retry: RetryTable,
    /// Rules on answers, looked at before the source's.
    #[serde(default)]
    pub response: Vec<ResponseTable>,
    /// What one request may take; keys that aren't here are the source's.
    #[serde(default)]
    pub limits: RequestLimitsTable,
    /// The pool whose limits its requests keep, beside the source's.
    pub pool: Option<String>,
    /// What a day is known to take, where that is much: `bronzed check` tells the hours.
    pub cost: Option<CostTable>,
}

/// What becomes of the values of a field with personal data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectTable {
    /// `hmac`: a keyed hash, the same for the same value, and all that a field of the primary key
    /// takes. `mask`: letters and digits become `*`, but the middle six of a CPF.
    #[schemars(required)]
    pub method: Option<Method>,
    /// Only in records of which this holds; where it can't be told, the field is protected.
    pub when: Option<WhenTable>,
}

/// What must hold of a record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenTable {
    /// A field of the record: a name, or a JSON pointer.
    #[schemars(required)]
    pub field: Option<String>,
    /// What must stand there.
    #[schemars(required)]
    pub equals: Option<Scalar>,
}

/// How a dataset is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindWord {
    /// A day is a request parameter.
    Dated,
    /// The whole table is read each time; the day is the day of reading.
    Snapshot,
    /// One walk for each record of another dataset, in that record's day.
    Child,
    /// Newest first, without a date parameter; the day is a field of the record.
    Feed,
}

/// The values that a variable takes: a list, or the field of another dataset that has them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SliceValuesTable {
    /// These.
    Listed(Vec<Scalar>),
    /// Those that a field has in the rows of another dataset.
    OfDataset(DatasetFieldTable),
}

/// A field of another dataset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetFieldTable {
    /// A snapshot of this file, whose newest rows are taken.
    #[schemars(required)]
    pub dataset: Option<String>,
    /// The field: a name, or a JSON pointer.
    #[schemars(required)]
    pub field: Option<String>,
}

/// The dataset whose records a child is read for: one walk for each.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentTable {
    /// Its name, in this file.
    #[schemars(required)]
    pub dataset: Option<String>,
    /// Variables of path and params, and the parent's field (name or JSON pointer) that each takes
    /// its value from. Those of the parent's own request are known, too.
    #[serde(default)]
    pub bind: Pairs<String>,
    /// Fields of the parent (names or JSON pointers) and what must stand there: others have no
    /// children. `{ temResultado = true }`
    #[serde(default)]
    pub when: Pairs<Scalar>,
}

/// What one request may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLimitsTable {
    /// For a whole request, the body included.
    pub timeout: Option<String>,
    /// A longer body, after decompression, is an error.
    pub max_body_bytes: Option<String>,
    /// A run that needs more requests than this ends as partial.
    #[schemars(range(min = 1))]
    pub max_requests_per_run: Option<u64>,
}

/// What a day is known to take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostTable {
    /// Requests that a day of data takes.
    #[schemars(required, range(min = 1))]
    pub requests_per_day: Option<u64>,
    /// Seconds that one of them takes.
    #[schemars(required, extend("exclusiveMinimum" = 0))]
    pub seconds_per_request: Option<f64>,
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
    /// `dated`: the parameter that takes the window's start. Not needed where a template has
    /// `{start}`.
    pub start_param: Option<String>,
    /// `dated`: the parameter that takes the window's end.
    pub end_param: Option<String>,
    /// `dated`: how both are written, as strftime has it: `%Y%m%d`, `%Y-%m-%dT%H:%M:%S`.
    pub format: Option<String>,
    /// `dated`: whether the end that is sent belongs to the window. Needed where an end is sent.
    pub end: Option<WindowEnd>,
    /// The API has nothing before this day, or refuses it: `2021-04-01`. A feed isn't read further
    /// back.
    #[schemars(extend("format" = "date"))]
    pub earliest: Option<String>,
    /// The field with the record's own date, which is checked against the day, or makes it
    /// (`feed`).
    pub day_field: Option<String>,
    /// How that field begins, as strftime has it: `%d/%m/%Y`. `%Y-%m-%d` where nothing is said. With
    /// an offset (`%Y-%m-%dT%H:%M:%S%#z`) it is an instant, whose day is that of the source's zone.
    pub day_format: Option<String>,
    /// How long after its end a day may still change. `"0s"` where nothing is said. Until then it is
    /// read again at growing distance, and once when it has settled, also where that is longer than
    /// its jobs' windows and catch-up reach. A feed looks for late records that long.
    pub settle: Option<String>,
}

/// Which days must become complete.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageTable {
    /// Every day since this one, itself included. No history is asked for where nothing is said.
    #[schemars(extend("format" = "date"))]
    pub from: Option<String>,
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
    /// `offset`: how many records of a page are asked for again with the next one. 0 where nothing
    /// is said.
    pub overlap: Option<u32>,
    /// `cursor`: the parameter that takes what stands at `next_path`.
    pub cursor_param: Option<String>,
    /// JSON pointer to what leads to the next page: the cursor (`cursor`), the URL (`next_link`).
    /// Nothing there (absent, null, an empty text) says that no more pages follow.
    pub next_path: Option<String>,
    /// Records on a full page. Needed by `page_number` and `offset`.
    #[schemars(range(min = 1))]
    pub page_size: Option<u32>,
    /// The parameter that takes the page size.
    pub page_size_param: Option<String>,
    /// JSON pointer to the number of records in all: `/totalRegistros`.
    pub total_records_path: Option<String>,
    /// JSON pointer to the number of pages in all: `/totalPaginas`.
    pub total_pages_path: Option<String>,
    /// Whether the first page alone states the totals, and later ones may lack them. `false` where
    /// nothing is said: a page without a total that is declared can't be understood.
    pub totals_on_first_page_only: Option<bool>,
    /// JSON pointer to a boolean that says whether more pages follow.
    pub has_more_path: Option<String>,
    /// Where nothing else says whether more pages follow: a page that isn't full is the last
    /// (`true`), or only an empty one is (`false`, which it is where nothing is said). An API that
    /// quietly caps its pages would be read in part.
    pub stop_on_short_page: Option<bool>,
    /// A slice that claims more pages than this is a failure. 10000 where nothing is said.
    #[schemars(range(min = 1))]
    pub max_pages: Option<u32>,
}

/// How pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaginatorType {
    /// A parameter takes the page's number.
    PageNumber,
    /// A parameter takes the number of records to leave out.
    Offset,
    /// A parameter takes what the page before says.
    Cursor,
    /// The page before has the URL of the next one, on the same host.
    NextLink,
    /// One answer is everything.
    Single,
}

impl PaginatorType {
    /// As the file says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::PageNumber => "page_number",
            Self::Offset => "offset",
            Self::Cursor => "cursor",
            Self::NextLink => "next_link",
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
    /// No wait is longer, except one that the server asks for and that ends within `max_elapsed`; where
    /// the server asks for a longer one, this long is waited. `"60s"` where nothing is said.
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
    /// `rate_limited`, `retry`: the header that says how long to wait, in seconds or as a date.
    /// `Retry-After` where nothing is said.
    pub wait_header: Option<String>,
    /// `rate_limited`, `retry`: a regular expression whose one group captures, in the body, how many
    /// seconds to wait: `Try again in ([0-9]+) seconds`.
    pub wait_pattern: Option<String>,
}
