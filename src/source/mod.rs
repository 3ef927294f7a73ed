//! The declarative REST client: slices, paging, extraction, retries, limits.
//!
//! A source is declared in TOML ([`declaration`]); this module reads it. A day becomes [`slices()`],
//! a slice becomes pages ([`declaration::Paginator`]), a page becomes a URL ([`request`]), and
//! [`SourceClient`] fetches it: through the limits of its source and its pool (`gate`) and one
//! circuit breaker per host (`breaker`), in turn (`turn`),
//! understanding answers by the declared rules (`classify`), trying again after a wait (`backoff`).
//!
//! What it promises: an answer that can't be understood is a failure with a name, never "no data"
//! (P2), and the load on the API is bounded by one limiter for all that the process does (P8).

pub(crate) mod backoff;
mod breaker;
mod circuit;
pub(crate) mod classify;
pub mod client;
pub mod declaration;
mod decode;
pub mod error;
mod exchange;
pub mod failure;
pub(crate) mod gate;
pub mod known_rows;
pub mod page;
pub mod paginator;
pub mod probe;
pub mod request;
pub mod slices;
pub mod template;
mod turn;
pub mod usage;

#[cfg(test)]
pub(crate) mod testing;

pub use breaker::Down;
pub use client::{Answer, SourceClient};
pub use error::{ClientError, FetchError};
pub use request::PageRequest;
pub use slices::slices;
pub use usage::Usage;
