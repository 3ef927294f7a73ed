//! Status of a lake in memory, with the daemon's planner.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::ahead::{NextDays, next_runs};
use super::runs::{RunQuery, past_runs};
use super::*;
use crate::schedule::plan::Reason;
use bronzed_model::declaration::Source;
use bronzed_storage::bronze::layout;
use uuid::Uuid;

const PREFIX: &str = "pncp";
/// A Wednesday, at noon in Brasília.
const NOW: &str = "2025-10-22T15:00:00Z";

struct Scene {
    lake: Lake,
    source: Arc<Source>,
    now: DateTime<Utc>,
}

impl Scene {
    fn new() -> Self {
        let settings = bronzed_config::load(None, []).unwrap();
        Self {
            lake: Lake::over(
                Arc::new(object_store::memory::InMemory::new()),
                "memory:///",
            ),
            source: settings.sources["pncp"].clone(),
            now: NOW.parse().unwrap(),
        }
    }

    /// Stores a state with one run, numbered `run`, that ended `ago`.
    async fn ran(&self, day: &str, run: u128, status: &str, ago: TimeDelta) {
        let ended = (self.now - ago).to_rfc3339();
        let started = (self.now - ago - TimeDelta::minutes(1)).to_rfc3339();
        let failures = match status {
            "ok" => json!({}),
            _ => {
                json!({"modalidade=6": "503 Service Unavailable", "modalidade=8": "503 Service Unavailable"})
            }
        };
        let state = json!({
            "date": day, "processed_ids": [], "last_execution": ended, "total_processed": 0,
            "executions": [{
                "timestamp": ended, "new_records": 0, "duplicates_filtered": 0, "filter_rate": 0.0,
                "run_id": Uuid::from_u128(run), "job": "daily", "status": status, "fetched": 0,
                "unidentified": 0, "requests": 1, "retries": 0, "failures": failures,
                "failed_slices": [], "off_day": 0, "files": [], "started_at": started, "version": "0.1.0",
            }],
            "created_at": started, "slices": {}, "complete": status == "ok",
        });
        let day = day.parse().unwrap();
        self.put(&layout::state_key(PREFIX, day), state.to_string())
            .await;
        if status == "ok" {
            self.put(&layout::complete_key(PREFIX, day), String::new())
                .await;
        }
    }

    async fn put(&self, key: &str, text: String) {
        self.lake.create(key, text.into()).await.unwrap();
    }

    async fn reading(&self) -> SourceReading {
        let dataset = self.source.datasets["contratacoes"].clone();
        SourceReading::read(&self.lake, &self.source, &[dataset], self.now, &|| {})
            .await
            .unwrap()
    }

    async fn status(&self) -> DatasetStatus {
        let reading = self.reading().await;
        standing(&self.lake, &reading, &reading.datasets[0], self.now)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn days_that_failed_for_the_same_reason_are_one_trouble_with_the_planners_next_try() {
    let scene = Scene::new();
    scene.ran("2025-10-18", 1, "ok", TimeDelta::hours(9)).await;
    for (day, run) in [("2025-10-20", 2), ("2025-10-21", 3)] {
        scene.ran(day, run, "partial", TimeDelta::minutes(4)).await;
    }
    let status = scene.status().await;
    let [trouble] = status.troubles().try_into().unwrap();
    assert_eq!(trouble.days.len(), 2);
    assert_eq!(trouble.status, Some(Status::Partial));
    assert_eq!(
        trouble.reasons,
        ["modalidade=6, modalidade=8: 503 Service Unavailable"]
    );
    // The first retry comes ten minutes after the run.
    assert_eq!(trouble.next_try, Some(scene.now + TimeDelta::minutes(6)));
    assert_eq!(status.to_json()["needs_attention"], true);
    assert_eq!(
        status.to_json()["open"][0]["next_try"],
        "2025-10-22T12:06:00-03:00"
    );
}

#[tokio::test]
async fn a_lake_whose_days_are_complete_needs_no_attention() {
    let scene = Scene::new();
    scene.ran("2025-10-21", 1, "ok", TimeDelta::hours(9)).await;
    let status = scene.status().await;
    assert!(status.troubles().is_empty() && status.open.is_empty());
    assert!(!status.is_blank());
}

#[tokio::test]
async fn next_tells_due_runs_retries_and_slots_as_the_planner_has_them() {
    let mut scene = Scene::new();
    scene
        .ran("2025-10-21", 3, "failed", TimeDelta::minutes(4))
        .await;
    let mut readings = [scene.reading().await];
    let next = next_runs(&mut readings, scene.now);
    let due: Vec<_> = next.iter().filter(|one| one.at.is_none()).collect();
    let read: Vec<_> = due
        .iter()
        .filter_map(|one| match &one.what {
            NextDays::Days(days, _) => Some(days.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let failed: Day = "2025-10-21".parse().unwrap();
    assert!(!read.contains(&failed), "it waits: {read:?}");
    let retry = next.iter().find(
        |one| matches!(&one.what, NextDays::Days(days, Reason::Retry) if days.contains(&failed)),
    );
    let at = retry.and_then(|retry| retry.at);
    assert_eq!(at, Some(scene.now + TimeDelta::minutes(6)));
    let slots = next
        .iter()
        .filter(|one| matches!(one.what, NextDays::OfSlot(..)));
    assert!(slots.count() >= 3, "{next:?}");
    // Ten minutes after the run the planner has it due: the same task, not a copy of its rule.
    scene.now += TimeDelta::minutes(6);
    let next = next_runs(&mut readings, scene.now);
    assert!(next.iter().any(|one| one.at.is_none()
        && matches!(&one.what, NextDays::Days(days, Reason::Retry) if days.contains(&failed))));
}

#[tokio::test]
async fn the_last_runs_are_found_by_outcome_newest_first() {
    let scene = Scene::new();
    for (day, run, status, hours) in [
        ("2025-10-18", 1, "ok", 9),
        ("2025-10-19", 2, "failed", 3),
        ("2025-10-20", 3, "ok", 6),
    ] {
        scene.ran(day, run, status, TimeDelta::hours(hours)).await;
    }
    let reading = scene.reading().await;
    let zone = reading.schedule.zone;
    let datasets = reading.datasets.into_iter();
    let datasets: Vec<_> = datasets
        .map(|one| (one.dataset, zone, one.listing))
        .collect();
    let asked = |status, limit| {
        let since = scene.now - TimeDelta::days(3);
        past_runs(
            &scene.lake,
            &datasets,
            RunQuery {
                status,
                since,
                limit,
            },
        )
    };
    let ids = |runs: Vec<runs::RecordedRun>| -> Vec<u128> {
        runs.iter().map(|one| one.run.run_id.as_u128()).collect()
    };
    assert_eq!(ids(asked(None, 10).await.unwrap()), [2, 3, 1]);
    assert_eq!(ids(asked(None, 2).await.unwrap()), [2, 3]);
    assert_eq!(ids(asked(Some(Status::Failed), 10).await.unwrap()), [2]);
}
