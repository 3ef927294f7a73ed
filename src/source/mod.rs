//! The declarative REST client: slices, paging, extraction, retries, limits.

pub mod declaration;
pub mod page;
pub mod template;
