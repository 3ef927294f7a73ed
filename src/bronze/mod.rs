//! Records become columns of a Parquet file, and rows become records again (promise P9).

pub mod layout;
pub mod schema;
