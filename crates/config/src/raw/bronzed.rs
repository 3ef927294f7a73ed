//! The tables of `bronzed.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Pairs;
use super::alerts::AlertsTable;
use bronzed_model::settings::{LogFormat, StateCompression};

/// `bronzed.toml`: the lake, commits, states, logs, and the settings of the daemon.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BronzedFile {
    /// Lake: location of bronze and state.
    #[serde(default)]
    pub lake: LakeTable,
    /// Limits of one commit.
    #[serde(default)]
    pub commit: CommitTable,
    /// Encoding of state documents.
    #[serde(default)]
    pub state: StateTable,
    /// Concurrency of the daemon.
    #[serde(default)]
    pub limits: DaemonLimitsTable,
    /// HTTP server of the daemon: address and access.
    #[serde(default)]
    pub server: ServerTable,
    /// Shutdown of the daemon.
    #[serde(default)]
    pub shutdown: ShutdownTable,
    /// Alerts: rules, and the channels that deliver them.
    #[serde(default)]
    pub alerts: AlertsTable,
    /// Logs.
    #[serde(default)]
    pub telemetry: TelemetryTable,
}

/// Lake: location of bronze and state.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LakeTable {
    /// Folder (relative to the working directory) or URL: `file:///…`, `s3://bucket/path`,
    /// `gs://bucket/path`, `az://container/path`, `memory:///`.
    #[schemars(required)]
    pub url: Option<String>,
    /// Options of the object store, by object_store's names: `aws_endpoint`, `aws_region`, `aws_allow_http`.
    /// Secrets are written `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    pub options: Pairs<OptionValue>,
}

/// Option of the object store: its value, or a reference to a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OptionValue {
    /// Literal value; not for secrets.
    Plain(String),
    /// Reference to a secret.
    Secret(SecretTable),
}

/// Reference to a secret: exactly one of `env` and `file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretTable {
    /// Environment variable that holds the secret.
    pub env: Option<String>,
    /// File that holds the secret; a relative path is relative to this file's folder.
    pub file: Option<String>,
}

/// Limits of one commit: they bound the memory of a run, and the work that a crash loses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitTable {
    /// Maximum number of records in one file. Default: 15000.
    #[schemars(range(min = 1))]
    pub max_records: Option<u32>,
    /// Approximate maximum size of JSON in one file. Default: `"128MB"`.
    pub max_bytes: Option<String>,
}

/// Encoding of state documents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateTable {
    /// Compression: `"none"` or `"zstd"`, which takes about an eighth of the size but cannot be read by the
    /// earlier pipeline. Default: `"none"`.
    pub compression: Option<StateCompression>,
}

/// Concurrency of the daemon.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DaemonLimitsTable {
    /// Maximum number of concurrent runs, all sources together. A run waits only for runs of its own or a
    /// higher priority. Default: 4.
    #[schemars(range(min = 1))]
    pub runs: Option<u16>,
}

/// HTTP server of the daemon: address and access.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTable {
    /// Address and port. Default: `"127.0.0.1:8080"`; in a container use `"0.0.0.0:8080"`.
    pub listen: Option<String>,
    /// Bearer token: required for every request that changes something, and for reads unless the server
    /// listens on loopback: `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub token: Option<OptionValue>,
    /// `true` if read-only endpoints need no token. Default: `false`.
    pub public_reads: Option<bool>,
    /// Limits for clients.
    #[serde(default)]
    pub limits: ServerLimitsTable,
}

/// Limits for clients of the daemon.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerLimitsTable {
    /// Maximum number of connections. A further one replaces the connection that has waited longest for a
    /// request. Default: 256.
    #[schemars(range(min = 1))]
    pub connections: Option<u16>,
    /// Time limit for the headers of a request, and for an idle connection to send its next request. Default:
    /// `"10s"`.
    pub header_timeout: Option<String>,
    /// Time limit for the body of a request. Default: `"10s"`.
    pub body_timeout: Option<String>,
    /// Maximum age of a connection; an older one takes no further request. Default: `"5m"`.
    pub connection_timeout: Option<String>,
}

/// Shutdown of the daemon.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownTable {
    /// Time that runs have to commit what they have read after the daemon is told to stop. Default: `"25s"`,
    /// within the 30 s that Kubernetes waits.
    pub grace: Option<String>,
}

/// Logs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryTable {
    /// Log filter in the syntax of `RUST_LOG`: `bronzed=debug,warn`. Default: `info`.
    pub log: Option<String>,
    /// Format of log lines. Default: `auto`.
    pub format: Option<LogFormat>,
}
