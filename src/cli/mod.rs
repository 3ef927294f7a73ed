//! The command line: one file per subcommand.

pub mod check;
pub mod simulate;

use std::process::ExitCode;

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
