//! A real S3 server (SeaweedFS), started once per test process and stopped with it.
//!
//! `tests/python/seaweed.py` starts the server, and kills it at the end of its standard input, which the
//! system closes however this process ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use object_store::aws::AmazonS3Builder;
use serde::Deserialize;

use super::python::python;

/// Address and credentials of the server.
#[derive(Debug, Deserialize)]
pub struct Seaweed {
    pub endpoint: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
}

/// Returns the server, starting it if necessary.
pub fn seaweed() -> &'static Seaweed {
    static SERVER: OnceLock<(Seaweed, Child)> = OnceLock::new();
    &SERVER.get_or_init(start).0
}

fn start() -> (Seaweed, Child) {
    let mut guard = python()
        .script("seaweed.py")
        .arg(python().program("weed"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("seaweed.py starts");
    let stdout = guard.stdout.take().expect("the output is a pipe");
    let mut line = String::new();
    // The script has a timeout of its own.
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("seaweed.py prints UTF-8");
    let server = serde_json::from_str(&line)
        .unwrap_or_else(|_| panic!("the S3 server didn't start; seaweed.py says above why"));
    (server, guard)
}

impl Seaweed {
    /// Returns the environment variables that configure any S3 client for this server.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// Returns a client of the bucket that is independent of the program's settings.
    pub fn client(&self) -> impl object_store::ObjectStore + use<> {
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_region("us-east-1")
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_allow_http(true)
            .build()
            .expect("settings of the S3 client")
    }
}
