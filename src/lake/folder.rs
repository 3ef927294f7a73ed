//! A folder as an object store with the same conditional writes as a bucket.
//!
//! `object_store`'s own folder has create-if-absent (a hard link) but no compare-and-swap. Here it
//! is: under an exclusive lock on `_bronzed/lock`, compare the version, write a temporary file,
//! sync it, rename it over the old one, sync the folder. A crash at any instant leaves the old
//! object or the new one, and at most a staging file `name#1`, which no listing shows; those older
//! than a day are removed by the next write into their folder.
//!
//! The lock holds between threads and processes of one machine, and on network file systems that
//! have file locks.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result, UpdateVersion,
};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::clock::{Clock, SystemClock};

/// A staging file that is older than this has no writer any more.
const STALE: TimeDelta = TimeDelta::days(1);

/// A folder on this machine.
#[derive(Debug)]
pub(super) struct FolderStore {
    inner: LocalFileSystem,
    root: PathBuf,
    /// Lets only one thread of this process wait for the file lock: the others would take up the
    /// threads that the holder needs.
    turn: Mutex<()>,
}

impl FolderStore {
    /// Opens the folder, and makes it if it isn't there.
    pub(super) fn open(folder: &FilePath) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let root = fs::canonicalize(folder)?;
        let inner = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        Ok(Self {
            inner: inner.with_fsync(true),
            root,
            turn: Mutex::new(()),
        })
    }

    /// The folder's whole path.
    pub(super) fn root(&self) -> &FilePath {
        &self.root
    }

    async fn update(
        &self,
        location: &Path,
        payload: PutPayload,
        expected: UpdateVersion,
    ) -> Result<PutResult> {
        let path = self.inner.path_to_filesystem(location)?;
        let _turn = self.turn.lock().await;
        let root = self.root.clone();
        let lock = blocking(move || lock(&root)).await?;
        let current = match self.inner.head(location).await {
            Ok(meta) => meta.e_tag,
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        if current.is_none() || current != expected.e_tag {
            return Err(Error::Precondition {
                path: location.to_string(),
                source: "the file isn't the one that was read".into(),
            });
        }
        // The lock goes along: who stops waiting for this call doesn't end the write.
        let lock = blocking(move || overwrite(&path, &payload).map(|()| lock)).await?;
        let written = self.inner.head(location).await?;
        drop(lock);
        Ok(PutResult {
            e_tag: written.e_tag,
            version: None,
            extensions: Default::default(),
        })
    }
}

/// Waits for the folder's lock; dropping the file releases it, and so does the end of the process.
fn lock(root: &FilePath) -> io::Result<File> {
    let folder = root.join("_bronzed");
    fs::create_dir_all(&folder)?;
    let file = File::create(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Puts new content in the place of a file that exists, whole or not at all.
fn overwrite(path: &FilePath, payload: &PutPayload) -> io::Result<()> {
    // A version is made of inode, time and size. File systems hand out inodes again, and their
    // clocks tick slowly: only a time that always moves on tells every version from the others.
    let after = fs::metadata(path)?.modified()? + Duration::from_micros(1);
    let (mut file, staging) = stage(path)?;
    let written = (|| {
        for part in payload {
            file.write_all(part)?;
        }
        if file.metadata()?.modified()? < after {
            file.set_modified(after)?;
        }
        file.sync_all()?;
        fs::rename(&staging, path)
    })();
    if written.is_err() {
        // What stays behind is swept later.
        let _ = fs::remove_file(&staging);
    }
    written?;
    sync_folder(path)
}

/// A new file beside `path`, by a name that listings leave out.
fn stage(path: &FilePath) -> io::Result<(File, PathBuf)> {
    for number in 1_u32.. {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{number}"));
        let staging = PathBuf::from(name);
        match File::create_new(&staging) {
            Ok(file) => return Ok((file, staging)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free name for a staging file"))
}

#[cfg(unix)]
fn sync_folder(path: &FilePath) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Elsewhere a folder can't be opened for syncing; the system orders such changes itself.
#[cfg(not(unix))]
fn sync_folder(_: &FilePath) -> io::Result<()> {
    Ok(())
}

/// Removes staging files that killed writers left in this folder. It is a courtesy: nothing
/// depends on it, so that its failures don't count. Ages are told by the machine's own clock,
/// which the files' times come from.
fn sweep(folder: &FilePath) {
    let before = SystemClock.now() - STALE;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|meta| meta.modified());
        let is_old = modified.is_ok_and(|time| DateTime::<Utc>::from(time) < before);
        if is_old && entry.file_name().to_str().is_some_and(is_staging) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_staging(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = spawn_blocking(work).await?;
    done.map_err(|error| Error::Generic {
        store: "folder",
        source: Box::new(error),
    })
}

impl fmt::Display for FolderStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for FolderStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let path = self.inner.path_to_filesystem(location)?;
        blocking(move || Ok(path.parent().map(sweep))).await?;
        match opts.mode {
            PutMode::Update(expected) => self.update(location, payload, expected).await,
            _ => self.inner.put_opts(location, payload, opts).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
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

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
