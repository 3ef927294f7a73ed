//! Signals that ask the process to end.

use tokio_util::sync::CancellationToken;

/// Cancels `token` at the first SIGINT or SIGTERM; the second one ends the process at once.
pub fn cancel_on_signal(token: CancellationToken) {
    tokio::spawn(async move {
        signal().await;
        let detail = "what was read is committed; a second signal stops at once";
        tracing::warn!(detail, "stopping");
        token.cancel();
        signal().await;
        std::process::exit(130);
    });
}

/// Cancels `token` at the first SIGINT or SIGTERM, without a word.
pub fn cancel_quietly(token: CancellationToken) {
    tokio::spawn(async move {
        signal().await;
        token.cancel();
    });
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
