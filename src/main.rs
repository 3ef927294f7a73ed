//! The `bronzed` program: parses its arguments, calls the library, and exits with its outcome.

use std::process::ExitCode;

/// Allocator of the program: memory that one thread has freed is there for the others. `.cargo/config.toml` has its
/// settings.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    bronzed::cli::main()
}
