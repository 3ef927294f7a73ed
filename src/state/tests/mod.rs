//! Tests of the commit protocol: each promise, under every fault.
//!
//! `support` has the fixtures, `faulty` an object store that loses replies and delays writes; the crate's
//! `simulation` runs the protocol in all interleavings.

mod commit;
mod corruption;
mod credit;
pub(crate) mod faulty;
mod inspect;
mod lost_replies;
mod missing;
mod model;
mod mutants;
mod rebuild;
mod record;
mod recover;
mod size;
pub(crate) mod support;
mod takeover;
mod withdrawn;
