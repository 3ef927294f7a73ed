//! `bronzed runs --requests RUN_ID`: the requests of a run, as they are kept in the lake.

use std::time::Duration;

use anyhow::anyhow;
use uuid::Uuid;

use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage, brief, time};
use crate::cli::{CliContext, CliError, Exit, say, show};
use bronzed_model::requests::{RequestRecord, RunRequests};
use bronzed_storage::lake::Lake;
use bronzed_storage::requests;

/// Number of slowest requests that are shown.
const SLOWEST: usize = 5;

pub async fn run(shell: &CliContext, run_id: Uuid, json: bool) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.map_err(anyhow::Error::from)?;
    let found = requests::read(&lake, run_id).await;
    let found = found.map_err(anyhow::Error::from)?.ok_or_else(|| {
        anyhow!(
            "no requests are kept of run {run_id}: they are kept for {} days, and of runs that have ended and asked \
             for something; `bronzed runs --json` has the ids of the last runs",
            requests::KEPT.num_days()
        )
    })?;
    match json {
        true => {
            let text = serde_json::to_string(&found).map_err(anyhow::Error::from)?;
            say(&text);
        }
        false => show(&page(&found, Screen::stdout())),
    }
    Ok(Exit::Done)
}

fn page(found: &RunRequests, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let failed: u64 = found.slices.iter().map(|slice| slice.failed).sum();
    page.line(&format!(
        "{}.{} {}: {} requests in {}, {failed} of them without a page",
        found.source,
        found.dataset,
        found.day,
        found.total,
        span(found.took_ms)
    ));
    page.blank();
    page.table(&slices(found));
    if found.troubles().next().is_some() {
        page.blank();
        page.painted(&[(Paint::Bold, "failed, or sent again")]);
        page.table(&list(found.troubles()));
    }
    let slowest = found.slowest_of_others(SLOWEST);
    if !slowest.is_empty() {
        page.blank();
        page.painted(&[(Paint::Bold, "slowest of the others")]);
        page.table(&list(slowest.into_iter()));
    }
    if found.left_out > 0 {
        page.blank();
        let left_out = format!("{} requests are in the sums alone", found.left_out);
        page.painted(&[(Paint::Dim, &left_out)]);
    }
    page
}

fn slices(found: &RunRequests) -> Table {
    let mut table = Table::new([
        TableColumn::text("slice"),
        TableColumn::number("requests"),
        TableColumn::number("failed"),
        TableColumn::number("from").spare(3),
        TableColumn::number("to").spare(3),
        TableColumn::number("answers took"),
        TableColumn::number("in the queue").spare(2),
        TableColumn::number("waits").spare(1),
    ]);
    for slice in &found.slices {
        table.row([
            Cell::from(slice.slice.as_deref().unwrap_or("all others").to_owned()),
            slice.requests.to_string().into(),
            slice.failed.to_string().into(),
            span(slice.from_ms).into(),
            span(slice.to_ms).into(),
            span(slice.took_ms).into(),
            span(slice.queued_ms).into(),
            span(slice.waited_ms).into(),
        ]);
    }
    table
}

fn list<'r>(requests: impl Iterator<Item = &'r RequestRecord>) -> Table {
    let mut table = Table::new([
        TableColumn::number("at"),
        TableColumn::text("slice"),
        TableColumn::number("page"),
        TableColumn::number("try"),
        TableColumn::number("took"),
        TableColumn::text("outcome"),
        TableColumn::number("then waits"),
    ]);
    for one in requests {
        let status = one
            .status
            .map_or(String::new(), |status| format!(" {status}"));
        let waits = match (one.wait_ms, one.asked_ms) {
            (Some(wait), Some(_)) => format!("{}, as asked", span(wait)),
            (Some(wait), None) => span(wait),
            (None, _) => "-".to_owned(),
        };
        table.row([
            Cell::from(span(one.at_ms)),
            one.slice.clone().into(),
            one.page.to_string().into(),
            one.attempt.to_string().into(),
            span(one.took_ms).into(),
            format!("{}{status}", one.outcome).into(),
            waits.into(),
        ]);
        if let Some(detail) = &one.detail {
            table.note(&brief(detail));
        }
    }
    table
}

/// Returns milliseconds in words; none are `0 s`.
fn span(ms: u64) -> String {
    match ms {
        0 => "0 s".to_owned(),
        _ => time::took(Duration::from_millis(ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::requests::SliceRequests;

    fn requests() -> RunRequests {
        let limited = RequestRecord {
            slice: "modalidade=6".to_owned(),
            page: 2,
            day: None,
            cursor: None,
            attempt: 1,
            at_ms: 1_200,
            queued_ms: 0,
            took_ms: 80,
            outcome: "rate_limited".to_owned(),
            status: Some(429),
            bytes: Some(20),
            wait_ms: Some(2_000),
            asked_ms: Some(2_000),
            detail: Some("answered \"too many requests\" with status 429".to_owned()),
            url: "https://pncp.gov.br/api".to_owned(),
        };
        let again = RequestRecord {
            attempt: 2,
            at_ms: 3_280,
            outcome: "page".to_owned(),
            status: Some(200),
            wait_ms: None,
            asked_ms: None,
            detail: None,
            ..limited.clone()
        };
        RunRequests {
            run_id: Uuid::nil(),
            source: "pncp".to_owned(),
            dataset: "contratacoes".to_owned(),
            day: "2025-10-22".parse().unwrap(),
            started_at: chrono::DateTime::UNIX_EPOCH,
            took_ms: 3_400,
            total: 40,
            left_out: 38,
            outcomes: Default::default(),
            slices: vec![SliceRequests {
                slice: Some("modalidade=6".to_owned()),
                requests: 40,
                failed: 1,
                to_ms: 3_360,
                took_ms: 3_200,
                waited_ms: 2_000,
                ..SliceRequests::default()
            }],
            requests: vec![limited, again],
        }
    }

    #[test]
    fn requests_fit_80_columns_and_a_reason_stands_below_its_request() {
        let screen = Screen {
            width: Some(80),
            color: false,
        };
        let text = page(&requests(), screen).text();
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        for told in [
            "pncp.contratacoes 2025-10-22: 40 requests in 3.4 s, 1 of them without a page",
            "rate_limited 429",
            "2 s, as asked",
            "    answered \"too many requests\" with status 429",
            "38 requests are in the sums alone",
        ] {
            assert!(text.contains(told), "{told} in\n{text}");
        }
    }
}
