//! Tests of the harness: a judge that never fails proves nothing.

mod judges;
mod lakes;
mod programs;
