//! The state document of a day: the index of the day's files, with the audit of its runs.
//!
//! ```json
//! {
//!   "date": "2025-10-22",
//!   "processed_ids": ["07954480000179-1-022746/2025", "45276128000110-1-003529/2025"],
//!   "last_execution": "2025-10-22T12:00:03-03:00",
//!   "total_processed": 2,
//!   "executions": [{"timestamp": "2025-10-22T12:00:03-03:00", "new_records": 2, …}],
//!   "created_at": "2025-10-22T08:00:02-03:00",
//!   "slices": {"modalidade=6": {"total": 812, "seen": 812}},
//!   "withdrawn_ids": {"45276128000110-1-003529/2025": "2025-12-07T05:12:00-03:00"},
//!   "known": "tcu_inidoneos/_state/known/20251022_c000002_5b1c9e07d2a4f683",
//!   "complete": false,
//!   "generation": 1,
//!   "accepted": {"at": "2025-12-07T05:12:00-03:00", "reason": "the API states one record too many"},
//!   "lost_files": ["pncp/year=2025/month=10/day=22/pncp_20251022_c000002.parquet"],
//!   "file_bytes": {"pncp_20251022_c000001.parquet": 48213, …},
//!   "commits": 7,
//!   "revision": 31,
//!   "format": 1,
//!   "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! }
//! ```
//!
//! `parents_done` (child datasets only): ids, versions included, of the parents whose children were read in
//! full and have their rows in the files counted by `commits`.
//!
//! In a slice, `proven` means that it was read in full with its proof after the day had settled;
//! `empty_since` is the time since which its responses have been empty without interruption. Each is omitted
//! if it doesn't apply.
//!
//! `withdrawn_ids` (omitted if empty): stored ids that the API was found to list no more, each with the time
//! of the finding. Their rows stay, and the ids stay in `processed_ids`; if the API lists a record again, its
//! id is removed from here.
//!
//! `known` (snapshots only): key of the checkpoint, the object with the snapshot's current rows. It can be
//! recreated from the files.
//!
//! `generation` (omitted if 0): generation of the slices with which the day is complete, see
//! [`crate::table`]. `accepted` (omitted if not accepted): a person accepts the day although it isn't proven;
//! removed once it is proven. `lost_files` (omitted if empty): files of the day that are gone; their ids were
//! removed, and their numbers aren't reused. `file_bytes` (omitted if empty): size of each file when it was
//! written or read in full, by its name; a file of another size was cut off, and counts as lost.
//!
//! The first six members are the format of the earlier pipeline, which has no `format`; its reader
//! understands this document. Unknown members, of the document and of every execution, are kept verbatim.
//! `processed_ids` is sorted, `total_processed` is its length, and it equals the sum of the executions'
//! `new_records` from the entry `adopted` on (from the first entry if there is none). `digest` covers
//! everything before it: see [`super::digest`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;
use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::digest;
use super::entry::{AuditEntry, push_quoted, stamp};
use super::ids::IdSet;
use super::top_level::TopLevel;
use crate::compression::unpack;
use bronzed_model::day::Day;
use bronzed_model::json;

/// Format written by this version, and the highest that it can read.
const FORMAT: u64 = 1;

/// Progress of one slice of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SliceProgress {
    /// Number of records stated by the API when the slice was last proven.
    pub total: u64,
    /// Number of records found.
    pub seen: u64,
    /// `true` if the slice was read in full with its proof after the day had ended and settled.
    pub proven: bool,
    /// Time since which responses have been empty without interruption; `None` while the slice has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<DateTime<Utc>>,
}

impl SliceProgress {
    /// Progress of a slice with rows: `total` stated, `seen` found.
    pub fn of(total: u64, seen: u64) -> Self {
        Self {
            total,
            seen,
            proven: false,
            empty_since: None,
        }
    }
}

/// A slice as serialized; the time is parsed leniently, like all times of the document.
#[derive(Deserialize)]
struct SliceText<'a> {
    total: u64,
    seen: u64,
    #[serde(default)]
    proven: bool,
    #[serde(borrow, default)]
    empty_since: Option<&'a RawValue>,
}

/// Acceptance of an unproven day by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Time of the acceptance.
    pub at: DateTime<Utc>,
    /// The person's reason.
    pub reason: String,
}

/// The state of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateDocument {
    /// Ids that have a row in a file of the day.
    pub ids: IdSet,
    /// One entry per run, after those of the earlier pipeline.
    pub executions: Vec<AuditEntry>,
    /// Progress of the slices, by label.
    pub slices: BTreeMap<String, SliceProgress>,
    /// Withdrawn ids, each with the time of the finding.
    pub withdrawn: BTreeMap<Box<str>, DateTime<Utc>>,
    /// Child datasets: ids of the parents whose children are stored.
    pub parents: IdSet,
    /// Snapshots: key of the checkpoint with the known rows.
    pub known: Option<String>,
    /// `true` if the day is proven to be read in full.
    pub complete: bool,
    /// Generation of the slices with which the day is complete.
    pub generation: u64,
    /// Acceptance by a person; `None` if not accepted.
    pub accepted: Option<Accepted>,
    /// Keys of files of the day that are gone.
    pub lost: BTreeSet<String>,
    /// Size of each file in bytes, by its name: see [`super::sizes`].
    pub sizes: BTreeMap<String, u64>,
    /// Number of numbered files that `ids` covers.
    pub commits: u64,
    /// Incremented by each write, so that no two writes are equal.
    pub revision: u64,
    /// Time of the last write.
    pub last_execution: DateTime<Utc>,
    created_at: DateTime<Utc>,
    day: Day,
    unknown: Vec<(String, Box<str>)>,
}

/// Reason not to trust that a document's ids are those of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Written by the earlier pipeline.
    Earlier,
    /// Its digest or its sums don't match: it was damaged, or another program wrote it.
    Contradiction(String),
}

/// Reason why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadError {
    /// Not a state document of this day.
    Unreadable(String),
    /// Written by a newer version of this program.
    Newer(String),
}

impl StateDocument {
    /// Returns the empty state of a new day.
    pub(super) fn new(day: Day, now: DateTime<Utc>) -> Self {
        let now = now.trunc_subsecs(0);
        Self {
            ids: IdSet::default(),
            executions: Vec::new(),
            slices: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            parents: IdSet::default(),
            known: None,
            complete: false,
            generation: 0,
            accepted: None,
            lost: BTreeSet::new(),
            sizes: BTreeMap::new(),
            commits: 0,
            revision: 0,
            last_execution: now,
            created_at: now,
            day,
            unknown: Vec::new(),
        }
    }

    /// Parses the document of `day`; times without an offset are in `zone`. Returns a doubt with a document
    /// whose ids can't be trusted.
    pub(super) fn read(
        bytes: &[u8],
        day: Day,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<(Self, Option<Doubt>), ReadError> {
        let bytes = &*unpack(bytes).map_err(unreadable)?;
        let object = TopLevel::parse(bytes).map_err(unreadable)?;
        let format = match object.get("format") {
            None => 0,
            // Anything but a known number may be a format of a newer version.
            Some(text) => match text.parse() {
                Ok(format) if format <= FORMAT => format,
                _ => return Err(ReadError::Newer(text.to_owned())),
            },
        };
        for required in ["date", "processed_ids", "executions"] {
            if object.get(required).is_none() {
                return Err(unreadable(format!("`{required}` is missing")));
            }
        }
        let mut document = Self::new(day, now);
        let (mut total, mut created_at, mut last_execution) = (None, None, None);
        for (key, value) in object.members {
            match key.as_str() {
                "date" => is_of(value, day)?,
                "processed_ids" => document.ids = typed(&key, value)?,
                "total_processed" => total = Some(typed::<u64>(&key, value)?),
                "executions" => document.executions = entries(value)?,
                "slices" => document.slices = slices(value, zone)?,
                "withdrawn_ids" => document.withdrawn = noted(value, zone, now)?,
                "parents_done" => document.parents = typed(&key, value)?,
                "known" => document.known = typed(&key, value)?,
                "complete" => document.complete = typed(&key, value)?,
                "generation" => document.generation = typed(&key, value)?,
                "accepted" => document.accepted = accepted(&key, value, zone, now)?,
                "lost_files" => document.lost = typed(&key, value)?,
                "file_bytes" => document.sizes = typed(&key, value)?,
                "commits" => document.commits = typed(&key, value)?,
                "revision" => document.revision = typed(&key, value)?,
                "created_at" => created_at = time(value, zone),
                "last_execution" => last_execution = time(value, zone),
                "format" | digest::DIGEST => {}
                _ => document.unknown.push((key, value.into())),
            }
        }
        document.created_at = created_at.unwrap_or(document.created_at);
        document.last_execution = last_execution.unwrap_or(document.created_at);
        document.forget_notes_without_id();
        let doubt = match format {
            0 => Some(Doubt::Earlier),
            _ if !digest::holds(bytes) => Some(Doubt::Contradiction(
                "its text isn't that of its `digest`".to_owned(),
            )),
            _ => document.contradiction(total),
        };
        Ok((document, doubt))
    }

    /// Serializes the document in the current format, one element per line for human readers.
    pub(super) fn write(&self, zone: Tz) -> Bytes {
        let mut out = String::with_capacity(self.ids.len() * 40 + 4096);
        let _ = write!(out, "{{\n  \"date\": \"{}\"", self.day);
        list(&mut out, "processed_ids", self.ids.iter(), |out, id| {
            push_quoted(out, id)
        });
        member(
            &mut out,
            "last_execution",
            &quoted_stamp(self.last_execution, zone),
        );
        member(&mut out, "total_processed", &self.ids.len().to_string());
        list(&mut out, "executions", &self.executions, |out, entry| {
            entry.write(out)
        });
        member(&mut out, "created_at", &quoted_stamp(self.created_at, zone));
        self.write_slices(&mut out, zone);
        self.write_withdrawn(&mut out, zone);
        if !self.parents.is_empty() {
            list(&mut out, "parents_done", self.parents.iter(), |out, id| {
                push_quoted(out, id)
            });
        }
        if let Some(known) = &self.known {
            member(&mut out, "known", &json::quote(known));
        }
        member(&mut out, "complete", &self.complete.to_string());
        if self.generation > 0 {
            member(&mut out, "generation", &self.generation.to_string());
        }
        if let Some(Accepted { at, reason }) = &self.accepted {
            let (at, reason) = (quoted_stamp(*at, zone), json::quote(reason));
            let accepted = format!("{{\"at\": {at}, \"reason\": {reason}}}");
            member(&mut out, "accepted", &accepted);
        }
        if !self.lost.is_empty() {
            list(&mut out, "lost_files", &self.lost, |out, key| {
                push_quoted(out, key)
            });
        }
        self.write_sizes(&mut out);
        member(&mut out, "commits", &self.commits.to_string());
        member(&mut out, "revision", &self.revision.to_string());
        member(&mut out, "format", &FORMAT.to_string());
        for (key, value) in &self.unknown {
            member(&mut out, key, value);
        }
        digest::close(&mut out);
        out.into()
    }

    /// Returns the entry of a run.
    pub(super) fn entry(&self, run_id: Uuid) -> Option<&AuditEntry> {
        let mut entries = self.executions.iter();
        entries.find(|entry| entry.run_id() == Some(run_id))
    }

    /// Returns the entry of a run for update; appends a new one if there is none.
    pub(super) fn entry_mut(&mut self, run_id: Uuid) -> &mut AuditEntry {
        let mut entries = self.executions.iter();
        let position = entries.position(|entry| entry.run_id() == Some(run_id));
        let position = position.unwrap_or_else(|| {
            self.executions.push(AuditEntry::default());
            self.executions.len() - 1
        });
        &mut self.executions[position]
    }

    /// Marks `running` entries as interrupted if their runs aren't active in this process. A run that is
    /// still active in another process rewrites its entry with its next write.
    pub(super) fn end_cut_off(&mut self, is_living: impl Fn(Uuid) -> bool) {
        for entry in &mut self.executions {
            let run = entry.run_id();
            if entry.is_running() && run.is_some_and(|run| !is_living(run)) {
                entry.cut_off();
            }
        }
    }

    /// Adds the ids of a file; returns the number of new ones.
    pub(super) fn add_ids(&mut self, ids: impl IntoIterator<Item = Box<str>>) -> u64 {
        ids.into_iter()
            .map(|id| u64::from(self.ids.insert(&id)))
            .sum()
    }

    /// Drops withdrawn notes of ids that are in no file.
    pub(super) fn forget_notes_without_id(&mut self) {
        self.withdrawn.retain(|id, _| self.ids.contains(id));
    }

    /// Returns the number of new records counted by the executions, from the takeover on.
    pub(super) fn audited(&self) -> u64 {
        let mut entries = self.executions.iter();
        let first = entries
            .rposition(AuditEntry::is_adopted)
            .unwrap_or_default();
        let counted = self.executions.iter().skip(first);
        let counts = counted.map(|entry| entry.number("new_records"));
        counts.fold(0, u64::saturating_add)
    }

    fn contradiction(&self, total: Option<u64>) -> Option<Doubt> {
        let (ids, audited) = (self.ids.len() as u64, self.audited());
        let what = if total != Some(ids) {
            format!("there are {ids} ids, and `total_processed` is another number")
        } else if audited != ids {
            format!("there are {ids} ids, and the executions count {audited} new records")
        } else {
            return None;
        };
        Some(Doubt::Contradiction(what))
    }

    fn write_slices(&self, out: &mut String, zone: Tz) {
        out.push_str(",\n  \"slices\": {");
        for (position, (label, progress)) in self.slices.iter().enumerate() {
            out.push_str(if position > 0 { ",\n    " } else { "\n    " });
            push_quoted(out, label);
            let SliceProgress {
                total,
                seen,
                proven,
                empty_since,
            } = progress;
            let _ = write!(out, ": {{\"total\": {total}, \"seen\": {seen}");
            if *proven {
                out.push_str(", \"proven\": true");
            }
            if let Some(at) = empty_since {
                let _ = write!(out, ", \"empty_since\": {}", quoted_stamp(*at, zone));
            }
            out.push('}');
        }
        out.push_str(if self.slices.is_empty() { "}" } else { "\n  }" });
    }

    fn write_sizes(&self, out: &mut String) {
        let sizes = self.sizes.iter();
        let sizes: Vec<_> = sizes
            .map(|(name, bytes)| format!("{}: {bytes}", json::quote(name)))
            .collect();
        if !sizes.is_empty() {
            member(out, "file_bytes", &format!("{{{}}}", sizes.join(", ")));
        }
    }

    fn write_withdrawn(&self, out: &mut String, zone: Tz) {
        if self.withdrawn.is_empty() {
            return;
        }
        out.push_str(",\n  \"withdrawn_ids\": {");
        for (position, (id, at)) in self.withdrawn.iter().enumerate() {
            out.push_str(if position > 0 { ",\n    " } else { "\n    " });
            push_quoted(out, id);
            out.push_str(": ");
            out.push_str(&quoted_stamp(*at, zone));
        }
        out.push_str("\n  }");
    }
}

fn member(out: &mut String, key: &str, value: &str) {
    out.push_str(",\n  ");
    push_quoted(out, key);
    out.push_str(": ");
    out.push_str(value);
}

/// Appends a member that is an array, one element per line.
fn list<T>(
    out: &mut String,
    key: &str,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    member(out, key, "[");
    let mut separator = "\n    ";
    for item in items {
        out.push_str(separator);
        write(out, item);
        separator = ",\n    ";
    }
    out.push_str(if separator.starts_with(',') {
        "\n  ]"
    } else {
        "]"
    });
}

fn quoted_stamp(at: DateTime<Utc>, zone: Tz) -> String {
    format!("\"{}\"", stamp(at, zone))
}

fn unreadable(why: impl ToString) -> ReadError {
    ReadError::Unreadable(why.to_string())
}

fn typed<'a, T: Deserialize<'a>>(key: &str, value: &'a str) -> Result<T, ReadError> {
    serde_json::from_str(value).map_err(|error| unreadable(format!("`{key}`: {error}")))
}

fn is_of(date: &str, day: Day) -> Result<(), ReadError> {
    let date: String = typed("date", date)?;
    if date == day.to_string() {
        Ok(())
    } else {
        Err(unreadable(format!("its `date` is {date}")))
    }
}

fn entries(executions: &str) -> Result<Vec<AuditEntry>, ReadError> {
    let elements = json::elements(executions).map_err(unreadable)?;
    let entries = elements.into_iter().map(AuditEntry::parse);
    let entries: Option<_> = entries.collect();
    entries.ok_or_else(|| unreadable("`executions` has an element that isn't an object"))
}

/// Parses the progress of the slices, by label.
fn slices(value: &str, zone: Tz) -> Result<BTreeMap<String, SliceProgress>, ReadError> {
    let read: BTreeMap<String, SliceText<'_>> = typed("slices", value)?;
    let read = read.into_iter().map(|(label, text)| {
        let progress = SliceProgress {
            total: text.total,
            seen: text.seen,
            proven: text.proven,
            empty_since: text.empty_since.and_then(|at| time(at.get(), zone)),
        };
        (label, progress)
    });
    Ok(read.collect())
}

/// Parses the acceptance; its time is in `zone` if it has no offset, and `now` if it can't be parsed.
fn accepted(
    key: &str,
    value: &str,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Option<Accepted>, ReadError> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        at: &'a RawValue,
        reason: String,
    }
    let raw: Option<Raw<'_>> = typed(key, value)?;
    Ok(raw.map(|raw| Accepted {
        at: time(raw.at.get(), zone).unwrap_or(now),
        reason: raw.reason,
    }))
}

/// Parses ids with the time of their note.
fn noted(
    value: &str,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<BTreeMap<Box<str>, DateTime<Utc>>, ReadError> {
    let noted: BTreeMap<Box<str>, &RawValue> = typed("withdrawn_ids", value)?;
    let noted = noted.into_iter();
    Ok(noted
        .map(|(id, at)| (id, time(at.get(), zone).unwrap_or(now)))
        .collect())
}

/// Parses a time with an offset, or without one in the source's zone. Nothing depends on the document's
/// times, so an unreadable one is `None`.
pub(super) fn time(value: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let text = json::string(value).ok()?;
    let time = match DateTime::parse_from_rfc3339(&text) {
        Ok(time) => time.with_timezone(&Utc),
        Err(_) => civil(&text, zone)?,
    };
    // Normalized so that writing and reading give the same value: a leap second becomes the next second, and
    // the year has four digits in every zone.
    let nanos = time.timestamp_subsec_nanos();
    let seconds = time.timestamp() + i64::from(nanos / 1_000_000_000);
    let time = DateTime::from_timestamp(seconds, nanos % 1_000_000_000)?;
    (1..=9998).contains(&time.year()).then_some(time)
}

/// Parses a time without an offset.
fn civil(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let local: NaiveDateTime = text.replacen(' ', "T", 1).parse().ok()?;
    let in_zone = |local: NaiveDateTime| zone.from_local_datetime(&local).earliest();
    // A local time skipped by a clock change was read off a clock that hadn't been changed yet.
    let after = || local.checked_add_signed(TimeDelta::hours(1));
    let time = in_zone(local).or_else(|| in_zone(after()?))?;
    Some(time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::Sao_Paulo;

    #[test]
    fn times_without_a_zone_are_those_of_the_source() {
        for (text, expected) in [
            ("2025-10-22T12:00:03-03:00", Some("2025-10-22T15:00:03Z")),
            ("2025-10-22T15:00:03Z", Some("2025-10-22T15:00:03Z")),
            ("2025-10-22T12:00:03", Some("2025-10-22T15:00:03Z")),
            ("2025-10-22 12:00:03.5", Some("2025-10-22T15:00:03.5Z")),
            // Summer time skipped the hour after midnight, and repeated another one at its end.
            ("2018-11-04T00:30:00", Some("2018-11-04T03:30:00Z")),
            ("2018-02-17T23:30:00", Some("2018-02-18T01:30:00Z")),
            // Before 1914, São Paulo's offset had seconds.
            ("1012-10-22T08:00:02-03:00", Some("1012-10-22T11:00:02Z")),
            ("0436-11-04T00:00:60", Some("0436-11-04T03:07:28Z")),
            ("2016-12-31T23:59:60.5Z", Some("2017-01-01T00:00:00.5Z")),
            ("22/10/2025", None),
            ("+12025-10-22T12:00:03", None),
        ] {
            let read = time(&json::quote(text), Sao_Paulo);
            assert_eq!(read, expected.map(|time| time.parse().unwrap()), "{text}");
            let again = read.and_then(|at| time(&quoted_stamp(at, Sao_Paulo), Sao_Paulo));
            assert_eq!(again, read, "{text}");
        }
        assert_eq!(time("null", Sao_Paulo), None);
    }

    /// A state of the earlier pipeline needs only the required members.
    #[test]
    fn what_a_document_cannot_do_without() {
        let day = "2025-10-22".parse().unwrap();
        let now = DateTime::UNIX_EPOCH;
        let read = |text: &str| StateDocument::read(text.as_bytes(), day, Sao_Paulo, now);
        let least = r#"{"date":"2025-10-22","processed_ids":["b","a"],"executions":[]}"#;
        let (document, doubt) = read(least).unwrap();
        assert_eq!(doubt, Some(Doubt::Earlier));
        assert_eq!(document.ids.len(), 2);
        for member in ["date", "processed_ids", "executions"] {
            let without = least.replace(member, "other");
            let missing = ReadError::Unreadable(format!("`{member}` is missing"));
            assert_eq!(read(&without).unwrap_err(), missing);
        }
    }

    /// An intact document with wrong sums: a bug of its writer.
    #[test]
    fn sums_that_do_not_hold_are_doubted() {
        let day = "2025-10-22".parse().unwrap();
        let mut document = StateDocument::new(day, DateTime::UNIX_EPOCH);
        document.add_ids(["a".into()]);
        let bytes = document.write(Sao_Paulo);
        let read = StateDocument::read(&bytes, day, Sao_Paulo, DateTime::UNIX_EPOCH);
        let (_, doubt) = read.unwrap();
        let Some(Doubt::Contradiction(what)) = doubt else {
            panic!("{doubt:?}");
        };
        assert!(
            what.contains("the executions count 0 new records"),
            "{what}"
        );
    }

    #[test]
    fn what_is_noted_of_an_id_goes_with_it() {
        let day = "2025-10-22".parse().unwrap();
        let text = r#"{"date":"2025-10-22","processed_ids":["a"],"executions":[],
            "withdrawn_ids":{"a":"2025-12-07T05:00:00-03:00","b":"2025-12-07T05:00:00-03:00"}}"#;
        let now = DateTime::UNIX_EPOCH;
        let (document, _) = StateDocument::read(text.as_bytes(), day, Sao_Paulo, now).unwrap();
        assert_eq!(document.withdrawn.keys().collect::<Vec<_>>(), [&"a".into()]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let day = "2025-10-22".parse().unwrap();
        let now = "2025-10-22T12:00:00Z".parse().unwrap();
        let mut document = StateDocument::new(day, now);
        document.add_ids(["b \"\\\u{7}é".into(), "a".into(), "a".into()]);
        let mut entry = AuditEntry::default();
        entry.describe_takeover(now, Sao_Paulo);
        entry.set_number("new_records", 2);
        document.executions.push(entry);
        let progress = SliceProgress::of(3, 2);
        document.slices.insert("modalidade=6".to_owned(), progress);
        let empty = SliceProgress {
            proven: true,
            empty_since: Some(now),
            ..SliceProgress::of(0, 0)
        };
        document.slices.insert("modalidade=7".to_owned(), empty);
        document.withdrawn.insert("b \"\\\u{7}é".into(), now);
        document.parents.insert("p|\"1\"@2");
        document.known = Some("pncp/_state/known/x".to_owned());
        document.generation = 2;
        document.accepted = Some(Accepted {
            at: now,
            reason: "b \"\\".to_owned(),
        });
        document.lost.insert("pncp/x.parquet".to_owned());
        document.unknown.push(("x\"".to_owned(), "[ 1.50 ]".into()));
        let bytes = document.write(Sao_Paulo);
        let read = StateDocument::read(&bytes, day, Sao_Paulo, DateTime::UNIX_EPOCH);
        assert_eq!(read, Ok((document, None)));
    }
}
