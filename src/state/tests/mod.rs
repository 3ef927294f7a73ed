//! The promises of the commit protocol, one by one and under random faults.
//!
//! `support` has the vocabulary, `faulty` a store that loses replies and delivers late.

mod commit;
mod faulty;
mod lost_replies;
mod record;
mod recover;
mod simulation;
mod support;
mod takeover;
