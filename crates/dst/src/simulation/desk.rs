//! In-memory lake and API in which every operation waits until the scheduler grants it with a result.
//!
//! An object's version is a hash of its content, as on S3: writing the same content twice gives the same
//! version.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

use url::Url;

use bronzed_model::declaration::RequestLimits;
use bronzed_source::testing::{HttpRequest, RawResponse as Response, Transport, TransportError};

/// Operation on the lake or the API.
#[derive(Debug, Clone)]
pub enum Op {
    Ask {
        url: Url,
    },
    Get {
        key: String,
    },
    Put {
        key: String,
        bytes: Bytes,
        mode: PutMode,
    },
    Delete {
        key: String,
    },
    /// A listing isn't atomic: half of the objects may have been listed at an earlier instant.
    List {
        prefix: String,
        before: Option<(Half, Vec<ObjectMeta>)>,
    },
}

/// Half of the objects, by parity: a store lists its objects in an order of its own, as a folder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Even,
    Odd,
}

impl Half {
    pub fn of(meta: &ObjectMeta) -> Self {
        let name = meta.location.as_ref().trim_end_matches(".parquet");
        match name.bytes().last().is_some_and(|last| last % 2 == 0) {
            true => Self::Even,
            false => Self::Odd,
        }
    }
}

/// An operation that waits for its turn.
#[derive(Debug, Clone)]
pub struct Request {
    pub id: u64,
    /// Lane of the caller.
    pub lane: usize,
    pub op: Op,
}

/// Result of an operation.
#[derive(Debug)]
pub enum Reply {
    Found(Result<(Bytes, ObjectMeta)>),
    Written(Result<PutResult>),
    Deleted,
    Listed(Result<Vec<ObjectMeta>>),
    Answered(std::result::Result<Response, TransportError>),
}

/// Queue of waiting operations. Clones share the queue.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    asked: u64,
    waiting: Vec<Request>,
    replies: BTreeMap<u64, Reply>,
    wakers: BTreeMap<u64, Waker>,
}

/// Client of lake and API for one actor.
pub struct Counter {
    desk: Desk,
    lane: usize,
}

impl Desk {
    /// Returns the client for `lane`.
    pub fn counter(&self, lane: usize) -> Counter {
        let desk = self.clone();
        Counter { desk, lane }
    }

    /// Returns the waiting operations, oldest first.
    pub fn waiting(&self) -> Vec<Request> {
        self.queue().waiting.clone()
    }

    /// Returns the waiting writes of a lane but `id`: those that may still happen when their caller is killed.
    pub fn other_writes(&self, lane: usize, id: u64) -> Vec<Request> {
        let mut others = self.waiting();
        others.retain(|other| {
            other.lane == lane && other.id != id && matches!(other.op, Op::Put { .. })
        });
        others
    }

    /// Allocates an operation number.
    pub fn number(&self) -> u64 {
        let mut queue = self.queue();
        queue.asked += 1;
        queue.asked
    }

    /// Completes an operation.
    pub fn answer(&self, id: u64, reply: Reply) {
        let mut queue = self.queue();
        queue.waiting.retain(|request| request.id != id);
        queue.replies.insert(id, reply);
        let waker = queue.wakers.remove(&id);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Removes an operation whose caller no longer waits.
    fn take_back(&self, id: u64) {
        let mut queue = self.queue();
        queue.waiting.retain(|request| request.id != id);
        queue.replies.remove(&id);
        queue.wakers.remove(&id);
    }

    /// Replaces a waiting operation by its remaining part, under the same number.
    pub fn ask_on(&self, id: u64, op: Op) {
        let mut queue = self.queue();
        let waiting = queue.waiting.iter_mut();
        for request in waiting.filter(|request| request.id == id) {
            request.op = op.clone();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap()
    }
}

impl Counter {
    async fn ask(&self, op: Op) -> Reply {
        let id = self.desk.number();
        let lane = self.lane;
        self.desk.queue().waiting.push(Request { id, lane, op });
        let _asked = Asked {
            desk: &self.desk,
            id,
        };
        std::future::poll_fn(|context| {
            let mut queue = self.desk.queue();
            match queue.replies.remove(&id) {
                Some(reply) => Poll::Ready(reply),
                None => {
                    queue.wakers.insert(id, context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Guard of a waiting operation. Dropping it removes the operation.
struct Asked<'a> {
    desk: &'a Desk,
    id: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.desk.take_back(self.id);
    }
}

/// A stored object.
#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Bytes,
    /// Hash of the content: equal for equal contents.
    pub version: String,
}

/// All objects of the lake.
#[derive(Debug, Default)]
pub struct Objects {
    objects: BTreeMap<String, Object>,
    flaw: Option<StoreFlaw>,
}

/// Condition of a write that a store ignores: the commit protocol must not work on such a store, and the simulation
/// must find that out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFlaw {
    /// A file is put although another one is there. A state is created like any other object.
    CreateOverwrites,
    /// An object is replaced although it isn't the version that was read.
    ReplaceOverwrites,
}

impl Objects {
    /// Returns an empty lake on a store with this flaw.
    pub fn new(flaw: Option<StoreFlaw>) -> Self {
        Self {
            flaw,
            ..Self::default()
        }
    }

    pub fn get(&self, key: &str) -> Option<&Object> {
        self.objects.get(key)
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, &Object)> {
        let objects = self.objects.iter();
        objects.map(|(key, object)| (key.as_str(), object))
    }

    /// Executes an operation.
    pub fn apply(&mut self, op: &Op) -> Reply {
        match op {
            Op::Get { key } => {
                let found = self.objects.get(key);
                Reply::Found(match found {
                    Some(object) => Ok((object.bytes.clone(), meta(key, object))),
                    None => Err(not_found(key)),
                })
            }
            Op::Put { key, bytes, mode } => Reply::Written(self.put(key, bytes, mode)),
            Op::Delete { key } => {
                self.objects.remove(key);
                Reply::Deleted
            }
            Op::Ask { url } => unreachable!("{url} is no object"),
            Op::List { prefix, before } => {
                let mut found = self.below(prefix);
                if let Some((half, before)) = before {
                    found.retain(|meta| Half::of(meta) != *half);
                    found.extend(before.iter().cloned());
                }
                Reply::Listed(Ok(found))
            }
        }
    }

    /// Makes a listing non-atomic: returns what remains of it when the objects of `half` were looked at, which are of this instant;
    /// the others will be of a later one. `None` for any other operation, and for such a listing.
    pub fn torn(&self, op: &Op, half: impl FnOnce() -> Half) -> Option<Op> {
        let Op::List {
            prefix,
            before: None,
        } = op
        else {
            return None;
        };
        let half = half();
        let mut found = self.below(prefix);
        found.retain(|meta| Half::of(meta) == half);
        Some(Op::List {
            prefix: prefix.clone(),
            before: Some((half, found)),
        })
    }

    /// Returns the objects below `prefix`.
    pub fn below(&self, prefix: &str) -> Vec<ObjectMeta> {
        let folder = format!("{prefix}/");
        let below = self.objects.range(folder.clone()..);
        below
            .take_while(|(key, _)| key.starts_with(&folder))
            .map(|(key, object)| meta(key, object))
            .collect()
    }

    fn put(&mut self, key: &str, bytes: &Bytes, mode: &PutMode) -> Result<PutResult> {
        let there = self.objects.get(key).map(|object| &object.version);
        match mode {
            PutMode::Overwrite => {}
            PutMode::Create
                if self.flaw == Some(StoreFlaw::CreateOverwrites) && key.ends_with(".parquet") => {}
            PutMode::Update(_) if self.flaw == Some(StoreFlaw::ReplaceOverwrites) => {}
            PutMode::Create if there.is_some() => return Err(exists(key)),
            PutMode::Create => {}
            PutMode::Update(read) if there == read.e_tag.as_ref() => {}
            PutMode::Update(_) => {
                return Err(Error::Precondition {
                    path: key.to_owned(),
                    source: "it has changed".into(),
                });
            }
        }
        let object = Object::new(bytes);
        let e_tag = Some(object.version.clone());
        self.objects.insert(key.to_owned(), object);
        Ok(PutResult {
            e_tag,
            version: None,
            extensions: Default::default(),
        })
    }
}

impl Object {
    fn new(bytes: &Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self {
            bytes: bytes.clone(),
            version: format!("{:016x}", hasher.finish()),
        }
    }
}

fn meta(key: &str, object: &Object) -> ObjectMeta {
    ObjectMeta {
        location: Path::from(key),
        last_modified: DateTime::UNIX_EPOCH,
        size: object.bytes.len() as u64,
        e_tag: Some(object.version.clone()),
        version: None,
    }
}

fn not_found(key: &str) -> Error {
    Error::NotFound {
        path: key.to_owned(),
        source: "404".into(),
    }
}

/// Returns the error of S3 for an existing object, and also for a concurrent write.
pub fn exists(key: &str) -> Error {
    Error::AlreadyExists {
        path: key.to_owned(),
        source: "409".into(),
    }
}

/// Returns the error of a broken connection: the outcome of the operation is unknown.
pub fn broke() -> Error {
    Error::Generic {
        store: "simulation",
        source: "the connection broke".into(),
    }
}

#[async_trait]
impl Transport for Counter {
    async fn send(
        &self,
        request: &HttpRequest,
        _limits: &RequestLimits,
    ) -> std::result::Result<Response, TransportError> {
        let url = request.url.clone();
        match self.ask(Op::Ask { url }).await {
            Reply::Answered(answered) => answered,
            other => unreachable!("{other:?}"),
        }
    }
}

#[async_trait]
impl ObjectStore for Counter {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let op = Op::Put {
            key: path.to_string(),
            bytes: payload.into(),
            mode: options.mode,
        };
        match self.ask(op).await {
            Reply::Written(written) => written,
            other => unreachable!("{other:?}"),
        }
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let key = path.to_string();
        let (bytes, meta) = match self.ask(Op::Get { key }).await {
            Reply::Found(found) => found?,
            other => unreachable!("{other:?}"),
        };
        let range = match options.range {
            None => 0..meta.size,
            Some(range) => range.as_range(meta.size).map_err(|error| Error::Generic {
                store: "simulation",
                source: error.into(),
            })?,
        };
        let place = |at: u64| usize::try_from(at).expect("it is in memory");
        let bytes = bytes.slice(place(range.start)..place(range.end));
        let bytes = stream::once(std::future::ready(Ok(bytes)));
        Ok(GetResult {
            payload: GetResultPayload::Stream(bytes.boxed()),
            meta,
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.map(ToString::to_string).unwrap_or_default();
        let counter = self.desk.counter(self.lane);
        let listing = async move {
            let before = None;
            match counter.ask(Op::List { prefix, before }).await {
                Reply::Listed(listed) => listed.map(|listed| stream::iter(listed).map(Ok)),
                other => unreachable!("{other:?}"),
            }
        };
        stream::once(listing).try_flatten().boxed()
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let counter = self.desk.counter(self.lane);
        paths
            .then(move |path| {
                let counter = counter.desk.counter(counter.lane);
                async move {
                    let path = path?;
                    let key = path.to_string();
                    counter.ask(Op::Delete { key }).await;
                    Ok(path)
                }
            })
            .boxed()
    }

    async fn put_multipart_opts(
        &self,
        _path: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented {
            operation: "multipart".to_owned(),
            implementer: "simulation".to_owned(),
        })
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented {
            operation: "list_with_delimiter".to_owned(),
            implementer: "simulation".to_owned(),
        })
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented {
            operation: "copy".to_owned(),
            implementer: "simulation".to_owned(),
        })
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter")
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulation")
    }
}
