//! The tables of one dataset in a source's file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::either::Either;
use super::expect::ExpectTable;
use super::{JsonPart, Scalar};
use crate::text::{
    Date, DayFormat, Delimiter, Field, HttpUrl, Pointer, Prefix, RequestPath, Text, WaitPattern,
};
use bronzed_model::declaration::{Action, Completeness, Cost, CsvEncoding, Period, WindowEnd};
use bronzed_model::protection::Method;
use bronzed_model::text::{PositiveSpan, Size, Span};

/// One record type of a source, stored in one bronze table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetTable {
    /// `true` if jobs, and commands on the whole source, read the dataset. Default: `true`. A command that
    /// names the dataset reads it in any case.
    pub enabled: Option<bool>,
    /// `true` if the table has a Delta log. Default: `true`, where `bronzed.toml` has no `[delta] enabled = false`.
    pub delta: Option<bool>,
    /// Base URL of the dataset, if it differs from the source's `base_url`.
    pub base_url: Option<Text<HttpUrl>>,
    /// Folder of the table in the lake. Default: the names of source and dataset, joined with `_`.
    pub prefix: Option<Text<Prefix>>,
    /// Request path. Appended to the base URL. `{variables}` are replaced: those of `slices` and
    /// `parent.bind`, and `{start}` and `{end}` of the window, which may have a format: `{start:%m}`.
    #[schemars(required)]
    pub path: Option<Text<RequestPath>>,
    /// Query parameters, with `{variables}` as in `path`. The parameters of window and paginator are added to
    /// them.
    #[serde(default)]
    pub params: IndexMap<String, Scalar>,
    /// JSON body of every request, which is a POST then; its texts have `{variables}` as in `path`. The
    /// parameters of window and paginator become members of it, by name or by JSON pointer:
    /// `page_param = "/paginacao/pagina"`.
    pub body: Option<IndexMap<String, JsonPart>>,
    /// CSV responses, plain or in a ZIP archive: each row is a record with all columns as text. Default:
    /// responses are JSON.
    pub csv: Option<CsvTable>,
    /// JSON pointer to the array of records in a response: `/data`. Default: empty, the response itself is
    /// the array.
    pub data_selector: Option<Text<Pointer>>,
    /// Field with a list, in each element of the array of records. Each list element becomes one record: a
    /// copy of the outer element, with that list element in place of the list.
    pub explode: Option<Text<Field>>,
    /// Fields that make up a record's id: names, or JSON pointers for nested ones. In a child, `_parent_id`
    /// is the id of its parent.
    #[schemars(required, length(min = 1))]
    pub primary_key: Option<Vec<Text<Field>>>,
    /// Version of a record, which tells a changed record from a repeated one: `none` (an id is stored once),
    /// a field that changes with the record, or `content` (any change of the record is a new version).
    /// Default: `none`.
    pub version: Option<Text<Field>>,
    /// Kind of dataset. Default: `dated`.
    #[serde(default)]
    pub kind: KindWord,
    /// File that declares the columns; a relative path is relative to this file's folder.
    #[schemars(required)]
    pub schema: Option<String>,
    /// Window: request parameters for a day (`dated`), and properties of days (`dated`, `feed`).
    pub window: Option<WindowTable>,
    /// Coverage: the days that must be complete. Jobs of `incomplete` days read them.
    #[serde(default)]
    pub coverage: CoverageTable,
    /// Variables with their values; the slices of a day are the product of all variables.
    #[serde(default)]
    pub slices: IndexMap<String, Either<Vec<Scalar>, DatasetFieldTable>>,
    /// `child`: the parent dataset; one walk is made for each of its records.
    pub parent: Option<ParentTable>,
    /// Pagination of a slice.
    #[schemars(required)]
    pub paginator: Option<PaginatorTable>,
    /// Proof that a day was read in full.
    #[serde(default)]
    pub completeness: Completeness,
    /// `true` if `bronzed verify`, and jobs of mode `verify`, compare days with what the API states later.
    /// Default: `true`. Use `false` if records leave a day by design: listings by date of update.
    pub verify: Option<bool>,
    /// `true` if records leave a day by design, as in listings by date of update: a slice or day that had
    /// rows and is empty after the settle time is then no error. Default: `false`: it is an error until
    /// responses some hours apart agree.
    #[serde(default)]
    pub rows_leave: bool,
    /// Fields with personal data (names, or JSON pointers for nested ones; lists on the path are traversed),
    /// and how their values are protected before anything is written.
    #[serde(default)]
    pub protect: IndexMap<String, ProtectTable>,
    /// Expectations on the rows, by name. They are evaluated while rows are written, and hold nothing back. A
    /// column is a name, or names joined with dots through structs and the elements of lists:
    /// `orgaoEntidade.cnpj`. A row is unexpected if one of its elements is. A null is expected by all checks but
    /// `not_null`.
    #[serde(default)]
    pub expect: IndexMap<String, ExpectTable>,
    /// Retries of failed requests; a missing key is taken from the source.
    #[serde(default)]
    pub retry: RetryTable,
    /// Rules on responses, checked before the source's.
    #[serde(default)]
    pub response: Vec<ResponseTable>,
    /// Limits of requests; a missing key is taken from the source.
    #[serde(default)]
    pub limits: RequestLimitsTable,
    /// Pool whose limits apply to the dataset's requests, in addition to the source's.
    pub pool: Option<String>,
    /// Known cost of a day, if it is high: `bronzed check` prints it in hours.
    pub cost: Option<Cost>,
}

/// Protection of a field with personal data.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectTable {
    /// `hmac`: a keyed hash, equal for equal values, and the only method for fields of the primary key.
    /// `mask`: letters and digits become `*`, except the middle six of a CPF.
    #[schemars(required)]
    pub method: Option<Method>,
    /// Condition: only matching records are protected. If the condition cannot be evaluated, the field is
    /// protected.
    pub when: Option<WhenTable>,
}

/// Condition on a record.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenTable {
    /// Field of the record: a name, or a JSON pointer.
    pub field: Text<Field>,
    /// Required value.
    pub equals: Scalar,
}

/// Form of CSV responses.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvTable {
    /// Character between the fields of a row. Default: `,`.
    pub delimiter: Option<Text<Delimiter>>,
    /// Encoding of the text. Default: `utf-8`, or what the response declares.
    #[serde(default)]
    pub encoding: CsvEncoding,
    /// Names of the columns, for responses without a header. Default: the first row names them.
    #[schemars(length(min = 1))]
    pub columns: Option<Vec<String>>,
    /// `true` if the last row ends with a line break, too; one that does not was cut off. Default: `true`.
    pub final_newline: Option<bool>,
    /// End of the name of the file to read in a ZIP archive with several: `"_Compras.csv"`.
    pub file: Option<String>,
}

/// Kind of dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindWord {
    /// A day is a request parameter.
    #[default]
    Dated,
    /// The whole table is read each time; its day is the day of reading.
    Snapshot,
    /// One walk is made for each record of another dataset, in that record's day.
    Child,
    /// Newest first, without a date parameter; the day is a field of the record.
    Feed,
}

/// A field of another dataset.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetFieldTable {
    /// Snapshot dataset of this file; its newest rows are used.
    pub dataset: String,
    /// The field: a name, or a JSON pointer.
    pub field: Text<Field>,
}

/// Parent dataset of a child; one walk is made for each of its records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentTable {
    /// Name of the parent dataset, in this file.
    pub dataset: String,
    /// Variables of `path` and `params`, each with the parent's field (name or JSON pointer) that provides
    /// its value. The variables of the parent's own request are available, too.
    #[serde(default)]
    pub bind: IndexMap<String, Text<Field>>,
    /// Conditions on the parent: fields (names or JSON pointers) with their required values. A parent record
    /// that does not match has no children. `{ temResultado = true }`
    #[serde(default)]
    pub when: IndexMap<String, Scalar>,
}

/// Limits of requests.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLimitsTable {
    /// Time limit of a request, including its body.
    pub timeout: Option<Text<PositiveSpan>>,
    /// Maximum size of a response body after decompression; a longer one is an error.
    pub max_body_bytes: Option<Text<Size>>,
    /// Request budget of a run; a run that needs more ends as partial.
    #[schemars(range(min = 1))]
    pub max_requests_per_run: Option<u64>,
}

/// Window: request parameters for a day, and properties of days.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowTable {
    /// `dated`: parameter for the start of the window. Not needed if a template contains `{start}`.
    pub start_param: Option<String>,
    /// `dated`: parameter for the end of the window.
    pub end_param: Option<String>,
    /// `dated`: strftime format of start and end: `%Y%m%d`, `%Y-%m-%dT%H:%M:%S`; of a month `%Y%m`. Templates may
    /// have formats of their own instead: `{start:%Y}`, `{start:%m}`.
    pub format: Option<String>,
    /// `dated`: period that one request asks for and one partition holds: `day`, `month` or `year`. The
    /// partition, its state and its marker bear the period's first day, and a job that names any of its days
    /// reads it. Default: `day`.
    #[serde(default)]
    pub period: Period,
    /// `dated`: `inclusive` if the end that is sent belongs to the window, else `exclusive`. Required if an
    /// end is sent.
    pub end: Option<WindowEnd>,
    /// Earliest day; the API has nothing before it, or rejects it: `2021-04-01`. A feed is not read further
    /// back.
    #[schemars(extend("format" = "date"))]
    pub earliest: Option<Text<Date>>,
    /// Field with the record's own date, which is checked against the day or the period (`dated`), or
    /// determines the day (`feed`).
    pub day_field: Option<Text<Field>>,
    /// strftime format of the beginning of `day_field`: `%d/%m/%Y`. Default: `%Y-%m-%d`. With an offset
    /// (`%Y-%m-%dT%H:%M:%S%#z`) it is an instant, and its day is taken in the source's time zone.
    pub day_format: Option<Text<DayFormat>>,
    /// Settle time: how long after its end a day may still change. Default: `"0s"`. Until then the day is
    /// re-read at growing intervals, and once when it has settled, even if that is beyond the windows and the
    /// catch-up of its jobs. A feed looks for late records for this long.
    pub settle: Option<Text<Span>>,
}

/// Coverage: the days that must be complete.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageTable {
    /// First day of the coverage; every day from it on must be complete. Default: no history is read.
    #[schemars(extend("format" = "date"))]
    pub from: Option<Text<Date>>,
}

/// Pagination of a slice.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaginatorTable {
    /// Pagination style.
    #[serde(rename = "type")]
    pub style: PaginatorType,
    /// `page_number`: parameter for the page number.
    pub page_param: Option<String>,
    /// `page_number`: number of the first page. Default: 1.
    #[schemars(range(max = 1))]
    pub first_page: Option<u8>,
    /// `offset`: parameter for the number of records to skip.
    pub offset_param: Option<String>,
    /// `offset`: number of records of a page that are requested again with the next page. Default: 0.
    pub overlap: Option<u32>,
    /// `cursor`: parameter for the cursor, the value at `next_path`.
    pub cursor_param: Option<String>,
    /// JSON pointer to the reference to the next page: the cursor (`cursor`) or the URL (`next_link`). If the
    /// value is absent, null or an empty string, no more pages follow.
    pub next_path: Option<Text<Pointer>>,
    /// Number of records on a full page. Required for `page_number` and `offset`.
    #[schemars(range(min = 1))]
    pub page_size: Option<u32>,
    /// Parameter for the page size.
    pub page_size_param: Option<String>,
    /// JSON pointer to the total number of records: `/totalRegistros`.
    pub total_records_path: Option<Text<Pointer>>,
    /// JSON pointer to the total number of pages: `/totalPaginas`.
    pub total_pages_path: Option<Text<Pointer>>,
    /// `true` if later pages may lack the totals that the first page states. Default: `false`: a page without
    /// a declared total is rejected.
    #[serde(default)]
    pub totals_on_first_page_only: bool,
    /// JSON pointer to a boolean that is `true` if more pages follow.
    pub has_more_path: Option<Text<Pointer>>,
    /// Last page, if the response does not tell: a page that is not full (`true`), or only an empty one
    /// (`false`). Default: `false`, because an API that silently caps its page size would be read only in
    /// part.
    pub stop_on_short_page: Option<bool>,
    /// Maximum number of pages; a slice that claims more is an error. Default: 10000.
    #[schemars(range(min = 1))]
    pub max_pages: Option<u32>,
}

/// Pagination style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaginatorType {
    /// A parameter holds the page number.
    PageNumber,
    /// A parameter holds the number of records to skip.
    Offset,
    /// A parameter holds the cursor from the previous page.
    Cursor,
    /// The previous page holds the URL of the next one, on the same host.
    NextLink,
    /// One response holds all records.
    Single,
}

impl PaginatorType {
    /// Returns the word for the style in a file.
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

/// Retries of a failed request.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryTable {
    /// Maximum number of attempts, including the first. Rate-limited responses ("too many requests") do not
    /// count. Default: 5.
    #[schemars(range(min = 1))]
    pub max_attempts: Option<u32>,
    /// Time after which no further attempt begins, whatever the error. Default: `"10m"`.
    pub max_elapsed: Option<Text<PositiveSpan>>,
    /// Upper bound of the first delay, which is random from zero; doubles with each attempt. Default: `"1s"`.
    pub initial: Option<Text<PositiveSpan>>,
    /// Maximum delay. A longer one that the server asks for is honoured if it ends within `max_elapsed`;
    /// otherwise this delay is used. Default: `"60s"`.
    pub max: Option<Text<PositiveSpan>>,
}

/// Rule on responses; it matches if all of its conditions hold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseTable {
    /// HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// Prefix of the content type.
    pub content_type: Option<String>,
    /// Text that the body contains.
    pub body_contains: Option<String>,
    /// `true` if the body must be empty; `false` if it must not be.
    pub body_empty: Option<bool>,
    /// JSON pointer into the body; its value is compared with `equals`.
    pub body_path: Option<Text<Pointer>>,
    /// Required value at `body_path`.
    pub equals: Option<Scalar>,
    /// Meaning of a response that matches.
    #[schemars(required)]
    pub action: Option<Action>,
    /// `retry`: maximum number of attempts. Default: that of the `retry` table.
    #[schemars(range(min = 1))]
    pub max_attempts: Option<u32>,
    /// `rate_limited`, `retry`: header that holds the delay, in seconds or as a date. Default: `Retry-After`.
    pub wait_header: Option<String>,
    /// `rate_limited`, `retry`: regular expression on the body; its one group captures the delay in seconds:
    /// `Try again in ([0-9]+) seconds`.
    pub wait_pattern: Option<Text<WaitPattern>>,
}
