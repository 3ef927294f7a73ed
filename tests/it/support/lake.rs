//! A lake for one test, in a folder or on a server.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bronzed_model::settings::LakeSettings;
use bronzed_storage::lake::Lake;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use super::azure::azurite;
use super::gcs::{BUCKET, gcs};
use super::runtime;
use super::seaweed::seaweed;

/// Storage backend of a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Folder,
    S3,
    /// Requires the server that `.ci/run backends` installs.
    Azure,
    Gcs,
}

/// An empty lake, used by no other test.
pub struct TestLake {
    backend: Backend,
    url: String,
    store: Arc<dyn ObjectStore>,
    /// The lake itself, or the parent folder of its copies.
    folder: TempDir,
}

impl TestLake {
    pub fn new(backend: Backend) -> Self {
        let folder = TempDir::with_prefix("bronzed-lake-").expect("a temporary folder");
        let (url, store): (_, Arc<dyn ObjectStore>) = match backend {
            Backend::Folder => (
                format!("file://{}", folder.path().display()),
                Arc::new(LocalFileSystem::new_with_prefix(folder.path()).expect("a folder store")),
            ),
            Backend::S3 => {
                let (server, place) = (seaweed(), place());
                (
                    format!("s3://{}/{place}", server.bucket),
                    Arc::new(PrefixStore::new(server.client(), place)),
                )
            }
            Backend::Azure => {
                let (server, place) = (azurite(), place());
                (
                    format!("az://{}/{place}", server.container),
                    Arc::new(PrefixStore::new(server.client(), place)),
                )
            }
            Backend::Gcs => {
                let (server, place) = (gcs(), place());
                (
                    format!("gs://{BUCKET}/{place}"),
                    Arc::new(PrefixStore::new(server.client(), place)),
                )
            }
        };
        Self {
            backend,
            url,
            store,
            folder,
        }
    }

    /// Returns the URL, as the setting `lake.url` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the environment variables that the program needs to write here.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let mut env = self.server();
        env.push(("BRONZED__LAKE__URL", self.url.clone()));
        env
    }

    /// Opens the lake as the program does.
    pub fn open(&self) -> Lake {
        Lake::open(&settings(self.url.clone(), &self.server())).expect("a lake")
    }

    /// Returns the environment variables that any client of the store needs.
    pub fn server(&self) -> Vec<(&'static str, String)> {
        match self.backend {
            Backend::Folder => Vec::new(),
            Backend::S3 => seaweed().env(),
            Backend::Azure => azurite().env(),
            Backend::Gcs => gcs().env(),
        }
    }

    /// Returns the keys of all objects, sorted.
    pub fn keys(&self) -> Vec<String> {
        let listed = self
            .store
            .list(None)
            .map_ok(|found| found.location.to_string());
        let mut keys: Vec<_> = runtime().block_on(listed.try_collect()).expect("a listing");
        keys.sort();
        keys
    }

    /// Returns `true` if the lake is in a folder.
    pub fn is_folder(&self) -> bool {
        self.backend == Backend::Folder
    }

    /// Returns the version of each object by key.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let listed = self.store.list(None).map_ok(|found| {
            let version = found.e_tag.clone();
            let version = version.unwrap_or_else(|| format!("{found:?}"));
            (found.location.to_string(), version)
        });
        runtime().block_on(listed.try_collect()).expect("a listing")
    }

    /// Returns the object at `key`, which must exist.
    pub fn get(&self, key: &str) -> Vec<u8> {
        let get = async { self.store.get(&Key::from(key)).await?.bytes().await };
        let bytes = runtime()
            .block_on(get)
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        bytes.into()
    }

    /// Returns the JSON document at `key`, which must exist.
    pub fn json(&self, key: &str) -> serde_json::Value {
        serde_json::from_slice(&self.get(key)).unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    /// Overwrites or creates an object, as a stray writer would.
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let place = Key::from(key);
        let put = self.store.put(&place, bytes.into().into());
        runtime()
            .block_on(put)
            .unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    /// Deletes an object.
    pub fn delete(&self, key: &str) {
        let place = Key::from(key);
        let delete = self.store.delete(&place);
        runtime()
            .block_on(delete)
            .unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    /// Copies every file below `folder` into the lake.
    pub fn fill_from(&self, folder: &Path) {
        for path in files_below(folder) {
            let key = path
                .strip_prefix(folder)
                .expect("it is below")
                .to_string_lossy();
            self.put(&key, fs::read(&path).expect("a readable file"));
        }
    }

    /// Returns a folder with a copy of the lake's current objects, for readers that support only folders.
    pub fn as_folder(&self) -> PathBuf {
        if self.backend == Backend::Folder {
            return self.folder.path().to_owned();
        }
        let copy = TempDir::new_in(self.folder.path())
            .expect("a temporary folder")
            .keep();
        for key in self.keys() {
            let path = copy.join(&key);
            fs::create_dir_all(path.parent().unwrap_or(&copy)).expect("a new folder");
            fs::write(path, self.get(&key)).expect("a new file");
        }
        copy
    }
}

impl Drop for TestLake {
    fn drop(&mut self) {
        if std::thread::panicking() && env::var_os("KEEP_LAKES").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("the lake is kept in {}", self.as_folder().display());
        }
    }
}

/// Returns settings of a lake at `url`, with the server's variables as options.
pub fn settings(url: String, server: &[(&str, String)]) -> LakeSettings {
    let options = server.iter();
    let options = options.map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into()));
    LakeSettings {
        url,
        options: options.collect(),
        simulated: false,
    }
}

/// Returns a path in a bucket that no other test uses.
fn place() -> String {
    static LAKES: AtomicU32 = AtomicU32::new(0);
    let number = LAKES.fetch_add(1, Ordering::Relaxed);
    format!("{}/{number}", process::id())
}

/// Returns all files below a folder, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
