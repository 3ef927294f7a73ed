//! The declarative REST client: slices, paging, extraction, retries, limits.
//!
//! A source is declared in TOML ([`bronzed_model::declaration`]). A day becomes [slices](bronzed_model::slices::slices), a slice becomes pages
//! ([`bronzed_model::declaration::Paginator`]), a page becomes a URL ([`request`]), and [`SourceClient`] fetches it.
//! Each request is admitted (`throttle`) by the limiters of the source and its pool (`limiter`) and by one
//! circuit breaker per host (`breaker`); responses are classified by the declared rules (`classify`),
//! and transient failures are retried with back-off (`backoff`).
//!
//! Promises: a response that can't be understood is a named failure, never "no data" (P2), and one
//! limiter bounds the load of the whole process on the API (P8).

pub mod backoff;
mod breaker;
mod circuit;
pub mod classify;
pub mod client;
mod csv;
mod decode;
pub mod error;
pub mod failure;
mod headers;
mod http;
pub mod known_rows;
pub mod lease;
pub mod limiter;
pub mod observer;
pub mod page;
mod pieces;
pub mod probe;
mod received;
pub mod request;
mod throttle;
mod token;
pub mod transport;
mod unzip;
pub mod usage;

#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use breaker::Down;
pub use client::{Answer, SourceClient};
pub use error::{ClientError, FetchError};
pub use request::PageRequest;
pub use usage::RequestBudget;
