//! Object store of a simulation: in memory, counts operations, notes the writes and deletions of markers, and
//! is full at times.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::model::Weather;
use super::time::{At, True};

/// Latency of a write, so that a kill can come between two writes.
const WRITE: Duration = Duration::from_millis(15);

/// Operation on the marker of a complete day, with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    Put(At),
    Taken(At),
}

#[derive(Debug, Default)]
struct Notes {
    /// Number of operations by verb.
    operations: BTreeMap<&'static str, u64>,
    /// Operations on the objects of `/_state/complete/`, by key.
    markers: BTreeMap<String, Vec<Marked>>,
}

/// In-memory store of a simulation. Clones share everything.
#[derive(Clone)]
pub struct Store {
    inner: Arc<InMemory>,
    notes: Arc<Mutex<Notes>>,
    weather: Arc<Weather>,
    truth: True,
}

impl Store {
    pub fn new(weather: Arc<Weather>, truth: True) -> Self {
        Self {
            inner: Arc::default(),
            notes: Arc::default(),
            weather,
            truth,
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of operations by verb, and resets it.
    pub fn take_operations(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.notes().operations)
    }

    /// Returns the operations on markers by key.
    pub fn markers(&self) -> BTreeMap<String, Vec<Marked>> {
        self.notes().markers.clone()
    }

    fn count(&self, verb: &'static str) {
        *self.notes().operations.entry(verb).or_default() += 1;
    }

    fn mark(&self, key: &Path, marked: Marked) {
        let key = key.as_ref();
        if key.contains("/_state/complete/") {
            let mut notes = self.notes();
            notes
                .markers
                .entry(key.to_owned())
                .or_default()
                .push(marked);
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a year's lake")
    }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, key: &Path, bytes: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.count("PUT");
        tokio::time::sleep(WRITE).await;
        if self.weather.lake_is_full(self.truth.now()) {
            let full =
                std::io::Error::new(std::io::ErrorKind::StorageFull, "No space left on device");
            return Err(Error::Generic {
                store: "year",
                source: Box::new(full),
            });
        }
        let put = self.inner.put_opts(key, bytes, how).await?;
        self.mark(key, Marked::Put(self.truth.now()));
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.count("PUT");
        self.inner.put_multipart_opts(key, how).await
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> Result<GetResult> {
        self.count(if how.head { "HEAD" } else { "GET" });
        self.inner.get_opts(key, how).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        use futures::StreamExt as _;
        let this = self.clone();
        let deleted = self.inner.delete_stream(keys);
        let noted = deleted.inspect(move |key| {
            this.count("DELETE");
            if let Ok(key) = key {
                this.mark(key, Marked::Taken(this.truth.now()));
            }
        });
        noted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("LIST");
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count("LIST");
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.count("COPY");
        self.inner.copy_opts(from, to, how).await
    }
}
