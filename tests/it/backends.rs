//! Every backend keeps the promises of a lake: one suite, through the program's own way of opening a
//! lake from its settings, on a folder, in memory, on S3 (SeaweedFS), on Azure (Azurite) and on GCS (a
//! stand-in of its generations).
//!
//! Azure's needs a server that `.ci/run backends` installs.

mod contract;
mod day;

use crate::support::lake::{Backend, TestLake};

#[test]
fn a_folder() {
    contract::holds(&TestLake::new(Backend::Folder).open());
}

#[test]
fn a_memory() {
    contract::holds(&contract::in_memory());
}

#[test]
fn s3() {
    contract::holds(&TestLake::new(Backend::S3).open());
}

#[test]
fn gcs() {
    contract::holds(&TestLake::new(Backend::Gcs).open());
}

#[test]
#[ignore = "it needs Azurite: `.ci/run backends` installs it"]
fn azure() {
    contract::holds(&TestLake::new(Backend::Azure).open());
}
