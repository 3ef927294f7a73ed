//! A source as declared in TOML, after all checks: the specification by which the engine reads an API.
//!
//! These values are valid: `bronzed_config` builds them from files and environment, and rejects what is
//! wrong. The names are those of the TOML keys.

pub mod body;
mod csv;
mod expectation;
mod job;
mod kind;
mod paging;
mod response;
mod silver;
mod slices;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use url::Url;

pub use body::BodyPart;
pub use csv::{CsvEncoding, CsvFormat};
pub use expectation::{
    Check, ColumnPath, Expectation, ExpectationSeverity, ReferencedColumn, Share, ValueLimit,
    ValueSet,
};
pub use job::{Blackout, Job, JobDays, Mode, Priority};
pub use kind::{Kind, Parent, Version};
pub use paging::{Completeness, Paginator, PagingStyle, Require};
pub use response::{Action, ResponseRule, Wait};
pub use silver::{DeletedRows, SilverColumn, SilverTable};
pub use slices::{Slice, SliceValues, SliceVariable};
pub use window::{Days, Period, Window, WindowEnd};

use crate::protection::Protection;
use crate::schema::Schema;
use crate::template::Template;
use crate::text::{self, PositiveSpan, Size};

/// A provider of an API.
#[derive(Debug, Clone)]
pub struct Source {
    /// Name of the source's file, and the first part of each dataset's name: `pncp`.
    pub name: String,
    /// `true` if the source's jobs run; `bronzed run` reads a disabled source all the same.
    pub enabled: bool,
    /// URL that every path is appended to, without a trailing slash.
    pub base_url: Url,
    /// Time zone of the source's days, and of times without an offset.
    pub timezone: Tz,
    /// `User-Agent` of every request.
    pub user_agent: String,
    /// Additional request headers, in the order of the file.
    pub headers: Vec<(String, String)>,
    /// Authentication of the requests.
    pub auth: Auth,
    /// PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<std::path::PathBuf>,
    /// Limits of the load on the API, shared by all jobs of the source.
    pub limits: Limits,
    /// Additional limits for parts of the API, by name: see [`Dataset::pool`].
    pub pools: BTreeMap<String, Pool>,
    /// Hours of each day in which no requests are sent.
    pub blackout: Vec<Blackout>,
    /// Datasets by name.
    pub datasets: BTreeMap<String, Arc<Dataset>>,
    /// Jobs by name.
    pub jobs: BTreeMap<String, Job>,
    /// Silver tables by name.
    pub silver: BTreeMap<String, Arc<SilverTable>>,
}

/// Authentication of the requests.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// None: the API is public.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer(SecretString),
    /// A key of the API's own.
    ApiKey {
        /// Place of the key in a request.
        place: KeyPlace,
        /// The key.
        key: SecretString,
    },
    /// `Authorization: Basic …`
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: SecretString,
    },
    /// `Authorization: Bearer …`, with a token that is granted for client credentials.
    OAuth2(ClientCredentials),
}

impl Auth {
    /// Returns name and value of the query parameter that holds the key.
    pub fn param(&self) -> Option<(&str, &SecretString)> {
        match self {
            Self::ApiKey {
                place: KeyPlace::Param(name),
                key,
            } => Some((name, key)),
            _ => None,
        }
    }
}

/// OAuth 2.0 client credentials.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// URL that grants access tokens.
    pub token_url: Url,
    /// Id of the client.
    pub client_id: SecretString,
    /// Secret of the client.
    pub client_secret: SecretString,
    /// Scope that is asked for.
    pub scope: Option<String>,
}

/// Place of an API key in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// Value of the header of this name.
    Header(String),
    /// Value of the query parameter of this name. URLs hold it only while they are sent.
    Param(String),
}

/// Limits of an API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of concurrent runs of the source in the daemon. A run waits only for runs of its own or
    /// a higher priority. Default: 2.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub runs: usize,
    /// Maximum number of requests in flight. Default: 1.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub concurrency: usize,
    /// Maximum number of requests in flight of all processes of the lake together: more than
    /// `concurrency` for one of several shards.
    #[serde(skip)]
    pub together: usize,
    /// Maximum number of requests started per second; may be a fraction. Default: unlimited.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// Number of requests that may start at once after a pause, within the rate. Default: 1.
    #[schemars(range(min = 1))]
    pub burst: u32,
    /// Usual duration of a request in seconds, used for forecasts if the lake has no measurements yet and the
    /// dataset declares no cost. Default: 1.
    #[serde(rename = "seconds_per_request", deserialize_with = "seconds")]
    #[schemars(with = "f64", extend("exclusiveMinimum" = 0))]
    pub latency: Duration,
    /// Time limit of a request, including its body. Default: `"60s"`.
    #[serde(deserialize_with = "text::read::<PositiveSpan, _, _>")]
    #[schemars(with = "String")]
    pub timeout: Duration,
    /// Maximum size of a response body after decompression; a longer one is an error. Default: `"64MB"`.
    #[serde(deserialize_with = "text::read::<Size, _, _>")]
    #[schemars(with = "String")]
    pub max_body_bytes: u64,
    /// Request budget of a run; a run that needs more ends as partial. Default: unlimited.
    #[schemars(range(min = 1))]
    pub max_requests_per_run: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runs: 2,
            concurrency: 1,
            together: 1,
            requests_per_second: None,
            burst: 1,
            latency: Duration::from_secs(1),
            timeout: Duration::from_secs(60),
            max_body_bytes: 64_000_000,
            max_requests_per_run: None,
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Limits of a part of an API, shared by the datasets that name the pool.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Maximum number of requests in flight. Default: 1.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub concurrency: usize,
    /// Maximum number of requests started per second; may be a fraction. Default: unlimited.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub requests_per_second: Option<f64>,
    /// Number of requests that may start at once after a pause, within the rate. Default: 1.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

impl Default for Pool {
    fn default() -> Self {
        Limits::default().pool()
    }
}

impl Limits {
    /// Returns the limits that all requests of the source share.
    pub fn pool(&self) -> Pool {
        Pool {
            concurrency: self.concurrency,
            requests_per_second: self.requests_per_second,
            burst: self.burst,
        }
    }

    /// Returns the limits of a single request. Datasets may override them.
    pub fn request(&self) -> RequestLimits {
        RequestLimits {
            timeout: self.timeout,
            max_body_bytes: self.max_body_bytes,
            max_requests_per_run: self.max_requests_per_run,
        }
    }
}

/// Limits of a single request, and of the run that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Timeout of a whole request, including the body.
    pub timeout: Duration,
    /// Maximum length of a body after decompression; a longer one is an error.
    pub max_body_bytes: u64,
    /// Maximum number of requests of a run; one that needs more ends as partial. `None`: unlimited.
    pub max_requests_per_run: Option<u64>,
}

/// Known cost of a day.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Number of requests for a day of data.
    #[schemars(range(min = 1))]
    pub requests_per_day: u64,
    /// Duration of one request, in seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub seconds_per_request: f64,
}

/// Retry policy of failing requests.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Maximum number of attempts, including the first. "Too many requests" responses don't count.
    pub max_attempts: u32,
    /// Time after which no further attempt starts, whatever the reason.
    pub max_elapsed: Duration,
    /// Upper bound of the first wait, which is random from zero up (full jitter); it doubles with each
    /// attempt.
    pub initial: Duration,
    /// Maximum wait, except for one that the server asks for.
    pub max: Duration,
}

/// One record type of a source, stored in one bronze table.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The source's name.
    pub source: String,
    /// Name within the source: `contratacoes`.
    pub name: String,
    /// The table's folder in the lake: `pncp`, `pncp_contratos`.
    pub prefix: String,
    /// `true` if jobs, and commands on the whole source, read the dataset; a command that names a
    /// disabled one reads it all the same.
    pub enabled: bool,
    /// `true` if the table has a Delta log, where the lake's tables have them.
    pub delta: bool,
    /// Base URL, if it differs from the source's.
    pub base_url: Option<Url>,
    /// Path appended to the base URL: `/consulta/v1/contratacoes/publicacao`.
    pub path: Template,
    /// Query parameters in the order of the file, in addition to window and paging.
    pub params: Vec<(String, Template)>,
    /// JSON body of a request, which is a POST then: window and paging are members of it. `None`: a GET.
    pub body: Option<BodyPart>,
    /// Form of CSV responses. `None`: responses are JSON.
    pub csv: Option<CsvFormat>,
    /// JSON pointer to the array of records in a response; empty if the response is the array.
    pub data_selector: String,
    /// JSON pointer to a list inside each element of that array. Each member of the list makes one
    /// record: the whole element, with the list replaced by the member.
    pub explode: Option<String>,
    /// JSON pointers to the fields that make up the record's id; [`crate::record::PARENT_ID`] stands for
    /// the parent's id.
    pub primary_key: Vec<String>,
    /// Detection of newer versions of a record.
    pub version: Version,
    /// Kind of dataset.
    pub kind: Kind,
    /// Properties of the dataset's days.
    pub days: Days,
    /// Variables whose Cartesian product gives the slices of a day. Empty: one slice, named `all`.
    pub slices: Vec<SliceVariable>,
    /// Paging of a slice.
    pub paginator: Paginator,
    /// Proof that a day was read in full.
    pub completeness: Completeness,
    /// `true` if days are later verified against the API; `false` for datasets whose records leave a day
    /// by design, as in listings by date of update.
    pub verify: bool,
    /// `true` if records leave a day by design: a settled day that had rows and is empty now is then no
    /// error.
    pub rows_leave: bool,
    /// Response rules, the dataset's own before the source's; the first match wins.
    pub responses: Vec<ResponseRule>,
    /// Retry policy of failing requests.
    pub retry: Retry,
    /// Limits of a single request.
    pub limits: RequestLimits,
    /// Name of the pool whose limits apply in addition to the source's.
    pub pool: Option<String>,
    /// Known cost of reading a day.
    pub cost: Option<Cost>,
    /// Columns of the bronze table.
    pub schema: Arc<Schema>,
    /// Masking or hashing of personal data in the records, before they are processed further.
    pub protection: Option<Protection>,
    /// Expectations on the rows, evaluated as they are written.
    pub expectations: Arc<[Expectation]>,
}

impl Dataset {
    /// Returns the name used by commands and logs: `pncp.contratacoes`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.source, self.name)
    }

    /// Returns the variables of the request's templates.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let params = self.params.iter().map(|(_, template)| template);
        let body = self.body.iter().flat_map(BodyPart::variables);
        let params = params.chain([&self.path]);
        params.flat_map(Template::variables).chain(body)
    }
}
