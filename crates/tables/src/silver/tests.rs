//! Silver tables.
