//! Builds a source: its address, credentials, limits, datasets and jobs.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};

use super::Build;
use super::dataset::SourceDefaults;
use crate::place::KeyPath;
use crate::raw::source::{AuthScheme, AuthTable, LimitsTable, PoolTable, SourceFile};
use bronzed_model::declaration::{Auth, Limits, Pool, Source};
use bronzed_model::redact::looks_like_secret;

/// Default `User-Agent`.
const USER_AGENT: &str = concat!("bronzed/", env!("CARGO_PKG_VERSION"));

impl Build<'_> {
    /// Builds the source of one file. `None` if it is invalid, which is reported.
    pub fn source(&mut self, tables: &SourceFile) -> Option<Source> {
        let top = KeyPath::default();
        let name = self.source_name(&top.key("name"), tables.name.as_deref());
        let base_url = tables.base_url.as_deref();
        let base_url = base_url.and_then(|text| self.address(&top.key("base_url"), text));
        let timezone = tables.timezone.as_deref();
        let timezone = timezone.map(|name| self.zone(&top.key("timezone"), name));
        let user_agent = tables.user_agent.as_deref().unwrap_or(USER_AGENT);
        self.header_value(&top.key("user_agent"), user_agent);
        let headers = self.headers(&top.key("headers"), &tables.headers.0);
        let auth = self.auth(&top.key("auth"), &tables.auth);
        let ca_file = tables.ca_file.as_deref();
        let ca_file = ca_file.and_then(|named| self.ca_file(&top.key("ca_file"), named));
        let limits = self.limits(&top.key("limits"), &tables.limits);
        let pools = tables.pool.0.iter();
        let pools = pools.map(|(name, table)| {
            self.name(&top.key("pool").key(name), name);
            (name.clone(), pool(table))
        });
        let pools = pools.collect();
        let blackout = self.blackout(&top.key("blackout"), tables.blackout.as_deref());
        let protect_key = tables.protect_key.as_ref();
        let protect_key = self.protect_key(&top.key("protect_key"), protect_key);
        let shared = SourceDefaults {
            source: &name,
            tables,
            zone: timezone.unwrap_or_default(),
            limits: limits.request(),
            protect_key: protect_key.as_ref(),
        };
        let datasets = self.datasets(&shared);
        let jobs = self.jobs(&top.key("job"), tables);
        Some(Source {
            name,
            enabled: tables.enabled.unwrap_or(true),
            base_url: base_url?,
            timezone: timezone?,
            user_agent: user_agent.to_owned(),
            headers,
            auth,
            ca_file,
            limits,
            pools,
            blackout,
            datasets: datasets
                .into_iter()
                .map(|dataset| (dataset.name.clone(), Arc::new(dataset)))
                .collect(),
            jobs: jobs
                .into_iter()
                .map(|job| (job.name.clone(), job))
                .collect(),
        })
    }

    fn source_name(&mut self, path: &KeyPath, said: Option<&str>) -> String {
        let file = self.file.file_stem().unwrap_or_default();
        let file = file.to_string_lossy().into_owned();
        if let Some(said) = said.filter(|said| *said != file) {
            self.complain(
                path,
                format!("`name = \"{said}\"`, but the file is `{file}.toml`"),
                format!("write name = \"{file}\", or rename the file"),
            );
        }
        self.name(path, &file);
        file
    }

    fn ca_file(&mut self, path: &KeyPath, named: &str) -> Option<std::path::PathBuf> {
        self.text_of(path, named)?;
        let file = self.named_file(path, named);
        Some(self.files.path(&file))
    }

    fn headers(&mut self, path: &KeyPath, table: &[(String, String)]) -> Vec<(String, String)> {
        for (name, value) in table {
            let path = path.key(name);
            self.header_name(&path, name);
            self.header_value(&path, value);
            if looks_like_secret(name) {
                self.complain(
                    &path,
                    format!("`{path}` has a secret written down"),
                    "use [auth], which reads it from the environment or a file",
                );
            }
        }
        table.to_vec()
    }

    /// Checks that HTTP accepts a header name.
    pub fn header_name(&mut self, path: &KeyPath, name: &str) {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.complain(
                path,
                format!("`{name}` can't be the name of a header"),
                "write letters, digits and `-`: \"X-Api-Version\"",
            );
        }
    }

    fn header_value(&mut self, path: &KeyPath, value: &str) {
        if HeaderValue::from_str(value).is_err() {
            self.complain(
                path,
                format!("`{path}` can't be sent as a header"),
                "leave out line breaks and control characters",
            );
        }
    }

    fn auth(&mut self, path: &KeyPath, table: &AuthTable) -> Auth {
        let scheme = table.scheme;
        let keys = [
            ("token_env", &table.token_env, AuthScheme::Bearer),
            ("token_file", &table.token_file, AuthScheme::Bearer),
            ("header", &table.header, AuthScheme::ApiKey),
            ("key_env", &table.key_env, AuthScheme::ApiKey),
            ("key_file", &table.key_file, AuthScheme::ApiKey),
            ("user", &table.user, AuthScheme::Basic),
            ("password_env", &table.password_env, AuthScheme::Basic),
            ("password_file", &table.password_file, AuthScheme::Basic),
        ];
        for (key, value, of) in keys {
            if value.is_some() && of != scheme {
                let path = path.key(key);
                self.complain(
                    &path,
                    format!("`{path}` doesn't belong to the type of `auth` that is said"),
                    format!("write type = \"{}\", or leave it out", of.word()),
                );
            }
        }
        let secret = |build: &mut Self, name: &str, env: &Option<String>, file: &Option<String>| {
            build.secret(
                (&path.key(&format!("{name}_env")), env.as_deref()),
                (&path.key(&format!("{name}_file")), file.as_deref()),
            )
        };
        match scheme {
            AuthScheme::None => Auth::None,
            AuthScheme::Bearer => {
                Auth::Bearer(secret(self, "token", &table.token_env, &table.token_file))
            }
            AuthScheme::ApiKey => {
                let header = table.header.clone().unwrap_or_default();
                let header_path = path.key("header");
                match table.header {
                    Some(_) => self.header_name(&header_path, &header),
                    None => self.lacks(
                        &header_path,
                        "it takes the key",
                        "write header = \"X-Api-Key\"",
                    ),
                }
                let key = secret(self, "key", &table.key_env, &table.key_file);
                Auth::ApiKey { header, key }
            }
            AuthScheme::Basic => {
                if table.user.is_none() {
                    self.lacks(
                        &path.key("user"),
                        "it goes with the password",
                        "write user = \"NAME\"",
                    );
                }
                Auth::Basic {
                    user: table.user.clone().unwrap_or_default(),
                    password: secret(self, "password", &table.password_env, &table.password_file),
                }
            }
        }
    }

    fn limits(&mut self, path: &KeyPath, table: &LimitsTable) -> Limits {
        let timeout = table.timeout.as_deref();
        let max_body = table.max_body_bytes.as_deref();
        Limits {
            runs: table.runs.unwrap_or(2).into(),
            concurrency: table.concurrency.unwrap_or(1).into(),
            together: table.concurrency.unwrap_or(1).into(),
            requests_per_second: table.requests_per_second,
            burst: table.burst.unwrap_or(1),
            latency: Duration::try_from_secs_f64(table.seconds_per_request.unwrap_or(1.0))
                .unwrap_or(Duration::MAX),
            timeout: self.wait(&path.key("timeout"), timeout, Duration::from_secs(60)),
            max_body_bytes: self.size(&path.key("max_body_bytes"), max_body, 64_000_000),
            max_requests_per_run: table.max_requests_per_run,
        }
    }
}

fn pool(table: &PoolTable) -> Pool {
    Pool {
        concurrency: table.concurrency.unwrap_or(1).into(),
        requests_per_second: table.requests_per_second,
        burst: table.burst.unwrap_or(1),
    }
}
