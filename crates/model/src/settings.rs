//! The validated configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::alerts::AlertSettings;
use crate::declaration::Source;
use crate::problem::Problem;
use crate::text::{self, PositiveSpan, Size, Span};

/// Validated settings from files and environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origin of the settings, for `check` and the logs.
    pub origin: Origin,
    /// Probable mistakes in the configuration.
    pub warnings: Vec<Problem>,
    /// Location of bronze and state.
    pub lake: LakeSettings,
    /// Limits of one commit.
    pub commit: CommitSettings,
    /// Encoding of state documents.
    pub state: StateSettings,
    /// Delta logs of the tables.
    pub delta: DeltaSettings,
    /// Silver tables.
    pub silver: SilverSettings,
    /// Concurrency of the daemon.
    pub pool: PoolSettings,
    /// HTTP server of the daemon: address and access.
    pub server: ServerSettings,
    /// Shutdown of the daemon.
    pub shutdown: ShutdownSettings,
    /// Alerts: rules, and the channels that deliver them.
    pub alerts: AlertSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
    /// Sources by name.
    pub sources: BTreeMap<String, Arc<Source>>,
}

/// Origin of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder with `bronzed.toml` and `sources/`.
    Folder(PathBuf),
    /// The files embedded in the program.
    Embedded,
}

/// Location of bronze and state.
#[derive(Debug, Clone)]
pub struct LakeSettings {
    /// `file:///var/lib/bronzed`, `./data`, `s3://bucket/path`, `gs://…`, `az://…`, `memory:///`.
    pub url: String,
    /// Options of the object store, by object_store's names (`aws_endpoint`, `aws_region`, …). The usual
    /// `AWS_…`, `GOOGLE_…` and `AZURE_…` variables are read, too.
    pub options: BTreeMap<String, SecretString>,
    /// `true` if the records are made up. No key of the configuration sets it: a demo's lake is never one of real
    /// records, and the other way round.
    pub simulated: bool,
}

/// Limits of one commit: they bound the memory of a run, and the work that a crash loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommitSettings {
    /// Maximum number of records in one file. Default: 8000.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_records: usize,
    /// Approximate maximum size of JSON in one file. Default: `"128MB"`.
    #[serde(deserialize_with = "text::read::<Size, _, _>")]
    #[schemars(with = "String")]
    pub max_bytes: u64,
}

impl Default for CommitSettings {
    fn default() -> Self {
        Self {
            max_records: 8_000,
            max_bytes: 128_000_000,
        }
    }
}

/// Delta logs of the tables: `{prefix}/_delta_log`, by which engines open a table by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeltaSettings {
    /// `true` if runs keep the Delta logs; a dataset's `delta = false` leaves its table out. Default: `true`.
    pub enabled: bool,
    /// `true` if the daemon compacts the files of days that are settled, or have many: one file for readers of the Delta
    /// log, beside the numbered ones. Default: `true`.
    pub compact: bool,
}

impl Default for DeltaSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            compact: true,
        }
    }
}

/// Silver tables: the current state of records, made of bronze.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SilverSettings {
    /// `true` if the daemon keeps the silver tables that sources declare; needs `[delta] enabled`. Default: `true`.
    pub enabled: bool,
    /// Least time between two builds of one table by the daemon. Default: `"1h"`.
    #[serde(deserialize_with = "text::read::<PositiveSpan, _, _>")]
    #[schemars(with = "String")]
    pub every: Duration,
}

impl Default for SilverSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            every: Duration::from_secs(3_600),
        }
    }
}

/// Encoding of state documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StateSettings {
    /// Compression: `"none"` or `"zstd"`, which takes about an eighth of the size but cannot be read by the
    /// earlier pipeline. Default: `"none"`.
    pub compression: StateCompression,
}

/// Compression of a state document. Documents of either kind can be read, whatever the setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateCompression {
    /// Plain JSON, readable by other programs.
    #[default]
    None,
    /// JSON in a zstd frame, under the same key.
    Zstd,
}

/// Concurrency of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSettings {
    /// Maximum number of concurrent runs, all sources together. A run waits only for runs of its own or a
    /// higher priority. Default: 4.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub runs: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { runs: 4 }
    }
}

/// Shutdown of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownSettings {
    /// Time that runs have to commit what they have read after the daemon is told to stop. Default: `"25s"`,
    /// within the 30 s that Kubernetes waits.
    #[serde(deserialize_with = "text::read::<Span, _, _>")]
    #[schemars(with = "String")]
    pub grace: Duration,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(25),
        }
    }
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Log filter in the syntax of `RUST_LOG`: `bronzed=debug,warn`. Default: `info`.
    pub log: String,
    /// Format of log lines. Default: `auto`.
    pub format: LogFormat,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object per line.
    Json,
    /// Human-readable.
    Pretty,
}

/// Settings of the server: address, access and limits.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Listen address. On loopback, read routes need no token. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// Token for write routes; for read routes, too, unless the address is loopback or `public_reads` is
    /// set. `None` or blank: routes that need the token answer 403.
    pub token: Option<SecretString>,
    /// `true` if read routes need no token on any address.
    pub public_reads: bool,
    /// Limits for clients.
    pub limits: ConnectionLimits,
}

/// Limits for clients of the daemon.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Maximum number of connections. A further one replaces the connection that has waited longest for a
    /// request. Default: 256.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub connections: usize,
    /// Time limit for the headers of a request, and for an idle connection to send its next request. Default:
    /// `"10s"`.
    #[serde(
        rename = "header_timeout",
        deserialize_with = "text::read::<PositiveSpan, _, _>"
    )]
    #[schemars(with = "String")]
    pub header_time: Duration,
    /// Time limit for the body of a request. Default: `"10s"`.
    #[serde(
        rename = "body_timeout",
        deserialize_with = "text::read::<PositiveSpan, _, _>"
    )]
    #[schemars(with = "String")]
    pub body_time: Duration,
    /// Timeout for a whole response, including the time for reading the body.
    #[serde(skip)]
    pub answer_time: Duration,
    /// Maximum age of a connection; an older one takes no further request. Default: `"5m"`.
    // A client that reads slowly, or not at all, is disconnected `drain_time` later.
    #[serde(
        rename = "connection_timeout",
        deserialize_with = "text::read::<PositiveSpan, _, _>"
    )]
    #[schemars(with = "String")]
    pub connection_time: Duration,
    /// Time for the request in progress to finish when its connection or the daemon ends.
    #[serde(skip)]
    pub drain_time: Duration,
    /// Maximum size of a request body.
    #[serde(skip)]
    pub body_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(30),
            connection_time: Duration::from_secs(300),
            drain_time: Duration::from_secs(5),
            body_bytes: 64 * 1024,
        }
    }
}
