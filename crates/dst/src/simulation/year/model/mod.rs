//! The providers: what they list over the year, and how they answer. Shares no code with the reading
//! of it; the shapes are those of the notes and of the recorded pages.
//!
//! - `tables`: the endpoints
//! - `listing`: the ledger: which record was listed where, from when until when
//! - `rows`: a year of records, by the seed
//! - `weather`: what goes wrong, from when until when
//! - `answer`: the answers, as an exchange that needs no socket

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
