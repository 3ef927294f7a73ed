//! The declarative REST client: slices, paging, extraction, retries, limits.

pub mod declaration;
pub mod page;
pub mod paginator;
pub mod request;
pub mod slices;
pub mod template;

#[cfg(test)]
pub(crate) mod testing;

pub use request::PageRequest;
pub use slices::slices;
