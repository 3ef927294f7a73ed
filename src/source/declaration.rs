//! A source as declared in TOML, after every check: what the engine reads an API by.
//!
//! Nothing in here can be wrong any more: [`crate::config`] makes these values from files and
//! environment, and refuses what doesn't fit. The names are those of the TOML keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;
use url::Url;

use crate::bronze::schema::Schema;
use crate::day::Day;
use crate::source::template::Template;

/// A provider of an API.
#[derive(Debug, Clone)]
pub struct Source {
    /// `pncp`: the name of its file, and the first part of every dataset's name.
    pub name: String,
    /// Jobs of a source that isn't enabled don't run; `run` reads it all the same.
    pub enabled: bool,
    /// What every path is appended to, without a slash at its end.
    pub base_url: Url,
    /// The zone of the source's days and of its times without an offset.
    pub timezone: Tz,
    /// Sent with every request.
    pub user_agent: String,
    /// Further request headers, in the order of the file.
    pub headers: Vec<(String, String)>,
    /// How requests prove who sends them.
    pub auth: Auth,
    /// A PEM file of certificates to trust beside the system's.
    pub ca_file: Option<std::path::PathBuf>,
    /// What the API bears, shared by all jobs of the source.
    pub limits: Limits,
    /// By name.
    pub datasets: BTreeMap<String, Arc<Dataset>>,
    /// By name.
    pub jobs: BTreeMap<String, Job>,
}

/// How requests prove who sends them.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Not at all: the API is public.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer(SecretString),
    /// A header of the API's own.
    ApiKey {
        /// The header's name.
        header: String,
        /// Its value.
        key: SecretString,
    },
    /// `Authorization: Basic …`
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: SecretString,
    },
}

/// What an API bears.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in flight at most.
    pub concurrency: usize,
    /// Requests begun in a second at most; may be a fraction. `None`: as many as come.
    pub requests_per_second: Option<f64>,
    /// How many requests may begin at once after a pause, within the rate.
    pub burst: u32,
    /// For a whole request, the body included.
    pub timeout: Duration,
    /// A longer body, after decompression, is an error.
    pub max_body_bytes: u64,
    /// A run that needs more requests than this ends as partial. `None`: no bound.
    pub max_requests_per_run: Option<u64>,
}

/// How often and how long a failing request is tried.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Tries in all, the first included. Answers that say "too many requests" don't count.
    pub max_attempts: u32,
    /// No further try begins after this long, whatever the reason.
    pub max_elapsed: Duration,
    /// The first wait is between nothing and this; it doubles from try to try (full jitter).
    pub initial: Duration,
    /// No wait is longer, except one that the server asks for.
    pub max: Duration,
}

/// One record type of a source, stored in one bronze table.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The source's name.
    pub source: String,
    /// `contratacoes`
    pub name: String,
    /// The table's folder in the lake: `pncp`, `pncp_contratos`.
    pub prefix: String,
    /// Appended to the base URL: `/consulta/v1/contratacoes/publicacao`.
    pub path: Template,
    /// Query parameters in the order of the file; window and paging come on top.
    pub params: Vec<(String, Template)>,
    /// JSON pointer to the array of records in an answer; empty: the answer is the array.
    pub data_selector: String,
    /// JSON pointers into the record that make up its id.
    pub primary_key: Vec<String>,
    /// How a newer version of a record is told from a repeat.
    pub version: Version,
    /// How the dataset is read.
    pub kind: Kind,
    /// How a day becomes parameters.
    pub window: Window,
    /// The variables whose product are the slices of a day. Empty: one slice, named `all`.
    pub slices: Vec<SliceVariable>,
    /// How a slice is cut into pages.
    pub paginator: Paginator,
    /// What proves that a day was read in full.
    pub completeness: Completeness,
    /// Whether days are compared later with what the API states then; not where records leave a
    /// day by design, as they do in listings by date of update.
    pub verify: bool,
    /// Rules on answers, the dataset's own before the source's; the first match wins.
    pub responses: Vec<ResponseRule>,
    /// How failing requests are tried again.
    pub retry: Retry,
    /// The columns of the bronze table.
    pub schema: Arc<Schema>,
}

impl Dataset {
    /// `pncp.contratacoes`, as commands and logs name it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.source, self.name)
    }
}

/// How a dataset is read. Snapshots, children and feeds are the other kinds that the format knows;
/// this version refuses them with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["snapshot", "child", "feed"]))]
pub enum Kind {
    /// A day is a request parameter.
    Dated,
}

/// How a newer version of a record is told from a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// Not at all: the id is stored once.
    None,
    /// By the field that this JSON pointer names.
    Field(String),
}

/// How a day becomes request parameters, and what is known of days.
#[derive(Debug, Clone)]
pub struct Window {
    /// The parameter that takes the window's start.
    pub start_param: String,
    /// The parameter that takes the window's end.
    pub end_param: Option<String>,
    /// strftime format of both: `%Y%m%d`.
    pub format: String,
    /// Whether the end that is sent belongs to the window (`inclusive`: the day itself is sent)
    /// or not (`exclusive`: the day after is).
    pub end: WindowEnd,
    /// The API has nothing before this day, or refuses it.
    pub earliest: Option<Day>,
    /// JSON pointer to the record's own date, checked against the day.
    pub day_field: Option<String>,
    /// How the record's date is written; its first characters count: `%Y-%m-%d`.
    pub day_format: String,
    /// How long after its end a day may still change.
    pub settle: Duration,
}

/// See [`Window::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The day itself is sent.
    Inclusive,
    /// The day after is sent.
    Exclusive,
}

/// A variable of the slices, and the values it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceVariable {
    /// As templates name it: `{modalidade}`.
    pub name: String,
    /// In the order of the file.
    pub values: Vec<String>,
}

/// One combination of slice values needed to cover a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `modalidade=6`; several are joined with `&`. The key of the state's `slices`.
    pub label: Arc<str>,
    /// Variable and value.
    pub values: Vec<(String, String)>,
}

/// How a slice is cut into pages.
#[derive(Debug, Clone)]
pub struct Paginator {
    /// By page number, by offset, or not at all.
    pub style: PagingStyle,
    /// Records on a full page.
    pub page_size: u64,
    /// The parameter that takes the page size.
    pub page_size_param: Option<String>,
    /// JSON pointer to the number of records in all.
    pub total_records_path: Option<String>,
    /// JSON pointer to the number of pages in all.
    pub total_pages_path: Option<String>,
    /// JSON pointer to a boolean that says whether more follow.
    pub has_more_path: Option<String>,
    /// A slice that claims more pages than this is a failure.
    pub max_pages: u64,
}

/// How pages are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagingStyle {
    /// `page_param` takes a number, counted from `first_page`.
    PageNumber {
        /// The parameter's name.
        page_param: String,
        /// The first page's number, 0 or 1.
        first_page: u64,
    },
    /// `offset_param` takes the number of records to leave out.
    Offset {
        /// The parameter's name.
        offset_param: String,
    },
    /// One answer is everything.
    Single,
}

/// What proves that a day was read in full (promise P4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completeness {
    /// The proof.
    pub require: Require,
    /// How often a slice without its proof is read again within one run.
    pub rewalks: u32,
}

/// See [`Completeness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// As many different ids as the API states records, stated alike on the first and last page.
    UniqueTotal,
    /// As many rows as the API states records, repeats included.
    RowTotal,
    /// Two walks in a row that find the same ids.
    TwoWalks,
    /// Every page read is enough.
    None,
}

/// What an answer means. The first rule that matches decides.
#[derive(Debug, Clone)]
pub struct ResponseRule {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The content type begins with this.
    pub content_type: Option<String>,
    /// The body has this text in it.
    pub body_contains: Option<String>,
    /// The body has no bytes at all (or some, where `false`).
    pub body_empty: Option<bool>,
    /// JSON pointer and the text that must stand there.
    pub body_equals: Option<(String, String)>,
    /// What to do.
    pub action: Action,
    /// Tries in all where the action is to try again; else those of the retry table.
    pub max_attempts: Option<u32>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-later" = ["skip"]))]
pub enum Action {
    /// Read it as a page.
    Ok,
    /// There is nothing for this request.
    Empty,
    /// Try again; when that doesn't help, the slice has failed.
    Retry,
    /// Too many requests: wait longer, with fewer in flight.
    RateLimited,
    /// The slice has failed, at once.
    Fail,
}

/// A named schedule of a source.
#[derive(Debug, Clone)]
pub struct Job {
    /// `hourly`
    pub name: String,
    /// Five fields, or six with seconds first, in the source's zone.
    pub cron: String,
    /// Which days.
    pub days: JobDays,
    /// How they are read.
    pub mode: Mode,
    /// Who goes first where the limits bind.
    pub priority: Priority,
    /// Which datasets; empty: all of the source.
    pub datasets: Vec<String>,
    /// Slots that passed while nobody was there are caught up with when they aren't longer ago
    /// than this.
    pub catch_up: Duration,
}

impl Job {
    /// The [`Job::catch_up`] of jobs that say nothing about it: a week.
    pub const CATCH_UP: Duration = Duration::from_secs(7 * 24 * 3600);
}

/// Which days a job reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobDays {
    /// The day of the slot.
    Today,
    /// The day before the slot's.
    Yesterday,
    /// The last n days before the slot's.
    Last(u32),
    /// Those that coverage asks for and that aren't complete.
    Incomplete,
}

/// How a day is read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every page of every slice.
    Full,
    /// Only what is new in each slice, found from the end where new records appear.
    New,
    /// Every page of every slice of a day that differs from what the API states: what is new is
    /// added, and ids that the API has taken away are noted.
    Verify,
}

impl Mode {
    /// As logs and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::New => "new",
            Self::Verify => "verify",
        }
    }

    /// Whether a day read in this mode needn't be read in `asked` as well.
    pub fn covers(self, asked: Self) -> bool {
        let thoroughness = |mode| match mode {
            Self::New => 0,
            Self::Full => 1,
            Self::Verify => 2,
        };
        thoroughness(self) >= thoroughness(asked)
    }
}

/// Who goes first where the limits bind; the greatest first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Years of history.
    Backfill,
    /// The day before.
    Daily,
    /// The day that is under way, and what a person asked for.
    Hourly,
}
