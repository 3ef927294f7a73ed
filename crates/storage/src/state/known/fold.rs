//! Replays a snapshot's files, from the newest usable checkpoint on, into its known rows.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::Known;
use crate::bronze::events::{JsonEvent, events};
use crate::bronze::layout;
use crate::lake::{Created, Lake};
use crate::state::{DayStore, StateError};
use bronzed_model::day::Day;

/// A checkpoint is due after this many files beyond the last one …
const FILES_BEYOND: usize = 32;
/// … or more events than this, and than a quarter of the table.
const LEAST_EVENTS: usize = 1_000;

/// Known rows with the state of their replay.
#[derive(Debug)]
pub struct Folded {
    /// The known rows.
    pub known: Known,
    /// Number of files of the day that were replayed.
    commits: u64,
    /// Checkpoint from which the replay started.
    checkpoint: Option<String>,
    /// Digest of the replayed files.
    digest: Sha256,
    /// Numbers of files and events after the checkpoint.
    files: usize,
    events: usize,
    /// `true` if other runs stored files during this run: the rows are right for this run, but may differ
    /// from a replay of the files.
    joined: bool,
}

/// Access to the files of a snapshot.
struct ReplayedFiles<'a> {
    lake: &'a Lake,
    prefix: &'a str,
}

impl DayStore {
    /// Returns the known rows after files 1 to `commits` of the day.
    ///
    /// # Errors
    /// Returns an error if the lake or a file can't be read.
    pub async fn known(&self, commits: u64) -> Result<Folded, StateError> {
        self.files().known(self.day, commits).await
    }

    fn files(&self) -> ReplayedFiles<'_> {
        ReplayedFiles {
            lake: &self.lake,
            prefix: &self.dataset.prefix,
        }
    }
}

/// Returns the known rows of a snapshot at the end of a day.
///
/// # Errors
/// Returns an error if the lake or a file can't be read.
pub async fn known_at(lake: &Lake, prefix: &str, day: Day) -> Result<Known, StateError> {
    let folded = ReplayedFiles { lake, prefix }.known(day, u64::MAX).await?;
    Ok(folded.known)
}

impl ReplayedFiles<'_> {
    async fn known(&self, of_day: Day, commits: u64) -> Result<Folded, StateError> {
        let prefix = self.prefix;
        let listed = self.lake.list(prefix).await?;
        let (mut files, mut checkpoints) = (BTreeSet::new(), BTreeSet::new());
        for entry in &listed {
            let key = &entry.key;
            if let Some(day) = layout::file_day(prefix, key) {
                let number = layout::file_number(prefix, day, key);
                files.extend(number.map(|number| (day, number)));
            } else if let Some((day, number, digest)) = layout::known_rows(prefix, key) {
                checkpoints.insert((day, number, digest));
            }
        }
        files.retain(|file| *file <= (of_day, commits));
        for (day, number, digest) in checkpoints.into_iter().rev() {
            if (day, number) > (of_day, commits) {
                continue;
            }
            let made_of = files.range(..=(day, number));
            let mut made = Sha256::new();
            made_of.for_each(|file| note(&mut made, *file));
            if shown(&made) != digest {
                continue;
            }
            let key = layout::known_key(prefix, day, number, digest);
            let Some(known) = self.checkpoint(&key).await? else {
                continue;
            };
            let mut folded = Folded {
                known,
                commits,
                checkpoint: Some(key),
                digest: made,
                files: 0,
                events: 0,
                joined: false,
            };
            let after = files.range((day, number + 1)..).copied();
            folded.count(self, after).await?;
            return Ok(folded);
        }
        let mut folded = Folded {
            known: Known::default(),
            commits,
            checkpoint: None,
            digest: Sha256::new(),
            files: 0,
            events: 0,
            joined: false,
        };
        folded.count(self, files.into_iter()).await?;
        Ok(folded)
    }

    /// Loads a checkpoint; returns `None` if it can't be decoded.
    async fn checkpoint(&self, key: &str) -> Result<Option<Known>, StateError> {
        let Some((bytes, _)) = self.lake.get(key).await? else {
            return Ok(None);
        };
        match Known::decode(&bytes) {
            Ok(known) => Ok(Some(known)),
            Err(error) => {
                tracing::warn!(key, %error, "known rows can't be read");
                Ok(None)
            }
        }
    }

    async fn each_event(
        &self,
        (day, number): (Day, u64),
        mut each: impl FnMut(JsonEvent<'_>),
    ) -> Result<(), StateError> {
        let key = layout::file_key(self.prefix, day, number);
        // The rows of a file that was removed from the lake are unknown, so they are read again.
        let Some((bytes, _)) = self.lake.get(&key).await? else {
            return Ok(());
        };
        events(&bytes, &mut each).map_err(|source| StateError::File { key, source })
    }
}

impl Folded {
    async fn count(
        &mut self,
        store: &ReplayedFiles<'_>,
        files: impl Iterator<Item = (Day, u64)>,
    ) -> Result<(), StateError> {
        for file in files {
            let (known, count) = (&mut self.known, &mut self.events);
            let take = |event: JsonEvent<'_>| {
                known.apply(event, false);
                *count += 1;
            };
            store.each_event(file, take).await?;
            note(&mut self.digest, file);
            self.files += 1;
        }
        Ok(())
    }

    /// Advances to file number `commits` of the day. `own` is the key and the number of rows of the file that
    /// this run has just stored, whose rows are known already; the other files are those of other runs.
    ///
    /// # Errors
    /// Returns an error if a file can't be read.
    pub async fn follow(
        &mut self,
        store: &DayStore,
        commits: u64,
        own: Option<(&str, u64)>,
    ) -> Result<(), StateError> {
        let (prefix, day) = (&store.dataset.prefix, store.day);
        let own_number = own.and_then(|(key, _)| layout::file_number(prefix, day, key));
        for number in self.commits + 1..=commits {
            if Some(number) != own_number {
                self.joined = true;
                let known = &mut self.known;
                let take = |event: JsonEvent<'_>| known.join(event);
                store.files().each_event((day, number), take).await?;
            }
            note(&mut self.digest, (day, number));
            self.files += 1;
        }
        self.commits = commits;
        self.events += own.map_or(0, |(_, rows)| usize::try_from(rows).unwrap_or(usize::MAX));
        Ok(())
    }

    /// Returns the key of the checkpoint for the state: the one from which the replay started, or a new one
    /// that is written now, if too many files or events came after it.
    ///
    /// # Errors
    /// Returns an error if a new checkpoint can't be written.
    pub async fn leave(&self, store: &DayStore) -> Result<Option<String>, StateError> {
        let many = LEAST_EVENTS.max(self.known.len() / 4);
        let is_due = match self.checkpoint {
            None => self.files > 0,
            Some(_) => self.events > many || self.files >= FILES_BEYOND,
        };
        if !is_due || self.joined {
            return Ok(self.checkpoint.clone());
        }
        let digest = shown(&self.digest);
        let key = layout::known_key(&store.dataset.prefix, store.day, self.commits, &digest);
        let bytes = self.known.encode().map_err(StateError::Encode)?;
        match store.lake.create(&key, bytes).await? {
            // An existing object of this name was made from the same files.
            Created::Done(_) | Created::Exists => Ok(Some(key)),
        }
    }
}

fn note(digest: &mut Sha256, (day, number): (Day, u64)) {
    digest.update(format!("{} {number}\n", day.compact()));
}

fn shown(digest: &Sha256) -> String {
    let digest = digest.clone().finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
