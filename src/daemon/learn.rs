//! What the daemon must know of a source, read from the lake: it keeps nothing on a disk of its
//! own.
//!
//! One LIST a dataset tells which days are complete or accepted, and which have a state; then the states
//! are read of those that aren't, and that may be read again. Done at the start and once an hour, for other
//! processes may work on the same lake.
//!
//! What a state said is remembered while the LIST shows the same object. So an hour in which nothing
//! happens costs a dataset of days one LIST and two GETs (`_bronzed/named`, `_bronzed/verified`), however
//! many of its days are open, and however old the lake is: only the pages of the LIST grow with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};

use crate::day::Day;
use crate::entropy::Entropy;
use crate::lake::document::DocumentError;
use crate::lake::{Entry, Lake, LakeError};
use crate::named::Named;
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts};
use crate::source::declaration::{Dataset, Source};
use crate::state::{Listing, glance, listing};
use crate::verify::marks;

/// States read at once.
const AT_ONCE: usize = 8;

/// Of so many of the newest days the runs are known, whether they are complete or not: they tell
/// when somebody was last at work, and which jobs have been served.
const NEWEST: usize = 3;

/// What was learned of the datasets of a source, by their short names.
pub(super) type Learned = Vec<(Arc<str>, Result<DatasetKnowledge, LakeError>)>;

/// What states said that were read before, by the prefix of their table.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, Remembered>>);

type Remembered = BTreeMap<Day, Seen>;

/// A state that was read.
#[derive(Debug, Clone)]
struct Seen {
    /// The object, as the LIST showed it.
    entry: Entry,
    runs: Vec<ExecutionFacts>,
}

/// Asks the lake about every dataset of a source.
pub(super) async fn learn(
    lake: &Lake,
    entropy: &Entropy,
    (source, schedule): (&Source, &Schedule),
    memory: &Memory,
    now: DateTime<Utc>,
) -> Learned {
    let mut learned = Vec::new();
    for (name, dataset) in enabled(source, schedule) {
        let asking = Asking {
            lake,
            entropy,
            schedule,
            name,
            prefix: &dataset.prefix,
            now,
        };
        let remembered = memory.take(&dataset.prefix);
        let known = asking.learn(remembered).await;
        let known = known.map(|(known, seen)| {
            memory.keep(&dataset.prefix, seen);
            known
        });
        learned.push((Arc::clone(name), known));
    }
    learned
}

impl Memory {
    fn take(&self, prefix: &str) -> Remembered {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(prefix).unwrap_or_default()
    }

    fn keep(&self, prefix: &str, seen: Remembered) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(prefix.to_owned(), seen);
    }
}

/// The datasets that jobs read.
pub(super) fn enabled<'a>(
    source: &'a Source,
    schedule: &'a Schedule,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Dataset>)> {
    let names = schedule.datasets.keys();
    names.filter_map(|name| Some((name, source.datasets.get(&**name)?)))
}

/// A dataset that the lake is asked about.
struct Asking<'a> {
    lake: &'a Lake,
    entropy: &'a Entropy,
    schedule: &'a Schedule,
    name: &'a str,
    prefix: &'a str,
    now: DateTime<Utc>,
}

impl Asking<'_> {
    async fn learn(
        &self,
        remembered: Remembered,
    ) -> Result<(DatasetKnowledge, Remembered), LakeError> {
        let listing = listing(self.lake, self.prefix).await?;
        let seen = self.states(&listing, remembered).await?;
        let mut known = DatasetKnowledge::new(listing.complete);
        known.begin(listing.states.into_keys());
        for day in listing.accepted {
            known.accept(day);
        }
        for (day, state) in &seen {
            for facts in &state.runs {
                known.note_at(*day, facts.clone(), self.now);
            }
        }
        if self
            .schedule
            .datasets
            .get(self.name)
            .is_some_and(|one| one.verify)
        {
            known.verified(marks::load(self.lake, self.prefix).await?);
        }
        if let Some(from) = self.named_from().await? {
            known.name_from(from);
        }
        Ok((known, seen))
    }

    /// What the states say that planning needs: those of open days, and of the newest ones.
    async fn states(
        &self,
        listing: &Listing,
        mut remembered: Remembered,
    ) -> Result<Remembered, LakeError> {
        let newest: BTreeSet<_> = listing.states.keys().rev().take(NEWEST).collect();
        let done = |day: &Day| listing.complete.contains(day) || listing.accepted.contains(day);
        let earliest = self.schedule.first_readable(self.name, self.now);
        let needed = listing
            .states
            .iter()
            .filter(|(day, _)| newest.contains(day) || (**day >= earliest && !done(day)));
        let (mut seen, mut unknown) = (Remembered::new(), Vec::new());
        for (day, entry) in needed {
            match remembered.remove(day).filter(|seen| seen.is_of(entry)) {
                Some(known) => drop(seen.insert(*day, known)),
                None => unknown.push((*day, entry.clone())),
            }
        }
        let zone = self.schedule.zone;
        let read = futures::stream::iter(unknown).map(|(day, entry)| async move {
            let glance = glance(self.lake, self.prefix, day, zone).await?;
            let runs = glance.unwrap_or_default().runs;
            let runs = runs.iter().map(ExecutionFacts::from).collect();
            Ok((day, Seen { entry, runs }))
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        seen.extend(read);
        Ok(seen)
    }

    /// The first day that was ever named. That it can't be written stops nobody: it is tried again.
    async fn named_from(&self) -> Result<Option<Day>, LakeError> {
        let Some(first) = self.schedule.first_named(self.name, self.now) else {
            return Ok(None);
        };
        let known = match Named::load(self.lake, self.prefix).await {
            Ok(known) => known,
            Err(DocumentError::Lake(error)) => return Err(error),
            Err(error) => {
                self.not_noted(&error);
                return Ok(Some(first));
            }
        };
        let when = (self.now, Day::of(self.now, self.schedule.zone));
        let noted = Named::note(self.lake, self.entropy, self.prefix, known, first, when).await;
        Ok(Some(match noted {
            Ok(named) => named.from,
            Err(error) => {
                self.not_noted(&error);
                known.map_or(first, |known| known.from.min(first))
            }
        }))
    }

    fn not_noted(&self, error: &DocumentError) {
        let (source, dataset) = (&*self.schedule.source, self.name);
        tracing::warn!(source, dataset, %error, "named days not noted");
    }
}

impl Seen {
    /// Whether the LIST shows the object that was read. One without a version may have been written
    /// since within the same moment, so it is read again.
    fn is_of(&self, entry: &Entry) -> bool {
        self.entry.e_tag.is_some() && self.entry == *entry
    }
}
