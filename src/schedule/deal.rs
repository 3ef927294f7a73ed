//! Fair queueing of due runs if there are more than run slots, without starvation.
//!
//! ```text
//! higher priority first; within a priority and a source:
//!   first reads before repeated ones, but every fourth run is a repeated one if any waits
//!   round robin: the dataset whose last turn is longest ago first
//!   within a dataset: of first reads the newest day, of repeated ones the one due for longest
//! ```
//!
//! A plan is made anew at every wake-up, and only its head gets slots, so the last turns are remembered
//! across plans. They are lost with the process, at the cost of one round.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::schedule::plan::{Class, Task};
use bronzed_model::day::Day;
use bronzed_model::declaration::Priority;

/// One of this many started runs is of a day that was read before, while days that were never read are
/// waiting.
const SHARE: u32 = 4;

/// Queueing attributes of a waiting run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRun {
    /// `pncp`
    pub source: Arc<str>,
    /// `contratacoes`
    pub dataset: Arc<str>,
    /// The day that it reads.
    pub day: Day,
    /// Priority of the run.
    pub priority: Priority,
    /// Class: first read, or read again.
    pub class: Class,
    /// Time since which the run has been due.
    pub due: DateTime<Utc>,
}

impl QueuedRun {
    /// Returns the waiting run of a task of `source`.
    pub fn of_task(source: &Arc<str>, task: &Task) -> Self {
        Self {
            source: Arc::clone(source),
            dataset: Arc::clone(&task.dataset),
            day: task.day,
            priority: task.priority,
            class: task.class(),
            due: task.due,
        }
    }
}

/// Fair-queueing state: the last turns.
#[derive(Debug, Clone, Default)]
pub struct FairQueue {
    turns: u64,
    /// The number of each dataset's last turn.
    last: BTreeMap<Of, u64>,
    /// Number of first reads started since the last repeated one, by source and priority.
    firsts: BTreeMap<(Arc<str>, Priority), u32>,
}

/// Waiting runs of one dataset.
#[derive(Debug)]
struct Waiting<T> {
    firsts: VecDeque<(QueuedRun, T)>,
    again: VecDeque<(QueuedRun, T)>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            firsts: VecDeque::new(),
            again: VecDeque::new(),
        }
    }
}

/// A source and its dataset.
type Of = (Arc<str>, Arc<str>);

type Group<T> = BTreeMap<Of, Waiting<T>>;

impl FairQueue {
    /// Sorts the waiting runs into the order of their turns. Stable for equal runs.
    pub fn order<T>(
        &self,
        waiting: impl IntoIterator<Item = (QueuedRun, T)>,
    ) -> Vec<(QueuedRun, T)> {
        let mut groups: BTreeMap<Reverse<Priority>, Group<T>> = BTreeMap::new();
        let mut count = 0;
        for (turn, one) in waiting {
            count += 1;
            let group = groups.entry(Reverse(turn.priority)).or_default();
            let of_dataset = group.entry(turn.of()).or_default();
            match turn.class.is_again() {
                true => of_dataset.again.push_back((turn, one)),
                false => of_dataset.firsts.push_back((turn, one)),
            }
        }
        let mut ordered = Vec::with_capacity(count);
        let mut deal = self.clone();
        for (Reverse(priority), mut group) in groups {
            for of_dataset in group.values_mut() {
                let firsts = of_dataset.firsts.make_contiguous();
                firsts.sort_by_key(|(turn, _)| Reverse(turn.day));
                let again = of_dataset.again.make_contiguous();
                again.sort_by_key(|(turn, _)| (turn.due, Reverse(turn.day)));
            }
            while let Some(next) = deal.next(priority, &mut group) {
                deal.begun(&next.0);
                ordered.push(next);
            }
        }
        ordered
    }

    /// Records the start of a run.
    pub fn begun(&mut self, turn: &QueuedRun) {
        self.turns += 1;
        self.last.insert(turn.of(), self.turns);
        let of_source = (Arc::clone(&turn.source), turn.priority);
        let firsts = self.firsts.entry(of_source).or_default();
        *firsts = match turn.class.is_again() {
            true => 0,
            false => firsts.saturating_add(1),
        };
    }

    fn next<T>(&self, priority: Priority, group: &mut Group<T>) -> Option<(QueuedRun, T)> {
        let mut best: Option<(Option<u64>, Reverse<Day>, &Of, bool)> = None;
        // The keys are sorted by source, so this is computed once for each source.
        let mut of_source: Option<(&Arc<str>, bool)> = None;
        for (of, waiting) in group.iter() {
            let again = match of_source {
                Some((source, again)) if *source == of.0 => again,
                _ => self.is_turn_of_again(&of.0, priority, group),
            };
            of_source = Some((&of.0, again));
            if let Some((turn, _)) = waiting.queue(again).front() {
                let rank = (self.last.get(of).copied(), Reverse(turn.day), of, again);
                best = Some(
                    best.map_or(rank, |best| match (rank.0, rank.1) < (best.0, best.1) {
                        true => rank,
                        false => best,
                    }),
                );
            }
        }
        let (_, _, of, again) = best?;
        let of = of.clone();
        let waiting = group.get_mut(&of)?;
        match again {
            true => waiting.again.pop_front(),
            false => waiting.firsts.pop_front(),
        }
    }

    /// `true` if the next run of a source is a repeated one: its share is due, or only repeated ones wait.
    fn is_turn_of_again<T>(&self, source: &Arc<str>, priority: Priority, group: &Group<T>) -> bool {
        let waits = |again: bool| {
            let mut of_source = group.iter().filter(|(of, _)| of.0 == *source);
            of_source.any(|(_, waiting)| !waiting.queue(again).is_empty())
        };
        let firsts = self.firsts.get(&(Arc::clone(source), priority));
        let due = firsts.is_some_and(|firsts| *firsts >= SHARE - 1);
        !waits(false) || (due && waits(true))
    }
}

impl<T> Waiting<T> {
    fn queue(&self, again: bool) -> &VecDeque<(QueuedRun, T)> {
        match again {
            true => &self.again,
            false => &self.firsts,
        }
    }
}

impl QueuedRun {
    fn of(&self) -> Of {
        (Arc::clone(&self.source), Arc::clone(&self.dataset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{FirstReading, Retry, Settle};
    use Priority::{Backfill, Daily};

    fn turn(dataset: &str, day: &str, priority: Priority, class: Class) -> QueuedRun {
        let day: Day = format!("2025-10-{day}").parse().unwrap();
        QueuedRun {
            source: "pncp".into(),
            dataset: dataset.into(),
            day,
            priority,
            class,
            due: day.end(chrono_tz::UTC),
        }
    }

    /// Starts `count` runs, one after the other; a started run stays in the queue.
    fn begin(deal: &mut FairQueue, waiting: &[QueuedRun], count: usize) -> Vec<String> {
        let begun = (0..count).map(|_| {
            let ordered = deal.order(waiting.iter().cloned().map(|turn| (turn, ())));
            let (first, ()) = ordered.into_iter().next().unwrap();
            deal.begun(&first);
            format!("{} {}", first.dataset, first.day.date().format("%d"))
        });
        begun.collect()
    }

    #[test]
    fn a_dataset_whose_days_are_newer_does_not_keep_the_places_for_itself() {
        let waiting = [
            turn("a", "20", Backfill, FirstReading),
            turn("a", "19", Backfill, FirstReading),
            turn("b", "02", Backfill, FirstReading),
            turn("c", "01", Backfill, FirstReading),
        ];
        let begun = begin(&mut FairQueue::default(), &waiting, 6);
        assert_eq!(begun, ["a 20", "b 02", "c 01", "a 20", "b 02", "c 01"]);
    }

    #[test]
    fn days_that_fail_again_and_again_leave_three_of_four_places_to_days_never_read() {
        let mut waiting: Vec<_> = (10..28)
            .map(|day| turn("a", &day.to_string(), Backfill, Retry))
            .collect();
        waiting.push(turn("b", "02", Backfill, FirstReading));
        waiting.push(turn("b", "05", Backfill, Settle));
        let mut deal = FairQueue::default();
        let begun = begin(&mut deal, &waiting, 8);
        let firsts = begun.iter().filter(|one| *one == "b 02").count();
        assert_eq!(firsts, 6, "{begun:?}");
        // If only repeated reads wait, all runs are repeated.
        waiting.truncate(18);
        assert_eq!(
            begin(&mut deal, &waiting, 4),
            ["a 10"; 4],
            "due for longest"
        );
    }

    #[test]
    fn what_is_urgent_goes_first_whatever_it_is() {
        let waiting = [
            turn("a", "20", Backfill, FirstReading),
            turn("b", "21", Daily, Retry),
        ];
        assert_eq!(begin(&mut FairQueue::default(), &waiting, 2), ["b 21"; 2]);
    }

    #[test]
    fn an_order_holds_all_that_wait_once() {
        let waiting = (1..29).map(|number| {
            let class = [FirstReading, Settle, Retry][number % 3];
            let priority = [Backfill, Daily][number % 2];
            let dataset = ["a", "b", "c", "d", "e"][number % 5];
            (
                turn(dataset, &format!("{number:02}"), priority, class),
                number,
            )
        });
        let ordered = FairQueue::default().order(waiting);
        let mut numbers: Vec<_> = ordered.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..29).collect::<Vec<_>>());
        let priorities = ordered.iter().map(|(turn, _)| Reverse(turn.priority));
        assert!(priorities.is_sorted());
    }
}
