//! Views as a daemon tells them: one of each, with something of everything that they can say.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::schedule::calendar::{CalendarSpan, DayStatus};
use crate::server::tests::fake::{ENDED, RUNNING};
use crate::server::view::*;
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::{ExpectationSeverity, Mode};
use bronzed_model::quality::{Example, ExpectationResult, Results};
use bronzed_model::requests::{RequestRecord, RunRequests, SliceRequests};

pub fn dataset() -> DatasetView {
    DatasetView {
        source: "pncp".to_owned(),
        name: "contratacoes".to_owned(),
        prefix: "pncp".to_owned(),
        coverage: CoverageView {
            from: Some(day("2025-10-01")),
            complete_days: 20,
            accepted_days: 2,
            incomplete_days: 3,
            backlog_days: 1,
            overdue_days: 1,
            unread_days: 0,
            stuck_days: 0,
            oldest_backlog_day: Some(day("2025-10-03")),
            oldest_backlog_seconds: Some(90_000),
        },
        freshness_seconds: Some(90.5),
        last_success: Some(at("2025-10-22T11:00:00Z")),
    }
}

/// A calendar with a day of every status.
pub fn spans() -> Vec<CalendarSpan> {
    let first = day("2025-10-01");
    let days = std::iter::successors(Some(first), |day| Some(day.next()));
    let spans = days.zip(DayStatus::ALL).map(|(day, status)| CalendarSpan {
        from: day,
        to: day,
        status,
    });
    spans.collect()
}

pub fn glance() -> DatasetOverview {
    DatasetOverview {
        dataset: dataset(),
        kind: DatasetKind::Day,
        stale_jobs: vec!["hourly".to_owned()],
        down: true,
        next_run: Some(NextSlot {
            job: "hourly".to_owned(),
            at: at("2025-10-22T16:00:00Z"),
        }),
        last_run: Some(past_run()),
        reading: vec![Reading {
            run_id: RUNNING,
            day: day("2025-10-22"),
            progress: run(RUNNING, RunStatus::Running).progress,
        }],
        recent: spans(),
        open_days: vec![OpenDay {
            day: day("2025-10-04"),
            status: DayStatus::Partial,
        }],
    }
}

/// An overview with a concern of every kind.
pub fn overview() -> Overview {
    let concern = |kind, severity| Concern {
        kind,
        severity,
        source: Some("pncp".to_owned()),
        dataset: Some("contratacoes".to_owned()),
        job: Some("hourly".to_owned()),
        day: Some(day("2025-10-04")),
        days: 2,
        since: Some(at("2025-10-22T11:00:00Z")),
        detail: Some("answered <503> & nothing else".to_owned()),
    };
    Overview {
        at: at("2025-10-22T15:00:00Z"),
        worst: Some(Severity::Critical),
        concerns: vec![
            concern(ConcernKind::LakeUnreachable, Severity::Critical),
            concern(ConcernKind::LakeRefusesWrites, Severity::Critical),
            concern(ConcernKind::SchedulerStopped, Severity::Critical),
            concern(ConcernKind::DaysStuck, Severity::Critical),
            concern(ConcernKind::TableRefused, Severity::Critical),
            concern(ConcernKind::LakeNotRead, Severity::Warning),
            concern(ConcernKind::Alert, Severity::Warning),
            concern(ConcernKind::DaysOverdue, Severity::Warning),
            concern(ConcernKind::ApiDown, Severity::Warning),
            concern(ConcernKind::Stale, Severity::Warning),
            concern(ConcernKind::DaysOpen, Severity::Note),
            concern(ConcernKind::DaysUnread, Severity::Note),
            concern(ConcernKind::DatasetRests, Severity::Note),
            concern(ConcernKind::JobPaused, Severity::Note),
        ],
        sources: vec![SourceOverview {
            name: "pncp".to_owned(),
            timezone: "America/Sao_Paulo".to_owned(),
            datasets: vec![glance()],
        }],
        running: 1,
        waiting: 1,
    }
}

pub fn past_run() -> PastRun {
    PastRun {
        run_id: ENDED,
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day: day("2025-10-22"),
        job: "hourly".to_owned(),
        status: RunStatus::Partial,
        started_at: at("2025-10-22T12:00:00Z"),
        ended_at: at("2025-10-22T12:01:00Z"),
        new: 31,
        requests: 14,
        retries: 2,
        error: None,
    }
}

/// Requests of a run: pages, a limit that was met, an answer that never came, and slices beyond those that are named.
pub fn requests(run_id: Uuid) -> RunRequests {
    let one = |page, outcome: &str, status| RequestRecord {
        slice: "modalidade=6".to_owned(),
        page,
        day: None,
        cursor: None,
        attempt: 1,
        at_ms: page * 1_000,
        queued_ms: 40,
        took_ms: 300,
        outcome: outcome.to_owned(),
        status,
        bytes: status.map(|_| 52_000),
        wait_ms: None,
        asked_ms: None,
        detail: None,
        url: "https://pncp.gov.br/api/consulta/v1/contratacoes/publicacao?pagina=1".to_owned(),
    };
    let limited = RequestRecord {
        wait_ms: Some(2_000),
        asked_ms: Some(2_000),
        detail: Some("answered \"too many requests\" with status 429: <b>Limite</b>".to_owned()),
        ..one(2, "rate_limited", Some(429))
    };
    let again = RequestRecord {
        attempt: 2,
        at_ms: 4_300,
        ..one(2, "page", Some(200))
    };
    let late = RequestRecord {
        took_ms: 60_000,
        detail: Some("no whole answer within 1m".to_owned()),
        ..one(7, "timed_out", None)
    };
    let sums = |slice: Option<&str>, requests, failed| SliceRequests {
        slice: slice.map(str::to_owned),
        requests,
        failed,
        from_ms: 1_000,
        to_ms: 67_000,
        took_ms: 60_900,
        queued_ms: 160,
        waited_ms: 2_000,
        bytes: 156_000,
    };
    RunRequests {
        run_id,
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day: day("2025-10-22"),
        started_at: at("2025-10-22T12:00:00Z"),
        took_ms: 68_000,
        total: 1_404,
        left_out: 1_400,
        outcomes: [
            ("page".to_owned(), 1_402),
            ("rate_limited".to_owned(), 1),
            ("timed_out".to_owned(), 1),
        ]
        .into(),
        slices: vec![sums(Some("modalidade=6"), 4, 2), sums(None, 1_400, 0)],
        requests: vec![one(1, "page", Some(200)), limited, again, late],
    }
}

pub fn backfill() -> BackfillView {
    BackfillView {
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        from: day("2025-10-01"),
        to: day("2025-10-07"),
        asked_at: at("2025-10-22T14:00:00Z"),
        days: 7,
        waiting_days: 3,
        running_days: 1,
        complete_days: 2,
        incomplete_days: 1,
        expected_end: Some(at("2025-10-22T16:00:00Z")),
        stopped: false,
    }
}

pub fn silver_table() -> SilverTableView {
    SilverTableView {
        source: "pncp".to_owned(),
        name: "contratacoes".to_owned(),
        prefix: "silver/pncp_contratacoes".to_owned(),
        datasets: vec!["contratacoes".to_owned()],
        building: true,
        built_at: Some(at("2025-10-22T14:00:00Z")),
        version: Some(12),
        rows: 73_018,
        files: 4,
        bytes: 9_000_000,
        days_behind: Some(2),
        held_back: vec![HeldBackView {
            partition: Some("2025-10".to_owned()),
            expectation: "identidade".to_owned(),
            unexpected: 3,
            evaluated: 7_300,
        }],
        unmet: vec![UnmetView {
            expectation: "nova".to_owned(),
            check: "freshness".to_owned(),
            found: Some("\"2025-10-19\"".to_owned()),
            unexpected: 1,
            evaluated: 1,
        }],
        unevaluated: vec![UnevaluatedView {
            expectation: "compra".to_owned(),
            reason: "silver.pncp.contratacoes has no version yet".to_owned(),
        }],
        error: Some("the lake was away".to_owned()),
    }
}

pub fn day_view(day: Day) -> DayView {
    let slice = |slice: &str, failure: Option<&str>| SliceView {
        slice: slice.to_owned(),
        stated: Some(812),
        read: Some(800),
        proven: failure.is_none(),
        empty_since: None,
        failure: failure.map(str::to_owned),
    };
    let failed = vec![FailedSlice {
        slice: "modalidade=6".to_owned(),
        reason: "gave up after 2 tries: <b>503</b>".to_owned(),
    }];
    let execution = ExecutionView {
        run_id: Some(ENDED),
        job: Some("daily".to_owned()),
        status: Some(ExecutionStatus::Partial),
        stop: Some(StopView::Deadline),
        started_at: Some(at("2025-10-22T12:00:00Z")),
        ended_at: Some(at("2025-10-22T12:01:00Z")),
        counts: Counts::default(),
        retry_reasons: [("timed_out".to_owned(), 3)].into(),
        expectations: expectations(),
        failed_slices: failed,
        error: None,
        again_at: Some(at("2025-10-22T18:00:00Z")),
        reason: None,
        files: vec!["pncp/c000001.parquet".to_owned()],
    };
    DayView {
        at: at("2025-10-22T15:00:00Z"),
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day,
        period: bronzed_model::declaration::Period::Day,
        timezone: "America/Sao_Paulo".to_owned(),
        status: DayStatus::Partial,
        settles_at: at("2025-10-22T14:00:00Z"),
        accepted: None,
        records: 800,
        withdrawn: 1,
        usual: Some(Usual {
            least: 1500,
            median: 1600,
            most: 1700,
            days: 6,
        }),
        slices: vec![
            slice("modalidade=5", None),
            slice("modalidade=6", Some("gave up after 2 tries: <b>503</b>")),
        ],
        expectations: expectations(),
        executions: vec![execution],
        files: vec![FileView {
            key: "pncp/c000001.parquet".to_owned(),
            bytes: 57_876,
            stored_at: at("2025-10-22T12:00:30Z"),
            rows: Some(800),
        }],
        lost_files: vec!["pncp/c000002.parquet".to_owned()],
        doubt: None,
        next_attempt: Some(at("2025-10-22T18:00:00Z")),
        current: (day.to_string() == "2025-10-22").then(|| run(RUNNING, RunStatus::Running)),
    }
}

pub fn job(paused_since: Option<DateTime<Utc>>) -> JobView {
    JobView {
        source: "pncp".to_owned(),
        name: "hourly".to_owned(),
        cron: "0 * * * *".to_owned(),
        timezone: "America/Sao_Paulo".to_owned(),
        next_slot: paused_since.is_none().then(|| at("2025-10-22T13:00:00Z")),
        paused_since,
        last_run: Some(run(ENDED, RunStatus::Partial)),
    }
}

pub fn run(run_id: Uuid, status: RunStatus) -> RunView {
    let ended = status == RunStatus::Partial;
    RunView {
        run_id,
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day: day("2025-10-22"),
        job: "hourly".to_owned(),
        mode: Mode::New,
        status,
        started_at: (status != RunStatus::Queued).then(|| at("2025-10-22T12:00:00Z")),
        ended_at: ended.then(|| at("2025-10-22T12:01:00Z")),
        progress: ProgressView {
            slices_read: 2,
            slices_known: 14,
            pages_read: 4,
            pages_known: 7,
            records: 200,
            new: 31,
        },
        counts: ended.then(Counts::default),
        failed_slices: vec![FailedSlice {
            slice: "modalidade=6".to_owned(),
            reason: "answered status 503".to_owned(),
        }],
        error: None,
    }
}

fn expectations() -> Results {
    let result = ExpectationResult {
        check: "between".to_owned(),
        severity: ExpectationSeverity::Warn,
        evaluated: 800,
        unexpected: 1,
        success: false,
        examples: vec![Example {
            id: "1-000001/2025".to_owned(),
            value: Some("-5".to_owned()),
        }],
    };
    [("valor".to_owned(), result)].into()
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
