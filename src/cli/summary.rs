//! Summary table of runs.

use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage, brief, time};
use crate::standing::reasons;
use bronzed_engine::ingest::report::RunReport;
use bronzed_model::execution::Status;

/// Returns the table: one row for each run, with its failures below.
pub fn page(reports: &[RunReport], screen: Screen) -> TextPage {
    let mut table = Table::new([
        TableColumn::text("dataset"),
        TableColumn::text("day"),
        TableColumn::text("status"),
        TableColumn::number("fetched"),
        TableColumn::number("new"),
        TableColumn::number("duplicates").spare(2),
        TableColumn::number("off day").if_used().spare(2),
        TableColumn::number("unidentified").if_used().spare(2),
        TableColumn::number("requests").spare(3),
        TableColumn::number("retries").if_used().spare(4),
        TableColumn::number("took").spare(1),
        TableColumn::text("run id").spare(5),
        TableColumn::text("file").spare(6),
    ]);
    for report in reports {
        table.row(row(report));
        for reason in reasons(&report.execution) {
            table.note(&brief(&reason));
        }
    }
    let mut page = TextPage::new(screen);
    if !table.is_empty() {
        page.table(&table);
    }
    page
}

fn row(report: &RunReport) -> Vec<Cell> {
    let counts = report.counts();
    let (paint, status) = match report.status() {
        Status::Ok if report.complete => (Paint::Good, "ok, complete"),
        Status::Failed => (Paint::Bad, "failed"),
        Status::Ok => (Paint::Good, "ok"),
        other => (Paint::Warn, other.name()),
    };
    let file = match report.execution.files.as_slice() {
        [] => "-".to_owned(),
        [(key, _)] => key.clone(),
        [(first, _), .., (last, _)] => {
            let files = report.execution.files.len();
            format!("{first} … {last} ({files})")
        }
    };
    let numbers = [
        counts.fetched,
        counts.new,
        counts.duplicates,
        counts.off_day,
    ];
    let further = [counts.unidentified, counts.requests, counts.retries];
    let numbers = numbers.into_iter().chain(further);
    let mut row: Vec<Cell> = vec![
        format!("{}.{}", report.source, report.dataset).into(),
        report.day.to_string().into(),
        Cell::painted(paint, status),
    ];
    row.extend(numbers.map(|number| number.to_string().into()));
    row.extend([
        time::took(report.took).into(),
        report.execution.run_id.to_string().into(),
        file.into(),
    ]);
    row
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use bronzed_model::declaration::Mode;
    use bronzed_model::execution::Execution;
    use uuid::Uuid;

    fn report(dataset: &str, status: Status) -> RunReport {
        let begun = "2025-10-23T06:00:00Z".parse().unwrap();
        let mut execution = Execution::begun(Uuid::from_u128(7), "manual", begun);
        execution.status = status;
        (execution.counts.fetched, execution.counts.new) = (957, 325);
        (execution.counts.duplicates, execution.counts.requests) = (632, 29);
        RunReport {
            source: "pncp".to_owned(),
            dataset: dataset.to_owned(),
            day: "2025-10-22".parse().unwrap(),
            mode: Mode::Full,
            execution,
            complete: status == Status::Ok,
            took: Duration::from_millis(240),
            put_off: false,
            unanswered: 0,
        }
    }

    fn shown(width: Option<usize>) -> String {
        let mut failed = report("instrumentos_cobranca", Status::Partial);
        let slice = |n: u32| {
            (
                format!("modalidade={n}"),
                "503 Service Unavailable".to_owned(),
            )
        };
        failed.execution.failed_slices = [6, 8].map(slice).to_vec();
        let screen = Screen {
            width,
            color: false,
        };
        page(&[failed, report("contratacoes", Status::Ok)], screen).text()
    }

    #[test]
    fn the_table_of_a_run_was_237_columns_wide_and_its_reasons_stood_above_the_row() {
        assert_eq!(
            shown(Some(80)),
            "\
dataset                     day         status        fetched  new   took
──────────────────────────  ──────────  ────────────  ───────  ───  ─────
pncp.instrumentos_cobranca  2025-10-22  partial           957  325  0.2 s
    modalidade=6, modalidade=8: 503 Service Unavailable
pncp.contratacoes           2025-10-22  ok, complete      957  325  0.2 s"
        );
        // Where there is room, duplicates are there, by the name that logs and JSON have for them.
        assert!(shown(Some(120)).contains("  new  duplicates  "));
        let widest = |text: String| text.lines().map(|line| line.chars().count()).max();
        assert!(widest(shown(Some(120))) <= Some(120));
        assert!(shown(None).contains("00000000-0000-0000-0000-000000000007"));
    }
}
