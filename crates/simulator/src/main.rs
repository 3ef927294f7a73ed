//! `bronzed-sim`: the simulated provider APIs as a program of their own.

use bronzed_simulator::command::{Args, run};
use clap::Parser;

/// Serves simulated APIs of PNCP, Compras.gov.br and TCU on this machine.
#[derive(Debug, Parser)]
#[command(name = "bronzed-sim", version)]
struct Program {
    #[command(flatten)]
    args: Args,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Program::parse().args).await
}
