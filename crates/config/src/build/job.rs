//! Builds jobs: schedule, days, mode.

use std::time::Duration;

use super::Build;
use crate::conform::nearest;
use crate::place::KeyPath;
use crate::raw::dataset::KindWord;
use crate::raw::source::{JobTable, SourceFile};
use bronzed_model::cron::Cron;
use bronzed_model::declaration::{Job, JobDays, Mode, Priority};

impl Build<'_> {
    /// Builds the jobs of a source.
    pub fn jobs(&mut self, path: &KeyPath, tables: &SourceFile) -> Vec<Job> {
        let jobs = tables.job.0.iter();
        jobs.filter_map(|(name, table)| self.job(&path.key(name), name, table, tables))
            .collect()
    }

    fn job(
        &mut self,
        path: &KeyPath,
        name: &str,
        table: &JobTable,
        source: &SourceFile,
    ) -> Option<Job> {
        self.name(path, name);
        if let Some(text) = &table.cron {
            self.cron(&path.key("cron"), text);
        }
        let days = table.days.as_deref();
        let days = days.and_then(|text| self.job_days(&path.key("days"), text));
        let catch_up = table.catch_up.as_deref();
        let catch_up = self.duration(&path.key("catch_up"), catch_up, Job::CATCH_UP);
        if let (Some(Mode::Verify), Some(days @ (JobDays::Today | JobDays::Incomplete))) =
            (table.mode, days)
        {
            let days = if days == JobDays::Today {
                "today, which isn't over"
            } else {
                "days that aren't complete"
            };
            self.complain(
                &path.key("mode"),
                format!(
                    "`{} = \"verify\"` can't be asked of {days}",
                    path.key("mode")
                ),
                "write `days = \"last 90\"`: complete days are compared with what the API states",
            );
        }
        if table.mode == Some(Mode::New) {
            self.new_tells_all(&path.key("mode"), table, source);
        }
        let freshness = table.freshness.as_deref();
        let freshness = freshness.map(|text| self.bound(&path.key("freshness"), text));
        let complete_by = table.complete_by.as_deref();
        let complete_by = self.duration(&path.key("complete_by"), complete_by, Job::COMPLETE_BY);
        let deadline = table.deadline.as_deref();
        let deadline = deadline.map(|text| self.bound(&path.key("deadline"), text));
        let datasets = table.datasets.clone().unwrap_or_default();
        for (position, dataset) in datasets.iter().enumerate() {
            let path = path.key("datasets").index(position);
            self.known_dataset(&path, dataset, source);
            if days.is_some_and(|days| days != JobDays::Today) {
                self.read_on_its_days(&path, dataset, source);
            }
        }
        let blackout = self.blackout(&path.key("blackout"), table.blackout.as_deref());
        Some(Job {
            name: name.to_owned(),
            cron: table.cron.clone()?,
            days: days?,
            mode: table.mode.unwrap_or(Mode::Full),
            priority: table.priority.unwrap_or(Priority::Daily),
            datasets,
            catch_up,
            blackout,
            freshness,
            complete_by,
            deadline,
        })
    }

    fn bound(&mut self, path: &KeyPath, text: &str) -> Duration {
        self.wait(path, Some(text), Duration::MAX)
    }

    fn cron(&mut self, path: &KeyPath, text: &str) {
        // UTC is enough: the validity of an expression doesn't depend on the time zone.
        if let Err(reason) = Cron::parse(text, chrono_tz::UTC) {
            let reason = match out_of_range(text) {
                Some(field) => field,
                None => reason.to_string(),
            };
            self.complain(
                path,
                format!("`{path} = \"{text}\"` is not a cron expression: {reason}"),
                "write minute, hour, day, month and day of the week: \"0 3 * * *\"",
            );
        }
    }

    fn job_days(&mut self, path: &KeyPath, text: &str) -> Option<JobDays> {
        let last = text
            .strip_prefix("last ")
            .and_then(|n| n.trim().parse().ok());
        match (text, last) {
            ("today", _) => Some(JobDays::Today),
            ("yesterday", _) => Some(JobDays::Yesterday),
            ("incomplete", _) => Some(JobDays::Incomplete),
            (_, Some(days)) if days > 0 => Some(JobDays::Last(days)),
            _ => {
                self.complain(
                    path,
                    format!("`{path} = \"{text}\"` names no days"),
                    "write \"today\", \"yesterday\", \"last 7\" or \"incomplete\"",
                );
                None
            }
        }
    }

    /// Rejects mode `new` for dated datasets with versions, because it detects new records by the total,
    /// which an update leaves unchanged. Children are read for each version of their parent, and snapshots
    /// and feeds in any mode.
    fn new_tells_all(&mut self, path: &KeyPath, job: &JobTable, source: &SourceFile) {
        let updated = source.datasets().find(|(name, table)| {
            let read = match &job.datasets {
                Some(named) if !named.is_empty() => named.iter().any(|named| named == name),
                _ => table.enabled != Some(false),
            };
            let version = table.version.as_deref().unwrap_or("none");
            read && table.kind() == KindWord::Dated && version != "none"
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

    /// Rejects snapshots and feeds in jobs of days other than today, because only today can be read of them.
    fn read_on_its_days(&mut self, path: &KeyPath, name: &str, source: &SourceFile) {
        let mut datasets = source.datasets();
        let named = datasets.find(|(known, _)| *known == name);
        let word = match named.map(|(_, table)| table.kind()) {
            Some(KindWord::Snapshot) => "snapshot",
            Some(KindWord::Feed) => "feed",
            _ => return,
        };
        self.complain(
            path,
            format!("`{path}` names `{name}`, a {word}, of which only today can be read"),
            "write `days = \"today\"`, in a job of its own",
        );
    }

    fn known_dataset(&mut self, path: &KeyPath, name: &str, source: &SourceFile) {
        let mut known = source.datasets().map(|(known, _)| known);
        if known.clone().any(|known| known == name) {
            return;
        }
        let instead = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => match known.next() {
                Some(example) => format!("name datasets of this file, such as `{example}`"),
                None => "declare the dataset in this file".to_owned(),
            },
        };
        self.complain(
            path,
            format!("`{path}` names `{name}`, which is no dataset of this source"),
            instead,
        );
    }
}

/// Fields of a cron expression with six fields (one with five lacks the first): names and bounds.
const FIELDS: [(&str, u32, u32); 6] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];

/// Returns the first number of a cron expression that is out of its field's range: `hour 25: 0 to 23`.
fn out_of_range(text: &str) -> Option<String> {
    let fields: Vec<_> = text.split_whitespace().collect();
    let declared = FIELDS.get(FIELDS.len().checked_sub(fields.len())?..)?;
    fields
        .iter()
        .zip(declared)
        .find_map(|(field, (name, least, most))| {
            let parts = field
                .split(',')
                .map(|part| part.split('/').next().unwrap_or(part));
            let mut numbers = parts.flat_map(|part| part.split('-'));
            let wrong = numbers.find(|number| {
                let number = number.parse::<u32>();
                number.is_ok_and(|number| !(*least..=*most).contains(&number))
            })?;
            Some(format!("{name} {wrong}: {least} to {most}"))
        })
}
