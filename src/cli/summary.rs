//! The summary table of runs.

use crate::ingest::report::RunReport;
use crate::state::execution::Status;

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

/// One line for each run, what failed below its line, and sums where there are several.
pub fn table(reports: &[RunReport]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(reports.iter().map(row));
    let mut lines = aligned(&rows);
    // From the last to the first, so that earlier positions stay right.
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

fn notes(report: &RunReport) -> Vec<String> {
    let failed = report.execution.failed_slices.iter();
    let mut notes: Vec<_> = failed
        .map(|(label, reason)| format!("    {label}: {reason}"))
        .collect();
    notes.extend(
        report
            .execution
            .error
            .iter()
            .map(|error| format!("    {error}")),
    );
    notes
}

/// Columns as wide as their widest cell, numbers to the right; a rule below the first row.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let rule = widths
        .iter()
        .map(|width| "─".repeat(*width))
        .collect::<Vec<_>>();
    lines.insert(1, rule.join("  "));
    lines
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<_> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            let number = cell.chars().all(|c| c.is_ascii_digit() || c == '.');
            if number {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        })
        .collect();
    cells.join("  ").trim_end().to_owned()
}
