//! Shared test support: a source declared by hand, modelled on PNCP's contratações, and a scripted HTTP
//! server on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "only tests use it"
)]

mod server;

pub use super::transport::RawResponse;
pub use super::transport::{HttpRequest, Transport, TransportError};
pub use bronzed_model::testing::{dataset, source};
pub use server::{Server, Step, answer, json};

use std::sync::Arc;

use crate::client::SourceClient;
use crate::request::PageRequest;
use bronzed_model::clock::SystemClock;
use bronzed_model::declaration::{Dataset, Priority, Slice, Source};
use bronzed_model::entropy::Entropy;

/// Request for a page of modalidade 6 on 2025-10-22.
pub fn request(dataset: Dataset, page: u64) -> PageRequest {
    PageRequest {
        dataset: Arc::new(dataset),
        day: "2025-10-22".parse().unwrap(),
        slice: Slice {
            label: "modalidade=6".into(),
            values: vec![("modalidade".to_owned(), "6".to_owned())],
            parent: None,
        },
        page,
        next: None,
        priority: Priority::Hourly,
    }
}

/// A client with the real clock and a seeded jitter.
pub fn client(source: &Source) -> SourceClient {
    let entropy = Arc::new(Entropy::seeded(7));
    SourceClient::new(source, Arc::new(SystemClock), entropy).unwrap()
}

/// A page of PNCP with records of these ids.
pub fn envelope(ids: &[&str], total: u64) -> String {
    let record = |id: &&str| {
        format!(r#"{{"numeroControlePNCP":"{id}","dataPublicacaoPncp":"2025-10-22T08:41:33"}}"#)
    };
    let records: Vec<_> = ids.iter().map(record).collect();
    format!(
        r#"{{"data":[{}],"totalRegistros":{total},"totalPaginas":{},"empty":false}}"#,
        records.join(","),
        total.div_ceil(50)
    )
}
