//! Comparison of live API responses with the declaration, by one page of each dataset.
//!
//! ```text
//! dataset ──► targets: select slice and parent           ──► probe ──► checks ──► CheckResult
//!               │             │                               │          │
//!               lake      pages just read               one request   block page, envelope, ids, totals, fields
//! ```
//!
//! Each dataset costs one request, and a second one if the first returns no records, because a slice may be
//! legitimately empty. A child is requested with parents from the page read just before, so its parents are
//! inspected first. Nothing is written.

mod block_page;
mod checks;
mod fields;
mod finding;
mod targets;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Utc, Weekday};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use self::block_page::BlockPage;
pub use self::fields::FieldReport;
pub use self::finding::{CheckResult, CheckVerdict, EnvelopeSummary, Ids, ResponseSummary, Totals};

use self::targets::CheckTargets;
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind, Slice, Source};
use bronzed_source::failure::Failure;
use bronzed_source::page::Page;
use bronzed_source::{FetchError, SourceClient};
use bronzed_storage::lake::Lake;

/// Inspects the datasets of one source.
#[derive(Debug)]
pub struct Inspector<'a> {
    /// The declared source.
    pub source: &'a Source,
    /// Client that sends the probes.
    pub client: SourceClient,
    /// Lake that holds the values of slices derived from another dataset, and days with rows; `None` if it
    /// can't be read.
    pub lake: Option<&'a Lake>,
    /// Day requested of dated datasets. Default: the newest day of which the lake has rows, else the last
    /// weekday before today.
    pub day: Option<Day>,
    /// Clock that gives the end of a blackout.
    pub clock: &'a dyn Clock,
    /// Cancels the inspection; datasets not yet requested are reported as not probed.
    pub cancel: CancellationToken,
}

/// Pages read so far, by dataset name.
type Reads = HashMap<String, Read>;

/// A page and the slice that was requested.
#[derive(Debug)]
struct Read {
    slice: Slice,
    page: Page,
}

/// Returns the day for a dataset without rows: the last weekday before today, because little is published at
/// weekends.
fn usual_day(now: DateTime<Utc>, source: &Source) -> Day {
    let mut day = Day::of(now, source.timezone).previous();
    while matches!(day.date().weekday(), Weekday::Sat | Weekday::Sun) {
        day = day.previous();
    }
    day
}

impl Inspector<'_> {
    /// Inspects the datasets sequentially, each after the parents that it needs.
    pub async fn inspect(&self, datasets: &[Arc<Dataset>]) -> Vec<CheckResult> {
        let mut reads = Reads::new();
        let mut findings = Vec::new();
        // Unreachable hosts, with the dataset whose probe found that out.
        let mut unreachable: HashMap<String, String> = HashMap::new();
        for dataset in targets::with_parents(self.source, datasets) {
            let host = host(dataset.base_url.as_ref().unwrap_or(&self.source.base_url));
            if let Some(by) = unreachable.get(&host) {
                let why = format!("there is no connection to {host}, as `{by}` found");
                findings.push(CheckResult::not_asked(&dataset, why));
                continue;
            }
            let finding = match self.hindrance() {
                Some(why) => CheckResult::not_asked(&dataset, why),
                None => self.look(&dataset, &mut reads).await,
            };
            if finding.unreachable {
                unreachable.insert(host, dataset.full_name());
            }
            findings.push(finding);
        }
        findings
    }

    /// Returns the reason why no request may be sent now, such as a blackout.
    fn hindrance(&self) -> Option<String> {
        if self.cancel.is_cancelled() {
            return Some("the check was told to stop before".to_owned());
        }
        let left = self.client.blackout_left()?;
        let end = self.clock.now() + TimeDelta::from_std(left).ok()?;
        let end = end.with_timezone(&self.source.timezone);
        let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
        Some(format!("its source is left alone until {end} (`blackout`)"))
    }

    async fn look(&self, dataset: &Arc<Dataset>, reads: &mut Reads) -> CheckResult {
        let targets = CheckTargets {
            source: self.source,
            lake: self.lake,
            reads,
        };
        let slices = match targets.slices(dataset).await {
            Ok(slices) => slices,
            Err(why) => return CheckResult::not_asked(dataset, why),
        };
        let day = self.day_of(dataset).await;
        let mut last = None;
        for slice in slices {
            let (finding, page) = self.ask(dataset, day, slice.clone()).await;
            let found = finding.verdict != CheckVerdict::Empty;
            last = Some(finding);
            if let Some(page) = page.filter(|page| !page.is_empty()) {
                reads.insert(dataset.name.clone(), Read { slice, page });
            }
            if found || self.cancel.is_cancelled() {
                break;
            }
        }
        last.unwrap_or_else(|| {
            CheckResult::not_asked(dataset, "it has no slice that can be asked for".to_owned())
        })
    }

    /// Returns the first day of the partition that is requested.
    async fn day_of(&self, dataset: &Dataset) -> Day {
        let today = Day::of(self.clock.now(), self.source.timezone);
        let day = match (self.day, &dataset.kind, self.lake) {
            (Some(day), _, _) => Some(day),
            (None, Kind::Dated(_), Some(lake)) => targets::newest_day(lake, dataset, today).await,
            _ => None,
        };
        let day = day.unwrap_or_else(|| usual_day(self.clock.now(), self.source));
        dataset.days.period.first(day)
    }

    async fn ask(
        &self,
        dataset: &Arc<Dataset>,
        of_partition: Day,
        slice: Slice,
    ) -> (CheckResult, Option<Page>) {
        let day = matches!(dataset.kind, Kind::Dated(_)).then_some(of_partition);
        let probe = self
            .client
            .probe(dataset.clone(), of_partition, slice.clone());
        let seen = tokio::select! {
            seen = probe => seen,
            () = self.cancel.cancelled() => Err(FetchError::Cancelled),
        };
        match seen {
            Ok(seen) => checks::judge(dataset, of_partition, day, &slice, seen),
            Err(error) => {
                let unreachable = matches!(
                    error,
                    FetchError::GaveUp {
                        reason: Failure::NoConnection { .. },
                        ..
                    }
                );
                (
                    CheckResult::failed(dataset, error.to_string(), unreachable),
                    None,
                )
            }
        }
    }
}

fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}
