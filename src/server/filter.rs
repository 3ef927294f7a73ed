//! Filter of the list of runs: `GET /api/v1/runs?status=failed&source=pncp`.

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error;
use url::form_urlencoded;

use crate::server::error::ApiError;
use crate::server::view::{RunStatus, RunView};

/// Names of the supported query parameters.
pub(super) const PARAMETERS: &[&str] = &["status", "source", "dataset", "job", "day"];

/// Conditions on a run; a condition that is `None` matches every run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RunFilter {
    status: Option<RunStatus>,
    source: Option<String>,
    dataset: Option<String>,
    job: Option<String>,
    day: Option<String>,
}

impl RunFilter {
    /// Parses the query of a URL. Returns an error for an unknown parameter, because ignoring it silently
    /// would hide a typo.
    pub(super) fn parse(query: &str) -> Result<Self, ApiError> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = value.into_owned();
            match &*name {
                "status" => filter.status = Some(status(&text)?),
                "source" => filter.source = Some(text),
                "dataset" => filter.dataset = Some(text),
                "job" => filter.job = Some(text),
                "day" => filter.day = Some(text),
                _ => {
                    return Err(ApiError::InvalidQuery {
                        problem: format!("there is no parameter `{name}`"),
                        hint: format!("known here: {}", PARAMETERS.join(", ")),
                    });
                }
            }
        }
        Ok(filter)
    }

    pub(super) fn takes(&self, run: &RunView) -> bool {
        let same =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|one| one == is);
        self.status.is_none_or(|status| status == run.status)
            && same(&self.source, &run.source)
            && same(&self.dataset, &run.dataset)
            && same(&self.job, &run.job)
            && same(&self.day, &run.day.to_string())
    }
}

fn status(text: &str) -> Result<RunStatus, ApiError> {
    RunStatus::deserialize(text.into_deserializer()).map_err(|error: Error| {
        ApiError::InvalidQuery {
            problem: format!("`status` is `{text}`: {error}"),
            hint: "name one of them, in small letters".to_owned(),
        }
    })
}
