//! The three providers: where each answers, and how each speaks of errors.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::SimConfig;
use super::answer::Answer;
use super::call::Call;
use super::chance::Chance;
use super::parameters::Parameters;
use super::spoil::{firewall, message};
use super::{comprasnet, pncp, tcu};

/// A provider of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The national portal of public procurement.
    Pncp,
    /// The federal purchasing system's open data.
    Comprasnet,
    /// The Court of Accounts of the Union.
    Tcu,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 3] = [Self::Pncp, Self::Comprasnet, Self::Tcu];

    /// The environment variables that point the shipped configuration at a simulator: one for
    /// each host of the provider.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Pncp => &["BRONZED__SOURCES__PNCP__BASE_URL"],
            Self::Comprasnet => &["BRONZED__SOURCES__COMPRASNET__BASE_URL"],
            Self::Tcu => &[
                "BRONZED__SOURCES__TCU__DATASET__ACORDAOS__BASE_URL",
                "BRONZED__SOURCES__TCU__BASE_URL",
            ],
        }
    }

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pncp => "PNCP",
            Self::Comprasnet => "Compras.gov.br",
            Self::Tcu => "TCU",
        }
    }

    /// What its base URL ends with: `http://127.0.0.1:41234/api`.
    pub(super) fn base_path(self) -> &'static str {
        match self {
            Self::Pncp => "/api",
            Self::Comprasnet => "/comprasnet",
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
            Self::Pncp | Self::Comprasnet => None,
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
            Self::Comprasnet => comprasnet::route(path, parameters),
            Self::Tcu => tcu::route(path, parameters),
        }
    }

    /// How many requests a second a module answers, where that is limited.
    pub(super) fn rate(self, config: &SimConfig, module: &str) -> Option<f64> {
        match self {
            Self::Pncp | Self::Tcu => None,
            Self::Comprasnet => config.comprasnet.rates.get(module).copied(),
        }
    }

    /// 429, and how long to wait.
    pub(super) fn too_many(self, wait: Duration) -> Answer {
        match self {
            Self::Pncp | Self::Tcu => {
                message(429, "Limite de requisições excedido. Tente novamente.").after(wait)
            }
            Self::Comprasnet => comprasnet::too_many(wait),
        }
    }

    /// 429 to too many requests at a time, which says nothing of how long to wait where a
    /// firewall sends it.
    pub(super) fn crowded(self, chance: Chance) -> Answer {
        match self {
            Self::Pncp | Self::Tcu => firewall(chance),
            Self::Comprasnet => comprasnet::too_many(Duration::from_secs(1)),
        }
    }

    /// The database has no connection left.
    pub(super) fn pool_exhausted(self) -> Answer {
        match self {
            Self::Pncp | Self::Tcu => message(500, "Failed to obtain JDBC Connection"),
            Self::Comprasnet => Answer::text(
                400,
                "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
            ),
        }
    }

    /// HTML with status 200, where JSON was to come.
    pub(super) fn html(self, chance: Chance) -> Answer {
        match self {
            Self::Pncp | Self::Comprasnet => {
                let page = format!(
                    "<!DOCTYPE html><html><head><title>{}</title></head><body><h1>Sistema \
                     temporariamente indisponível</h1></body></html>",
                    self.title()
                );
                Answer::html(200, page)
            }
            Self::Tcu => tcu::challenge(chance),
        }
    }
}
