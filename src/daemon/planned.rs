//! Last plan of each dataset, kept while a new one would be the same: planning iterates over every wanted day, and each
//! finished run, of any source, triggers a reconcile pass over all sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::schedule::jobs::Schedule;
use crate::schedule::plan::{Plan, PlanInput, Running, Task, plan_dataset};
use bronzed_metrics::events;

/// Plans of the datasets of a source, by name.
#[derive(Debug, Default)]
pub(super) struct Plans(BTreeMap<Arc<str>, Planned>);

impl Plans {
    /// Returns the plans of all datasets, made anew where something has changed. Misfires are counted since the
    /// plan before, whatever `previous` says.
    pub fn update(
        &mut self,
        schedule: &Schedule,
        inputs: PlanInput<'_>,
    ) -> impl Iterator<Item = &Planned> {
        for dataset in schedule.datasets.keys() {
            let running = inputs.running.iter();
            let running = running.filter(|((name, _), _)| name == dataset);
            let running: Running = running.map(|(key, run)| (key.clone(), *run)).collect();
            let last = self.0.get(dataset);
            if last.is_some_and(|plan| plan.is_of(inputs.now, &running, inputs.paused)) {
                continue;
            }
            let inputs = PlanInput {
                previous: last.map(|plan| plan.at),
                running: &running,
                ..inputs
            };
            let plan = plan_dataset(schedule, inputs, dataset);
            count_missed(&schedule.source, &plan);
            let planned = Planned {
                at: inputs.now,
                is_valid: true,
                paused: inputs.paused.clone(),
                tasks: plan.tasks,
                next_wake: plan.next_wake,
                running,
            };
            self.0.insert(Arc::clone(dataset), planned);
        }
        self.0.values()
    }

    /// Returns the due runs of all plans, as last planned.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.0.values().flat_map(|planned| &planned.tasks)
    }

    /// Has the dataset planned anew: the knowledge of it has changed.
    pub fn forget(&mut self, dataset: &str) {
        if let Some(planned) = self.0.get_mut(dataset) {
            planned.is_valid = false;
        }
    }
}

/// Plan of a dataset and its inputs, apart from what is known of the dataset.
#[derive(Debug)]
pub(super) struct Planned {
    /// Time at which it was made.
    pub at: DateTime<Utc>,
    /// `false` if the knowledge that it was made from has changed.
    pub is_valid: bool,
    pub running: Running,
    pub paused: BTreeSet<String>,
    pub tasks: Vec<Task>,
    pub next_wake: DateTime<Utc>,
}

impl Planned {
    /// Returns `true` if a plan made now would be the same.
    pub fn is_of(&self, now: DateTime<Utc>, running: &Running, paused: &BTreeSet<String>) -> bool {
        self.is_valid
            && self.at <= now
            && now < self.next_wake
            && self.running == *running
            && self.paused == *paused
    }
}

fn count_missed(source: &str, plan: &Plan) {
    for missed in &plan.missed {
        let of_job = (source, &*missed.dataset, &*missed.job);
        events::slots_missed(of_job, missed.reason.as_str(), missed.slots);
        tracing::info!(
            source,
            dataset = &*missed.dataset,
            job = &*missed.job,
            reason = missed.reason.as_str(),
            slots = missed.slots,
            "slots missed"
        );
    }
}
