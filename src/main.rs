//! The `bronzed` program: parses its arguments, calls the library, and exits with its outcome.

use std::process::ExitCode;

#[cfg(feature = "jemalloc")]
use bronzed_allocator as _;

fn main() -> ExitCode {
    bronzed::cli::main()
}
