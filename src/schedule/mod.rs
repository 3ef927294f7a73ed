//! When which day of which dataset is read, and how: plain code over (jobs, what the lake knows,
//! now), with no clock, no lake and no state of its own inside.

pub mod cron;
