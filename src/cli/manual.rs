//! `bronzed completions` and `bronzed man`: files for shells and for `man`, made from the arguments.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory;

use crate::cli::{Cli, CliError, Exit, say};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed completions bash > ~/.local/share/bash-completion/completions/bronzed
  bronzed completions zsh  > ~/.zfunc/_bronzed        (with ~/.zfunc in fpath)
  bronzed completions fish > ~/.config/fish/completions/bronzed.fish")]
pub struct CompletionArgs {
    /// Shell
    #[arg(value_enum)]
    shell: ShellArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ShellArg {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: bronzed man --output ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for the program and one for each command into this folder, instead of the program's page
    /// to standard output
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub fn completions(args: &CompletionArgs) -> Result<Exit, CliError> {
    use clap_complete::aot::{Shell, generate};
    let shell = match args.shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Zsh => Shell::Zsh,
        ShellArg::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "bronzed", &mut text);
    print(&text);
    Ok(Exit::Done)
}

/// Prints the manual page, or writes all pages into a folder.
pub fn man(args: &ManArgs) -> Result<Exit, CliError> {
    let command = Cli::command();
    match &args.output {
        None => {
            let mut text = Vec::new();
            let page = clap_mangen::Man::new(command);
            page.render(&mut text).map_err(anyhow::Error::from)?;
            print(&text);
        }
        Some(folder) => {
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder));
            written.with_context(|| format!("`{}` can't be written to", folder.display()))?;
            say(&format!("manual pages written to {}", folder.display()));
        }
    }
    Ok(Exit::Done)
}

/// Prints text as it is. A closed pipe is ignored.
fn print(text: &[u8]) {
    let _ = io::stdout().write_all(text);
}
