//! The validated configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::alerts::AlertSettings;
use crate::declaration::Source;
use crate::problem::Problem;

/// Validated settings from files and environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origin of the settings, for `check` and the logs.
    pub origin: Origin,
    /// Probable mistakes in the configuration.
    pub warnings: Vec<Problem>,
    /// Location of bronze and state.
    pub lake: LakeSettings,
    /// ConnectionLimits of one commit.
    pub commit: CommitSettings,
    /// Encoding of state documents.
    pub state: StateSettings,
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
}

/// ConnectionLimits of one commit: they bound the memory of a run, and the work that a crash loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitSettings {
    /// Maximum number of records in one file.
    pub max_records: usize,
    /// Approximate maximum size of JSON in one file, in bytes.
    pub max_bytes: u64,
}

/// Encoding of state documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSettings {
    /// Compression of state documents.
    pub compression: StateCompression,
}

/// Compression of a state document. Documents of either kind can be read, whatever the setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateCompression {
    /// Plain JSON, readable by other programs.
    #[default]
    None,
    /// JSON in a zstd frame, under the same key.
    Zstd,
}

/// Concurrency of the daemon, all sources together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Maximum number of concurrent runs of one priority or higher.
    pub runs: usize,
}

/// Shutdown of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// Time that runs have to commit what they have read after the daemon is told to stop.
    pub grace: Duration,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Log filter in the syntax of `RUST_LOG`: `info`, `bronzed=debug,warn`.
    pub log: String,
    /// Format of log lines.
    pub format: LogFormat,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
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
    /// ConnectionLimits for clients.
    pub limits: ConnectionLimits,
}

/// ConnectionLimits for clients.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Maximum number of concurrent connections. A further connection evicts the one that has waited
    /// longest for a request; if all are serving a request, it waits.
    pub connections: usize,
    /// Timeout for the headers of a request, and for the next request on an idle connection.
    pub header_time: Duration,
    /// Timeout for the body of a request, after its headers.
    pub body_time: Duration,
    /// Timeout for a whole response, including the time for reading the body.
    pub answer_time: Duration,
    /// Age after which a connection accepts no further request. A client that reads slowly, or not at all,
    /// is disconnected `drain_time` later.
    pub connection_time: Duration,
    /// Time for the request in progress to finish when its connection or the daemon ends.
    pub drain_time: Duration,
    /// Maximum size of a request body.
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
