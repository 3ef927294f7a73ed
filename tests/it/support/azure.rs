//! A real Azure Blob server (Azurite), started once per test process and stopped with it.
//!
//! `cargo test` doesn't fetch it: `.ci/run backends` installs it and runs the tests that need it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::OnceLock;

use object_store::azure::MicrosoftAzureBuilder;
use serde::Deserialize;

use super::python::python;

/// Address and credentials of the server.
#[derive(Debug, Deserialize)]
pub struct Azurite {
    pub endpoint: String,
    pub container: String,
    pub account: String,
    pub key: String,
}

/// Returns the server, starting it if necessary.
pub fn azurite() -> &'static Azurite {
    static SERVER: OnceLock<(Azurite, Child)> = OnceLock::new();
    &SERVER.get_or_init(start).0
}

fn start() -> (Azurite, Child) {
    let program = env::var_os("AZURITE").map_or_else(
        || {
            let root = env!("CARGO_MANIFEST_DIR");
            PathBuf::from(root).join("target/azurite/node_modules/.bin/azurite-blob")
        },
        PathBuf::from,
    );
    assert!(
        program.exists(),
        "there is no {}: `.ci/run backends` installs it, or AZURITE=… names another",
        program.display()
    );
    let mut guard = python()
        .script("azurite.py")
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("azurite.py starts");
    let stdout = guard.stdout.take().expect("the output is a pipe");
    let mut line = String::new();
    // The script has a timeout of its own.
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("azurite.py prints UTF-8");
    let server = serde_json::from_str(&line)
        .unwrap_or_else(|_| panic!("Azurite didn't start; azurite.py says above why"));
    (server, guard)
}

impl Azurite {
    /// Returns the environment variables that configure any client for this server.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_ENDPOINT", self.endpoint.clone()),
            ("AZURE_STORAGE_ACCOUNT_NAME", self.account.clone()),
            ("AZURE_STORAGE_ACCOUNT_KEY", self.key.clone()),
        ]
    }

    /// Returns a client of the container that is independent of the program's settings.
    pub fn client(&self) -> impl object_store::ObjectStore + use<> {
        MicrosoftAzureBuilder::new()
            .with_endpoint(self.endpoint.clone())
            .with_account(&self.account)
            .with_access_key(&self.key)
            .with_container_name(&self.container)
            .with_allow_http(true)
            .build()
            .expect("settings of the client")
    }
}
