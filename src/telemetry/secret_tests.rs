//! Panics of threads and tasks show no secret.

use std::process::Command;

use bronzed_model::redact;
use bronzed_model::settings::{LogFormat, TelemetrySettings};
use indicatif::MultiProgress;

const IN_A_PANIC: &str = "planted-in-a-panic-5d20c1";

/// Run by the next test in a separate process.
#[test]
#[ignore = "panics: `a_panic_shows_no_secret` looks at it"]
fn a_process_that_panics() {
    let settings = TelemetrySettings {
        log: "info".to_owned(),
        format: LogFormat::Json,
    };
    redact::register([IN_A_PANIC.to_owned()]);
    super::init(&settings, None, &MultiProgress::new(), None, None).unwrap();
    super::log_panics();
    let thread = std::thread::spawn(|| panic!("no header: Bearer {IN_A_PANIC}"));
    assert!(thread.join().is_err());
}

#[test]
fn a_panic_shows_no_secret() {
    let this = std::env::current_exe().unwrap();
    let process = Command::new(this)
        .args(["--exact", "telemetry::secret_tests::a_process_that_panics"])
        .args(["--ignored", "--nocapture"])
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let shown = [process.stdout, process.stderr].concat();
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("no header: Bearer [secret]"), "{shown}");
    assert!(!shown.contains(IN_A_PANIC), "{shown}");
}
