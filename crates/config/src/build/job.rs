//! Checks jobs: mode and datasets.

use super::Build;
use crate::path::KeyPath;
use crate::tables::dataset::KindWord;
use crate::tables::source::SourceFile;
use bronzed_model::declaration::{Job, JobDays, Mode};

impl Build<'_> {
    /// Warns of snapshots and feeds that no job of the source reads: those of earlier days pass them over.
    pub fn read_today(&mut self, top: &KeyPath, source: &SourceFile) {
        if source.job.is_empty() {
            return;
        }
        for (name, table) in &source.dataset {
            let word = match table.kind {
                KindWord::Snapshot => "snapshot",
                KindWord::Feed => "feed",
                KindWord::Dated | KindWord::Child => continue,
            };
            let reads = |job: &Job| {
                let names = job.datasets.is_empty() || job.datasets.contains(name);
                names && job.days == JobDays::Today
            };
            if table.enabled == Some(false) || source.job.values().any(reads) {
                continue;
            }
            let path = top.key("dataset").key(name).key("kind");
            let what = format!(
                "`{name}` is a {word}, of which only today can be read, and no job with `days = \"today\"` reads it"
            );
            let hint = format!(
                "add `[job.NAME]` with `days = \"today\"` and `datasets = [\"{name}\"]`, or `enabled = false`"
            );
            self.problems.warn(self.layers.place(&path), what, hint);
        }
    }

    /// Checks a job against the datasets of its source.
    pub fn job(&mut self, path: &KeyPath, name: &str, job: &Job, source: &SourceFile) {
        self.name(path, name);
        match job.mode {
            Mode::Full => {}
            Mode::New => self.new_tells_all(&path.key("mode"), job, source),
            Mode::Verify => self.verify_is_of_complete_days(&path.key("mode"), job.days),
        }
        let of_earlier_days = self.said(&path.key("days")) && job.days != JobDays::Today;
        for (position, dataset) in job.datasets.iter().enumerate() {
            let path = path.key("datasets").index(position);
            let hint = match source.dataset.keys().next() {
                Some(example) => format!("name datasets of this file, such as `{example}`"),
                None => "declare the dataset in this file".to_owned(),
            };
            let Some(table) = self.dataset_named(&path, dataset, &hint, source) else {
                continue;
            };
            // Of snapshots and feeds only today can be read.
            let word = match table.kind {
                KindWord::Snapshot => "snapshot",
                KindWord::Feed => "feed",
                KindWord::Dated | KindWord::Child => continue,
            };
            if of_earlier_days {
                let what = format!(
                    "`{path}` names `{dataset}`, a {word}, of which only today can be read"
                );
                self.complain(&path, what, "write `days = \"today\"`, in a job of its own");
            }
        }
    }

    fn verify_is_of_complete_days(&mut self, path: &KeyPath, days: JobDays) {
        let days = match days {
            JobDays::Today => "today, which isn't over",
            JobDays::Incomplete => "days that aren't complete",
            JobDays::Yesterday | JobDays::Last(_) => return,
        };
        self.complain(
            path,
            format!("`{path} = \"verify\"` can't be asked of {days}"),
            "write `days = \"last 90\"`: complete days are compared with what the API states",
        );
    }

    /// Rejects mode `new` for dated datasets with versions, because it detects new records by the total,
    /// which an update leaves unchanged. Children are read for each version of their parent, and snapshots
    /// and feeds in any mode.
    fn new_tells_all(&mut self, path: &KeyPath, job: &Job, source: &SourceFile) {
        let updated = source.dataset.iter().find(|(name, table)| {
            let read = match job.datasets.is_empty() {
                true => table.enabled != Some(false),
                false => job.datasets.contains(name),
            };
            let version = table.version.as_ref();
            let has_versions = version.is_some_and(|version| version.0.written != "none");
            read && table.kind == KindWord::Dated && has_versions
        });
        if let Some((name, _)) = updated {
            self.complain(
                path,
                format!(
                    "`{path} = \"new\"` can't be asked of `{name}`, whose records have versions: an \
                     update leaves the total as it is, and would be missed"
                ),
                "write `mode = \"full\"`, or name under `datasets` those without `version`",
            );
        }
    }
}
