//! Objects of a Delta log in memory: what kernel code reads, and what it writes.
//!
//! Kernel code is synchronous, a lake isn't. So a mirror answers only what was fetched before; whatever else is asked for is
//! noted as wanted, and the call fails. [`super::run`] fetches what is wanted, and calls again. Writes stay here until the
//! call has succeeded: the caller carries them out.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bronzed_storage::lake::Entry;
use bytes::Bytes;
use delta_kernel::{FileMeta, KernelError, KernelResult};
use url::Url;

/// Scheme and host of the URLs that stand for keys of the lake.
const ROOT: &str = "memory:///";

/// Objects and listings by key.
#[derive(Debug, Default)]
pub struct Mirror(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// `None` for an object that doesn't exist.
    objects: BTreeMap<String, Option<Bytes>>,
    listings: BTreeMap<FolderListing, Vec<Entry>>,
    wanted: Vec<Missed>,
    written: Vec<Write>,
}

/// A listing of a folder, of the keys after `after`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderListing {
    pub folder: String,
    pub after: String,
}

/// Object or listing that kernel code asked for, and that isn't here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    Object(String),
    Folder(FolderListing),
}

/// An object that kernel code has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub key: String,
    pub bytes: Bytes,
    /// `false` if the object must not exist yet.
    pub replaces: bool,
}

impl Mirror {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was wanted and written, for another call.
    pub fn begin(&self) {
        let mut held = self.held();
        held.wanted.clear();
        held.written.clear();
    }

    /// Takes what was wanted by the call.
    pub fn wanted(&self) -> Vec<Missed> {
        std::mem::take(&mut self.held().wanted)
    }

    /// Takes what was written by the call.
    pub fn written(&self) -> Vec<Write> {
        std::mem::take(&mut self.held().written)
    }

    /// Holds a fetched object; `None` if it doesn't exist.
    pub fn hold(&self, key: String, bytes: Option<Bytes>) {
        self.held().objects.insert(key, bytes);
    }

    /// Holds a fetched listing.
    pub fn hold_listing(&self, listing: FolderListing, entries: Vec<Entry>) {
        self.held().listings.insert(listing, entries);
    }

    /// Returns an object.
    pub fn object(&self, url: &Url) -> KernelResult<Bytes> {
        let key = key(url)?;
        let mut held = self.held();
        match held.objects.get(&key) {
            Some(Some(bytes)) => Ok(bytes.clone()),
            Some(None) => Err(KernelError::file_not_found(url)),
            None => {
                held.wanted.push(Missed::Object(key));
                Err(KernelError::generic(format!("{url} isn't fetched yet")))
            }
        }
    }

    /// Returns the objects after `url` in its folder; all objects of a folder.
    pub fn list(&self, url: &Url) -> KernelResult<Vec<FileMeta>> {
        let after = key(url)?;
        let folder = match after.strip_suffix('/') {
            Some(folder) => folder,
            None => after.rsplit_once('/').map_or("", |(folder, _)| folder),
        };
        let listing = FolderListing {
            folder: folder.to_owned(),
            after: after.trim_end_matches('/').to_owned(),
        };
        let mut held = self.held();
        let Some(entries) = held.listings.get(&listing) else {
            held.wanted.push(Missed::Folder(listing));
            return Err(KernelError::generic(format!("{url} isn't listed yet")));
        };
        let files = entries.iter().map(|entry| {
            let modified = entry.modified.timestamp_millis();
            Ok(FileMeta::new(location(&entry.key)?, modified, entry.size))
        });
        files.collect()
    }

    /// Keeps an object that kernel code writes.
    pub fn write(&self, url: &Url, bytes: Bytes, replaces: bool) -> KernelResult<()> {
        let key = key(url)?;
        let mut held = self.held();
        held.written.push(Write {
            key,
            bytes,
            replaces,
        });
        Ok(())
    }

    /// Returns the length of an object that kernel code has written, or that was fetched.
    pub fn size(&self, url: &Url) -> KernelResult<u64> {
        let key = key(url)?;
        let written = |held: &Held| {
            let mut written = held.written.iter();
            written
                .find(|write| write.key == key)
                .map(|write| write.bytes.len())
        };
        let length = written(&self.held());
        let length = match length {
            Some(length) => length,
            None => self.object(url)?.len(),
        };
        Ok(length as u64)
    }
}

/// Returns the URL that stands for a key; of a folder if the key ends with `/`.
pub fn location(key: &str) -> KernelResult<Url> {
    let mut url = Url::parse(ROOT).map_err(KernelError::generic_err)?;
    url.set_path(key);
    Ok(url)
}

fn key(url: &Url) -> KernelResult<String> {
    let path = url.path().trim_start_matches('/');
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    let decoded = decoded.map_err(KernelError::generic_err)?;
    Ok(decoded.into_owned())
}
