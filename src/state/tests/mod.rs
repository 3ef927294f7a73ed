//! The promises of the commit protocol, one by one and under every fault.
//!
//! `support` has the vocabulary, `faulty` a store that loses replies and delivers late; the crate's
//! `simulation` plays the protocol in all orders.

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
