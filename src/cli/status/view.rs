//! Page of `bronzed status`.

use chrono::{DateTime, Utc};

use crate::cli::text::{
    Cell, Paint, Screen, Table, TableColumn, TextPage, brief, counted, days, time,
};
use crate::standing::DatasetStatus;
use crate::standing::trouble::DatasetTrouble;
use bronzed_model::day::Day;
use bronzed_model::execution::Status;

/// Number of groups of days that are shown for one dataset.
const TOLD: usize = 3;
/// Width of the names of facts.
const NAMES: usize = 10;

/// Returns the page: troubles first, then a table of the datasets, then the names of those that are switched
/// off. `all`: those without anything in the lake are listed, too.
pub fn page(
    found: &[DatasetStatus],
    off: &[String],
    now: DateTime<Utc>,
    screen: Screen,
    all: bool,
) -> TextPage {
    let mut page = TextPage::new(screen);
    let troubled: Vec<_> = found
        .iter()
        .map(|one| (one, one.troubles()))
        .filter(|(_, troubles)| !troubles.is_empty())
        .collect();
    headline(&mut page, found, troubled.len());
    for (status, troubles) in &troubled {
        page.blank();
        dataset(&mut page, status, troubles, now);
    }
    unread(&mut page, found, now);
    for one in found {
        if let Some(mistyped) = &one.mistyped {
            page.blank();
            let since = time::at(mistyped.since, one.zone);
            let text = format!("since {since}, {}", mistyped.in_words(&one.dataset));
            page.fact(0, (&one.dataset, one.dataset.len() + 1), &text, Paint::Warn);
        }
    }
    let shown: Vec<_> = found.iter().filter(|one| all || !one.is_blank()).collect();
    if !shown.is_empty() {
        page.blank();
        page.table(&table(&shown));
    }
    let blank = found.len() - shown.len();
    if blank > 0 && !shown.is_empty() {
        let more = counted(blank, "more dataset");
        let hint = format!("{more}, of which the lake has nothing yet: `bronzed status --all`");
        page.painted(&[(Paint::Dim, &hint)]);
    }
    if !off.is_empty() {
        let names = off.join(", ");
        let line = format!("switched off (`enabled = false`): {names}");
        page.fact(0, ("", 0), &line, Paint::Dim);
    }
    page
}

/// Adds the days of a first start that weren't read yet: no trouble, so that the tone is that of a plan.
fn unread(page: &mut TextPage, found: &[DatasetStatus], now: DateTime<Utc>) {
    let unread = found.iter().map(|one| (one, one.unread()));
    let unread: Vec<_> = unread.filter(|(_, days)| !days.is_empty()).collect();
    if unread.is_empty() {
        return;
    }
    page.blank();
    page.line("not read yet, first asked for a short while ago:");
    for (one, open) in unread {
        let days: Vec<_> = open.iter().map(|open| open.day).collect();
        let next = open.iter().filter_map(|open| open.next_try).min();
        let next = next.map(|at| time::ahead(at, now, one.zone));
        let next = next.unwrap_or_else(|| "at a slot to come".to_owned());
        let text = format!(
            "{}: {}, {}; next try {next}",
            one.dataset,
            counted(days.len(), "day"),
            days::short(&days)
        );
        page.indented(2, &text);
    }
}

fn headline(page: &mut TextPage, found: &[DatasetStatus], troubled: usize) {
    let begun: Vec<_> = found.iter().filter(|one| !one.known.is_empty()).collect();
    let complete: usize = begun.iter().map(|one| one.complete.len()).sum();
    let unread: usize = found.iter().map(|one| one.unread().len()).sum();
    let sum = format!(
        "{} with data, {} complete{}",
        counted(begun.len(), "dataset"),
        counted(complete, "day"),
        match unread {
            0 => String::new(),
            unread => format!(", {unread} not read yet"),
        }
    );
    match troubled {
        0 if begun.is_empty() && unread > 0 => {
            let days = counted(unread, "day");
            page.line(&format!(
                "nothing is read yet: {days} wait for the daemon, or for `bronzed run`"
            ));
        }
        0 if begun.is_empty() => {
            page.line("nothing is in the lake yet: `bronzed run SOURCE` reads today, `bronzed daemon` keeps everything complete");
        }
        0 => page.painted(&[
            (Paint::Good, "all is well"),
            (Paint::Plain, ": "),
            (Paint::Plain, &sum),
        ]),
        1 => page.painted(&[
            (Paint::Bad, "1 dataset needs attention"),
            (Paint::Plain, "; "),
            (Paint::Plain, &sum),
        ]),
        many => {
            let many = format!("{many} datasets need attention");
            page.painted(&[
                (Paint::Bad, &many),
                (Paint::Plain, "; "),
                (Paint::Plain, &sum),
            ]);
        }
    }
}

/// Adds what is wrong with a dataset, and the commands that tell more and mend it.
fn dataset(
    page: &mut TextPage,
    status: &DatasetStatus,
    troubles: &[DatasetTrouble],
    now: DateTime<Utc>,
) {
    let name = &status.dataset;
    let total: usize = troubles.iter().map(|trouble| trouble.days.len()).sum();
    let overdue = match status.backlog.overdue {
        0 => String::new(),
        overdue => format!(", {overdue} overdue"),
    };
    let stuck = match status.backlog.stuck {
        0 => String::new(),
        stuck => format!(", {stuck} stuck after many tries"),
    };
    let sum = format!(": {} not complete{overdue}{stuck}", counted(total, "day"));
    page.painted(&[(Paint::Bold, name), (Paint::Plain, &sum)]);
    for trouble in troubles.iter().take(TOLD) {
        page.indented(2, &days::short(&trouble.days));
        let (paint, why) = why(trouble);
        page.fact(4, ("why", NAMES), &why, paint);
        let next = trouble.next_try.map(|at| time::ahead(at, now, status.zone));
        let next = next.unwrap_or_else(|| "at a slot to come".to_owned());
        page.fact(4, ("next try", NAMES), &next, Paint::Plain);
    }
    let untold: usize = troubles.iter().skip(TOLD).map(|one| one.days.len()).sum();
    if untold > 0 {
        let rest = format!(
            "and {}: `bronzed coverage {name}`",
            counted(untold, "more day")
        );
        page.indented(2, &rest);
    }
    let named: Vec<Day> = troubles.iter().flat_map(|one| one.days.clone()).collect();
    if let Some(newest) = named.first().filter(|_| status.days_can_be_asked_for) {
        let details = format!("bronzed day {name} {newest}");
        page.fact(2, ("more", NAMES + 2), &details, Paint::Plain);
    }
    page.fact(2, ("mend", NAMES + 2), &mend(status, &named), Paint::Plain);
}

/// Describes why days are not complete.
fn why(trouble: &DatasetTrouble) -> (Paint, String) {
    let runs = match trouble.runs {
        0 | 1 => String::new(),
        runs => format!(", {runs} runs so far"),
    };
    let (paint, outcome) = match trouble.status {
        None => return (Paint::Warn, "never read".to_owned()),
        Some(Status::Ok) => (Paint::Warn, "read, not proven"),
        Some(Status::Running) => (Paint::Warn, "running, or killed"),
        Some(status @ Status::Failed) => (Paint::Bad, status.name()),
        Some(status) => (Paint::Warn, status.name()),
    };
    match trouble.reasons.as_slice() {
        [] => (paint, format!("{outcome}{runs}")),
        reasons => (
            paint,
            format!("{outcome}{runs}: {}", brief(&reasons.join("\n"))),
        ),
    }
}

/// Returns the command that reads the days now.
fn mend(status: &DatasetStatus, days: &[Day]) -> String {
    let name = &status.dataset;
    match (days.iter().min(), days.iter().max()) {
        _ if !status.days_can_be_asked_for => format!("bronzed run {name}"),
        (Some(from), Some(to)) if from == to => format!("bronzed run {name} --day {to}"),
        (Some(from), Some(to)) => format!("bronzed backfill {name} --from {from} --to {to}"),
        _ => format!("bronzed run {name}"),
    }
}

fn table(found: &[&DatasetStatus]) -> Table {
    let mut table = Table::new([
        TableColumn::text("dataset"),
        TableColumn::number("complete"),
        TableColumn::text("first").spare(3),
        TableColumn::text("newest").spare(2),
        TableColumn::number("open"),
        TableColumn::number("accepted").if_used(),
        TableColumn::text("last run"),
        TableColumn::text("of day").spare(4),
        TableColumn::text("job").spare(5),
        TableColumn::text("status"),
    ]);
    for status in found {
        let or_none = |text: Option<String>| text.unwrap_or("-".to_owned());
        let day = |day: Option<&Day>| or_none(day.map(ToString::to_string)).into();
        let run = status.last_run.as_ref();
        let outcome = run.map(|(_, run)| run.status);
        table.row([
            Cell::from(status.dataset.clone()),
            status.complete.len().to_string().into(),
            day(status.complete.first()),
            day(status.complete.last()),
            match status.days_can_be_asked_for {
                true => status.open.len().to_string().into(),
                false => "-".into(),
            },
            status.accepted.len().to_string().into(),
            or_none(run.map(|(_, run)| time::at(run.timestamp, status.zone))).into(),
            or_none(run.map(|(day, _)| day.to_string())).into(),
            or_none(run.map(|(_, run)| run.job.clone())).into(),
            outcome.map_or_else(|| "-".into(), status_cell),
        ]);
    }
    table
}

/// Returns a run's outcome in its colour.
pub fn status_cell(status: Status) -> Cell {
    let paint = match status {
        Status::Ok | Status::Recovered | Status::Adopted => Paint::Good,
        Status::Partial | Status::Running => Paint::Warn,
        Status::Failed => Paint::Bad,
    };
    Cell::painted(paint, status.name())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schedule::backlog::Backlog;
    use crate::standing::StandingDay;
    use bronzed_model::execution::Execution;
    use uuid::Uuid;

    const NOW: &str = "2025-10-22T12:00:00Z";

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn status(dataset: &str, open: Vec<StandingDay>) -> DatasetStatus {
        let now: DateTime<Utc> = NOW.parse().unwrap();
        let mut run = Execution::begun(Uuid::from_u128(1), "daily", now);
        run.status = open
            .first()
            .and_then(|open| open.status)
            .unwrap_or(Status::Ok);
        let complete: BTreeSet<_> = day("2025-10-01").through(day("2025-10-19")).collect();
        DatasetStatus {
            dataset: dataset.to_owned(),
            enabled: true,
            zone: chrono_tz::America::Sao_Paulo,
            known: complete.clone(),
            complete,
            accepted: BTreeSet::new(),
            days_can_be_asked_for: true,
            since: None,
            backlog: Backlog {
                overdue: open.len() as u64,
                ..Backlog::default()
            },
            last_run: Some((day("2025-10-21"), run)),
            mistyped: None,
            last_run_again: None,
            open,
        }
    }

    fn failed(text: &str) -> StandingDay {
        let reason =
            "all: gave up on https://pncp.gov.br/api/consulta/v1/atas?pagina=1 after 6 tries: 503";
        StandingDay {
            day: day(text),
            status: Some(Status::Failed),
            stop: None,
            runs: 3,
            reasons: vec![reason.to_owned()],
            could_be_complete: true,
            unread: false,
            next_try: "2025-10-22T12:30:00Z".parse().ok(),
        }
    }

    fn shown(found: &[DatasetStatus], width: usize) -> String {
        let screen = Screen {
            width: Some(width),
            color: false,
        };
        page(found, &[], NOW.parse().unwrap(), screen, false).text()
    }

    /// Regression: a first start showed seven days of each dataset as overdue.
    #[test]
    fn a_first_start_is_told_as_a_plan_and_not_as_a_failure() {
        let unread = |text: &str| StandingDay {
            status: None,
            runs: 0,
            reasons: Vec::new(),
            unread: true,
            ..failed(text)
        };
        let mut first = status(
            "pncp.atas",
            vec![unread("2025-10-21"), unread("2025-10-20")],
        );
        first.complete.clear();
        first.known.clear();
        first.last_run = None;
        assert_eq!(first.to_json()["needs_attention"], false);
        assert_eq!(
            shown(&[first], 80),
            "\
nothing is read yet: 2 days wait for the daemon, or for `bronzed run`

not read yet, first asked for a short while ago:
  pncp.atas: 2 days, 2025-10-20 … 2025-10-21; next try 2025-10-22 09:30 -03:00,
    in 30 min

dataset    complete  first  newest  open  last run  of day  job  status
─────────  ────────  ─────  ──────  ────  ────────  ──────  ───  ──────
pncp.atas         0  -      -          2  -         -       -    -"
        );
    }

    #[test]
    fn nobody_wonders_where_a_dataset_is_that_is_switched_off() {
        let screen = Screen {
            width: Some(80),
            color: false,
        };
        let (found, off) = (
            [status("pncp.atas", Vec::new())],
            ["pncp.pca".to_owned(), "tcu.pedidos_congresso".to_owned()],
        );
        let told = page(&found, &off, NOW.parse().unwrap(), screen, false).text();
        let last = "switched off (`enabled = false`): pncp.pca, tcu.pedidos_congresso";
        assert_eq!(told.lines().last(), Some(last));
        let many = vec!["comprasnet.contratos_itens".to_owned(); 4];
        let told = page(&found, &many, NOW.parse().unwrap(), screen, false).text();
        assert!(
            told.lines().all(|line| line.chars().count() <= 80),
            "{told}"
        );
    }

    #[test]
    fn what_is_wrong_comes_first_with_its_reason_its_next_try_and_what_to_type() {
        let found = [
            status(
                "pncp.atas",
                vec![failed("2025-10-21"), failed("2025-10-20")],
            ),
            status("pncp.contratos", Vec::new()),
        ];
        assert_eq!(
            shown(&found, 80),
            "\
1 dataset needs attention; 2 datasets with data, 38 days complete

pncp.atas: 2 days not complete, 2 overdue
  2025-10-20 … 2025-10-21
    why       failed, 3 runs so far: all: gave up on …/v1/atas after 6 tries:
              503
    next try  2025-10-22 09:30 -03:00, in 30 min
  more        bronzed day pncp.atas 2025-10-21
  mend        bronzed backfill pncp.atas --from 2025-10-20 --to 2025-10-21

dataset         complete  newest      open  last run                 status
──────────────  ────────  ──────────  ────  ───────────────────────  ──────
pncp.atas             19  2025-10-19     2  2025-10-22 09:00 -03:00  failed
pncp.contratos        19  2025-10-19     0  2025-10-22 09:00 -03:00  ok"
        );
        let wide = shown(&found, 120);
        let table = wide
            .lines()
            .find(|line| line.starts_with("dataset"))
            .unwrap();
        let head = "dataset         complete  first       newest      open  last run                 of day      job    status";
        assert_eq!(table, head);
    }

    #[test]
    fn a_lake_that_is_whole_is_told_so_in_one_line() {
        let told = shown(&[status("pncp.atas", Vec::new())], 80);
        let head = "all is well: 1 dataset with data, 19 days complete";
        assert_eq!(told.lines().next(), Some(head));
    }
}
