//! The file that an export makes: it has its name only when it is whole.
//!
//! Until then it is `.NAME.PID-NUMBER.partial`, locked by the process that writes it. So one that a killed process has left is
//! known by its lock, which the system has released, on whatever machine that process was; the next export to the same name
//! removes it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A file under a temporary name beside its own, which is removed unless the file is put in place.
#[derive(Debug)]
pub struct StagedFile {
    path: PathBuf,
    staged: PathBuf,
    is_placed: bool,
}

impl StagedFile {
    /// Begins a file, and removes what killed processes have left of files of its name.
    ///
    /// # Errors
    /// Returns an error if a file can't be made in that folder.
    pub fn begin(path: &Path) -> io::Result<(Self, File)> {
        let name = path.file_name().unwrap_or_default();
        sweep(path, name);
        for number in 1_u32.. {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{number}.partial", std::process::id()));
            let staged = path.with_file_name(hidden);
            match File::create_new(&staged) {
                Ok(file) if !is_held(&file, &staged) => {}
                Ok(file) => {
                    let path = path.to_owned();
                    let staged = Self {
                        path,
                        staged,
                        is_placed: false,
                    };
                    return Ok((staged, file));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("no free name for a temporary file"))
    }

    /// Puts the file in place, synced. Returns its length; `None` if there is a file of its name, which isn't to be replaced.
    ///
    /// # Errors
    /// Returns an error if the file can't be synced or renamed.
    pub fn place(mut self, file: &File, replace: bool) -> io::Result<Option<u64>> {
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        match replace {
            true => fs::rename(&self.staged, &self.path)?,
            false if !self.linked()? => return Ok(None),
            false => {}
        }
        self.is_placed = true;
        #[cfg(unix)]
        {
            let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Some(bytes))
    }
}

impl StagedFile {
    /// Gives the file its name. Returns `false` if there is a file of that name, even one that has just come.
    fn linked(&self) -> io::Result<bool> {
        match fs::hard_link(&self.staged, &self.path) {
            Ok(()) => {
                // A second name that stays is removed by the next export.
                let _ = fs::remove_file(&self.staged);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // Some file systems have no links; there, a file that comes at this very moment is replaced.
            Err(_) if self.path.symlink_metadata().is_ok() => Ok(false),
            Err(_) => fs::rename(&self.staged, &self.path).map(|()| true),
        }
    }
}

/// Locks a file that was just made. Returns `false` if another process took it for a leftover before. Where files can't be locked,
/// no leftover is removed.
fn is_held(file: &File, staged: &Path) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && staged.exists()
}

/// Removes the temporary files of this name that no process holds. What can't be looked at stays.
fn sweep(path: &Path, name: &OsStr) {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !is_temporary_of(&entry.file_name(), name) {
            continue;
        }
        let left = path.with_file_name(entry.file_name());
        if let Ok(file) = File::open(&left)
            && file.try_lock().is_ok()
        {
            // It stays locked until it is gone.
            let _ = fs::remove_file(&left);
        }
    }
}

/// Returns `true` for a name that [`StagedFile::begin`] makes of `name`.
fn is_temporary_of(found: &OsStr, name: &OsStr) -> bool {
    let numbers = found
        .as_encoded_bytes()
        .strip_prefix(b".")
        .and_then(|found| found.strip_prefix(name.as_encoded_bytes()))
        .and_then(|found| found.strip_prefix(b"."))
        .and_then(|found| found.strip_suffix(b".partial"));
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    numbers.is_some_and(|numbers| {
        let mut parts = numbers.splitn(2, |byte| *byte == b'-');
        parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number)
    })
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.is_placed {
            // Nothing can be done about a leftover.
            let _ = fs::remove_file(&self.staged);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole_and_replaces_none_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let (staged, mut file) = StagedFile::begin(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(staged);
        assert_eq!(names(), 0, "an export that failed leaves nothing");

        let (staged, mut file) = StagedFile::begin(&path).unwrap();
        file.write_all(b"whole").unwrap();
        assert_eq!(staged.place(&file, false).unwrap(), Some(5));
        let (staged, mut other) = StagedFile::begin(&path).unwrap();
        other.write_all(b"another").unwrap();
        assert_eq!(staged.place(&other, false).unwrap(), None);
        assert_eq!((fs::read(&path).unwrap(), names()), (b"whole".to_vec(), 1));
        let (staged, other) = StagedFile::begin(&path).unwrap();
        assert_eq!(staged.place(&other, true).unwrap(), Some(0));
        assert_eq!(names(), 1);
    }

    #[test]
    fn a_file_that_comes_while_an_export_ends_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let (staged, file) = StagedFile::begin(&path).unwrap();
        // A link whose target is gone is no file that is there, but a name that is taken.
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        #[cfg(not(unix))]
        fs::write(&path, "mine").unwrap();
        assert_eq!(staged.place(&file, false).unwrap(), None);
        assert!(path.symlink_metadata().is_ok());
    }

    #[test]
    fn what_a_killed_export_has_left_is_removed_by_the_next_of_its_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let left = [".out.csv.4194304-1.partial", ".out.csv.7-12.partial"];
        let others = [
            ".other.csv.7-1.partial",
            ".out.csv.7-1",
            ".out.csv.x-1.partial",
            ".out.csv.7.partial",
            "out.csv.7-1.partial",
            ".out.csv..7-1.partial",
        ];
        for name in left.iter().chain(&others) {
            fs::write(path(name), "half").unwrap();
        }
        // Another export of the same name is at work.
        let (at_work, file) = StagedFile::begin(&path("out.csv")).unwrap();
        let (next, _) = StagedFile::begin(&path("out.csv")).unwrap();
        assert!(at_work.staged.exists() && at_work.staged != next.staged);
        assert!(left.iter().all(|name| !path(name).exists()));
        assert!(others.iter().all(|name| path(name).exists()));
        assert_eq!(at_work.place(&file, false).unwrap(), Some(0));
    }
}
