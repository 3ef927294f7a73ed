//! Folder with the same conditional writes as a bucket.
//!
//! `object_store`'s own folder store has create-if-absent but no compare-and-swap, and it stages files beside
//! their targets: readers that take every file of a partition for data (pyarrow does) would read half a file
//! there, or after a crash all of its rows twice.
//!
//! Here both run under an exclusive lock on `_bronzed/lock`: compare, write and sync a file in
//! `_bronzed/staging`, link it to its new name or rename it over the old one, sync the folder. A crash at any
//! instant leaves the old object or the new one, and at most a staging file, which no
//! listing shows; those older than a day are removed by the next write.
//!
//! The lock works between threads and processes of one machine, and on network file systems that support file
//! locks.

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

use crate::failpoint::failpoint;
use bronzed_model::clock::{Clock, SystemClock};

/// Folder of staged files.
const STAGING: &str = "_bronzed/staging";

/// Age after which a staging file has no writer any more.
const STALE: TimeDelta = TimeDelta::days(1);

/// Object store in a folder of this machine.
#[derive(Debug)]
pub(super) struct FolderStore {
    inner: LocalFileSystem,
    root: PathBuf,
    /// Lets only one thread of this process wait for the file lock: waiting threads could exhaust the pool
    /// that the lock's holder needs.
    turn: Mutex<()>,
}

impl FolderStore {
    /// Opens the folder, and creates it if absent.
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

    /// Returns the absolute path of the folder.
    pub(super) fn root(&self) -> &FilePath {
        &self.root
    }

    async fn create(&self, location: &Path, payload: PutPayload) -> Result<PutResult> {
        let path = self.inner.path_to_filesystem(location)?;
        let _turn = self.turn.lock().await;
        let root = self.root.clone();
        let lock = blocking(move || lock(&root)).await?;
        let staging = self.root.join(STAGING);
        // The lock moves into the closure, because cancelling this future doesn't stop the write.
        let write = move || create(&staging, &path, &payload).map(|is_new| (is_new, lock));
        let (is_new, lock) = blocking(write).await?;
        if !is_new {
            return Err(Error::AlreadyExists {
                path: location.to_string(),
                source: "the file is there".into(),
            });
        }
        let written = self.written(location).await;
        drop(lock);
        written
    }

    /// Returns the result of a put, under the lock.
    async fn written(&self, location: &Path) -> Result<PutResult> {
        Ok(PutResult {
            e_tag: self.inner.head(location).await?.e_tag,
            version: None,
            extensions: Default::default(),
        })
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
        let staging = self.root.join(STAGING);
        let lock = blocking(move || overwrite(&staging, &path, &payload).map(|()| lock)).await?;
        let written = self.written(location).await;
        drop(lock);
        written
    }
}

/// Acquires the folder's lock; dropping the file releases it, and so does the end of the process.
fn lock(root: &FilePath) -> io::Result<File> {
    // The root existed when it was opened; a lake that was moved away must not be recreated in its place.
    if !root.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            "the folder is gone: it was moved away, or isn't mounted",
        ));
    }
    let folder = root.join("_bronzed");
    fs::create_dir_all(&folder)?;
    let file = File::create(folder.join("lock"))?;
    file.lock()?;
    failpoint!("folder.locked");
    Ok(file)
}

/// Creates a file atomically; returns `false` if it exists.
fn create(staging: &FilePath, path: &FilePath, payload: &PutPayload) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let (file, staged) = stage(staging, path)?;
    let linked = write(&file, payload)
        .and_then(|()| sync(&file))
        .and_then(|()| fs::hard_link(&staged, path));
    failpoint!("folder.linked");
    // A leftover is removed by a later `sweep`.
    let _ = fs::remove_file(&staged);
    match linked {
        Ok(()) => sync_name(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces the content of an existing file atomically.
fn overwrite(staging: &FilePath, path: &FilePath, payload: &PutPayload) -> io::Result<()> {
    // A version consists of inode, time and size. Inodes are reused and file systems' clocks are coarse, so
    // only a strictly increasing time makes every version unique.
    let after = fs::metadata(path)?.modified()? + Duration::from_micros(1);
    let (file, staged) = stage(staging, path)?;
    let written = (|| {
        write(&file, payload)?;
        if file.metadata()?.modified()? < after {
            file.set_modified(after)?;
        }
        sync(&file)?;
        fs::rename(&staged, path)
    })();
    if written.is_err() {
        // A leftover is removed by a later `sweep`.
        let _ = fs::remove_file(&staged);
    }
    written?;
    sync_name(path)
}

fn write(mut file: &File, payload: &PutPayload) -> io::Result<()> {
    payload.iter().try_for_each(|part| file.write_all(part))?;
    failpoint!("folder.written");
    Ok(())
}

fn sync(file: &File) -> io::Result<()> {
    file.sync_all()?;
    Ok(())
}

fn sync_name(path: &FilePath) -> io::Result<()> {
    sync_folder(path)?;
    Ok(())
}

/// Creates a folder and its parents, synced so that they survive a crash.
fn make_folder(folder: &FilePath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            failpoint!("folder.made");
            sync_folder(folder)
        }
    }
}

/// Creates a staging file for `path`, with a name that listings omit.
fn stage(staging: &FilePath, path: &FilePath) -> io::Result<(File, PathBuf)> {
    fs::create_dir_all(staging)?;
    for number in 1_u32.. {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("#{number}"));
        let staged = staging.join(name);
        match File::create_new(&staged) {
            Ok(file) => {
                failpoint!("folder.staged");
                return Ok((file, staged));
            }
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

/// Other systems can't open a folder for syncing; they order such changes themselves.
#[cfg(not(unix))]
fn sync_folder(_: &FilePath) -> io::Result<()> {
    Ok(())
}

/// Removes staging files left by killed writers. Best effort: nothing depends on it, so errors are ignored.
/// Ages use the machine's own clock, which also sets the files' times.
fn sweep(staging: &FilePath) {
    let before = SystemClock.now() - STALE;
    for entry in fs::read_dir(staging).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|meta| meta.modified());
        if modified.is_ok_and(|time| DateTime::<Utc>::from(time) < before) {
            let _ = fs::remove_file(entry.path());
        }
    }
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
        let staging = self.root.join(STAGING);
        blocking(move || {
            sweep(&staging);
            Ok(())
        })
        .await?;
        match opts.mode {
            PutMode::Create => self.create(location, payload).await,
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
