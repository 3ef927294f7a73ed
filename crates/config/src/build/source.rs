//! Builds a source: its credentials, datasets and jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use indexmap::IndexMap;
use reqwest::header::HeaderName;
use secrecy::SecretString;

use super::Build;
use crate::path::KeyPath;
use crate::tables::source::{AuthScheme, AuthTable, SourceFile};
use crate::text::{HeaderText, Text, value};
use bronzed_model::declaration::{Auth, ClientCredentials, Job, KeyPlace, Limits, Source};
use bronzed_model::redact::looks_like_secret;
use bronzed_model::schema::Schema;

/// Default `User-Agent`.
const USER_AGENT: &str = concat!("bronzed/", env!("CARGO_PKG_VERSION"));

/// Values that the datasets of a source share.
pub struct SourceContext<'a> {
    /// Name of the source.
    pub name: &'a str,
    /// Tables of the source's file.
    pub tables: &'a SourceFile,
    /// Time zone of the source.
    pub zone: Tz,
    /// Key of the keyed hash of protected fields.
    pub protect_key: Option<&'a Arc<SecretString>>,
    /// Columns of the datasets whose files are right.
    pub schemas: BTreeMap<&'a str, Arc<Schema>>,
}

impl Build<'_> {
    /// Builds the source of one file. `None` if it is invalid, which is reported.
    pub fn source(&mut self, tables: &SourceFile) -> Option<Source> {
        let top = KeyPath::default();
        let name = self.source_name(&top.key("name"), tables.name.as_deref());
        let headers = self.headers(&top.key("headers"), &tables.headers);
        let auth = self.auth(&top.key("auth"), &tables.auth);
        let ca_file = tables.ca_file.as_deref();
        let ca_file = ca_file.and_then(|named| self.ca_file(&top.key("ca_file"), named));
        for pool in tables.pool.keys() {
            self.name(&top.key("pool").key(pool), pool);
        }
        let protect_key = tables.protect_key.as_ref();
        let protect_key = protect_key.map(|key| self.protect_key(&top.key("protect_key"), key));
        let timezone = value(&tables.timezone);
        let context = SourceContext {
            name: &name,
            tables,
            zone: timezone.unwrap_or_default(),
            protect_key: protect_key.as_ref(),
            schemas: self.schemas(&name, &tables.dataset),
        };
        let datasets = self.datasets(&context);
        let silver = self.silver_tables(&context, &datasets);
        let mut jobs = BTreeMap::new();
        for (name, job) in &tables.job {
            self.job(&top.key("job").key(name), name, job, tables);
            let (name, job) = (name.clone(), job.clone());
            jobs.insert(name.clone(), Job { name, ..job });
        }
        if tables.enabled != Some(false) {
            self.read_today(&top, tables);
        }
        let user_agent = value(&tables.user_agent);
        Some(Source {
            name,
            enabled: tables.enabled.unwrap_or(true),
            base_url: value(&tables.base_url)?,
            timezone: timezone?,
            user_agent: user_agent.unwrap_or_else(|| USER_AGENT.to_owned()),
            headers,
            auth,
            ca_file,
            limits: Limits {
                together: tables.limits.concurrency,
                ..tables.limits.clone()
            },
            pools: tables.pool.clone().into_iter().collect(),
            blackout: tables.blackout.clone(),
            datasets,
            jobs,
            silver,
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
        Some(self.files.path(&self.named_file(path, named)))
    }

    fn headers(
        &mut self,
        path: &KeyPath,
        table: &IndexMap<String, Text<HeaderText>>,
    ) -> Vec<(String, String)> {
        for name in table.keys() {
            let path = path.key(name);
            self.header_name(&path, name);
            if looks_like_secret(name) {
                self.complain(
                    &path,
                    format!("`{path}` has a secret written down"),
                    "use [auth], which reads it from the environment or a file",
                );
            }
        }
        let headers = table.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.0.clone()));
        headers.collect()
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

    fn auth(&mut self, path: &KeyPath, table: &AuthTable) -> Auth {
        for (key, scheme) in [
            ("token_env", AuthScheme::Bearer),
            ("token_file", AuthScheme::Bearer),
            ("header", AuthScheme::ApiKey),
            ("param", AuthScheme::ApiKey),
            ("key_env", AuthScheme::ApiKey),
            ("key_file", AuthScheme::ApiKey),
            ("user", AuthScheme::Basic),
            ("password_env", AuthScheme::Basic),
            ("password_file", AuthScheme::Basic),
            ("token_url", AuthScheme::OAuth2),
            ("client_id_env", AuthScheme::OAuth2),
            ("client_id_file", AuthScheme::OAuth2),
            ("client_secret_env", AuthScheme::OAuth2),
            ("client_secret_file", AuthScheme::OAuth2),
            ("scope", AuthScheme::OAuth2),
        ] {
            if scheme != table.scheme {
                let problem = "doesn't belong to the type of `auth` that is said";
                let hint = format!("write type = \"{}\", or leave it out", scheme.word());
                self.refuses(&path.key(key), problem, hint);
            }
        }
        let mut secret = |name: &str, env: &Option<String>, file: &Option<String>| {
            self.secret(
                (&path.key(&format!("{name}_env")), env.as_deref()),
                (&path.key(&format!("{name}_file")), file.as_deref()),
            )
        };
        match table.scheme {
            AuthScheme::None => Auth::None,
            AuthScheme::Bearer => {
                Auth::Bearer(secret("token", &table.token_env, &table.token_file))
            }
            AuthScheme::ApiKey => {
                let key = secret("key", &table.key_env, &table.key_file);
                let place = self.key_place(path, table);
                Auth::ApiKey { place, key }
            }
            AuthScheme::Basic => {
                let password = secret("password", &table.password_env, &table.password_file);
                let (why, hint) = ("it goes with the password", "write user = \"NAME\"");
                self.needs(&path.key("user"), why, hint);
                let user = table.user.clone().unwrap_or_default();
                Auth::Basic { user, password }
            }
            AuthScheme::OAuth2 => {
                let id = secret("client_id", &table.client_id_env, &table.client_id_file);
                let (env, file) = (&table.client_secret_env, &table.client_secret_file);
                let client_secret = secret("client_secret", env, file);
                let (why, hint) = (
                    "tokens are asked for there",
                    "write token_url = \"https://…\"",
                );
                self.needs(&path.key("token_url"), why, hint);
                match value(&table.token_url) {
                    Some(token_url) => Auth::OAuth2(ClientCredentials {
                        token_url,
                        client_id: id,
                        client_secret,
                        scope: table.scope.clone(),
                    }),
                    None => Auth::None,
                }
            }
        }
    }

    /// Returns the place of an API key: a header or a query parameter.
    fn key_place(&mut self, path: &KeyPath, table: &AuthTable) -> KeyPlace {
        let (header, param) = (path.key("header"), path.key("param"));
        if let Some(name) = &table.param {
            let hint = "keep the one that the API reads";
            self.refuses(&header, "is said beside `param`", hint);
            return KeyPlace::Param(name.clone());
        }
        if !self.meant(&param) {
            let hint = "write header = \"X-Api-Key\", or param = \"api_key\" for one in the query";
            self.needs(&header, "it takes the key", hint);
        }
        if let Some(name) = &table.header {
            self.header_name(&header, name);
        }
        KeyPlace::Header(table.header.clone().unwrap_or_default())
    }
}
