//! Harness of the black-box tests: the program, the lake and the judges.

pub mod azure;
pub mod driven;
pub mod gcs;
pub mod hooked;
pub mod lake;
pub mod program;
pub mod promises;
pub mod python;
pub mod scene;
pub mod seaweed;
pub mod sources;
pub mod stage;

use std::sync::LazyLock;

use tokio::runtime::Runtime;

/// Returns the runtime for everything that a test must await: its own store clients, and the simulator.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    &RUNTIME
}

/// Returns variables that disable all shipped datasets but one, for runs of a whole source or a daemon. No
/// test may send a request to a real API.
pub fn only(dataset: &str) -> Vec<(String, String)> {
    let settings = bronzed_config::load(None, []).expect("the shipped configuration");
    let mut variables = Vec::new();
    for (source, declared) in &settings.sources {
        let of_source = format!("BRONZED__SOURCES__{}", source.to_uppercase());
        if !dataset.starts_with(&format!("{source}.")) {
            variables.push((format!("{of_source}__ENABLED"), "false".to_owned()));
            continue;
        }
        for (name, other) in &declared.datasets {
            let variable = format!("{of_source}__DATASET__{}__ENABLED", name.to_uppercase());
            let enabled = other.full_name() == dataset;
            variables.push((variable, enabled.to_string()));
        }
    }
    variables
}
