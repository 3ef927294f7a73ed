//! Contract tests of the lake backends: one suite on a folder, in memory, on S3 (SeaweedFS), on Azure
//! (Azurite) and on GCS (an emulation of its generations). Each lake is opened from settings, as the
//! program opens it. `tables` is the suite of Delta tables on each of them.
//!
//! The Azure test needs a server that `.ci/run backends` installs.

mod contract;
mod day;
mod tables;

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

/// Tables of a new lake, judged by the crate and by engines that reach it by its URL.
fn tables_of(backend: Backend) {
    let of = TestLake::new(backend);
    let known = tables::hold(&of.open());
    tables::engines_agree(&of, &known);
}

#[test]
fn tables_in_a_folder() {
    tables_of(Backend::Folder);
}

#[test]
fn tables_in_memory() {
    tables::hold(&contract::in_memory());
}

#[test]
fn tables_on_s3() {
    tables_of(Backend::S3);
}

#[test]
fn tables_on_gcs() {
    tables_of(Backend::Gcs);
}

#[test]
#[ignore = "it needs Azurite: `.ci/run backends` installs it"]
fn tables_on_azure() {
    tables_of(Backend::Azure);
}
