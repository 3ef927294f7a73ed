//! Store that passes a point before and after each write.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::stop::{is_asked_for, pass};

/// Points before and after the writes of one kind of object.
type Points = (&'static str, &'static str);

const DATA: Points = ("data.before", "data.after");
const STATE: Points = ("state.before", "state.after");
const MARKER: Points = ("marker.before", "marker.after");
const COMPARISON: Points = ("comparison.before", "comparison.after");
const DOCUMENT: Points = ("document.before", "document.after");
const REMOVAL: Points = ("removal.before", "removal.after");

/// Returns the store with points around its writes, if the environment asks for points.
pub(crate) fn around(store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    if is_asked_for() {
        Arc::new(Stopping { inner: store })
    } else {
        store
    }
}

/// Returns the points of an object; `None` for leases, which are written by a timer, so that no two runs pass
/// their points alike.
fn points_of(key: &str) -> Option<Points> {
    let is_state_of_a_day = |key: &str| key.contains("/_state/year=");
    match key {
        _ if key.starts_with("_bronzed/leases/") => None,
        _ if key.ends_with(".parquet") => Some(DATA),
        _ if is_state_of_a_day(key) => Some(STATE),
        _ if key.contains("/_state/complete/") || key.contains("/_state/accepted/") => Some(MARKER),
        _ if key.starts_with("_bronzed/verified/") => Some(COMPARISON),
        _ => Some(DOCUMENT),
    }
}

#[derive(Debug)]
struct Stopping {
    inner: Arc<dyn ObjectStore>,
}

impl fmt::Display for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Stopping {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let points = points_of(path.as_ref());
        if let Some((before, _)) = points {
            pass(before);
        }
        let written = self.inner.put_opts(path, payload, options).await;
        if let Some((_, after)) = points {
            pass(after);
        }
        written
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (before, after) = REMOVAL;
        let removed = self
            .inner
            .delete_stream(paths.inspect(move |_| pass(before)).boxed());
        removed.inspect(move |_| pass(after)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bronze::layout;
    use crate::failpoint::is_listed;
    use bronzed_model::day::Day;

    #[test]
    fn each_kind_of_object_has_its_points() {
        let day: Day = "2025-10-22".parse().unwrap();
        let keys = [
            (layout::file_key("pncp", day, 7), Some(DATA)),
            (layout::state_key("pncp", day), Some(STATE)),
            (layout::complete_key("pncp", day), Some(MARKER)),
            (layout::accepted_key("pncp", day), Some(MARKER)),
            (layout::known_key("tcu", day, 7, "5b1c"), Some(DOCUMENT)),
            ("_bronzed/verified/pncp.json".to_owned(), Some(COMPARISON)),
            ("_bronzed/leases/pncp.json".to_owned(), None),
        ];
        for (key, points) in keys {
            assert_eq!(points_of(&key), points, "{key}");
        }
    }

    #[test]
    fn all_points_of_writes_are_listed() {
        for (before, after) in [DATA, STATE, MARKER, COMPARISON, DOCUMENT, REMOVAL] {
            assert!(is_listed(before) && is_listed(after), "{before}, {after}");
        }
    }
}
