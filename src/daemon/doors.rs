//! Admission of runs by the health of sources and datasets.
//!
//! A source that is down gets no run until its probe is due, and then exactly one; the others wait for its
//! outcome. A dataset in back-off has one run at a time, with delays in between. A dataset whose slice values are
//! another dataset's rows waits for the first complete day of that one.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::board::DaemonState;
use crate::schedule::deal::QueuedRun;
use crate::session::AppContext;
use bronzed_model::declaration::SliceValues;
use bronzed_source::Down;

/// Admission state of one reconcile pass.
pub(super) struct AdmissionControl<'a> {
    session: &'a AppContext,
    now: DateTime<Utc>,
    /// Outage by source and dataset.
    down: BTreeMap<(Arc<str>, Arc<str>), Option<Down>>,
    /// Hosts and endpoints probed by active or just started runs, with their source.
    probing: Vec<(Arc<str>, Arc<str>)>,
    /// Datasets with a run started in this pass.
    begun: Vec<(Arc<str>, Arc<str>)>,
    opens_at: Option<DateTime<Utc>>,
}

impl<'a> AdmissionControl<'a> {
    pub(super) fn new(session: &'a AppContext, board: &DaemonState, now: DateTime<Utc>) -> Self {
        let probing = board.runs.under_way().filter_map(|(key, run)| {
            let what = run.beginning.probes.as_ref()?;
            Some((Arc::clone(&key.source), Arc::clone(what)))
        });
        Self {
            session,
            now,
            down: BTreeMap::new(),
            probing: probing.collect(),
            begun: Vec::new(),
            opens_at: None,
        }
    }

    /// `true` if no run of the dataset may start. A run requested by a person ignores the back-off, and tells why
    /// its table is refused.
    pub(super) fn is_shut(&mut self, board: &DaemonState, turn: &QueuedRun, by_hand: bool) -> bool {
        let of = (Arc::clone(&turn.source), Arc::clone(&turn.dataset));
        if !by_hand && (self.is_refused(&of) || self.lacks_values(board, &of)) {
            return true;
        }
        if let Some(down) = self.down(&of).cloned() {
            if !down.probe_in.is_zero() {
                let at =
                    self.now + TimeDelta::from_std(down.probe_in).unwrap_or(TimeDelta::days(1));
                self.note(at);
                return true;
            }
            let what = (Arc::clone(&of.0), Arc::from(&*down.what));
            if down.probing || self.probing.contains(&what) {
                return true;
            }
        }
        let troubles = board.sources.get(&of.0).map(|source| &source.troubles);
        let Some(troubles) = troubles.filter(|troubles| troubles.has(&of.1)) else {
            return false;
        };
        let under_way =
            |key: &crate::daemon::runs::RunKey| key.source == of.0 && key.dataset == of.1;
        if self.begun.contains(&of) || board.runs.under_way().any(|(key, _)| under_way(key)) {
            return true;
        }
        match troubles.rests_until(&of.1, self.now).filter(|_| !by_hand) {
            Some(until) => {
                self.note(until);
                true
            }
            None => false,
        }
    }

    /// Registers the start of a run. Returns the host or endpoint that it probes, if any.
    pub(super) fn take(&mut self, turn: &QueuedRun) -> Option<Arc<str>> {
        let of = (Arc::clone(&turn.source), Arc::clone(&turn.dataset));
        let probes = self.down(&of).map(|down| Arc::<str>::from(&*down.what));
        if let Some(what) = &probes {
            self.probing.push((Arc::clone(&of.0), Arc::clone(what)));
        }
        self.begun.push(of);
        probes
    }

    /// Returns the earliest time at which a rejected run may be admitted. `None` if that depends on other
    /// events.
    pub(super) fn opens_at(&self) -> Option<DateTime<Utc>> {
        self.opens_at
    }

    /// `true` if the table of a dataset was written with another declaration.
    fn is_refused(&self, (source, dataset): &(Arc<str>, Arc<str>)) -> bool {
        let source = self.session.settings().sources.get(&**source);
        let dataset = source.and_then(|source| source.datasets.get(&**dataset));
        dataset.is_some_and(|dataset| self.session.lake().refusal(&dataset.prefix).is_some())
    }

    /// `true` if the values of a slice are those of a dataset that has no complete day yet, and that this daemon reads.
    /// The end of each run is followed by another pass, so that no time is noted.
    fn lacks_values(&self, board: &DaemonState, (source, name): &(Arc<str>, Arc<str>)) -> bool {
        let declared = self.session.settings().sources.get(&**source);
        let dataset = declared.and_then(|declared| declared.datasets.get(&**name));
        let knowledge = board
            .sources
            .get(source)
            .and_then(|of| of.knowledge.as_ref());
        let (Some(dataset), Some(knowledge)) = (dataset, knowledge) else {
            return false;
        };
        dataset.slices.iter().any(|variable| {
            let SliceValues::OfDataset { dataset: other, .. } = &variable.values else {
                return false;
            };
            let known = knowledge.of(other);
            known.is_some_and(|known| known.complete_set().is_empty())
        })
    }

    fn note(&mut self, at: DateTime<Utc>) {
        self.opens_at = Some(self.opens_at.map_or(at, |other| other.min(at)));
    }

    fn down(&mut self, of: &(Arc<str>, Arc<str>)) -> Option<&Down> {
        let session = self.session;
        let found = self.down.entry(of.clone()).or_insert_with(|| {
            let source = session.settings().sources.get(&*of.0)?;
            let dataset = source.datasets.get(&*of.1)?;
            session.client(&of.0)?.down(dataset)
        });
        found.as_ref()
    }
}
