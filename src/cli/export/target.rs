//! The file that an export makes: it has its name only when it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
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
    /// Begins a file.
    ///
    /// # Errors
    /// Returns an error if a file can't be made in that folder.
    pub fn begin(path: &Path) -> io::Result<(Self, File)> {
        let name = path.file_name().unwrap_or_default();
        for number in 1_u32.. {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{number}.partial", std::process::id()));
            let staged = path.with_file_name(hidden);
            match File::create_new(&staged) {
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
        if !replace && self.path.exists() {
            return Ok(None);
        }
        fs::rename(&self.staged, &self.path)?;
        self.is_placed = true;
        #[cfg(unix)]
        {
            let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Some(bytes))
    }
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
    }
}
