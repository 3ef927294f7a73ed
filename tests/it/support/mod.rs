//! What the black-box tests share: a small vocabulary over the program, the lake and the judges.

pub mod hooked;
pub mod lake;
pub mod program;
pub mod python;
pub mod scene;
pub mod seaweed;
pub mod stage;

use std::sync::LazyLock;

use tokio::runtime::Runtime;

/// One runtime for whatever a test must await: its own store clients, and the simulator.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    &RUNTIME
}
