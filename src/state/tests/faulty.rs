//! A store that misbehaves on request, as networks do.

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

/// What is done to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Get,
    Put,
    List,
}

/// What goes wrong with one operation.
pub enum Fault {
    /// It doesn't happen, and the caller gets an error.
    Fail,
    /// It happens, and the caller gets an error all the same.
    LoseReply,
    /// A write that happens only when [`Faulty::deliver`] says so; the caller gets an error.
    Delay,
    /// It isn't allowed.
    Deny,
    /// A write is told that the object exists, and it doesn't.
    FalseExists,
    /// A listing leaves out what has this in its key.
    Hide(&'static str),
    /// Something else happens first.
    Meanwhile(BoxFuture<'static, ()>),
    /// The caller dies at this point: it never hears of the operation, which happens or doesn't.
    Crash { happens: bool },
}

type Decide = Box<dyn FnMut(Op, &str) -> Option<Fault> + Send>;

/// See above.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    decide: Mutex<Decide>,
    late: Arc<Late>,
}

/// Writes that are still under way.
#[derive(Default)]
pub struct Late(Mutex<Vec<(Path, PutPayload, PutOptions)>>);

impl Late {
    /// Lets the oldest delayed write arrive; false if there is none.
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
    /// `decide` is asked before each operation; `late` takes the delayed ones.
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

    /// The fault for this operation, after what comes before it.
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
