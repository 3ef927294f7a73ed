//! Builds the settings of `bronzed.toml`: lake and server, and the filter of logs.

use std::net::{Ipv4Addr, SocketAddr};

use secrecy::SecretString;

use super::Build;
use crate::path::KeyPath;
use crate::tables::bronzed::{BronzedFile, LakeTable, OptionValue, ServerTable};
use crate::tables::either::Either;
use crate::text::{LogFilter, value};
use bronzed_model::redact::looks_like_secret;
use bronzed_model::settings::{
    DeltaSettings, LakeSettings, Origin, ServerSettings, Settings, SilverSettings,
};

impl Build<'_> {
    /// Returns the settings of `bronzed.toml`, without sources.
    pub fn bronzed(&mut self, tables: BronzedFile, origin: Origin) -> Settings {
        let top = KeyPath::default();
        self.parse::<LogFilter>(&top.key("telemetry").key("log"), &tables.telemetry.log);
        Settings {
            origin,
            warnings: Vec::new(),
            lake: self.lake(&top.key("lake"), &tables.lake),
            alerts: self.alerts(&top.key("alerts"), &tables.alerts),
            commit: tables.commit,
            state: tables.state,
            silver: self.silver_settings(&top.key("silver"), tables.silver, tables.delta),
            delta: tables.delta,
            pool: tables.limits,
            server: self.server(&top.key("server"), &tables.server),
            shutdown: tables.shutdown,
            telemetry: tables.telemetry,
            sources: std::collections::BTreeMap::new(),
        }
    }

    /// Returns the settings of silver tables, which are Delta tables: off with these, unless that is contradicted.
    fn silver_settings(
        &mut self,
        path: &KeyPath,
        silver: SilverSettings,
        delta: DeltaSettings,
    ) -> SilverSettings {
        let path = path.key("enabled");
        if silver.enabled && !delta.enabled {
            let hint = "write `[delta] enabled = true`, or leave this out";
            self.refuses(&path, "needs the Delta logs, which are off", hint);
        }
        SilverSettings {
            enabled: silver.enabled && delta.enabled,
            ..silver
        }
    }

    fn lake(&mut self, path: &KeyPath, table: &LakeTable) -> LakeSettings {
        let options = table.options.iter().map(|(name, option)| {
            let path = path.key("options").key(name);
            if name.to_lowercase().ends_with("allow_invalid_certificates") {
                self.complain(
                    &path,
                    format!("`{path}` would leave the lake's credentials to whoever answers"),
                    "leave it out, and name a file with the certificates to trust in the variable SSL_CERT_FILE",
                );
            }
            (name.clone(), self.option(&path, name, option))
        });
        LakeSettings {
            options: options.collect(),
            url: value(&table.url).unwrap_or_default(),
            simulated: false,
        }
    }

    fn option(&mut self, path: &KeyPath, name: &str, option: &OptionValue) -> SecretString {
        match option {
            Either::Plain(text) => {
                // A literal secret is allowed in a variable, because the environment may hold secrets.
                if looks_like_secret(name) && !self.layers.is_of_variable(path) {
                    self.complain(
                        path,
                        format!("`{path}` has a secret written down"),
                        format!("name it: {name} = {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"),
                    );
                }
                text.as_str().into()
            }
            Either::Table(table) => self.secret_of(path, table),
        }
    }

    fn server(&mut self, path: &KeyPath, table: &ServerTable) -> ServerSettings {
        let token = table.token.as_ref();
        ServerSettings {
            listen: value(&table.listen).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            token: token.map(|token| self.option(&path.key("token"), "token", token)),
            public_reads: table.public_reads,
            limits: table.limits,
        }
    }
}
