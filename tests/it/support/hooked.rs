//! A store that logs operations, and refuses those that a test selects.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

type Refuse = dyn Fn(&str) -> bool + Send + Sync;

/// An in-memory store with hooks. Clones share everything.
#[derive(Clone)]
pub struct Hooked {
    inner: Arc<InMemory>,
    log: Arc<Mutex<Vec<String>>>,
    refuse: Arc<Mutex<Arc<Refuse>>>,
    hold: Arc<RwLock<()>>,
}

impl Hooked {
    pub fn new() -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            log: Arc::default(),
            refuse: Arc::new(Mutex::new(Arc::new(|_: &str| false))),
            hold: Arc::default(),
        }
    }

    /// Fails the operations (`PUT pncp/…`) for which `refuse` returns `true`, as a 503 does.
    pub fn refuse(&self, refuse: impl Fn(&str) -> bool + Send + Sync + 'static) {
        *self.refuse.lock().expect("no panic") = Arc::new(refuse);
    }

    /// Blocks every write until the returned guard is dropped.
    pub async fn hold_writes(&self) -> OwnedRwLockWriteGuard<()> {
        self.hold.clone().write_owned().await
    }

    /// Returns and clears the log of operations: `PUT pncp/…`, `GET pncp/…`.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().expect("no panic"))
    }

    fn pass(&self, verb: &str, key: &Path) -> Result<()> {
        let operation = format!("{verb} {key}");
        // Called without the lock, because some tests panic here.
        let refuse = Arc::clone(&self.refuse.lock().expect("no panic"));
        let refused = refuse(&operation);
        self.log.lock().expect("no panic").push(operation.clone());
        if refused {
            return Err(Error::Generic {
                store: "hooked",
                source: format!("503 Service Unavailable: {operation}").into(),
            });
        }
        Ok(())
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

impl fmt::Display for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

#[async_trait]
impl ObjectStore for Hooked {
    async fn put_opts(&self, key: &Path, bytes: PutPayload, how: PutOptions) -> Result<PutResult> {
        let _free = self.hold.read().await;
        self.pass("PUT", key)?;
        self.inner.put_opts(key, bytes, how).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, how).await
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> Result<GetResult> {
        self.pass(if how.head { "HEAD" } else { "GET" }, key)?;
        self.inner.get_opts(key, how).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}
