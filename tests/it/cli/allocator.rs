//! Settings of the allocator that is compiled in by the feature `jemalloc`.

use crate::support::program::Program;

/// A typo in the settings would change nothing, and nobody would see it but by the memory.
#[test]
fn jemalloc_has_the_settings_that_are_in_the_program() {
    let told = Program::new(&["--version"])
        .env("MALLOC_CONF", "confirm_conf:true")
        .env("_RJEM_MALLOC_CONF", "confirm_conf:true")
        .run()
        .expect(0)
        .stderr;
    for setting in ["narenas:1", "dirty_decay_ms:250", "muzzy_decay_ms:0"] {
        let line = format!("<jemalloc>: -- Set conf value: {setting}");
        assert!(told.lines().any(|said| said == line), "{told}");
    }
    assert!(!told.contains("Invalid"), "{told}");
}
