//! Summary table of runs.

use crate::cli::table;
use bronzed_engine::ingest::report::RunReport;
use bronzed_model::execution::Status;

const HEAD: [&str; 12] = [
    "dataset",
    "day",
    "status",
    "fetched",
    "new",
    "duplicates",
    "off day",
    "unidentified",
    "requests",
    "retries",
    "seconds",
    "file",
];

/// Returns the table: one line for each run, with its failures below.
pub fn table(reports: &[RunReport]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(reports.iter().map(row));
    let mut lines = table::aligned(&rows);
    // From last to first, so that earlier positions stay valid.
    for (index, report) in reports.iter().enumerate().rev() {
        let notes = notes(report);
        lines.splice(index + 2..index + 2, notes);
    }
    lines.join("\n")
}

fn row(report: &RunReport) -> Vec<String> {
    let counts = report.counts();
    let status = match report.status() {
        Status::Ok if report.complete => "ok, complete",
        other => other.name(),
    };
    let files = &report.execution.files;
    let file = match files.as_slice() {
        [] => "-".to_owned(),
        [(key, _)] => key.clone(),
        [(first, _), .., (last, _)] => format!("{first} … {last} ({})", files.len()),
    };
    vec![
        format!("{}.{}", report.source, report.dataset),
        report.day.to_string(),
        status.to_owned(),
        counts.fetched.to_string(),
        counts.new.to_string(),
        counts.duplicates.to_string(),
        counts.off_day.to_string(),
        counts.unidentified.to_string(),
        counts.requests.to_string(),
        counts.retries.to_string(),
        format!("{:.1}", report.took.as_secs_f64()),
        file,
    ]
}

/// Returns the failures of a run with their reasons; slices with the same reason share a line.
fn notes(report: &RunReport) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for (label, reason) in &report.execution.failed_slices {
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, labels)) => labels.push(label),
            None => by_reason.push((reason, vec![label])),
        }
    }
    let mut notes: Vec<_> = by_reason
        .iter()
        .map(|(reason, labels)| format!("    {}: {reason}", labels.join(", ")))
        .collect();
    // The error of a run in which every slice failed repeats the reason of the first slice.
    let error = report.execution.error.iter();
    notes.extend(error.map(|error| format!("    {error}")));
    notes
}
