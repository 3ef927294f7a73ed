//! Delta logs as the index that runs let follow.

use std::collections::BTreeSet;

use futures::future::BoxFuture;

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
            let published = Box::pin(self.0.publish(dataset, days)).await;
            published
                .map(|published| published.files)
                .map_err(|error| error.to_string())
        })
    }
}
