//! Days that changed after they were complete: rows published late, withdrawn, and returned.

mod job;
mod program;
mod runs;
