//! `bronzed daemon`: driven by a manual clock over real HTTP, and as a process that is started, killed and
//! stopped.

mod alerts;
mod busy;
mod clients;
mod dependent;
mod month;
mod orders;
mod outage;
mod process;
mod together;
mod watched;
