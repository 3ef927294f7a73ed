//! Silver tables as Delta tables, with what is logged and measured of each build.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use super::{HeldPartition, SilverStanding, StopBuild, TableBuilder};
use crate::table_worker::on_worker;
use bronzed_metrics::silver::SilverBuilt;
use bronzed_model::declaration::SilverTable;
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
        Ok(SilverStanding {
            version: status.version,
            rows: status.rows,
            files: status.files,
            bytes: status.bytes,
            days_behind: status.days_behind,
            held_back: built.held_back.iter().map(held).collect(),
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
                    let held = !standing.held_back.is_empty();
                    metrics.ended(standing.changed, held);
                    metrics.stands(standing.rows, standing.days_behind);
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
