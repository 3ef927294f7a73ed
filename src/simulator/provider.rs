//! The three providers: where each answers, and how each speaks of errors.

use chrono::NaiveDateTime;

use super::SimConfig;
use super::answer::Answer;
use super::call::Call;
use super::chance::Chance;
use super::parameters::Parameters;
use super::{pncp, tcu};

/// A provider of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The national portal of public procurement.
    Pncp,
    /// The Court of Accounts of the Union.
    Tcu,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 2] = [Self::Pncp, Self::Tcu];

    /// The name of its source in a configuration.
    pub fn source(self) -> &'static str {
        match self {
            Self::Pncp => "pncp",
            Self::Tcu => "tcu",
        }
    }

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pncp => "PNCP",
            Self::Tcu => "TCU",
        }
    }

    /// What its base URL ends with: `http://127.0.0.1:41234/api`.
    pub(super) fn base_path(self) -> &'static str {
        match self {
            Self::Pncp => "/api",
            Self::Tcu => "/tcu",
        }
    }

    /// Whose path this is, and what follows its base.
    pub(super) fn of(path: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|provider| {
            let rest = path.strip_prefix(provider.base_path())?;
            rest.starts_with('/').then_some((provider, rest))
        })
    }

    /// The answer to everything at a time when the provider is closed.
    pub(super) fn closed(self, config: &SimConfig, now: NaiveDateTime) -> Option<Answer> {
        match self {
            Self::Pncp => None,
            Self::Tcu => config.tcu.closed(now),
        }
    }

    /// Understands a request, `path` being that under the base.
    ///
    /// # Errors
    /// The answer that says what is wrong with it; `None` where there is no such endpoint.
    pub(super) fn route(
        self,
        path: &str,
        parameters: &Parameters,
    ) -> Result<Box<dyn Call>, Option<Answer>> {
        match self {
            Self::Pncp => pncp::route(path, parameters),
            Self::Tcu => tcu::route(path, parameters),
        }
    }

    /// HTML with status 200, where JSON was to come.
    pub(super) fn html(self, chance: Chance) -> Answer {
        match self {
            Self::Pncp => Answer::html(
                200,
                "<!DOCTYPE html><html><head><title>PNCP</title></head><body><h1>Sistema \
                 temporariamente indisponível</h1></body></html>",
            ),
            Self::Tcu => tcu::challenge(chance),
        }
    }
}
