//! A source as declared in TOML, after every check: what the engine reads an API by.
//!
//! Nothing in here can be wrong any more: [`crate::config`] makes these values from files and
//! environment, and refuses what doesn't fit. The names are those of the TOML keys.

mod job;
mod kind;
mod paging;
mod response;
mod slices;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;
use url::Url;

pub use job::{Blackout, Job, JobDays, Mode, Priority};
pub use kind::{Kind, Parent, Version};
pub use paging::{Completeness, Paginator, PagingStyle, Require};
pub use response::{Action, ResponseRule, Wait};
pub use slices::{Slice, SliceValues, SliceVariable};
pub use window::{Days, Window, WindowEnd};

use crate::bronze::schema::Schema;
use crate::protection::Protection;
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
    /// What parts of the API bear for themselves, by name: see [`Dataset::pool`].
    pub pools: BTreeMap<String, Pool>,
    /// Hours of each day in which nothing is asked.
    pub blackout: Vec<Blackout>,
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
    /// Runs of one priority or a higher one at once at most, in the daemon.
    pub runs: usize,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// Requests in flight at most of all processes of the lake together: more than `concurrency` for
    /// one of several shards.
    pub together: usize,
    /// Requests begun in a second at most; may be a fraction. `None`: as many as come.
    pub requests_per_second: Option<f64>,
    /// How many requests may begin at once after a pause, within the rate.
    pub burst: u32,
    /// How long a request usually takes: for forecasts alone.
    pub latency: Duration,
    /// For a whole request, the body included.
    pub timeout: Duration,
    /// A longer body, after decompression, is an error.
    pub max_body_bytes: u64,
    /// A run that needs more requests than this ends as partial. `None`: no bound.
    pub max_requests_per_run: Option<u64>,
}

/// What a part of an API bears, beside what the whole of it does: shared by the datasets that name
/// the pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Requests in flight at most.
    pub concurrency: usize,
    /// Requests begun in a second at most. `None`: as many as come.
    pub requests_per_second: Option<f64>,
    /// How many requests may begin at once after a pause, within the rate.
    pub burst: u32,
}

impl Limits {
    /// What all requests share.
    pub fn pool(&self) -> Pool {
        Pool {
            concurrency: self.concurrency,
            requests_per_second: self.requests_per_second,
            burst: self.burst,
        }
    }

    /// What one request may take, where its dataset says nothing else.
    pub fn request(&self) -> RequestLimits {
        RequestLimits {
            timeout: self.timeout,
            max_body_bytes: self.max_body_bytes,
            max_requests_per_run: self.max_requests_per_run,
        }
    }
}

/// What a single request, or the run that it is of, may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// For a whole request, the body included.
    pub timeout: Duration,
    /// A longer body, after decompression, is an error.
    pub max_body_bytes: u64,
    /// A run that needs more requests than this ends as partial. `None`: no bound.
    pub max_requests_per_run: Option<u64>,
}

/// What reading a day is known to take, where it is too much to be begun without a thought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Requests that a day of data takes.
    pub requests_per_day: u64,
    /// Seconds that one of them takes.
    pub seconds_per_request: f64,
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
    /// Jobs, and commands on the whole source, leave out a dataset that isn't enabled; a command that
    /// names it reads it all the same.
    pub enabled: bool,
    /// Where it is read, if not at the source's own `base_url`.
    pub base_url: Option<Url>,
    /// Appended to the base URL: `/consulta/v1/contratacoes/publicacao`.
    pub path: Template,
    /// Query parameters in the order of the file; window and paging come on top.
    pub params: Vec<(String, Template)>,
    /// JSON pointer to the array of records in an answer; empty: the answer is the array.
    pub data_selector: String,
    /// JSON pointer to a list inside each element of that array. Each of its elements makes one
    /// record: the whole element, in which the one stands where the list stood.
    pub explode: Option<String>,
    /// JSON pointers into the record that make up its id; [`crate::record::PARENT_ID`] among them
    /// stands for the parent's.
    pub primary_key: Vec<String>,
    /// How a newer version of a record is told from a repeat.
    pub version: Version,
    /// How the dataset is read.
    pub kind: Kind,
    /// What is known of its days.
    pub days: Days,
    /// The variables whose product are the slices of a day. Empty: one slice, named `all`.
    pub slices: Vec<SliceVariable>,
    /// How a slice is cut into pages.
    pub paginator: Paginator,
    /// What proves that a day was read in full.
    pub completeness: Completeness,
    /// Whether days are compared later with what the API states then; not where records leave a
    /// day by design, as they do in listings by date of update.
    pub verify: bool,
    /// Whether records leave a day by design: then one that had rows and is empty is no fault, once it
    /// has settled.
    pub rows_leave: bool,
    /// Rules on answers, the dataset's own before the source's; the first match wins.
    pub responses: Vec<ResponseRule>,
    /// How failing requests are tried again.
    pub retry: Retry,
    /// What one request may take.
    pub limits: RequestLimits,
    /// The pool whose limits its requests keep, beside the source's.
    pub pool: Option<String>,
    /// What a day of it is known to take.
    pub cost: Option<Cost>,
    /// The columns of the bronze table.
    pub schema: Arc<Schema>,
    /// What is made unreadable in its records before anything else sees them.
    pub protection: Option<Protection>,
}

impl Dataset {
    /// `pncp.contratacoes`, as commands and logs name it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.source, self.name)
    }
}
