//! Opens the object store for a lake's URL.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::error::not_writable;
use super::folder::FolderStore;
use super::{Lake, LakeError};
use crate::failpoint;
use bronzed_model::settings::LakeSettings;

/// Maximum length of a lake's path in a bucket: stores accept keys of 1,024 bytes, and bronzed's own part
/// takes up to 300.
const MAX_PATH: usize = 700;

type Options = BTreeMap<String, SecretString>;

/// Opens the configured lake. Options apply to buckets only; a folder and memory ignore them, so that a
/// bucket can be replaced by either by changing the URL alone.
pub(super) fn open(settings: &LakeSettings) -> Result<Lake, LakeError> {
    let address = settings.url.trim();
    if address.is_empty() {
        return Err(wrong(address, "it is empty"));
    }
    if !address.contains("://") {
        return folder(FilePath::new(address));
    }
    let url = Url::parse(address).map_err(|error| wrong("…", &error.to_string()))?;
    let name = shown(&url);
    match url.scheme() {
        "file" => match url.to_file_path() {
            Ok(path) => folder(&path),
            Err(()) => Err(wrong(
                &name,
                "a file URL has three slashes and a whole path",
            )),
        },
        "memory" => Ok(over(Arc::new(InMemory::new()), &name)),
        "s3" | "gs" | "az" => bucket(&url, name, &settings.options),
        other => Err(wrong(&name, &format!("`{other}` isn't known"))),
    }
}

/// Returns the path of the configured folder if it doesn't exist; `None` for other backends.
pub(super) fn missing_folder(settings: &LakeSettings) -> Option<String> {
    let address = settings.url.trim();
    let path = match address.contains("://") {
        false if address.is_empty() => return None,
        false => FilePath::new(address).to_owned(),
        true => {
            let url = Url::parse(address).ok()?;
            let is_folder = url.scheme() == "file";
            is_folder.then(|| url.to_file_path().ok())??
        }
    };
    (!path.exists()).then(|| path.display().to_string())
}

fn folder(path: &FilePath) -> Result<Lake, LakeError> {
    let store = FolderStore::open(path)
        .map_err(|error| not_writable(&path.display().to_string(), &error))?;
    let name = store.root().display().to_string();
    if store.root().parent().is_none() {
        return Err(wrong(&name, "a whole file system is no lake"));
    }
    Ok(over(Arc::new(store), &name))
}

fn bucket(url: &Url, name: String, options: &Options) -> Result<Lake, LakeError> {
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(&name, "it names no bucket"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        let problem = "credentials and settings belong in the environment or the lake's options";
        return Err(wrong(&name, problem));
    }
    let root = Path::from_url_path(url.path()).map_err(|error| wrong(&name, &error.to_string()))?;
    if root.as_ref().len() > MAX_PATH {
        let problem = format!("its path is longer than {MAX_PATH} bytes");
        return Err(wrong(&name, &problem));
    }
    let store: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => below(root, s3(url, &name, options)?),
        "gs" => below(root, gcs(url, &name, options)?),
        _ => below(root, azure(url, &name, options)?),
    };
    Ok(over(store, &name))
}

fn over(store: Arc<dyn ObjectStore>, name: &str) -> Lake {
    Lake::over(failpoint::around(store), name)
}

fn below(root: Path, store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    if root.as_ref().is_empty() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, root))
    }
}

fn s3(url: &Url, name: &str, options: &Options) -> Result<impl ObjectStore, LakeError> {
    use AmazonS3ConfigKey::{Client, Endpoint, S3Endpoint};
    use ClientConfigKey::{AllowHttp, AllowInvalidCertificates};
    let builder = AmazonS3Builder::from_env()
        .with_url(url.as_str())
        .with_retry(retries());
    let mut builder = with_options(builder, options, name, AmazonS3Builder::with_config)?;
    let endpoint = [S3Endpoint, Endpoint]
        .iter()
        .find_map(|key| builder.get_config_value(key));
    if is_plain_http(endpoint) {
        builder = builder.with_config(Client(AllowHttp), "true");
    }
    let unverified = builder.get_config_value(&Client(AllowInvalidCertificates));
    refuse_unverified(name, unverified)?;
    builder.build().map_err(|error| unusable(name, &error))
}

fn gcs(url: &Url, name: &str, options: &Options) -> Result<impl ObjectStore, LakeError> {
    use ClientConfigKey::{AllowHttp, AllowInvalidCertificates};
    use GoogleConfigKey::{BaseUrl, Client};
    let builder = GoogleCloudStorageBuilder::from_env()
        .with_url(url.as_str())
        .with_retry(retries());
    let mut builder = with_options(
        builder,
        options,
        name,
        GoogleCloudStorageBuilder::with_config,
    )?;
    if is_plain_http(builder.get_config_value(&BaseUrl)) {
        builder = builder.with_config(Client(AllowHttp), "true");
    }
    let unverified = builder.get_config_value(&Client(AllowInvalidCertificates));
    refuse_unverified(name, unverified)?;
    builder.build().map_err(|error| unusable(name, &error))
}

fn azure(url: &Url, name: &str, options: &Options) -> Result<impl ObjectStore, LakeError> {
    use AzureConfigKey::{Client, Endpoint};
    use ClientConfigKey::{AllowHttp, AllowInvalidCertificates};
    let builder = MicrosoftAzureBuilder::from_env()
        .with_url(url.as_str())
        .with_retry(retries());
    let mut builder = with_options(builder, options, name, MicrosoftAzureBuilder::with_config)?;
    if is_plain_http(builder.get_config_value(&Endpoint)) {
        builder = builder.with_config(Client(AllowHttp), "true");
    }
    let unverified = builder.get_config_value(&Client(AllowInvalidCertificates));
    refuse_unverified(name, unverified)?;
    builder.build().map_err(|error| unusable(name, &error))
}

fn with_options<B, K: FromStr>(
    mut builder: B,
    options: &Options,
    lake: &str,
    set: impl Fn(B, K, String) -> B,
) -> Result<B, LakeError> {
    for (option, value) in options {
        let Ok(key) = option.to_ascii_lowercase().parse() else {
            return Err(LakeError::UnknownOption {
                lake: lake.to_owned(),
                name: option.clone(),
            });
        };
        builder = set(builder, key, value.expose_secret().to_owned());
    }
    Ok(builder)
}

/// Short retries: a conditional write that conflicts would be retried with the same stale condition, which
/// can't succeed. The commit protocol has its own retries.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(10),
    }
}

/// Refuses `AWS_ALLOW_INVALID_CERTIFICATES` and the like, which would send the credentials to any server.
fn refuse_unverified(lake: &str, allowed: Option<String>) -> Result<(), LakeError> {
    match allowed.as_deref() {
        None | Some("false") => Ok(()),
        Some(_) => Err(LakeError::Unverified {
            lake: lake.to_owned(),
        }),
    }
}

/// Returns `true` for an endpoint written with `http://`, which is taken as intended.
fn is_plain_http(endpoint: Option<String>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.to_ascii_lowercase().starts_with("http://"))
}

/// Returns the URL without user, password and query, which may be secret.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{}://{host}{path}", url.scheme())
}

fn wrong(url: &str, problem: &str) -> LakeError {
    LakeError::Address {
        url: url.to_owned(),
        problem: problem.to_owned(),
    }
}

fn unusable(name: &str, error: &object_store::Error) -> LakeError {
    wrong(name, &error.to_string())
}
