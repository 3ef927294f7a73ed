//! Checks of a schedule: some promises after every step, the others at the end.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::super::{api, lake};
use super::Scheduler;
use bronzed_model::execution::Status;
use bronzed_storage::invariants::{self, Promise, Violation};
use bronzed_storage::testing::support;

impl Scheduler<'_> {
    /// Checks the promises on the current lake.
    pub(super) fn look(&mut self) {
        if !std::mem::take(&mut self.changed) || self.out.failure.is_some() {
            return;
        }
        let day = lake::day(&self.stage, &self.objects);
        let mut truth = self.stage.truth();
        let mut violations = invariants::at_every_step(&day, &truth.served_as_stored(&day.files));
        let is_new = |file| !truth.files.contains(file);
        let changed = day.files.iter().filter(|file| is_new(file)).count() + truth.files.len()
            > day.files.len();
        if changed {
            let what = "a file was changed or deleted".to_owned();
            violations.push(Violation {
                promise: Promise::P1,
                what,
            });
        }
        let noted = lake::withdrawn(&self.objects, support::STATE);
        let removed = &truth.api.removed;
        let never_gone = noted.iter().filter(|id| !removed.contains(api::key_of(id)));
        violations.extend(never_gone.map(|id| Violation {
            promise: Promise::P2,
            what: format!("{id} is noted as taken away, and never was"),
        }));
        let complete = day.state.as_ref().is_some_and(|state| state.complete);
        if self.complete > self.harmed && day.state.is_some() && !complete {
            let what = "a day that was complete is so no more".to_owned();
            let promise = Promise::P4;
            violations.push(Violation { promise, what });
        }
        if complete {
            self.complete = self.out.steps;
        }
        truth.files = day.files;
        drop(truth);
        self.blame(violations);
    }

    pub(super) fn judge_rest(&mut self, last: Uuid) {
        let day = lake::day(&self.stage, &self.objects);
        let truth = self.stage.truth();
        let mut violations = invariants::at_rest(&day, &truth.served_as_stored(&day.files));
        let told = truth.told.iter().find(|told| told.run == Some(last));
        let healed = told.is_some_and(|told| told.status == Status::Ok);
        let complete = day.marker && day.state.as_ref().is_some_and(|state| state.complete);
        if let Some(state) = &day.state {
            for told in &truth.told {
                // Audit entries written before the state was lost are lost with it.
                let run = told.run.unwrap_or_default();
                if self.wrote.get(&run).copied().unwrap_or_default() >= self.harmed {
                    let given = truth.api.given.get(&run);
                    let rows = given.map_or(0, |given| given.rows);
                    violations.extend(invariants::p7_told(state, told, rows));
                }
            }
        }
        drop(truth);
        self.blame(violations);
        if !(healed && complete) {
            self.fail("liveness: a run without faults doesn't make the day complete".to_owned());
        }
    }

    /// Asserts that after verification the withdrawn ids are exactly the stored records that the API no
    /// longer lists.
    pub(super) fn judge_withdrawn(&mut self) {
        let noted = lake::withdrawn(&self.objects, support::STATE);
        let truth = self.stage.truth();
        let listed = &truth.api.listed;
        let is_listed = |id: &str| listed.iter().any(|listed| **listed == *api::key_of(id));
        let gone: BTreeSet<_> = truth.ids().filter(|id| !is_listed(id)).cloned().collect();
        drop(truth);
        if self.out.failure.is_none() && noted != gone {
            self.fail(format!("withdrawn: {gone:?} are gone, and {noted:?} noted"));
        }
    }

    pub(super) fn blame(&mut self, violations: Vec<Violation>) {
        if let Some(first) = violations.first() {
            self.fail(first.to_string());
        }
    }

    pub(super) fn fail(&mut self, what: String) {
        self.note(|| format!("BROKEN {what}"));
        self.out.failure.get_or_insert(what);
    }
}
