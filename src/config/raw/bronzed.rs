//! The tables of `bronzed.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Pairs;
use crate::config::settings::{LogFormat, StateCompression};

/// `bronzed.toml`: where bronze and state live, how much a run holds, what is logged, and what the
/// daemon goes by.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BronzedFile {
    /// Where bronze and state live.
    #[serde(default)]
    pub lake: LakeTable,
    /// How much a run holds before it commits.
    #[serde(default)]
    pub commit: CommitTable,
    /// How the states of days are written.
    #[serde(default)]
    pub state: StateTable,
    /// How much the daemon does at once.
    #[serde(default)]
    pub limits: PoolTable,
    /// Where the daemon answers, and whom.
    #[serde(default)]
    pub server: ServerTable,
    /// How the daemon ends.
    #[serde(default)]
    pub shutdown: ShutdownTable,
    /// Logs.
    #[serde(default)]
    pub telemetry: TelemetryTable,
}

/// Where bronze and state live.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LakeTable {
    /// A folder (relative to the working directory), or `file:///…`, `s3://bucket/path`,
    /// `gs://bucket/path`, `az://container/path`, `memory:///`.
    #[schemars(required)]
    pub url: Option<String>,
    /// Settings of the store by object_store's names: `aws_endpoint`, `aws_region`,
    /// `aws_allow_http`. Secrets are `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    pub options: Pairs<OptionValue>,
}

/// A setting of the store: its value, or where the value is read from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OptionValue {
    /// The value itself; not for secrets.
    Plain(String),
    /// Where the value is read from.
    Secret(SecretTable),
}

/// Where a secret is read from: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretTable {
    /// The environment variable that has it.
    pub env: Option<String>,
    /// The file that has it; a relative path is relative to this file's folder.
    pub file: Option<String>,
}

/// How much a run holds before it commits: bounds memory, and what a crash costs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitTable {
    /// Records in one file at most. 15000 where nothing is said.
    #[schemars(range(min = 1))]
    pub max_records: Option<u32>,
    /// JSON in one file at most, roughly: `"128MB"`, which it is where nothing is said.
    pub max_bytes: Option<String>,
}

/// How the states of days are written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateTable {
    /// `"none"`, which it is where nothing is said, or `"zstd"`: some eighth of the size, and the earlier
    /// pipeline's readers don't understand it.
    pub compression: Option<StateCompression>,
}

/// How much the daemon does at once.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolTable {
    /// Runs at once, all sources together. A run waits only for runs of its own priority or a
    /// higher one. 4 where nothing is said.
    #[schemars(range(min = 1))]
    pub runs: Option<u16>,
}

/// Where the daemon answers, and whom.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTable {
    /// Address and port. `"127.0.0.1:8080"` where nothing is said; in a container `"0.0.0.0:8080"`.
    pub listen: Option<String>,
    /// What a request must bring to change something, and elsewhere than on loopback to read:
    /// `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub token: Option<OptionValue>,
    /// Whether what only reads is open to all that can reach the address. `false` where nothing is
    /// said.
    pub public_reads: Option<bool>,
    /// What a client may take.
    #[serde(default)]
    pub limits: ServerLimitsTable,
}

/// What a client of the daemon may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerLimitsTable {
    /// Connections at once. A further one takes the place of the one that has waited longest for a
    /// request. 256 where nothing is said.
    #[schemars(range(min = 1))]
    pub connections: Option<u16>,
    /// For the headers of a request, and for an idle connection to send the next one. `"10s"` where
    /// nothing is said.
    pub header_timeout: Option<String>,
    /// For the body of a request. `"10s"` where nothing is said.
    pub body_timeout: Option<String>,
    /// A connection takes no further request after this long. `"5m"` where nothing is said.
    pub connection_timeout: Option<String>,
}

/// How the daemon ends.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownTable {
    /// How long runs have to commit what they read, once the daemon is told to stop. `"25s"` where
    /// nothing is said: within the 30 s that Kubernetes waits.
    pub grace: Option<String>,
}

/// Logs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryTable {
    /// A filter as `RUST_LOG` takes it: `info` (where nothing is said), `bronzed=debug,warn`.
    pub log: Option<String>,
    /// How lines look; `auto` where nothing is said.
    pub format: Option<LogFormat>,
}
