//! What the API answers when it doesn't do what it was asked.
//!
//! ```json
//! {"error": "token_missing", "message": "this needs a token, and …", "cure": "send `Authorization: Bearer …`"}
//! ```
//!
//! `error` is one of a fixed list that programs may go by; the other two are for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::server::daemon::DaemonError;

/// Why a request isn't answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 401
    #[error("this needs a token, and the request has none")]
    TokenMissing,
    /// 401
    #[error("the token isn't the right one")]
    TokenWrong,
    /// 403: nobody can have the right token.
    #[error("this needs a token, and none is configured")]
    NoTokenConfigured,
    /// 403: a page of a browser that was told that a name of its own is this machine.
    #[error("the request is for another host than this machine")]
    ForeignHost,
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
        /// What stands against it.
        reason: String,
        /// What would be accepted.
        cure: String,
    },
    /// 413
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// What is accepted.
        limit: usize,
    },
    /// 415
    #[error("the content type isn't application/json")]
    WrongContentType,
    /// 422
    #[error("{problem}")]
    InvalidBody {
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        cure: String,
    },
    /// 422
    #[error("{problem}")]
    InvalidQuery {
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        cure: String,
    },
    /// 503
    #[error("{0}")]
    Unavailable(String),
    /// 503
    #[error("the daemon took too long to answer")]
    TimedOut,
}

/// The body of every answer that isn't a success.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// Which error it is; programs may go by it.
    pub error: ErrorName,
    /// What is wrong.
    pub message: String,
    /// What would help.
    pub cure: String,
}

/// The constant name of an error; [`ApiError`] says what each one means.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorName {
    TokenMissing,
    TokenWrong,
    NoTokenConfigured,
    ForeignHost,
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
    fn kind(&self) -> (StatusCode, ErrorName) {
        match self {
            Self::TokenMissing => (StatusCode::UNAUTHORIZED, ErrorName::TokenMissing),
            Self::TokenWrong => (StatusCode::UNAUTHORIZED, ErrorName::TokenWrong),
            Self::NoTokenConfigured => (StatusCode::FORBIDDEN, ErrorName::NoTokenConfigured),
            Self::ForeignHost => (StatusCode::FORBIDDEN, ErrorName::ForeignHost),
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

    fn cure(&self) -> String {
        let text = match self {
            Self::TokenMissing | Self::TokenWrong => {
                "send `Authorization: Bearer …` with the token that the daemon is configured with"
            }
            Self::NoTokenConfigured => {
                "set `server.token` (BRONZED__SERVER__TOKEN) and start the daemon again; \
                 `server.public_reads = true` opens what only reads"
            }
            Self::ForeignHost => "ask for http://127.0.0.1 or http://localhost, or send the token",
            Self::NotFound(_) | Self::NoRoute => {
                "GET /api/v1/jobs, /api/v1/datasets and /api/v1/runs list what there is; \
                 GET /api/v1/openapi.json describes every path"
            }
            Self::WrongMethod => "the `Allow` header has the methods that it takes",
            Self::SlowBody => "send it again over a faster connection",
            Self::TooLarge { .. } => "split the request",
            Self::WrongContentType => "send `Content-Type: application/json`",
            Self::Unavailable(_) | Self::TimedOut => "try again later; /readyz tells when",
            Self::Refused { cure, .. }
            | Self::InvalidBody { cure, .. }
            | Self::InvalidQuery { cure, .. } => cure,
        };
        text.to_owned()
    }
}

impl From<DaemonError> for ApiError {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::NotFound { what } => Self::NotFound(what),
            DaemonError::Refused { reason, cure } => Self::Refused { reason, cure },
            DaemonError::Unavailable { reason } => Self::Unavailable(reason),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error) = self.kind();
        let body = ErrorBody {
            error,
            message: self.to_string(),
            cure: self.cure(),
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
