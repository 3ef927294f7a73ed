//! Silver tables as Delta tables, with what is logged and measured of each build.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use super::{HeldPartition, SilverStanding, StopBuild, TableBuilder, UnmetExpectation};
use crate::table_worker::on_worker;
use bronzed_metrics::silver::SilverBuilt;
use bronzed_model::declaration::{ExpectationSeverity, SilverTable};
use bronzed_storage::lake::Lake;
use bronzed_tables::silver::{Built, HeldBackPartition, SilverBuilder, SilverError};

/// Silver tables of a lake.
#[derive(Debug)]
pub struct DeltaTables(SilverBuilder);

impl DeltaTables {
    /// Returns the silver tables of a lake.
    pub fn new(lake: Lake) -> Self {
        Self(SilverBuilder::new(lake))
    }

    async fn build_and_look(
        &self,
        table: &SilverTable,
        now: DateTime<Utc>,
        stop: &StopBuild,
    ) -> Result<SilverStanding, SilverError> {
        let (builder, of, stop) = (self.0.clone(), table.clone(), Arc::clone(stop));
        let work = on_worker(async move {
            let built = builder.build(&of, now, &*stop, &|_| {}).await?;
            Ok::<_, SilverError>((built, builder.status(&of).await?))
        });
        let (built, status) = work.await?;
        tell(table, &built);
        // A build that was stopped has tried none, or some, of those that the table's log has.
        let held_back = match built.held_back.is_empty() {
            true => &status.held_back,
            false => &built.held_back,
        };
        Ok(SilverStanding {
            version: status.version,
            rows: status.rows,
            files: status.files,
            bytes: status.bytes,
            days_behind: status.days_behind,
            unmet: unmet(&built),
            unevaluated: built.unevaluated.clone().into_iter().collect(),
            held_back: held_back.iter().map(held).collect(),
            changed: built.steps > 0,
        })
    }
}

impl TableBuilder for DeltaTables {
    fn build<'a>(
        &'a self,
        table: &'a SilverTable,
        now: DateTime<Utc>,
        stop: StopBuild,
    ) -> BoxFuture<'a, Result<SilverStanding, String>> {
        Box::pin(async move {
            let standing = self.build_and_look(table, now, &stop).await;
            let standing = standing.map_err(|error| error.to_string());
            let metrics = SilverBuilt {
                source: &table.source,
                table: &table.name,
            };
            match &standing {
                Ok(standing) => {
                    let held = standing.held_back.iter();
                    let held: BTreeSet<_> = held.map(|held| &held.partition).collect();
                    metrics.ended(standing.changed, !held.is_empty());
                    metrics.stands(standing.rows, standing.days_behind, held.len() as u64);
                }
                Err(error) => {
                    metrics.failed();
                    let (source, table) = (&*table.source, &*table.name);
                    tracing::warn!(source, table, error, "silver table not built");
                }
            }
            standing
        })
    }
}

fn held(held: &HeldBackPartition) -> HeldPartition {
    HeldPartition {
        partition: held.partition.clone(),
        expectation: held.expectation.clone(),
        unexpected: held.unexpected,
        evaluated: held.evaluated,
    }
}

/// Returns the expectations on the table as a whole that fail.
fn unmet(built: &Built) -> Vec<UnmetExpectation> {
    let unmet = built.results.iter();
    let unmet = unmet.filter(|(_, result)| result.is_of_day() && !result.success);
    let unmet = unmet.map(|(name, result)| UnmetExpectation {
        name: name.clone(),
        check: result.check.clone(),
        found: result.examples.first().and_then(|one| one.value.clone()),
        unexpected: result.unexpected,
        evaluated: result.evaluated,
    });
    unmet.collect()
}

/// Logs what a build has done; nothing if it had nothing to do.
fn tell(table: &SilverTable, built: &Built) {
    let (source, name) = (&*table.source, &*table.name);
    for held in &built.held_back {
        tracing::warn!(
            source,
            table = name,
            partition = held.partition.as_deref(),
            expectation = held.expectation,
            unexpected = held.unexpected,
            evaluated = held.evaluated,
            "silver partition held back"
        );
    }
    let warned = built
        .results
        .iter()
        .filter(|(_, result)| !result.success && result.severity == ExpectationSeverity::Warn);
    for (expectation, result) in warned {
        tracing::warn!(
            source,
            table = name,
            expectation,
            unexpected = result.unexpected,
            evaluated = result.evaluated,
            "silver table isn't as expected"
        );
    }
    for (expectation, reason) in &built.unevaluated {
        tracing::info!(
            source,
            table = name,
            expectation,
            reason,
            "silver expectation not evaluated"
        );
    }
    for (column, values) in &built.unfit {
        tracing::warn!(
            source,
            table = name,
            column,
            values,
            "values unfit for a silver column"
        );
    }
    let metrics = SilverBuilt {
        source,
        table: name,
    };
    metrics.unfit(built.unfit.values().sum());
    if built.steps > 0 {
        tracing::info!(
            source,
            table = name,
            version = built.version,
            days = built.days,
            added = built.rows_added,
            changed = built.rows_changed,
            deleted = built.rows_deleted,
            files = built.files_written,
            bytes = built.bytes_written,
            days_left = built.days_left,
            "silver table built"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use bronzed_model::declaration::{
        Check, ColumnPath, DeletedRows, Expectation, Share, ValueSet,
    };
    use bronzed_tables::testing::{BronzeDays, Event, Fact, records_table};
    use object_store::memory::InMemory;

    fn fact(day: &str, value: &str) -> Event {
        let updated = format!("{day}T00:00:00");
        Event::Commit(vec![Fact {
            dataset: "publicacao".to_owned(),
            day: day.parse().unwrap(),
            file: 1,
            row: 0,
            id: format!("{day}@{updated}"),
            key: day.to_owned(),
            updated: Some(updated),
            published: Some(day.to_owned()),
            value: value.to_owned(),
            vanished: false,
        }])
    }

    /// A table that expects one value of all rows.
    fn table() -> SilverTable {
        let column = ColumnPath {
            written: "valor".to_owned(),
            pointer: "/valor".to_owned(),
        };
        let values = ValueSet::Text(BTreeSet::from(["7".to_owned()]));
        SilverTable {
            expectations: Arc::from([Expectation {
                name: "known_value".to_owned(),
                check: Check::InSet { column, values },
                severity: ExpectationSeverity::Error,
                mostly: Share::ALL,
                examples: true,
            }]),
            ..records_table(DeletedRows::Flag)
        }
    }

    #[tokio::test]
    async fn a_build_that_was_stopped_tells_of_the_partitions_that_were_held_back_before() {
        let lake = Lake::over(Arc::new(InMemory::new()), "memory:///");
        let bronze = BronzeDays::new(lake.clone());
        for event in [fact("2025-01-10", "7"), fact("2025-02-10", "8")] {
            bronze.apply(&event).await;
        }
        let (tables, table) = (DeltaTables::new(lake), table());
        let now = "2025-10-22T12:00:00Z".parse().unwrap();
        for stops in [false, true] {
            let stop: StopBuild = Arc::new(move || stops);
            let standing = tables.build(&table, now, stop).await.unwrap();
            let held = standing.held_back.iter();
            let held: Vec<_> = held.map(|held| held.partition.as_deref()).collect();
            assert_eq!((standing.rows, held), (1, vec![Some("2025-02")]));
        }
    }
}
