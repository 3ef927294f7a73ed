//! Style sheet, script and icon, compiled in. Their paths have a digest of their contents, so that browsers
//! may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::server::error::ApiError;

/// A file that pages load.
pub(super) struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
    path: LazyLock<String>,
}

/// Style sheet.
pub(super) static STYLE: Asset = Asset {
    name: "style.css",
    media_type: "text/css; charset=utf-8",
    text: include_str!("assets/style.css"),
    path: LazyLock::new(|| hashed(&STYLE)),
};

/// Script: refreshes what moves. Pages are complete without it.
pub(super) static SCRIPT: Asset = Asset {
    name: "page.js",
    media_type: "text/javascript; charset=utf-8",
    text: include_str!("assets/page.js"),
    path: LazyLock::new(|| hashed(&SCRIPT)),
};

/// Icon.
pub(super) static ICON: Asset = Asset {
    name: "icon.svg",
    media_type: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
    path: LazyLock::new(|| hashed(&ICON)),
};

impl Asset {
    /// Returns the path that it is served at.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Serves an asset by the last segment of its path.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, ApiError> {
    let path = format!("/assets/{name}");
    let asset = [&STYLE, &SCRIPT, &ICON].into_iter();
    let asset = asset.into_iter().find(|asset| asset.path() == path);
    let asset = asset.ok_or(ApiError::NoRoute)?;
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.text).into_response())
}

fn hashed(asset: &Asset) -> String {
    let digest = Sha256::digest(asset.text.as_bytes());
    let digest: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (stem, extension) = asset.name.split_once('.').unwrap_or((asset.name, ""));
    format!("/assets/{stem}-{digest}.{extension}")
}
