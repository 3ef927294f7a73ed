//! Concerns, worst first: the answer to "is everything well?".

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::alerts::key::{AlertRuleName, AlertSeverity};
use crate::alerts::ledger::AlertEntry;
use crate::daemon::board::DaemonState;
use crate::daemon::learn::enabled;
use crate::daemon::{DaemonInner, Scheduled};
use crate::schedule::backlog::Backlog;
use crate::server::daemon::Readiness;
use crate::server::view::{Concern, ConcernKind, Severity};
use bronzed_model::declaration::Dataset;

impl DaemonInner {
    /// Returns the concerns, worst first.
    pub(super) fn concerns(
        &self,
        board: &DaemonState,
        readiness: Readiness,
        now: DateTime<Utc>,
    ) -> Vec<Concern> {
        let mut concerns = of_the_daemon(board, readiness);
        for one in self.sources.values() {
            self.of_source(board, one, now, &mut concerns);
        }
        let alerts = self.alerts.active().into_iter().filter_map(of_alert);
        let alerts: Vec<_> = alerts
            .filter(|one| !is_of_mistyped(one, &concerns))
            .collect();
        concerns.extend(alerts);
        concerns.sort_by_key(|concern| (Reverse(concern.severity), concern.kind));
        concerns
    }

    fn of_source(
        &self,
        board: &DaemonState,
        one: &Scheduled,
        now: DateTime<Utc>,
        concerns: &mut Vec<Concern>,
    ) {
        let source = &*one.schedule.source;
        let of_source = board.sources.get(source);
        let mut down = BTreeSet::new();
        for (_, dataset) in enabled(&one.source, &one.schedule) {
            let client = self.session.client(source);
            let outage = client.and_then(|client| client.down(dataset));
            if let Some(outage) = outage.filter(|outage| down.insert(outage.what.clone())) {
                concerns.push(Concern {
                    source: Some(source.to_owned()),
                    since: Some(outage.since),
                    detail: Some(format!("{}: {}", outage.what, outage.last)),
                    ..Concern::new(ConcernKind::ApiDown, Severity::Warning)
                });
            }
            if let Some(reason) = self.session.lake().refusal(&dataset.prefix) {
                concerns.push(Concern {
                    detail: Some(reason),
                    ..Concern::of_dataset(dataset, ConcernKind::TableRefused, Severity::Critical)
                });
            }
            let rests = of_source.and_then(|of| of.troubles.rests_until(&dataset.name, now));
            if rests.is_some() {
                let kind = ConcernKind::DatasetRests;
                concerns.push(Concern::of_dataset(dataset, kind, Severity::Note));
            }
            match board.knowledge(source, dataset) {
                Ok(known) => {
                    if let Some(found) = known.mistyped(now) {
                        concerns.push(Concern {
                            day: Some(found.day),
                            since: Some(found.since),
                            detail: Some(found.in_words(&dataset.full_name())),
                            ..Concern::of_dataset(
                                dataset,
                                ConcernKind::ValuesMistyped,
                                Severity::Warning,
                            )
                        });
                    }
                    let backlog = one.schedule.backlog(&dataset.name, known, now);
                    concerns.extend(of_days(dataset, &backlog));
                }
                Err(_) => concerns.push(Concern::of_dataset(
                    dataset,
                    ConcernKind::LakeNotRead,
                    Severity::Warning,
                )),
            }
        }
        for (name, job) in &one.schedule.jobs {
            let stale = of_source.into_iter().flat_map(|of_source| &of_source.stale);
            for (dataset, _) in stale.filter(|(_, of)| of == name) {
                let Some(dataset) = one.source.datasets.get(&**dataset) else {
                    continue;
                };
                let known = board.knowledge(source, dataset).ok();
                concerns.push(Concern {
                    job: Some(name.to_string()),
                    since: Some(now - self.age(one, (job, &dataset.name), known, now)),
                    ..Concern::of_dataset(dataset, ConcernKind::Stale, Severity::Warning)
                });
            }
            if let Some(since) = board.paused.since(source, name) {
                concerns.push(Concern {
                    source: Some(source.to_owned()),
                    job: Some(name.to_string()),
                    since: Some(since),
                    ..Concern::new(ConcernKind::JobPaused, Severity::Note)
                });
            }
        }
    }
}

fn of_the_daemon(board: &DaemonState, readiness: Readiness) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let mut add = |kind, detail| {
        concerns.push(Concern {
            detail,
            ..Concern::new(kind, Severity::Critical)
        });
    };
    if board.lake_reachable == Some(false) {
        add(ConcernKind::LakeUnreachable, board.lake_error.clone());
    }
    if !readiness.lake_writable {
        let refusal = board.lake.refusal();
        let detail = refusal.map(|(_, error)| error.to_owned());
        add(ConcernKind::LakeRefusesWrites, detail);
    }
    if !readiness.scheduler_ticking && readiness.last_tick_age.is_some() {
        add(ConcernKind::SchedulerStopped, None);
    }
    concerns
}

/// Returns the concern of an active alert. `None` if the other concerns tell of its condition, sooner than the alert.
fn of_alert(alert: AlertEntry) -> Option<Concern> {
    match alert.key.rule {
        AlertRuleName::Failing
        | AlertRuleName::Volume
        | AlertRuleName::Drift
        | AlertRuleName::Quality
        | AlertRuleName::HeldBack => {}
        AlertRuleName::Unproven
        | AlertRuleName::Stuck
        | AlertRuleName::Stale
        | AlertRuleName::Down
        | AlertRuleName::Lake => return None,
    }
    let severity = match alert.key.rule.severity() {
        AlertSeverity::Info => Severity::Note,
        AlertSeverity::Warning => Severity::Warning,
        AlertSeverity::Critical => Severity::Critical,
    };
    let of_table = alert.key.is_of_table();
    Some(Concern {
        source: alert.key.source,
        dataset: alert.key.dataset.filter(|_| !of_table),
        since: Some(alert.since),
        detail: Some(format!("{}. {}", alert.summary, alert.detail)),
        ..Concern::new(ConcernKind::Alert, severity)
    })
}

/// `true` for an alert on drift of a dataset whose mistyped values are told.
fn is_of_mistyped(alert: &Concern, concerns: &[Concern]) -> bool {
    let is_drift = alert.severity == Severity::Note;
    is_drift
        && concerns.iter().any(|one| {
            one.kind == ConcernKind::ValuesMistyped
                && (&one.source, &one.dataset) == (&alert.source, &alert.dataset)
        })
}

/// Returns the concerns about the days of a dataset.
fn of_days(dataset: &Dataset, backlog: &Backlog) -> Vec<Concern> {
    let of = |kind, severity| Concern::of_dataset(dataset, kind, severity);
    let mut concerns = Vec::new();
    if backlog.stuck > 0 {
        concerns.push(Concern {
            day: backlog.oldest_stuck,
            days: backlog.stuck,
            ..of(ConcernKind::DaysStuck, Severity::Critical)
        });
    }
    if backlog.overdue > 0 {
        concerns.push(Concern {
            day: backlog.oldest,
            days: backlog.overdue,
            ..of(ConcernKind::DaysOverdue, Severity::Warning)
        });
    } else if backlog.days > 0 {
        let kind = match backlog.unread == backlog.days {
            true => ConcernKind::DaysUnread,
            false => ConcernKind::DaysOpen,
        };
        concerns.push(Concern {
            day: backlog.oldest,
            days: backlog.days,
            ..of(kind, Severity::Note)
        });
    }
    concerns
}

impl Concern {
    fn new(kind: ConcernKind, severity: Severity) -> Self {
        Self {
            kind,
            severity,
            source: None,
            dataset: None,
            job: None,
            day: None,
            days: 0,
            since: None,
            detail: None,
        }
    }

    fn of_dataset(dataset: &Dataset, kind: ConcernKind, severity: Severity) -> Self {
        Self {
            source: Some(dataset.source.clone()),
            dataset: Some(dataset.name.clone()),
            ..Self::new(kind, severity)
        }
    }
}
