//! Tests of the commit protocol: each promise, under every fault.
//!
//! `support` has the fixtures, `faulty` an object store that loses replies and delays writes; the crate's
//! `simulation` runs the protocol in all interleavings.

use crate::testing::{faulty, support};

mod commit;
mod corruption;
mod credit;
mod inspect;
mod lag;
mod lost_replies;
mod missing;
mod model;
mod rebuild;
mod record;
mod recover;
mod size;
mod takeover;
mod withdrawn;
