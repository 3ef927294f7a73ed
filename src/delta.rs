//! Delta logs as the index that runs let follow.

use std::collections::BTreeSet;

use futures::future::BoxFuture;

use crate::table_worker::on_worker;
use bronzed_engine::table_index::TableIndex;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::lake::Lake;
use bronzed_tables::Publisher;

/// Delta logs of the lake's tables.
#[derive(Debug)]
pub struct DeltaIndex(Publisher);

impl DeltaIndex {
    /// Returns the index of the lake's tables.
    pub fn new(lake: Lake) -> Self {
        Self(Publisher::new(lake))
    }
}

impl TableIndex for DeltaIndex {
    fn follow<'a>(
        &'a self,
        dataset: &'a Dataset,
        days: &'a BTreeSet<Day>,
    ) -> BoxFuture<'a, Result<u64, String>> {
        Box::pin(async move {
            if !dataset.delta {
                return Ok(0);
            }
            let (publisher, dataset, days) = (self.0.clone(), dataset.clone(), days.clone());
            let published =
                on_worker(async move { publisher.publish(&dataset, &days).await }).await;
            published
                .map(|published| published.files)
                .map_err(|error| error.to_string())
        })
    }
}
