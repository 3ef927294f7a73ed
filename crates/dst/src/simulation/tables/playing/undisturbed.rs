//! Actors that nothing disturbs: before a schedule, and at its end, when everything must become whole.

use super::super::super::desk::Op;
use super::super::scenario::TableRole;
use super::{Lane, Playing, Step};

impl Playing<'_> {
    /// Publishes and builds without a fault; then everything must be whole. Any process can do it: one that has published before
    /// believes what it knows.
    pub(super) async fn make_whole(&mut self) {
        if self.is_over() {
            return;
        }
        let lane = match self.out.choices.pick(self.scenario.lanes.len() + 1) {
            0 => self.new_lane(),
            lane => lane - 1,
        };
        let mut roles = vec![TableRole::Publish];
        roles.extend(self.scenario.silver.then_some(TableRole::Build));
        self.undisturbed_in(lane, roles).await;
        if !self.is_over() {
            let judged = self.judge.look_at_rest(&self.objects);
            self.hold(judged);
        }
    }

    /// Loses an object of a log, when all processes have ended, and rebuilds the log, as its operator does. Then it is whole, and
    /// goes on.
    pub(super) async fn lose_of_a_log(&mut self, then: TableRole) {
        if self.is_over() {
            return;
        }
        let prefix = self.world.dataset(0).prefix.clone();
        let log = self.objects.below(&format!("{prefix}/_delta_log"));
        if log.is_empty() {
            return;
        }
        for lane in 0..self.lanes.len() {
            self.world.end_process(lane);
        }
        let key = log[self.out.choices.pick(log.len())].location.to_string();
        self.note(|| format!("lost: {key}"));
        self.fired("lost object of a log");
        self.objects.apply(&Op::Delete { key });
        self.judge.expect_rebuild(true);
        let lane = self.new_lane();
        self.undisturbed_in(lane, vec![TableRole::Align]).await;
        self.judge.expect_rebuild(false);
        if self.is_over() {
            return;
        }
        let judged = self.judge.look_at_rest(&self.objects);
        self.hold(judged);
        self.undisturbed_in(lane, vec![then]).await;
        self.make_whole().await;
    }

    fn new_lane(&mut self) -> usize {
        self.lanes.push(Lane::default());
        self.lanes.len() - 1
    }

    /// Runs actors of a new process to their ends, without a fault.
    pub(super) async fn undisturbed(&mut self, roles: Vec<TableRole>) {
        let lane = self.new_lane();
        self.undisturbed_in(lane, roles).await;
    }

    /// Runs actors of a lane to their ends, without a fault.
    async fn undisturbed_in(&mut self, lane: usize, roles: Vec<TableRole>) {
        if self.is_over() {
            return;
        }
        self.faults_left = 0;
        self.lanes[lane].to_come = roles.into();
        self.next_life(lane);
        while !self.is_over() && self.lanes[lane].life.is_some() {
            let waiting = self.world.desk.waiting().into_iter().next();
            self.take(waiting.map_or(Step::Wake(lane), Step::Grant))
                .await;
        }
    }
}
