//! Records a day against the usual ones: of how many records like days have, read from their states once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{Datelike as _, TimeDelta};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::daemon::DaemonInner;
use crate::daemon::day::unavailable;
use crate::schedule::knowledge::DatasetKnowledge;
use crate::server::daemon::ServiceError;
use crate::server::view::{Usual, VolumeDay, Volumes};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::glance;

/// Number of states read at once for the usual volume.
const AT_ONCE: usize = 4;
/// Number of like days before and after a day.
const ALIKE: usize = 6;
/// Time that recent volumes cover: nine of each weekday.
const RECENT: TimeDelta = TimeDelta::weeks(9);
/// Fewest like days that make a usual volume.
const FEWEST: usize = 3;

/// Number of records of complete days that were read before, by the prefix of their table. What a repair adds
/// to such a day later is too little to matter.
#[derive(Debug, Default)]
pub(super) struct VolumeCache(Mutex<BTreeMap<String, BTreeMap<Day, u64>>>);

impl DaemonInner {
    /// Returns the records of like days. `None` if too few are known.
    pub(super) async fn usual(
        &self,
        dataset: &Dataset,
        day: Day,
    ) -> Result<Option<Usual>, LakeError> {
        let zone = self.sources.get(&*dataset.source);
        let Some(zone) = zone.map(|one| one.schedule.zone) else {
            return Ok(None);
        };
        let near = (1..=ALIKE as i64)
            .flat_map(|weeks| [-weeks, weeks])
            .map(|weeks| Day::new(day.date() + TimeDelta::weeks(weeks)));
        let known = self.with_knowledge(dataset, |known| {
            let complete = near.filter(|day| known.is_complete(*day));
            complete.take(ALIKE).collect::<Vec<_>>()
        });
        let volumes = self.volumes(dataset, known.unwrap_or_default(), zone);
        Ok(usual_of(volumes.await?.into_values()))
    }

    /// Returns the records of the last weeks, each day with the usual range of the others of its weekday.
    pub(super) async fn recent_volumes(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<Volumes, ServiceError> {
        let (source, dataset) = self.find(source, dataset)?;
        let zone = self.scheduled(&source)?.schedule.zone;
        let now = self.now();
        let yesterday = Day::of(now, zone).previous();
        let first = Day::new(yesterday.date() - RECENT + TimeDelta::days(1));
        let days: Vec<_> = first.through(yesterday).collect();
        let _turn = self.readings.acquire().await;
        let found = self.volumes(&dataset, days.clone(), zone).await;
        let found = found.map_err(unavailable)?;
        let complete = self.with_knowledge(&dataset, |known| {
            let days = days.iter().copied();
            days.filter(|day| known.is_complete(*day))
                .collect::<Vec<_>>()
        });
        let complete = complete.unwrap_or_default();
        let days = days.into_iter().map(|day| {
            let alike = complete
                .iter()
                .filter(|other| **other != day && other.date().weekday() == day.date().weekday());
            VolumeDay {
                day,
                records: found.get(&day).copied(),
                usual: usual_of(alike.filter_map(|other| found.get(other)).copied()),
            }
        });
        Ok(Volumes {
            at: now,
            source: source.to_string(),
            dataset: dataset.name.clone(),
            days: days.collect(),
        })
    }

    /// Returns the number of records of these days; days without a readable state are left out.
    pub(super) async fn volumes(
        &self,
        dataset: &Dataset,
        days: Vec<Day>,
        zone: chrono_tz::Tz,
    ) -> Result<BTreeMap<Day, u64>, LakeError> {
        let (lake, prefix) = (self.session.lake(), &*dataset.prefix);
        let (mut found, unknown) = self.volumes.of(prefix, days);
        let read = futures::stream::iter(unknown).map(|day| async move {
            let glance = glance(lake, prefix, day, zone).await?;
            Ok::<_, LakeError>(glance.map(|glance| (day, glance)))
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        for (day, glance) in read.into_iter().flatten() {
            if glance.complete {
                self.volumes.keep(prefix, day, glance.records);
            }
            found.insert(day, glance.records);
        }
        Ok(found)
    }

    /// Calls `with` for the knowledge of a dataset. `None` if there is none yet.
    pub(super) fn with_knowledge<T>(
        &self,
        dataset: &Dataset,
        with: impl FnOnce(&DatasetKnowledge) -> T,
    ) -> Option<T> {
        let board = self.board();
        board.knowledge(&dataset.source, dataset).ok().map(with)
    }
}

impl VolumeCache {
    /// Returns the records of those of the days that are known, and the other days.
    fn of(&self, prefix: &str, days: Vec<Day>) -> (BTreeMap<Day, u64>, Vec<Day>) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_table = all.get(prefix);
        let (mut known, mut unknown) = (BTreeMap::new(), Vec::new());
        for day in days {
            match of_table.and_then(|volumes| volumes.get(&day)) {
                Some(records) => drop(known.insert(day, *records)),
                None => unknown.push(day),
            }
        }
        (known, unknown)
    }

    fn keep(&self, prefix: &str, day: Day, records: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(prefix.to_owned())
            .or_default()
            .insert(day, records);
    }
}

/// Returns the usual volume of like days. `None` if they are too few.
fn usual_of(volumes: impl Iterator<Item = u64>) -> Option<Usual> {
    let mut volumes: Vec<_> = volumes.collect();
    volumes.sort_unstable();
    let (least, most) = (*volumes.first()?, *volumes.last()?);
    (volumes.len() >= FEWEST).then(|| Usual {
        least,
        median: volumes.get(volumes.len() / 2).copied().unwrap_or(most),
        most,
        days: volumes.len() as u64,
    })
}
