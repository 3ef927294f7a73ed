//! The tables at the top of a source's file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Pairs;
use super::bronzed::SecretTable;
use super::dataset::{DatasetTable, ResponseTable, RetryTable};
use crate::source::declaration::{Mode, Priority};

/// One file in `sources/`: a provider of an API, its datasets and its jobs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// The source's name: that of its file.
    #[schemars(required)]
    pub name: Option<String>,
    /// Whether its jobs run (`true` where nothing is said); `bronzed run` reads it all the same.
    pub enabled: Option<bool>,
    /// What every path is appended to: `https://pncp.gov.br/api`.
    #[schemars(required)]
    pub base_url: Option<String>,
    /// The zone of the source's days, and of its times without an offset: `America/Sao_Paulo`.
    #[schemars(required)]
    pub timezone: Option<String>,
    /// Sent with every request; the program's name and version where nothing is said.
    pub user_agent: Option<String>,
    /// A PEM file of certificates to trust beside the system's: of an authority that the system
    /// doesn't know, or an intermediate certificate that the server doesn't send along. A relative
    /// path is relative to this file's folder.
    pub ca_file: Option<String>,
    /// Further request headers. Credentials belong in `[auth]`.
    #[serde(default)]
    pub headers: Pairs<String>,
    /// How requests prove who sends them.
    #[serde(default)]
    pub auth: AuthTable,
    /// The key that protected fields are hashed with: `{ env = "NAME" }` or `{ file = "PATH" }`.
    /// Random, 16 characters or more; as long as the tables live.
    pub protect_key: Option<SecretTable>,
    /// What the API bears, shared by all jobs of the source.
    #[serde(default)]
    pub limits: LimitsTable,
    /// What parts of the API bear for themselves, by name: the datasets that name a pool keep its
    /// limits, too.
    #[serde(default)]
    pub pool: Pairs<PoolTable>,
    /// Hours of each day in which nothing is asked, in the source's zone: `["20:00-21:00"]`.
    pub blackout: Option<Vec<String>>,
    /// How failing requests are tried again; a dataset may say otherwise, key by key.
    #[serde(default)]
    pub retry: RetryTable,
    /// Rules on answers. The first that matches decides, a dataset's own before these, and those
    /// that the program knows of itself (429, 5xx, …) come last.
    #[serde(default)]
    pub response: Vec<ResponseTable>,
    /// The record types, by name.
    #[schemars(required)]
    pub dataset: Option<Pairs<DatasetTable>>,
    /// Named schedules.
    #[serde(default)]
    pub job: Pairs<JobTable>,
}

impl SourceFile {
    /// The datasets in the order of the file.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &DatasetTable)> + Clone {
        let datasets = self.dataset.iter().flat_map(|datasets| &datasets.0);
        datasets.map(|(name, table)| (name.as_str(), table))
    }
}

/// How requests prove who sends them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthTable {
    /// Which way; `none` where nothing is said.
    #[serde(rename = "type", default)]
    pub scheme: AuthScheme,
    /// `bearer`: the environment variable that has the token.
    pub token_env: Option<String>,
    /// `bearer`: the file that has the token.
    pub token_file: Option<String>,
    /// `api_key`: the request header that takes the key.
    pub header: Option<String>,
    /// `api_key`: the environment variable that has the key.
    pub key_env: Option<String>,
    /// `api_key`: the file that has the key.
    pub key_file: Option<String>,
    /// `basic`: the user's name.
    pub user: Option<String>,
    /// `basic`: the environment variable that has the password.
    pub password_env: Option<String>,
    /// `basic`: the file that has the password.
    pub password_file: Option<String>,
}

/// A way to prove who sends a request.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthScheme {
    /// Not at all: the API is public.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer,
    /// A header of the API's own.
    ApiKey,
    /// `Authorization: Basic …`
    Basic,
}

impl AuthScheme {
    /// As the file says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
        }
    }
}

/// What an API bears.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// Runs of the source at once in the daemon. A run waits only for runs of its own priority or
    /// a higher one. 2 where nothing is said.
    #[schemars(range(min = 1))]
    pub runs: Option<u16>,
    /// Requests in flight at most. 1 where nothing is said.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// Requests begun in a second at most; may be a fraction. No bound where nothing is said.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// How many requests may begin at once after a pause, within the rate. 1 where nothing is said.
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
    /// Seconds that a request usually takes: forecasts go by it where the lake has measured
    /// nothing yet, and the dataset declares no cost. 1 where nothing is said.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub seconds_per_request: Option<f64>,
    /// For a whole request, the body included. `"60s"` where nothing is said.
    pub timeout: Option<String>,
    /// A longer body, after decompression, is an error. `"64MB"` where nothing is said.
    pub max_body_bytes: Option<String>,
    /// A run that needs more requests than this ends as partial. No bound where nothing is said.
    #[schemars(range(min = 1))]
    pub max_requests_per_run: Option<u64>,
}

/// What a part of an API bears, shared by the datasets that name it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolTable {
    /// Requests in flight at most. 1 where nothing is said.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// Requests begun in a second at most; may be a fraction. No bound where nothing is said.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// How many requests may begin at once after a pause, within the rate. 1 where nothing is said.
    #[schemars(range(min = 1))]
    pub burst: Option<u32>,
}

/// A named schedule of a source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobTable {
    /// Five fields (minute, hour, day, month, day of the week), or six with seconds first, in the
    /// source's zone: `"0 3 * * *"`.
    #[schemars(required)]
    pub cron: Option<String>,
    /// Which days it reads: `"today"`, `"yesterday"`, `"last 7"` (days before the slot's), or
    /// `"incomplete"` (what coverage asks for, and every other day that was begun or named once and
    /// isn't complete).
    #[schemars(required)]
    pub days: Option<String>,
    /// How a day is read; `full` where nothing is said. `new` asks for more than the first page of a
    /// slice only when its total has grown; an update leaves it as it is, so not for datasets with
    /// versions. `verify` compares complete days with what the API states now, one request for each
    /// slice and a second one for the last page where there are several, and reads again those that
    /// differ, and at its last slot that names a day that day in any case.
    pub mode: Option<Mode>,
    /// Who goes first where the limits bind; `daily` where nothing is said.
    pub priority: Option<Priority>,
    /// Which datasets; all of the source where nothing is said. Those that aren't enabled are left
    /// out.
    pub datasets: Option<Vec<String>>,
    /// Slots that passed while nobody was there are caught up with when they aren't longer ago
    /// than this; `"7d"` where nothing is said.
    pub catch_up: Option<String>,
    /// Hours of each day in which it isn't begun, in the source's zone: `["20:00-21:00"]`.
    pub blackout: Option<Vec<String>>,
    /// How long ago a run may have done well what the job asks for; what other jobs do to other days
    /// doesn't count. Older data are stale: the daemon warns, and `bronzed_job_freshness_limit_seconds`
    /// has the bound for alerts. Nobody is warned where nothing is said.
    pub freshness: Option<String>,
    /// A day that isn't complete so long after it could be (it has settled, and a slot has come since)
    /// is overdue: the daemon warns, and `bronzed_overdue_partitions` counts it. `"2d"` where nothing
    /// is said.
    pub complete_by: Option<String>,
    /// A run that takes longer commits what it has read and ends as partial. No bound where nothing
    /// is said.
    pub deadline: Option<String>,
}
