//! One entry of the state's `executions`, as the members of its JSON object.
//!
//! ```json
//! {"timestamp": "2025-10-22T12:00:03-03:00", "new_records": 2, "duplicates_filtered": 3, "filter_rate": 60.0,
//!  "run_id": "…", "job": "hourly", "status": "ok", "fetched": 5, "unidentified": 0, "off_day": 0,
//!  "requests": 14, "retries": 1, "drift": 0, "failed_slices": [], "failures": {},
//!  "files": ["pncp/year=2025/…parquet"], "started_at": "…", "version": "0.1.0"}
//! ```
//!
//! Optional members, omitted if zero: `vanished` counts the rows of a snapshot that record a deletion (they
//! are among the new rows, not among the fetched); `misplaced` counts the new rows whose own date is another
//! day that doesn't have them; `withdrawn` and `returned` count the stored ids that the run found to be no
//! longer, or again, listed by the API; `repeats` counts the rows that came again within one walk over a
//! slice. `drift_example` names one field of the `drift` values that no column held, and why:
//! `{"field": "valorGlobal", "why": "mistyped"}`. `retry_reasons` counts retries by the kind of the failure before, such as
//! `{"timed_out": 1}`. `stop` is the reason why a run ended early (a [`StopReason`]), `again_at` the time from which the
//! day is worth another run. `expectations` has the results of the dataset's expectations by name. A person's decision about the day (`bronzed state accept`, `bronzed day forget`)
//! also has an entry, with a `job` of that name, a `reason` and no `status`. The first four members are those
//! of the earlier pipeline. Unknown members are kept verbatim: a value is the text that was read.

use std::collections::BTreeMap;

use chrono::{DateTime, Offset, SecondsFormat, SubsecRound, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use bronzed_model::counts::Counts;
use bronzed_model::execution::{DriftExample, Execution, Status, StopReason};
use bronzed_model::json;
use bronzed_model::quality::Results;

/// Status of the takeover entry, which counts the files of the earlier pipeline.
const ADOPTED: &str = "adopted";

/// One entry of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AuditEntry {
    members: Vec<(String, Box<str>)>,
}

impl AuditEntry {
    /// Parses one JSON object; returns `None` if the text is no object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let members = json::members(text).ok()?;
        let members = members
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.into()));
        Some(Self {
            members: members.collect(),
        })
    }

    /// Returns the id of the entry's run; `None` for entries of the earlier pipeline.
    pub(super) fn run_id(&self) -> Option<Uuid> {
        self.text("run_id")?.parse().ok()
    }

    /// Returns `true` for the takeover entry, from which on the sums must match.
    pub(super) fn is_adopted(&self) -> bool {
        self.run_id().is_none() && self.text("status").as_deref() == Some(ADOPTED)
    }

    /// Returns a count; 0 if there is none.
    pub(super) fn number(&self, key: &str) -> u64 {
        self.get(key)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// Returns the keys of the files whose rows the entry counts.
    pub(super) fn files(&self) -> Vec<String> {
        self.get("files")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Returns the number of retries by the kind of the failure before; empty in entries of an earlier version.
    pub(super) fn retry_reasons(&self) -> BTreeMap<String, u64> {
        self.get("retry_reasons")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Returns one of the values that no column held.
    pub(super) fn drift_example(&self) -> Option<DriftExample> {
        serde_json::from_str(self.get("drift_example")?).ok()
    }

    /// Returns the results of the expectations; empty if there are none, or of a later version.
    pub(super) fn expectations(&self) -> Results {
        self.get("expectations")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Returns the entry's counts.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            fetched: self.number("fetched"),
            new: self.number("new_records"),
            duplicates: self.number("duplicates_filtered"),
            off_day: self.number("off_day"),
            misplaced: self.number("misplaced"),
            unidentified: self.number("unidentified"),
            drift: self.number("drift"),
            requests: self.number("requests"),
            retries: self.number("retries"),
            repeats: self.number("repeats"),
            vanished: self.number("vanished"),
            withdrawn: self.number("withdrawn"),
            returned: self.number("returned"),
        }
    }

    /// Returns the number of requests sent by the run; `None` unless its status is `ok`.
    pub(super) fn requests_of_ok(&self) -> Option<u64> {
        let ok = self.text("status").as_deref() == Some(Status::Ok.name());
        ok.then(|| self.number("requests"))
    }

    /// Updates the entry with the run's current status, counts and files.
    pub(super) fn describe(&mut self, run: &Execution, zone: Tz) {
        self.set_time("timestamp", run.timestamp, zone);
        self.set_counts(&run.counts);
        self.set_text("run_id", &run.run_id.to_string());
        self.set_text("job", &run.job);
        self.set_status(run.status);
        self.set_failures(&run.failed_slices);
        self.set_retry_reasons(&run.retry_reasons);
        self.set_drift_example(run.drift_example.as_ref());
        self.set_files(run.files.iter().map(|(key, _)| key.as_str()));
        self.set_time("started_at", run.started_at, zone);
        self.set_version();
        match &run.error {
            Some(error) => self.set_text("error", error),
            None => self.members.retain(|(key, _)| key != "error"),
        }
        match run.stop {
            Some(stop) => self.set_text("stop", stop.name()),
            None => self.members.retain(|(key, _)| key != "stop"),
        }
        match run.again_at {
            Some(at) => self.set_time("again_at", at, zone),
            None => self.members.retain(|(key, _)| key != "again_at"),
        }
        self.set_expectations(&run.expectations);
    }

    /// Returns `true` if the status is `running`: the run is active, or was killed.
    pub(super) fn is_running(&self) -> bool {
        self.text("status").as_deref() == Some(Status::Running.name())
    }

    /// Marks the run as interrupted (`partial`): its commits are valid. The timestamp stays that of its last
    /// write.
    pub(super) fn cut_off(&mut self) {
        self.set_status(Status::Partial);
        self.set_text("stop", StopReason::Interrupted.name());
    }

    /// Makes it the takeover entry.
    pub(super) fn describe_takeover(&mut self, at: DateTime<Utc>, zone: Tz) {
        self.set_time("timestamp", at, zone);
        self.set_text("job", "takeover");
        self.set_text("status", ADOPTED);
        self.set_version();
    }

    /// Makes it the entry of a person's decision. It has no `status`, because it is no run.
    pub(super) fn describe_ruling(
        &mut self,
        run_id: Uuid,
        job: &str,
        reason: Option<&str>,
        at: DateTime<Utc>,
        zone: Tz,
    ) {
        self.set_time("timestamp", at, zone);
        self.set_counts(&Counts::default());
        self.set_text("run_id", &run_id.to_string());
        self.set_text("job", job);
        if let Some(reason) = reason {
            self.set_text("reason", reason);
        }
        self.set_files(std::iter::empty());
        self.set_version();
    }

    /// Sets the counts, and the filter rate derived from them.
    pub(super) fn set_counts(&mut self, counts: &Counts) {
        self.set_number("new_records", counts.new);
        self.set_number("duplicates_filtered", counts.duplicates);
        self.set("filter_rate", rate(counts.duplicates, counts.fetched));
        self.set_number("fetched", counts.fetched);
        self.set_number("unidentified", counts.unidentified);
        self.set_number("off_day", counts.off_day);
        self.set_number("requests", counts.requests);
        self.set_number("retries", counts.retries);
        self.set_number("drift", counts.drift);
        for (key, count) in [
            ("repeats", counts.repeats),
            ("misplaced", counts.misplaced),
            ("vanished", counts.vanished),
            ("withdrawn", counts.withdrawn),
            ("returned", counts.returned),
        ] {
            match count {
                // A non-zero count from before would remain.
                0 => self.members.retain(|(name, _)| name != key),
                _ => self.set_number(key, count),
            }
        }
    }

    /// Sets a count.
    pub(super) fn set_number(&mut self, key: &str, value: u64) {
        self.set(key, value.to_string());
    }

    /// Sets the run's status.
    pub(super) fn set_status(&mut self, status: Status) {
        self.set_text("status", status.name());
    }

    /// Sets the files whose rows the entry counts.
    pub(super) fn set_files<'a>(&mut self, keys: impl Iterator<Item = &'a str>) {
        let keys: Vec<_> = keys.map(json::quote).collect();
        self.set("files", format!("[{}]", keys.join(", ")));
    }

    /// Sets the time of the last write of the entry.
    pub(super) fn set_timestamp(&mut self, at: DateTime<Utc>, zone: Tz) {
        self.set_time("timestamp", at, zone);
    }

    /// Serializes the entry as one line of JSON.
    pub(super) fn write(&self, out: &mut String) {
        out.push('{');
        for (position, (key, value)) in self.members.iter().enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            push_quoted(out, key);
            out.push_str(": ");
            out.push_str(value);
        }
        out.push('}');
    }

    fn set_retry_reasons(&mut self, reasons: &BTreeMap<String, u64>) {
        if reasons.is_empty() {
            return self.members.retain(|(key, _)| key != "retry_reasons");
        }
        let counts = reasons.iter();
        let counts: Vec<_> = counts
            .map(|(kind, count)| format!("{}: {count}", json::quote(kind)))
            .collect();
        self.set("retry_reasons", format!("{{{}}}", counts.join(", ")));
    }

    fn set_drift_example(&mut self, example: Option<&DriftExample>) {
        // Another run that credits a file to this one doesn't know of it.
        if let Some(DriftExample { field, why }) = example {
            let (field, why) = (json::quote(field), json::quote(why));
            let text = format!("{{\"field\": {field}, \"why\": {why}}}");
            self.set("drift_example", text);
        }
    }

    fn set_expectations(&mut self, results: &Results) {
        match serde_json::to_string(results) {
            Ok(text) if !results.is_empty() => self.set("expectations", text),
            _ => self.members.retain(|(key, _)| key != "expectations"),
        }
    }

    fn set_failures(&mut self, failures: &[(String, String)]) {
        let labels: Vec<_> = failures
            .iter()
            .map(|(label, _)| json::quote(label))
            .collect();
        let reasons: Vec<_> = failures
            .iter()
            .map(|(label, reason)| format!("{}: {}", json::quote(label), json::quote(reason)))
            .collect();
        self.set("failed_slices", format!("[{}]", labels.join(", ")));
        self.set("failures", format!("{{{}}}", reasons.join(", ")));
    }

    fn set_version(&mut self) {
        self.set_text("version", env!("CARGO_PKG_VERSION"));
    }

    fn set_time(&mut self, key: &str, at: DateTime<Utc>, zone: Tz) {
        self.set_text(key, &stamp(at.trunc_subsecs(0), zone));
    }

    fn set_text(&mut self, key: &str, text: &str) {
        self.set(key, json::quote(text));
    }

    fn set(&mut self, key: &str, value: String) {
        match self.members.iter_mut().rfind(|(name, _)| name == key) {
            Some((_, old)) => *old = value.into(),
            None => self.members.push((key.to_owned(), value.into())),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.members
            .iter()
            .rfind(|(name, _)| name == key)
            .map(|(_, value)| &**value)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key)
            .and_then(|text| json::string(text).ok())
            .map(|text| text.into_owned())
    }
}

/// Formats a time in the source's zone, with its offset. Historical offsets with seconds can't be written in
/// RFC 3339: such a time is in UTC.
pub(super) fn stamp(at: DateTime<Utc>, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    match local.offset().fix().local_minus_utc() % 60 {
        0 => local.to_rfc3339_opts(SecondsFormat::AutoSi, false),
        _ => at.to_rfc3339_opts(SecondsFormat::AutoSi, false),
    }
}

/// Appends `text` as a JSON string.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&json::quote(text));
    }
}

/// Returns the share of duplicates among the fetched rows, in percent with at most two decimals: `60.0`.
fn rate(duplicates: u64, fetched: u64) -> String {
    if fetched == 0 {
        return "0.0".to_owned();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate for people; the counts beside it are exact"
    )]
    let percent = duplicates as f64 * 100.0 / fetched as f64;
    format!("{:?}", (percent * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_the_earlier_pipeline_did() {
        for (duplicates, fetched, expected) in [
            (0, 0, "0.0"),
            (3, 5, "60.0"),
            (1, 3, "33.33"),
            (2, 3, "66.67"),
            (7, 7, "100.0"),
        ] {
            assert_eq!(rate(duplicates, fetched), expected);
        }
    }

    #[test]
    fn what_is_not_known_stays_to_the_letter() {
        let text =
            r#"{"a": 1.50, "a": 2e400, "new_records": 3, "x": { "y" : [ 1,2 ] }, "ç\"": null}"#;
        let mut entry = AuditEntry::parse(text).unwrap();
        entry.set_number("new_records", 4);
        let mut out = String::new();
        entry.write(&mut out);
        assert_eq!(out, text.replace(": 3", ": 4"));
    }

    #[test]
    fn what_is_quoted_is_read_again() {
        for text in ["", "a/ç", "\"", "\\", "\n", "\u{1f}", "a\"b\\c\nd"] {
            let mut out = String::new();
            push_quoted(&mut out, text);
            let read: String = serde_json::from_str(&out).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn times_are_in_the_zone_of_the_source() {
        let at: DateTime<Utc> = "2025-10-22T15:00:03Z".parse().unwrap();
        let zone = chrono_tz::America::Sao_Paulo;
        assert_eq!(stamp(at, zone), "2025-10-22T12:00:03-03:00");
    }
}
