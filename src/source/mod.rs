//! The declarative REST client: slices, paging, extraction, retries, limits.

mod backoff;
mod breaker;
mod classify;
pub mod declaration;
pub mod failure;
mod gate;
pub mod page;
pub mod paginator;
pub mod request;
pub mod slices;
pub mod template;

#[cfg(test)]
pub(crate) mod testing;

pub use request::PageRequest;
pub use slices::slices;
