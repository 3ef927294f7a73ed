//! One run: fetch, dedup, write, commit, report.

pub mod counts;
