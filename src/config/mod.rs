//! Reads TOML files and environment into checked settings, or says everything that is wrong.

pub mod settings;
