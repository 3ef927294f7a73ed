//! Builds the settings of `bronzed.toml`: lake, commits, logs, and the daemon.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::Build;
use crate::place::KeyPath;
use crate::raw::bronzed::{
    BronzedFile, CommitTable, DaemonLimitsTable, LakeTable, OptionValue, ServerLimitsTable,
    ServerTable, ShutdownTable, TelemetryTable,
};
use bronzed_model::alerts::AlertSettings;
use bronzed_model::redact::looks_like_secret;
use bronzed_model::settings::{
    CommitSettings, ConnectionLimits, LakeSettings, LogFormat, PoolSettings, ServerSettings,
    ShutdownSettings, StateSettings, TelemetrySettings,
};

/// Supported URL schemes of a lake.
const SCHEMES: [&str; 5] = ["file", "memory", "s3", "gs", "az"];

/// Settings of `bronzed.toml`.
pub struct Bronzed {
    pub lake: LakeSettings,
    pub commit: CommitSettings,
    pub state: StateSettings,
    pub pool: PoolSettings,
    pub server: ServerSettings,
    pub shutdown: ShutdownSettings,
    pub alerts: AlertSettings,
    pub telemetry: TelemetrySettings,
}

impl Build<'_> {
    /// Settings of `bronzed.toml`.
    pub fn bronzed(&mut self, tables: &BronzedFile) -> Bronzed {
        let top = KeyPath::default();
        Bronzed {
            lake: self.lake(&top.key("lake"), &tables.lake),
            commit: self.commit(&top.key("commit"), &tables.commit),
            state: StateSettings {
                compression: tables.state.compression.unwrap_or_default(),
            },
            pool: pool(&tables.limits),
            server: self.server(&top.key("server"), &tables.server),
            shutdown: self.shutdown(&top.key("shutdown"), &tables.shutdown),
            alerts: self.alerts(&top.key("alerts"), &tables.alerts),
            telemetry: self.telemetry(&top.key("telemetry"), &tables.telemetry),
        }
    }

    fn lake(&mut self, path: &KeyPath, table: &LakeTable) -> LakeSettings {
        let url = table.url.clone().unwrap_or_default();
        if table.url.is_some() {
            self.lake_url(&path.key("url"), &url);
        }
        let mut options = BTreeMap::new();
        for (name, value) in &table.options.0 {
            if name.to_lowercase().ends_with("allow_invalid_certificates") {
                let path = path.key("options").key(name);
                self.complain(
                    &path,
                    format!("`{path}` would leave the lake's credentials to whoever answers"),
                    "leave it out, and name a file with the certificates to trust in the variable SSL_CERT_FILE",
                );
            }
            let value = self.option(&path.key("options").key(name), name, value);
            options.insert(name.clone(), value);
        }
        LakeSettings { url, options }
    }

    fn lake_url(&mut self, path: &KeyPath, text: &str) {
        if text.trim().is_empty() {
            let hint = "write a folder such as \"./data\", or a URL such as \"s3://bucket/path\"";
            return self.complain(path, format!("`{path}` is empty"), hint);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            if let Some((scheme, _)) = text.split_once(':')
                && SCHEMES.contains(&scheme)
            {
                let what = format!("`{path} = \"{text}\"` is neither a folder nor a URL");
                let hint = format!(
                    "write \"{scheme}://…\", or \"./{scheme}:…\" for a folder of that name"
                );
                self.complain(path, what, hint);
            }
            return;
        };
        if !SCHEMES.contains(&scheme) {
            let hint = "write a folder, or file://, s3://, gs://, az:// or memory://";
            let what = format!("`{path}` begins with `{scheme}://`, which is no lake known here");
            return self.complain(path, what, hint);
        }
        match Url::parse(text) {
            // The text itself is not shown, because it may contain credentials.
            Err(error) => {
                let hint = "write it as \"s3://bucket/path\" or \"file:///folder\"";
                self.complain(path, format!("`{path}` is not a URL: {error}"), hint);
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                let hint = "secrets aren't written here: name them in [lake.options]";
                self.complain(path, format!("`{path}` has credentials in it"), hint);
            }
            // Query and fragment would be shown with the URL wherever the lake is named, and are used by
            // nothing.
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                let hint = "leave out what follows `?` or `#`: settings belong in [lake.options]";
                let what = format!("`{path}` has more than an address and a path");
                self.complain(path, what, hint);
            }
            Ok(_) => {}
        }
    }

    fn option(&mut self, path: &KeyPath, name: &str, value: &OptionValue) -> SecretString {
        match value {
            OptionValue::Plain(value) => {
                // A literal secret is allowed in a variable, because the environment may hold secrets.
                if looks_like_secret(name) && self.places.variable(path).is_none() {
                    self.complain(
                        path,
                        format!("`{path}` has a secret written down"),
                        format!("name it: {name} = {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"),
                    );
                }
                value.as_str().into()
            }
            OptionValue::Secret(table) => self.secret(
                (&path.key("env"), table.env.as_deref()),
                (&path.key("file"), table.file.as_deref()),
            ),
        }
    }

    fn commit(&mut self, path: &KeyPath, table: &CommitTable) -> CommitSettings {
        let max_records = table.max_records.unwrap_or(15_000);
        CommitSettings {
            max_records: usize::try_from(max_records).unwrap_or(usize::MAX),
            max_bytes: self.size(
                &path.key("max_bytes"),
                table.max_bytes.as_deref(),
                128_000_000,
            ),
        }
    }

    fn server(&mut self, path: &KeyPath, table: &ServerTable) -> ServerSettings {
        let listen = table.listen.as_deref();
        let token = table.token.as_ref();
        ServerSettings {
            listen: self.listen(&path.key("listen"), listen),
            token: token.map(|value| self.option(&path.key("token"), "token", value)),
            public_reads: table.public_reads.unwrap_or(false),
            limits: self.server_limits(&path.key("limits"), &table.limits),
        }
    }

    fn server_limits(&mut self, path: &KeyPath, table: &ServerLimitsTable) -> ConnectionLimits {
        let usual = ConnectionLimits::default();
        let mut time = |key: &str, text: &Option<String>, usual| {
            self.wait(&path.key(key), text.as_deref(), usual)
        };
        ConnectionLimits {
            connections: table.connections.map_or(usual.connections, usize::from),
            header_time: time("header_timeout", &table.header_timeout, usual.header_time),
            body_time: time("body_timeout", &table.body_timeout, usual.body_time),
            connection_time: time(
                "connection_timeout",
                &table.connection_timeout,
                usual.connection_time,
            ),
            ..usual
        }
    }

    fn listen(&mut self, path: &KeyPath, text: Option<&str>) -> SocketAddr {
        let fallback = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let Some(text) = text else { return fallback };
        text.parse().unwrap_or_else(|_| {
            self.complain(
                path,
                format!("`{path} = \"{text}\"` is not an address with a port"),
                "write an IP address and a port: \"127.0.0.1:8080\", \"0.0.0.0:8080\", \"[::]:8080\"",
            );
            fallback
        })
    }

    fn shutdown(&mut self, path: &KeyPath, table: &ShutdownTable) -> ShutdownSettings {
        let (grace, fallback) = (table.grace.as_deref(), Duration::from_secs(25));
        ShutdownSettings {
            grace: self.duration(&path.key("grace"), grace, fallback),
        }
    }

    fn telemetry(&mut self, path: &KeyPath, table: &TelemetryTable) -> TelemetrySettings {
        let log = table.log.clone().unwrap_or_else(|| "info".to_owned());
        if let Err(error) = EnvFilter::builder().parse(&log) {
            let path = path.key("log");
            self.complain(
                &path,
                format!("`{path} = \"{log}\"` is not a filter of logs: {error}"),
                "write a level, or targets with levels: \"info\", \"bronzed=debug,warn\"",
            );
        }
        TelemetrySettings {
            log,
            format: table.format.unwrap_or(LogFormat::Auto),
        }
    }
}

fn pool(table: &DaemonLimitsTable) -> PoolSettings {
    PoolSettings {
        runs: table.runs.unwrap_or(4).into(),
    }
}
