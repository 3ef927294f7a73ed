//! HTTP clients for what the program sends by itself: alerts, the heartbeat, traces.

use std::time::Duration;

use reqwest::{Client, redirect};
use url::{Host, Url};

/// Builds a client for these URLs: without a proxy if one is of this machine, which a proxy can't reach. Redirects aren't
/// followed.
///
/// # Errors
/// Returns an error if reqwest can't be set up on this machine.
pub fn client(urls: &[&str], timeout: Duration) -> reqwest::Result<Client> {
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("bronzed/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(timeout);
        match urls.iter().any(|url| is_loopback(url)) {
            true => builder.no_proxy(),
            false => builder,
        }
    };
    // On a machine without any certificate authority, plain HTTP still works.
    let built = builder().build();
    built.or_else(|_| builder().tls_certs_only([]).build())
}

fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
