//! The tables of `bronzed.toml`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::alerts::AlertsTable;
use super::either::Either;
use crate::text::{LakeUrl, Listen, Text};
use bronzed_model::settings::{
    CommitSettings, ConnectionLimits, DeltaSettings, PoolSettings, ShutdownSettings,
    SilverSettings, StateSettings, TelemetrySettings,
};

/// `bronzed.toml`: the lake, commits, states, logs, and the settings of the daemon.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BronzedFile {
    /// Lake: location of bronze and state.
    #[serde(default)]
    pub lake: LakeTable,
    /// Limits of one commit.
    #[serde(default)]
    pub commit: CommitSettings,
    /// Encoding of state documents.
    #[serde(default)]
    pub state: StateSettings,
    /// Delta logs of the tables.
    #[serde(default)]
    pub delta: DeltaSettings,
    /// Silver tables: the current state of records, made of bronze.
    #[serde(default)]
    pub silver: SilverSettings,
    /// Concurrency of the daemon.
    #[serde(default)]
    pub limits: PoolSettings,
    /// HTTP server of the daemon: address and access.
    #[serde(default)]
    pub server: ServerTable,
    /// Shutdown of the daemon.
    #[serde(default)]
    pub shutdown: ShutdownSettings,
    /// Alerts: rules, and the channels that deliver them.
    #[serde(default)]
    pub alerts: AlertsTable,
    /// Logs.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
}

/// Lake: location of bronze and state.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LakeTable {
    /// Folder (relative to the working directory) or URL: `file:///…`, `s3://bucket/path`,
    /// `gs://bucket/path`, `az://container/path`, `memory:///`.
    #[schemars(required)]
    pub url: Option<Text<LakeUrl>>,
    /// Options of the object store, by object_store's names: `aws_endpoint`, `aws_region`, `aws_allow_http`.
    /// Secrets are written `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    pub options: IndexMap<String, OptionValue>,
}

/// Option of the object store: its value, which is not for secrets, or a reference to a secret.
pub type OptionValue = Either<String, SecretTable>;

/// Reference to a secret: exactly one of `env` and `file`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretTable {
    /// Environment variable that holds the secret.
    pub env: Option<String>,
    /// File that holds the secret; a relative path is relative to this file's folder.
    pub file: Option<String>,
}

/// HTTP server of the daemon: address and access.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTable {
    /// Address and port. Default: `"127.0.0.1:8080"`; in a container use `"0.0.0.0:8080"`.
    pub listen: Option<Text<Listen>>,
    /// Bearer token: required for every request that changes something, and for reads unless the server
    /// listens on loopback: `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub token: Option<OptionValue>,
    /// `true` if read-only endpoints need no token. Default: `false`.
    #[serde(default)]
    pub public_reads: bool,
    /// Limits for clients.
    #[serde(default)]
    pub limits: ConnectionLimits,
}
