//! The tables at the top of a source's file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Pairs;
use super::bronzed::SecretTable;
use super::dataset::{DatasetTable, ResponseTable, RetryTable};
use bronzed_model::declaration::{Mode, Priority};

/// One file in `sources/`: an API provider, its datasets and its jobs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Name of the source; must equal the name of the file.
    #[schemars(required)]
    pub name: Option<String>,
    /// `true` if the source's jobs run. Default: `true`. `bronzed run` reads the source in any case.
    pub enabled: Option<bool>,
    /// Base URL of the API. What every path is appended to: `https://pncp.gov.br/api`.
    #[schemars(required)]
    pub base_url: Option<String>,
    /// Time zone of the source's days, and of its times without an offset: `America/Sao_Paulo`.
    #[schemars(required)]
    pub timezone: Option<String>,
    /// `User-Agent` of every request. Default: the program's name and version.
    pub user_agent: Option<String>,
    /// PEM file of certificates to trust in addition to the system's: of an authority unknown to the system,
    /// or an intermediate certificate that the server does not send. A relative path is relative to this
    /// file's folder.
    pub ca_file: Option<String>,
    /// Additional request headers. Credentials belong in `[auth]`.
    #[serde(default)]
    pub headers: Pairs<String>,
    /// Authentication of requests.
    #[serde(default)]
    pub auth: AuthTable,
    /// Key of the keyed hash of protected fields: `{ env = "NAME" }` or `{ file = "PATH" }`. Random, at least
    /// 16 characters; it must not change as long as the tables exist.
    pub protect_key: Option<SecretTable>,
    /// Limits of the API, shared by all jobs of the source.
    #[serde(default)]
    pub limits: LimitsTable,
    /// Limits of parts of the API, by name. They apply, in addition to the source's, to the datasets that
    /// name the pool.
    #[serde(default)]
    pub pool: Pairs<PoolTable>,
    /// Hours of each day in which no request is sent, in the source's time zone: `["20:00-21:00"]`.
    pub blackout: Option<Vec<String>>,
    /// Retries of failed requests; a dataset may override single keys.
    #[serde(default)]
    pub retry: RetryTable,
    /// Rules on responses. The first match decides: a dataset's own rules come first, then these, then the
    /// built-in ones (429, 5xx, …).
    #[serde(default)]
    pub response: Vec<ResponseTable>,
    /// Datasets, by name.
    #[schemars(required)]
    pub dataset: Option<Pairs<DatasetTable>>,
    /// Named schedules.
    #[serde(default)]
    pub job: Pairs<JobTable>,
}

impl SourceFile {
    /// Returns the datasets in the order of the file.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &DatasetTable)> + Clone {
        let datasets = self.dataset.iter().flat_map(|datasets| &datasets.0);
        datasets.map(|(name, table)| (name.as_str(), table))
    }
}

/// Authentication of requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthTable {
    /// Authentication scheme. Default: `none`.
    #[serde(rename = "type", default)]
    pub scheme: AuthScheme,
    /// `bearer`: environment variable that holds the token.
    pub token_env: Option<String>,
    /// `bearer`: file that holds the token.
    pub token_file: Option<String>,
    /// `api_key`: request header for the key.
    pub header: Option<String>,
    /// `api_key`: environment variable that holds the key.
    pub key_env: Option<String>,
    /// `api_key`: file that holds the key.
    pub key_file: Option<String>,
    /// `basic`: user name.
    pub user: Option<String>,
    /// `basic`: environment variable that holds the password.
    pub password_env: Option<String>,
    /// `basic`: file that holds the password.
    pub password_file: Option<String>,
}

/// Authentication scheme.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthScheme {
    /// None: the API is public.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer,
    /// API key in a header of the API's own.
    ApiKey,
    /// `Authorization: Basic …`
    Basic,
}

impl AuthScheme {
    /// Returns the word for the scheme in a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
        }
    }
}

/// Limits of an API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// Maximum number of concurrent runs of the source in the daemon. A run waits only for runs of its own or
    /// a higher priority. Default: 2.
    #[schemars(range(min = 1))]
    pub runs: Option<u16>,
    /// Maximum number of requests in flight. Default: 1.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// Maximum number of requests started per second; may be a fraction. Default: unlimited.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// Number of requests that may start at once after a pause, within the rate. Default: 1.
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
    /// Usual duration of a request in seconds, used for forecasts if the lake has no measurements yet and the
    /// dataset declares no cost. Default: 1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub seconds_per_request: Option<f64>,
    /// Time limit of a request, including its body. Default: `"60s"`.
    pub timeout: Option<String>,
    /// Maximum size of a response body after decompression; a longer one is an error. Default: `"64MB"`.
    pub max_body_bytes: Option<String>,
    /// Request budget of a run; a run that needs more ends as partial. Default: unlimited.
    #[schemars(range(min = 1))]
    pub max_requests_per_run: Option<u64>,
}

/// Limits of a part of an API, shared by the datasets that name the pool.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolTable {
    /// Maximum number of requests in flight. Default: 1.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// Maximum number of requests started per second; may be a fraction. Default: unlimited.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// Number of requests that may start at once after a pause, within the rate. Default: 1.
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
}

/// Named schedule of a source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobTable {
    /// Cron expression in the source's time zone. Five fields (minute, hour, day, month, day of the week), or
    /// six with seconds first: `"0 3 * * *"`.
    #[schemars(required)]
    pub cron: Option<String>,
    /// Days to read: `"today"`, `"yesterday"`, `"last 7"` (days before the slot's), or `"incomplete"` (days
    /// of the coverage, and every other day that was once begun or named and is not complete).
    #[schemars(required)]
    pub days: Option<String>,
    /// Mode of reading. Default: `full`. `new` requests more than the first page of a slice only if its total
    /// has grown; an update leaves the total as it is, so `new` is not for datasets with versions. `verify`
    /// compares complete days with what the API states now (one request per slice, and a second one for the
    /// last page if there are several) and re-reads days that differ; the last slot that names a day re-reads
    /// it in any case.
    pub mode: Option<Mode>,
    /// Priority of the job's runs when limits are reached. Default: `daily`.
    pub priority: Option<Priority>,
    /// Datasets to read. Default: all of the source. Datasets that are not enabled are skipped.
    pub datasets: Option<Vec<String>>,
    /// Missed slots are caught up if they are at most this old. Default: `"7d"`.
    pub catch_up: Option<String>,
    /// Hours of each day in which the job does not start, in the source's time zone: `["20:00-21:00"]`.
    pub blackout: Option<Vec<String>>,
    /// Maximum age of the last successful run of what the job asks for; runs of other jobs for other days do
    /// not count. Older data are stale: the daemon warns, and `bronzed_job_freshness_limit_seconds` exports
    /// the limit for alerts. Default: no limit.
    pub freshness: Option<String>,
    /// Time after which an incomplete day is overdue, counted from when it could be complete (it has settled,
    /// and a slot has come since): the daemon warns, and `bronzed_overdue_partitions` counts the day.
    /// Default: `"2d"`.
    pub complete_by: Option<String>,
    /// Time limit of a run; a longer run commits what it has read and ends as partial. Default: unlimited.
    pub deadline: Option<String>,
}
