//! The tables at the top of a source's file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::bronzed::SecretTable;
use super::dataset::{DatasetTable, ResponseTable, RetryTable};
use super::silver::SilverKeys;
use crate::text::{HeaderText, HttpUrl, Text, Zone};
use bronzed_model::declaration::{Blackout, Job, Limits, Pool};

/// One file in `sources/`: an API provider, its datasets and its jobs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["name", "base_url", "timezone", "dataset"]))]
pub struct SourceFile {
    /// Name of the source; must equal the name of the file.
    pub name: Option<String>,
    /// `true` if the source's jobs run. Default: `true`. `bronzed run` reads the source in any case.
    pub enabled: Option<bool>,
    /// Base URL of the API. What every path is appended to: `https://pncp.gov.br/api`.
    pub base_url: Option<Text<HttpUrl>>,
    /// Time zone of the source's days, and of its times without an offset: `America/Sao_Paulo`.
    pub timezone: Option<Text<Zone>>,
    /// `User-Agent` of every request. Default: the program's name and version.
    pub user_agent: Option<Text<HeaderText>>,
    /// PEM file of certificates to trust in addition to the system's: of an authority unknown to the system,
    /// or an intermediate certificate that the server does not send. A relative path is relative to this
    /// file's folder.
    pub ca_file: Option<String>,
    /// Additional request headers. Credentials belong in `[auth]`.
    #[serde(default)]
    pub headers: IndexMap<String, Text<HeaderText>>,
    /// Authentication of requests.
    #[serde(default)]
    pub auth: AuthTable,
    /// Key of the keyed hash of protected fields: `{ env = "NAME" }` or `{ file = "PATH" }`. Random, at least
    /// 16 characters; it must not change as long as the tables exist.
    pub protect_key: Option<SecretTable>,
    /// Limits of the API, shared by all jobs of the source.
    #[serde(default)]
    pub limits: Limits,
    /// Limits of parts of the API, by name. They apply, in addition to the source's, to the datasets that
    /// name the pool.
    #[serde(default)]
    pub pool: IndexMap<String, Pool>,
    /// Hours of each day in which no request is sent, in the source's time zone: `["20:00-21:00"]`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub blackout: Vec<Blackout>,
    /// Retries of failed requests; a dataset may override single keys.
    #[serde(default)]
    pub retry: RetryTable,
    /// Rules on responses. The first match decides: a dataset's own rules come first, then these, then the
    /// built-in ones (429, 5xx, …).
    #[serde(default)]
    pub response: Vec<ResponseTable>,
    /// Datasets, by name.
    #[serde(default)]
    pub dataset: IndexMap<String, DatasetTable>,
    /// Named schedules.
    #[serde(default)]
    pub job: IndexMap<String, Job>,
    /// Silver tables, by name: the latest version of each record, made of one or several datasets of the source.
    #[serde(default)]
    pub silver: IndexMap<String, SilverKeys>,
}

/// Authentication of requests.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthTable {
    /// Authentication scheme. Default: `none`.
    #[serde(rename = "type")]
    pub scheme: AuthScheme,
    /// `bearer`: environment variable that holds the token.
    pub token_env: Option<String>,
    /// `bearer`: file that holds the token.
    pub token_file: Option<String>,
    /// `api_key`: request header for the key.
    pub header: Option<String>,
    /// `api_key`: query parameter for the key, instead of `header`. It is added when a request is sent, and no
    /// URL that is logged or shown has it.
    pub param: Option<String>,
    /// `api_key`: environment variable that holds the key.
    pub key_env: Option<String>,
    /// `api_key`: file that holds the key.
    pub key_file: Option<String>,
    /// `basic`: user name.
    pub user: Option<String>,
    /// `basic`: environment variable that holds the password.
    pub password_env: Option<String>,
    /// `basic`: file that holds the password.
    pub password_file: Option<String>,
    /// `oauth2`: URL that grants access tokens for client credentials.
    pub token_url: Option<Text<HttpUrl>>,
    /// `oauth2`: environment variable that holds the client's id.
    pub client_id_env: Option<String>,
    /// `oauth2`: file that holds the client's id.
    pub client_id_file: Option<String>,
    /// `oauth2`: environment variable that holds the client's secret.
    pub client_secret_env: Option<String>,
    /// `oauth2`: file that holds the client's secret.
    pub client_secret_file: Option<String>,
    /// `oauth2`: scope to ask for. Default: none, which leaves it to the server.
    pub scope: Option<String>,
}

/// Authentication scheme.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthScheme {
    /// None: the API is public.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer,
    /// API key in a header or a query parameter of the API's own.
    ApiKey,
    /// `Authorization: Basic …`
    Basic,
    /// `Authorization: Bearer …`, with a token by OAuth 2.0 client credentials.
    #[serde(rename = "oauth2")]
    OAuth2,
}

impl AuthScheme {
    /// Returns the word for the scheme in a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
            Self::OAuth2 => "oauth2",
        }
    }
}
