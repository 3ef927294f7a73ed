//! `bronzed healthcheck`: checks the daemon on this machine. For containers, which have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::cli::{CliContext, CliError, Exit, say};

/// Time limit of the check; a slower daemon is unhealthy.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check readiness of lake and scheduler (/readyz), not only liveness of the process (/healthz)
    #[arg(long)]
    ready: bool,
    /// URL to check, instead of the address in `server.listen`
    #[arg(long, value_name = "URL", conflicts_with = "ready")]
    url: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let url = match args.url {
        Some(url) => url,
        None => {
            let address = reachable(shell.settings()?.server.listen);
            let path = if args.ready { "readyz" } else { "healthz" };
            format!("http://{address}/{path}")
        }
    };
    match ask(&url).await {
        Ok(said) if args.json => {
            say(&json!({"url": url, "healthy": true, "answer": said}).to_string());
            Ok(Exit::Done)
        }
        Ok(said) => {
            say(&format!("{url}: {said}"));
            Ok(Exit::Done)
        }
        Err(error) if args.json => {
            let error = format!("{error:#}");
            say(&json!({"url": url, "healthy": false, "error": error}).to_string());
            Ok(Exit::Failed)
        }
        Err(error) => Err(error.into()),
    }
}

/// Replaces an unspecified address (`0.0.0.0`, `::`) with loopback.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(url: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let answer = client.get(url).send().await;
    let answer = answer.with_context(|| format!("{url} doesn't answer: is the daemon running?"))?;
    let status = answer.status();
    let said = answer.text().await.unwrap_or_default();
    let said = said.trim();
    if status.is_success() {
        Ok(said.to_owned())
    } else {
        bail!("{url} answers {status}: {said}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("192.0.2.7:8080", "192.0.2.7:8080"),
        ] {
            let listen = listen.parse().unwrap();
            assert_eq!(reachable(listen).to_string(), asked);
        }
    }
}
