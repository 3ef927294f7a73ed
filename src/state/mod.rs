//! The state document of a day, and the commit protocol.

pub mod execution;
