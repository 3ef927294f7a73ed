//! ZIP archives: the one file of an archive that a dataset is read from.

use std::io::{Cursor, Read};

use bytes::Bytes;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::failure::snippet;
use crate::transport::Unreadable;

/// Maximum number of names that are shown of an archive.
const MOST_NAMES: usize = 5;

/// Returns `true` if a body is a ZIP archive, be it an empty one.
pub fn is_archive(body: &[u8]) -> bool {
    matches!(body, [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..])
}

/// Unpacks the file whose name ends with `wanted`, or the only one of an archive, up to `max` + 1 bytes.
///
/// An archive has its directory at its end, and a checksum for each file: one that is cut off isn't read.
///
/// # Errors
/// If the archive is damaged, or hasn't exactly one such file.
pub fn file(archive: &Bytes, wanted: Option<&str>, max: u64) -> Result<Vec<u8>, Unreadable> {
    let damaged = |error: ZipError| {
        let problem = snippet(error.to_string().as_bytes());
        Unreadable::Damaged("zip", problem)
    };
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(damaged)?;
    let names = archive.file_names().filter(|name| !name.ends_with('/'));
    let fitting = names.filter(|name| wanted.is_none_or(|end| name.ends_with(end)));
    let fitting: Vec<_> = fitting.map(str::to_owned).collect();
    let [name] = fitting.as_slice() else {
        let shown = archive.file_names().take(MOST_NAMES);
        let shown: Vec<_> = shown.map(|name| snippet(name.as_bytes())).collect();
        return Err(Unreadable::Archive {
            files: fitting.len(),
            names: shown.join(", "),
        });
    };
    let mut entry = archive.by_name(name).map_err(damaged)?;
    let mut unpacked = Vec::new();
    let read = entry.by_ref().take(max.saturating_add(1));
    match { read }.read_to_end(&mut unpacked) {
        Ok(_) => Ok(unpacked),
        Err(error) => Err(damaged(error.into())),
    }
}
