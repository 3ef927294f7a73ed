//! Model of the providers: the records that they list over the year, and their responses. Shares no code with
//! the reader; the formats are those of the notes on each API and of the recorded pages.
//!
//! - `tables`: the endpoints
//! - `listing`: the ledger: day, slice and time range in which each version of a record is listed
//! - `rows`: generates a year of records from the seed
//! - `weather`: the injected faults and their time ranges
//! - `answer`: the responses, as a transport without a socket

mod answer;
mod listing;
mod rows;
mod tables;
mod weather;

pub use answer::Api;
pub use listing::{Ledger, Listing};
pub use rows::ledger;
pub use tables::{Asked, Envelope, Home, Kept, NEW_SLICE, TABLES};
pub use weather::{Scope, Weather, Wrong, weather};
