//! Texts of the pages. Both languages are values of one type, so that a text that one of them lacks doesn't
//! compile.

mod en;
mod pt;

pub(super) use en::EN;
pub(super) use pt::PT;

/// Texts of the pages in one language.
pub(in crate::server) struct Words {
    pub months: [&'static str; 12],
    pub weekdays: [&'static str; 7],
    pub weekday_initials: [&'static str; 7],
    pub nav: Nav,
    pub verdict: Verdict,
    pub concern: ConcernWords,
    pub status: Statuses,
    pub run: RunWords,
    pub requests: RequestsWords,
    pub overview: OverviewWords,
    pub silver: SilverWords,
    pub calendar: CalendarWords,
    pub day: DayWords,
    pub schedule: ScheduleWords,
    pub backfill: BackfillWords,
    pub login: LoginWords,
    pub error: ErrorWords,
    pub unknown: &'static str,
    pub never: &'static str,
    pub of: &'static str,
}

/// Navigation and frame.
pub(in crate::server) struct Nav {
    pub skip: &'static str,
    pub main: &'static str,
    pub overview: &'static str,
    pub runs: &'static str,
    pub jobs: &'static str,
    pub backfills: &'static str,
    pub log_in: &'static str,
    pub log_out: &'static str,
    pub as_of: &'static str,
    pub times_in: &'static str,
    pub api: &'static str,
}

/// The one sentence.
pub(in crate::server) struct Verdict {
    pub well: &'static str,
    pub warning: &'static str,
    pub critical: &'static str,
    pub well_but: &'static str,
    pub datasets: &'static str,
    pub running: &'static str,
    pub waiting: &'static str,
    pub worth_knowing: &'static str,
    pub what_is_not: &'static str,
}

/// Severities and kinds of concerns.
pub(in crate::server) struct ConcernWords {
    pub note: &'static str,
    pub warning: &'static str,
    pub critical: &'static str,
    pub lake_unreachable: &'static str,
    pub lake_refuses_writes: &'static str,
    pub scheduler_stopped: &'static str,
    pub table_refused: &'static str,
    pub lake_not_read: &'static str,
    pub alert: &'static str,
    pub days_stuck: [&'static str; 2],
    pub days_overdue: [&'static str; 2],
    pub days_open: [&'static str; 2],
    pub days_unread: [&'static str; 2],
    pub api_down: &'static str,
    pub stale: &'static str,
    pub dataset_rests: &'static str,
    pub values_mistyped: &'static str,
    pub job_paused: &'static str,
    pub oldest: &'static str,
    pub since: &'static str,
    pub job: &'static str,
    pub more: &'static str,
}

/// Statuses of days, in the order of [`crate::schedule::calendar::DayStatus::ALL`]: name, and explanation.
pub(in crate::server) struct Statuses {
    pub proven: [&'static str; 2],
    pub accepted: [&'static str; 2],
    pub settling: [&'static str; 2],
    pub partial: [&'static str; 2],
    pub failed: [&'static str; 2],
    pub never_read: [&'static str; 2],
    pub not_due: [&'static str; 2],
    pub legend: &'static str,
}

/// Runs and executions.
pub(in crate::server) struct RunWords {
    pub title: &'static str,
    pub run: &'static str,
    pub queued: &'static str,
    pub running: &'static str,
    pub ok: &'static str,
    pub partial: &'static str,
    pub failed: &'static str,
    pub recovered: &'static str,
    pub adopted: &'static str,
    pub decision: &'static str,
    pub earlier: &'static str,
    pub cancelled: &'static str,
    pub deadline: &'static str,
    pub source_down: &'static str,
    pub lake_refused: &'static str,
    pub interrupted: &'static str,
    pub now: &'static str,
    pub nothing_now: &'static str,
    pub ended: &'static str,
    pub ended_note: &'static str,
    pub none: &'static str,
    pub day: &'static str,
    pub dataset: &'static str,
    pub job: &'static str,
    pub status: &'static str,
    pub ended_at: &'static str,
    pub took: &'static str,
    pub new: &'static str,
    pub fetched: &'static str,
    pub duplicates: &'static str,
    pub off_day: &'static str,
    pub requests: &'static str,
    pub retries: &'static str,
    pub pages: &'static str,
    pub records: &'static str,
    pub slices: &'static str,
    pub about_done: &'static str,
    pub progress: &'static str,
    pub timeline: &'static str,
    pub begins: &'static str,
    pub stores: &'static str,
    pub ends: &'static str,
    pub again_from: &'static str,
    pub log: &'static str,
    pub log_note: &'static str,
    pub counts: &'static str,
    pub slices_failed: &'static str,
    pub all_slices_well: &'static str,
    pub again_after: &'static str,
    pub again_reasons: AgainReasons,
}

/// Reasons why a request was sent again, one for each kind of failure.
pub(in crate::server) struct AgainReasons {
    pub status: &'static str,
    pub rate_limited: &'static str,
    pub html: &'static str,
    pub not_json: &'static str,
    pub empty_body: &'static str,
    pub bad_body: &'static str,
    pub timed_out: &'static str,
    pub no_connection: &'static str,
    pub broke_off: &'static str,
}

impl AgainReasons {
    /// Returns the words for a kind of failure; the kind itself if it is of another version.
    pub fn of<'a>(&self, kind: &'a str) -> &'a str {
        match kind {
            "status" => self.status,
            "rate_limited" => self.rate_limited,
            "html" => self.html,
            "not_json" => self.not_json,
            "empty_body" => self.empty_body,
            "bad_body" => self.bad_body,
            "timed_out" => self.timed_out,
            "no_connection" => self.no_connection,
            "broke_off" => self.broke_off,
            _ => kind,
        }
    }
}

/// Requests of a run.
pub(in crate::server) struct RequestsWords {
    pub title: &'static str,
    pub unknown: &'static str,
    pub sent: &'static str,
    pub without_page: &'static str,
    pub json: &'static str,
    pub by_slice: &'static str,
    pub legend: &'static str,
    pub others: &'static str,
    pub requests: &'static str,
    pub failed: &'static str,
    pub answers: &'static str,
    pub queued: &'static str,
    pub waited: &'static str,
    pub received: &'static str,
    pub troubles: &'static str,
    pub no_troubles: &'static str,
    pub more_in_json: &'static str,
    pub slowest: &'static str,
    pub left_out: &'static str,
    pub at: &'static str,
    pub page: &'static str,
    pub attempt: &'static str,
    pub outcome: &'static str,
    pub waits: &'static str,
    pub asked: &'static str,
    pub not_again: &'static str,
    pub outcomes: OutcomeWords,
}

/// Outcomes of requests that aren't failures to be retried.
pub(in crate::server) struct OutcomeWords {
    pub page: &'static str,
    pub empty: &'static str,
    pub skipped: &'static str,
    pub refused: &'static str,
    pub redirected: &'static str,
    pub too_large: &'static str,
    pub no_token: &'static str,
    pub cancelled: &'static str,
}

impl OutcomeWords {
    /// Returns the words for an outcome. `None` if it is a failure that is retried, or of another version.
    pub fn of(&self, outcome: &str) -> Option<&'static str> {
        Some(match outcome {
            "page" => self.page,
            "empty" => self.empty,
            "skipped" => self.skipped,
            "refused" => self.refused,
            "redirected" => self.redirected,
            "too_large" => self.too_large,
            "no_token" => self.no_token,
            "cancelled" => self.cancelled,
            _ => return None,
        })
    }
}

/// Front page.
pub(in crate::server) struct OverviewWords {
    pub title: &'static str,
    pub datasets: &'static str,
    pub dataset: &'static str,
    pub state: &'static str,
    pub last_days: &'static str,
    pub fresh: &'static str,
    pub last_run: &'static str,
    pub next_run: &'static str,
    pub complete: &'static str,
    pub open: &'static str,
    pub stuck: &'static str,
    pub reading: &'static str,
    pub down: &'static str,
    pub stale: &'static str,
    pub next_day: &'static str,
    pub see_schedule: &'static str,
    pub days_to_look_at: &'static str,
    pub nothing_known: &'static str,
    pub by_day: &'static str,
    pub snapshot: &'static str,
    pub feed: &'static str,
    pub record: &'static str,
    pub well: &'static str,
}

/// Calendar of a dataset.
pub(in crate::server) struct CalendarWords {
    pub years: &'static str,
    pub year: &'static str,
    pub month_counts: &'static str,
    pub to_look_at: &'static str,
    pub nothing_to_look_at: &'static str,
    pub volume: &'static str,
    pub volume_note: &'static str,
}

/// A day.
pub(in crate::server) struct DayWords {
    pub previous: &'static str,
    pub next: &'static str,
    pub why: &'static str,
    pub proven: &'static str,
    pub accepted: &'static str,
    pub never_read: &'static str,
    pub not_due: &'static str,
    pub settles: &'static str,
    pub settled: &'static str,
    pub next_attempt: &'static str,
    pub no_attempt: &'static str,
    pub due_now: &'static str,
    pub being_read: &'static str,
    pub waits: &'static str,
    pub slices_failed: [&'static str; 2],
    pub records: &'static str,
    pub usual: &'static str,
    pub between: &'static str,
    pub fewer: &'static str,
    pub more: &'static str,
    pub proof: &'static str,
    pub slice: &'static str,
    pub stated: &'static str,
    pub read: &'static str,
    pub verdict: &'static str,
    pub slice_proven: &'static str,
    pub slice_read: &'static str,
    pub slice_unread: &'static str,
    pub slice_empty: &'static str,
    pub slice_failed: &'static str,
    pub executions: &'static str,
    pub no_executions: &'static str,
    pub files: &'static str,
    pub no_files: &'static str,
    pub file: &'static str,
    pub rows: &'static str,
    pub size: &'static str,
    pub stored: &'static str,
    pub lost: &'static str,
    pub doubt: &'static str,
    pub withdrawn: &'static str,
    pub read_now: &'static str,
    pub no_reason: &'static str,
    pub and_more: &'static str,
    pub last_run: &'static str,
}

/// Jobs and what comes next.
pub(in crate::server) struct ScheduleWords {
    pub title: &'static str,
    pub next: &'static str,
    pub jobs: &'static str,
    pub slots: &'static str,
    pub no_slot: &'static str,
    pub paused: &'static str,
    pub reads: &'static str,
    pub pause: &'static str,
    pub resume: &'static str,
    pub run_now: &'static str,
    pub due: &'static str,
    pub nothing_due: &'static str,
    pub slot: &'static str,
    pub catch_up: &'static str,
    pub coverage: &'static str,
    pub retry: &'static str,
    pub settle: &'static str,
    pub log_in_to_act: &'static str,
}

/// Silver tables.
pub(in crate::server) struct SilverWords {
    pub title: &'static str,
    pub table: &'static str,
    pub state: &'static str,
    pub rows: &'static str,
    pub as_of: &'static str,
    pub well: &'static str,
    pub behind: [&'static str; 2],
    pub building: &'static str,
    pub failed: &'static str,
    pub held_back: &'static str,
    pub unmet: &'static str,
    pub unevaluated: &'static str,
}

/// Backfills.
pub(in crate::server) struct BackfillWords {
    pub title: &'static str,
    pub intro: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub forecast: &'static str,
    pub start: &'static str,
    pub stop: &'static str,
    pub stopped: &'static str,
    pub under_way: &'static str,
    pub none: &'static str,
    pub asked: &'static str,
    pub open_days: &'static str,
    pub complete_days: &'static str,
    pub requests: &'static str,
    pub time: &'static str,
    pub basis: &'static str,
    pub by_days: &'static str,
    pub by_declaration: &'static str,
    pub waiting: &'static str,
    pub incomplete: &'static str,
    pub expected_end: &'static str,
    pub forgotten: &'static str,
    pub nothing_to_do: &'static str,
}

/// Login.
pub(in crate::server) struct LoginWords {
    pub title: &'static str,
    pub token: &'static str,
    pub hint: &'static str,
    pub submit: &'static str,
    pub wrong: &'static str,
    pub no_token: &'static str,
    pub needed: &'static str,
}

/// Errors.
pub(in crate::server) struct ErrorWords {
    pub not_found: &'static str,
    pub refused: &'static str,
    pub unavailable: &'static str,
    pub expired: &'static str,
    pub other: &'static str,
    pub back: &'static str,
    pub bad_form: &'static str,
}
