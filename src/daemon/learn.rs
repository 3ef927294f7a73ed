//! What the daemon must know of a source, read from the lake: it keeps nothing on a disk of its
//! own.
//!
//! One LIST a dataset tells which days are complete and which have a state; then the states of
//! those days are read that a job may want, and that aren't complete. Done at the start and once an
//! hour, for other processes may work on the same lake.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};

use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Lake, LakeError};
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts};
use crate::source::declaration::{Dataset, Source};
use crate::state::glance;
use crate::verify::marks;

/// States read at once.
const AT_ONCE: usize = 8;

/// Of so many of the newest days the runs are known, whether they are complete or not: they tell
/// when somebody was last at work.
const NEWEST: usize = 2;

/// What was learned of the datasets of a source, by their short names.
pub(super) type Learned = Vec<(Arc<str>, Result<DatasetKnowledge, LakeError>)>;

/// Asks the lake about every dataset of a source.
pub(super) async fn learn(
    lake: &Lake,
    source: &Source,
    schedule: &Schedule,
    now: DateTime<Utc>,
) -> Learned {
    let mut learned = Vec::new();
    for (name, dataset) in enabled(source, schedule) {
        let wanted = schedule.wanted_days(name, now);
        let known = learn_dataset(lake, schedule, &dataset.prefix, &wanted).await;
        learned.push((Arc::clone(name), known));
    }
    learned
}

/// The datasets that jobs read.
pub(super) fn enabled<'a>(
    source: &'a Source,
    schedule: &'a Schedule,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Dataset>)> {
    let names = schedule.datasets.keys();
    names.filter_map(|name| Some((name, source.datasets.get(&**name)?)))
}

async fn learn_dataset(
    lake: &Lake,
    schedule: &Schedule,
    prefix: &str,
    wanted: &BTreeSet<Day>,
) -> Result<DatasetKnowledge, LakeError> {
    let (mut complete, mut with_state) = (BTreeSet::new(), BTreeSet::new());
    for entry in lake.list(&layout::state_folder(prefix)).await? {
        complete.extend(layout::complete_day(prefix, &entry.key));
        with_state.extend(layout::state_day(prefix, &entry.key));
    }
    let newest: BTreeSet<_> = with_state.iter().rev().take(NEWEST).copied().collect();
    let to_read = with_state
        .into_iter()
        .filter(|day| newest.contains(day) || (wanted.contains(day) && !complete.contains(day)));
    let glances = futures::stream::iter(to_read).map(|day| async move {
        let glance = glance(lake, prefix, day, schedule.zone).await?;
        Ok((day, glance.unwrap_or_default()))
    });
    let glances: Vec<_> = glances.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut known = DatasetKnowledge::new(complete);
    known.verified(marks::load(lake, prefix).await?);
    for (day, glance) in glances {
        for run in &glance.runs {
            known.note(day, ExecutionFacts::from(run));
        }
    }
    Ok(known)
}
