//! Object store with faults on request, as on networks.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Kind of operation on the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Get,
    Put,
    List,
}

/// Fault of one operation.
pub enum Fault {
    /// Doesn't happen, and returns an error.
    Fail,
    /// Happens, and returns an error.
    LoseReply,
    /// A write that happens only on [`Late::deliver`]; returns an error at once.
    Delay,
    /// Permission is denied.
    Deny,
    /// A write returns "already exists", and the object doesn't exist.
    FalseExists,
    /// A listing omits the keys that contain this text.
    Hide(&'static str),
    /// Another future runs first.
    Meanwhile(BoxFuture<'static, ()>),
    /// The caller is killed at this point and never sees a reply; the operation happens or not.
    Crash { happens: bool },
}

type Decide = Box<dyn FnMut(Op, &str) -> Option<Fault> + Send>;

/// Object store that injects faults.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    decide: Mutex<Decide>,
    late: Arc<Late>,
}

/// Delayed writes.
#[derive(Default)]
pub struct Late(Mutex<Vec<(Path, PutPayload, PutOptions)>>);

impl Late {
    /// Performs the oldest delayed write; returns `false` if there is none.
    pub async fn deliver(&self, store: &dyn ObjectStore) -> bool {
        let next = {
            let mut late = self.0.lock().unwrap();
            (!late.is_empty()).then(|| late.remove(0))
        };
        let Some((path, payload, options)) = next else {
            return false;
        };
        let _ = store.put_opts(&path, payload, options).await;
        true
    }
}

impl Faulty {
    /// `decide` is called before each operation; `late` receives the delayed writes.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        late: Arc<Late>,
        decide: impl FnMut(Op, &str) -> Option<Fault> + Send + 'static,
    ) -> Self {
        Self {
            inner,
            late,
            decide: Mutex::new(Box::new(decide)),
        }
    }

    /// Returns the fault for this operation, after running a `Meanwhile` future.
    async fn fault(&self, op: Op, key: &str) -> Option<Fault> {
        let fault = (self.decide.lock().unwrap())(op, key);
        match fault {
            Some(Fault::Meanwhile(first)) => {
                first.await;
                None
            }
            fault => fault,
        }
    }
}

fn lost() -> Error {
    Error::Generic {
        store: "faulty",
        source: "the connection broke".into(),
    }
}

fn denied(path: &Path) -> Error {
    Error::PermissionDenied {
        path: path.to_string(),
        source: "forbidden".into(),
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let put = |payload, options| self.inner.put_opts(path, payload, options);
        match self.fault(Op::Put, path.as_ref()).await {
            None | Some(Fault::Hide(_) | Fault::Meanwhile(_)) => put(payload, options).await,
            Some(Fault::Fail) => Err(lost()),
            Some(Fault::Deny) => Err(denied(path)),
            Some(Fault::LoseReply) => {
                let _ = put(payload, options).await;
                Err(lost())
            }
            Some(Fault::Delay) => {
                let write = (path.clone(), payload, options);
                self.late.0.lock().unwrap().push(write);
                Err(lost())
            }
            Some(Fault::FalseExists) => Err(Error::AlreadyExists {
                path: path.to_string(),
                source: "409 Conflict".into(),
            }),
            Some(Fault::Crash { happens }) => {
                if happens {
                    let _ = put(payload, options).await;
                }
                std::future::pending().await
            }
        }
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fault(Op::Get, path.as_ref()).await {
            Some(Fault::Deny) => Err(denied(path)),
            Some(Fault::Crash { .. }) => std::future::pending().await,
            Some(Fault::Fail | Fault::LoseReply | Fault::Delay) => Err(lost()),
            _ => self.inner.get_opts(path, options).await,
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let key = prefix.map(ToString::to_string).unwrap_or_default();
        let fault = (self.decide.lock().unwrap())(Op::List, &key);
        let listed = self.inner.list(prefix);
        match fault {
            None | Some(Fault::Meanwhile(_)) => listed,
            Some(Fault::Hide(part)) => listed
                .try_filter(move |meta| std::future::ready(!meta.location.as_ref().contains(part)))
                .boxed(),
            Some(Fault::Crash { .. }) => futures::stream::pending().boxed(),
            Some(_) => futures::stream::once(std::future::ready(Err(lost()))).boxed(),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}
