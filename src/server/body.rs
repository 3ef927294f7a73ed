//! Request bodies: JSON with a size limit and a read timeout.

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::server::App;
use crate::server::error::ApiError;
use bronzed_model::settings::ConnectionLimits;

/// Deserialized request body. An empty body counts as `{}`.
///
/// The content type must be JSON: a browser sends that to another origin only after a preflight request,
/// which fails. A request with neither body nor content type is accepted, because a write route also needs
/// a token, and an `Authorization` header causes a preflight request, too.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bare = request.body().size_hint().exact() == Some(0)
            && !request.headers().contains_key(header::CONTENT_TYPE);
        if !bare && !says_json(request.headers()) {
            return Err(ApiError::WrongContentType);
        }
        let body = read(request.into_body(), &app.limits).await?;
        let text = if body.is_empty() { b"{}" } else { &body[..] };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| invalid(&error))
    }
}

/// Reads a body within its limits of size and time.
pub(super) async fn read(body: Body, limits: &ConnectionLimits) -> Result<Bytes, ApiError> {
    let limit = limits.body_bytes;
    let too_large = ApiError::TooLarge { limit };
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > limit) {
        return Err(too_large);
    }
    let body = tokio::time::timeout(limits.body_time, Limited::new(body, limit).collect())
        .await
        .map_err(|_| ApiError::SlowBody)?
        .map_err(|error| match error.is::<LengthLimitError>() {
            true => too_large,
            false => invalid(&error),
        })?;
    Ok(body.to_bytes())
}

fn says_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn invalid(problem: &impl ToString) -> ApiError {
    ApiError::InvalidBody {
        problem: format!("the body can't be read: {}", problem.to_string()),
        hint: "GET /api/v1/openapi.json describes the bodies".to_owned(),
    }
}
