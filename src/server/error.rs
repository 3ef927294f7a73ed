//! Error responses of the API.
//!
//! ```json
//! {"error": "token_missing", "message": "this needs a token, and …", "hint": "send `Authorization: Bearer …`"}
//! ```
//!
//! `error` is one of a fixed list of names for programs; `message` and `hint` (a hint) are for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::server::daemon::ServiceError;

/// Error of an API request; each variant is documented with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 401
    #[error("this needs a token, and the request has none")]
    TokenMissing,
    /// 401
    #[error("the token isn't the right one")]
    TokenWrong,
    /// 403: no token is valid.
    #[error("this needs a token, and none is configured")]
    NoTokenConfigured,
    /// 403: the `Host` header names another machine, as in a DNS rebinding attack.
    #[error("the request is for another host than this machine")]
    ForeignHost,
    /// 403: a form that no page of the session has made.
    #[error("the form isn't of a page of this session")]
    ForeignForm,
    /// 404
    #[error("there is no {0}")]
    NotFound(String),
    /// 404
    #[error("there is nothing at this path")]
    NoRoute,
    /// 405
    #[error("this path doesn't take this method")]
    WrongMethod,
    /// 408
    #[error("the body didn't arrive in time")]
    SlowBody,
    /// 409
    #[error("{reason}")]
    Refused {
        /// Reason of the refusal.
        reason: String,
        /// Hint: a request that would be accepted.
        hint: String,
    },
    /// 413
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// Maximum size in bytes.
        limit: usize,
    },
    /// 415
    #[error("the content type isn't application/json")]
    WrongContentType,
    /// 422
    #[error("{problem}")]
    InvalidBody {
        /// Description of the problem.
        problem: String,
        /// Hint: a correct request.
        hint: String,
    },
    /// 422
    #[error("{problem}")]
    InvalidQuery {
        /// Description of the problem.
        problem: String,
        /// Hint: a correct request.
        hint: String,
    },
    /// 503
    #[error("{0}")]
    Unavailable(String),
    /// 503
    #[error("the daemon took too long to answer")]
    TimedOut,
}

/// Body of every error response.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// Name of the error, for programs.
    pub error: ErrorName,
    /// Description of the problem, for people.
    pub message: String,
    /// Hint for solving the problem.
    pub hint: String,
}

/// Constant name of an error, one for each variant of [`ApiError`].
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorName {
    TokenMissing,
    TokenWrong,
    NoTokenConfigured,
    ForeignHost,
    ForeignForm,
    NotFound,
    NoRoute,
    WrongMethod,
    SlowBody,
    Refused,
    TooLarge,
    WrongContentType,
    InvalidBody,
    InvalidQuery,
    Unavailable,
    TimedOut,
}

impl ApiError {
    /// Returns the HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.kind().0
    }

    fn kind(&self) -> (StatusCode, ErrorName) {
        match self {
            Self::TokenMissing => (StatusCode::UNAUTHORIZED, ErrorName::TokenMissing),
            Self::TokenWrong => (StatusCode::UNAUTHORIZED, ErrorName::TokenWrong),
            Self::NoTokenConfigured => (StatusCode::FORBIDDEN, ErrorName::NoTokenConfigured),
            Self::ForeignHost => (StatusCode::FORBIDDEN, ErrorName::ForeignHost),
            Self::ForeignForm => (StatusCode::FORBIDDEN, ErrorName::ForeignForm),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, ErrorName::NotFound),
            Self::NoRoute => (StatusCode::NOT_FOUND, ErrorName::NoRoute),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, ErrorName::WrongMethod),
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, ErrorName::SlowBody),
            Self::Refused { .. } => (StatusCode::CONFLICT, ErrorName::Refused),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorName::TooLarge),
            Self::WrongContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorName::WrongContentType,
            ),
            Self::InvalidBody { .. } => (StatusCode::UNPROCESSABLE_ENTITY, ErrorName::InvalidBody),
            Self::InvalidQuery { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorName::InvalidQuery)
            }
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorName::Unavailable),
            Self::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, ErrorName::TimedOut),
        }
    }

    /// Returns the hint for solving the problem.
    pub(super) fn hint(&self) -> String {
        let text = match self {
            Self::TokenMissing | Self::TokenWrong => {
                "send `Authorization: Bearer …` with the token that the daemon is configured with"
            }
            Self::NoTokenConfigured => {
                "set `server.token` (BRONZED__SERVER__TOKEN) and start the daemon again; \
                 `server.public_reads = true` opens what only reads"
            }
            Self::ForeignHost => "ask for http://127.0.0.1 or http://localhost, or send the token",
            Self::ForeignForm => "open the page again, and send its form from there",
            Self::NotFound(_) | Self::NoRoute => {
                "GET /api/v1/jobs, /api/v1/datasets and /api/v1/runs list what there is; \
                 GET /api/v1/openapi.json describes every path"
            }
            Self::WrongMethod => "the `Allow` header has the methods that it takes",
            Self::SlowBody => "send it again over a faster connection",
            Self::TooLarge { .. } => "split the request",
            Self::WrongContentType => "send `Content-Type: application/json`",
            Self::Unavailable(_) | Self::TimedOut => "try again later; /readyz tells when",
            Self::Refused { hint, .. }
            | Self::InvalidBody { hint, .. }
            | Self::InvalidQuery { hint, .. } => hint,
        };
        text.to_owned()
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound { what } => Self::NotFound(what),
            ServiceError::Refused { reason, hint } => Self::Refused { reason, hint },
            ServiceError::Unavailable { reason } => Self::Unavailable(reason),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error) = self.kind();
        let body = ErrorBody {
            error,
            message: self.to_string(),
            hint: self.hint(),
        };
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
