//! The `bronzed` program: parses its arguments, calls the library, and exits with its outcome.

use std::process::ExitCode;

fn main() -> ExitCode {
    bronzed::cli::main()
}
