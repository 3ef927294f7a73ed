//! Contract tests of the lake backends: one suite on a folder, in memory, on S3 (SeaweedFS), on Azure
//! (Azurite) and on GCS (an emulation of its generations). Each lake is opened from settings, as the
//! program opens it.
//!
//! The Azure test needs a server that `.ci/run backends` installs.

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
