//! `bronzed daemon`: by a driven clock over real HTTP, and as a process that is started, killed and
//! told to stop.

mod busy;
mod clients;
mod month;
mod orders;
mod outage;
mod process;
mod together;
mod watched;
