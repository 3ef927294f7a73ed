//! The whole configuration after every check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::problem::Problem;
use crate::server::ServerSettings;
use crate::source::declaration::Source;

/// Everything that the program is told by files and environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where these settings came from, for `check` and the logs.
    pub origin: Origin,
    /// What is probably a mistake in them.
    pub warnings: Vec<Problem>,
    /// Where bronze and state live.
    pub lake: LakeSettings,
    /// How much a run holds before it commits.
    pub commit: CommitSettings,
    /// How the states of days are written.
    pub state: StateSettings,
    /// How much the daemon does at once.
    pub pool: PoolSettings,
    /// Where the daemon answers, and whom.
    pub server: ServerSettings,
    /// How the daemon ends.
    pub shutdown: ShutdownSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
    /// By name.
    pub sources: BTreeMap<String, Arc<Source>>,
}

/// Where the settings came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder with `bronzed.toml` and `sources/`.
    Folder(PathBuf),
    /// The files that the program carries.
    Embedded,
}

/// Where bronze and state live.
#[derive(Debug, Clone)]
pub struct LakeSettings {
    /// `file:///var/lib/bronzed`, `./data`, `s3://bucket/path`, `gs://…`, `az://…`, `memory:///`.
    pub url: String,
    /// Settings of the store by object_store's names (`aws_endpoint`, `aws_region`, …); the
    /// usual `AWS_…`, `GOOGLE_…` and `AZURE_…` variables are read, too.
    pub options: BTreeMap<String, SecretString>,
}

/// How much a run holds before it commits: bounds memory, and what a crash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitSettings {
    /// Records in one file at most.
    pub max_records: usize,
    /// Bytes of JSON in one file at most, roughly.
    pub max_bytes: u64,
}

/// How the states of days are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSettings {
    /// How they are compressed.
    pub compression: StateCompression,
}

/// How a state document is compressed. Each can be read whatever the setting is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateCompression {
    /// JSON, as other programs read it.
    #[default]
    None,
    /// JSON in a zstd frame, under the same key.
    Zstd,
}

/// How much the daemon does at once, all sources together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Runs of one priority or a higher one at once at most.
    pub runs: usize,
}

/// How the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// How long runs have to commit what they read, once the daemon is told to stop.
    pub grace: Duration,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// A filter as `RUST_LOG` takes it: `info`, `bronzed=debug,warn`.
    pub log: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}
