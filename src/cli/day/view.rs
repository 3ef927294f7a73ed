//! Page of `bronzed day`: the verdict and its reasons first, then slices and runs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage, brief, counted, time};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout;
use bronzed_storage::state::DayState;

/// Width of the names of facts.
const NAMES: usize = 11;
/// Number of slices that are shown: unproven ones first.
const SLICES: usize = 40;
/// Number of the last runs that are shown.
const RUNS: usize = 10;
/// Number of records that the API lists no more which are shown.
const WITHDRAWN: usize = 10;

/// A day with what is known of it.
pub struct DayText<'a> {
    /// Dataset of the day.
    pub dataset: &'a Dataset,
    /// Time zone of the day.
    pub zone: Tz,
    /// The day.
    pub day: Day,
    /// State of the day.
    pub state: &'a DayState,
    /// Reasons why the last run left the day open.
    pub reasons: Vec<String>,
    /// Next attempt of the daemon.
    pub next_try: Option<DateTime<Utc>>,
}

/// Returns the page of a day.
pub fn page(report: &DayText<'_>, now: DateTime<Utc>, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let (state, audit) = (report.state, report.state.audit());
    verdict(&mut page, report, now);
    if is_unknown(report) {
        return page;
    }
    let withdrawn = match state.withdrawn().len() {
        0 => String::new(),
        gone => format!(", {gone} of them listed by the API no more"),
    };
    let files = usize::try_from(state.commits()).unwrap_or(usize::MAX);
    let records = format!(
        "{} in {}{withdrawn}",
        counted(state.len(), "record"),
        counted(files, "numbered file")
    );
    fact(&mut page, "stored", &records);
    let key = layout::state_key(&report.dataset.prefix, report.day);
    fact(&mut page, "state", &key);
    fact(&mut page, "revision", &state.revision().to_string());
    if !state.slices().is_empty() {
        page.blank();
        slices(&mut page, state);
    }
    if !audit.is_empty() {
        page.blank();
        runs(&mut page, &audit, report.zone);
    }
    if !state.withdrawn().is_empty() {
        page.blank();
        for (id, at) in state.withdrawn().iter().take(WITHDRAWN) {
            let at = time::at(*at, report.zone);
            page.line(&format!("listed no more since {at}: {id}"));
        }
        more(&mut page, state.withdrawn().len(), WITHDRAWN, "record");
    }
    page
}

fn is_unknown(report: &DayText<'_>) -> bool {
    let state = report.state;
    state.is_empty() && state.audit().is_empty() && !state.is_complete()
}

fn fact(page: &mut TextPage, name: &str, text: &str) {
    page.fact(2, (name, NAMES), text, Paint::Plain);
}

fn verdict(page: &mut TextPage, report: &DayText<'_>, now: DateTime<Utc>) {
    let state = report.state;
    let name = format!("{} {}", report.dataset.full_name(), report.day);
    let (paint, words) = match (state.is_complete(), state.accepted()) {
        _ if is_unknown(report) => (Paint::Warn, "the lake knows nothing of this day"),
        (true, _) => (Paint::Good, "complete"),
        (false, None) => (Paint::Bad, "not complete"),
        (false, Some(_)) => (Paint::Warn, "not complete, accepted as it is"),
    };
    page.painted(&[(Paint::Bold, &name), (Paint::Plain, ": "), (paint, words)]);
    if let Some(accepted) = state.accepted().filter(|_| !state.is_complete()) {
        let at = time::at(accepted.at, report.zone);
        fact(page, "accepted", &format!("{at}: {}", accepted.reason));
    }
    for lost in state.lost_files() {
        let lost = format!("{lost}; its records are read again");
        fact(page, "lost", &lost);
    }
    let recovery = state.recovery();
    if let Some(cause) = &recovery.rebuilt {
        let cause = format!("the next run rebuilds the state from the files: {cause}");
        fact(page, "repair", &cause);
    }
    for key in &recovery.adopted {
        fact(page, "repair", &format!("the next run adopts {key}"));
    }
    if state.is_complete() || state.accepted().is_some() {
        return;
    }
    // A loss that is found now is the reason, whatever the last run said.
    if recovery.rebuilt.is_none() && !report.reasons.is_empty() {
        let why = brief(&report.reasons.join("\n"));
        page.fact(2, ("why", NAMES), &why, Paint::Bad);
    }
    let next = report.next_try.map(|at| time::ahead(at, now, report.zone));
    let next =
        next.unwrap_or_else(|| "not planned yet: `bronzed next` has the slots to come".to_owned());
    fact(page, "next try", &next);
    let name = report.dataset.full_name();
    let mend = match report.dataset.kind.is_of_today() {
        true => format!("bronzed run {name}"),
        false => format!("bronzed run {name} --day {}", report.day),
    };
    fact(page, "read now", &mend);
}

fn slices(page: &mut TextPage, state: &DayState) {
    let mut table = Table::new([
        TableColumn::text("slice"),
        TableColumn::number("API states"),
        TableColumn::number("ids stored"),
        TableColumn::text(""),
    ]);
    let mut slices: Vec<_> = state.slices().iter().collect();
    slices.sort_by_key(|(label, _)| (state.is_slice_proven(label), natural(label)));
    for (label, progress) in slices.iter().take(SLICES) {
        let proven = match state.is_slice_proven(label) {
            true => Cell::painted(Paint::Good, "proven"),
            false => Cell::painted(Paint::Warn, "not proven"),
        };
        table.row([
            (*label).clone().into(),
            progress.total.to_string().into(),
            progress.seen.to_string().into(),
            proven,
        ]);
    }
    page.table(&table);
    more(page, slices.len(), SLICES, "slice");
}

/// Returns a sort key by which `modalidade=10` comes after `modalidade=9`.
fn natural(label: &str) -> (String, u64, String) {
    let start = label.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = label.strip_prefix(start).and_then(|text| text.parse().ok());
    (start.to_owned(), number.unwrap_or(0), label.to_owned())
}

fn runs(page: &mut TextPage, audit: &[Value], zone: Tz) {
    let mut table = Table::new([
        TableColumn::text("run started"),
        TableColumn::number("took"),
        TableColumn::text("job"),
        TableColumn::text("status"),
        TableColumn::number("fetched").spare(2),
        TableColumn::number("new"),
        TableColumn::number("duplicates").if_used().spare(3),
        TableColumn::number("off day").if_used().spare(4),
        TableColumn::number("requests").spare(1),
        TableColumn::text("run id").spare(5),
    ]);
    let skipped = audit.len().saturating_sub(RUNS);
    for entry in audit.iter().skip(skipped).rev() {
        table.row(run_row(entry, zone));
        run_notes(entry).iter().for_each(|note| table.note(note));
    }
    page.table(&table);
    more(page, audit.len(), RUNS, "earlier run");
}

fn run_row(entry: &Value, zone: Tz) -> Vec<Cell> {
    let moment = |key: &str| -> Option<DateTime<Utc>> { entry[key].as_str()?.parse().ok() };
    let text = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    let count = |key: &str| {
        entry[key]
            .as_u64()
            .map_or("-".to_owned(), |n| n.to_string())
    };
    let started = moment("started_at").or_else(|| moment("timestamp"));
    let took = moment("started_at").zip(moment("timestamp"));
    let took = took.and_then(|(from, to)| (to - from).to_std().ok());
    let took = took.map_or("-".to_owned(), |took: Duration| time::took(took));
    let paint = match entry["status"].as_str() {
        Some("ok" | "recovered" | "adopted") => Paint::Good,
        Some("failed") => Paint::Bad,
        _ => Paint::Warn,
    };
    vec![
        started.map_or("-".into(), |at| time::at(at, zone).into()),
        took.into(),
        text("job").into(),
        Cell::painted(paint, text("status")),
        count("fetched").into(),
        count("new_records").into(),
        count("duplicates_filtered").into(),
        count("off_day").into(),
        count("requests").into(),
        text("run_id").into(),
    ]
}

/// Returns what kept a run from being whole; slices with the same reason share a note.
fn run_notes(entry: &Value) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    let failures = entry["failures"].as_object().into_iter().flatten();
    for (label, reason) in failures {
        let reason = reason.as_str().unwrap_or_default();
        match by_reason.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, labels)) => labels.push(label),
            None => by_reason.push((reason, vec![label])),
        }
    }
    let failures = by_reason.iter();
    let failures = failures.map(|(reason, labels)| format!("{}: {reason}", labels.join(", ")));
    let text = |key: &str| entry[key].as_str();
    let error = text("error").filter(|error| !by_reason.iter().any(|(one, _)| error.contains(one)));
    let rest = [
        error.map(str::to_owned),
        sent_again(entry),
        text("stop").map(|stop| format!("ended early: {stop}")),
        text("again_at").map(|at| format!("to be read again from {at} on")),
        text("reason").map(|reason| format!("by a person: {reason}")),
    ];
    failures.chain(rest.into_iter().flatten()).collect()
}

/// Returns why requests of a run were sent again, by the kinds of failure of `bronzed_retries_total`.
fn sent_again(entry: &Value) -> Option<String> {
    let reasons = entry["retry_reasons"].as_object()?;
    let reasons = reasons
        .iter()
        .map(|(kind, count)| format!("{count} × {kind}"));
    let reasons: Vec<_> = reasons.collect();
    (!reasons.is_empty()).then(|| format!("sent again after {}", reasons.join(", ")))
}

fn more(page: &mut TextPage, all: usize, shown: usize, noun: &str) {
    let more = all.saturating_sub(shown);
    if more > 0 {
        page.line(&format!("and {}: `--json` has them", counted(more, noun)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_says_in_words_what_kept_it_from_being_whole() {
        let well = json!({"status": "ok", "failures": {}});
        let entry = json!({
            "status": "partial",
            "failed_slices": ["modalidade=6"],
            "retry_reasons": {"html": 1, "timed_out": 3},
            "failures": {"modalidade=6": "gave up after 2 tries: 503"},
            "stop": "deadline",
            "again_at": "2025-10-23T09:00:00-03:00",
        });
        assert_eq!(
            run_notes(&entry),
            [
                "modalidade=6: gave up after 2 tries: 503",
                "sent again after 1 × html, 3 × timed_out",
                "ended early: deadline",
                "to be read again from 2025-10-23T09:00:00-03:00 on",
            ]
        );
        assert!(run_notes(&well).is_empty());
    }

    #[test]
    fn slices_are_in_the_order_of_their_numbers() {
        let mut labels = ["modalidade=10", "modalidade=2", "all", "modalidade=1"];
        labels.sort_by_key(|label| natural(label));
        assert_eq!(
            labels,
            ["all", "modalidade=1", "modalidade=2", "modalidade=10"]
        );
    }
}
