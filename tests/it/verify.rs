//! Days that have changed since they were complete: rows published late, taken away, and returned.

mod job;
mod program;
mod runs;
