//! Copy of a lake's objects in a folder, for readers that know only folders. Only objects that have changed are fetched again.

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;

use crate::support::lake::TestLake;

/// Copy of a lake; of one in a folder the lake itself.
pub struct LakeCopy {
    folder: Option<TempDir>,
    path: String,
    /// Version of each object that is copied.
    copied: BTreeMap<String, String>,
}

impl LakeCopy {
    pub fn of(lake: &TestLake) -> Self {
        let folder = (!lake.is_folder())
            .then(|| TempDir::with_prefix("bronzed-copy-").expect("a temporary folder"));
        let path = match &folder {
            Some(folder) => folder.path().to_owned(),
            None => lake.as_folder(),
        };
        Self {
            folder,
            path: path.to_str().expect("a path").to_owned(),
            copied: BTreeMap::new(),
        }
    }

    /// Returns the folder, with the lake's objects of now.
    pub fn now(&mut self, lake: &TestLake) -> &str {
        if let Some(folder) = &self.folder {
            let folder = folder.path();
            let versions = lake.versions();
            for gone in self
                .copied
                .keys()
                .filter(|key| !versions.contains_key(*key))
            {
                fs::remove_file(folder.join(gone)).expect("a file that was copied");
            }
            for (key, version) in &versions {
                if self.copied.get(key) == Some(version) {
                    continue;
                }
                let path = folder.join(key);
                fs::create_dir_all(path.parent().unwrap_or(folder)).expect("a new folder");
                fs::write(path, lake.get(key)).expect("a file");
            }
            self.copied = versions;
        }
        &self.path
    }
}
