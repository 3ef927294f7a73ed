//! The three providers: their base paths, and the formats of their errors.

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

    /// Name of the provider.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pncp => "PNCP",
            Self::Comprasnet => "Compras.gov.br",
            Self::Tcu => "TCU",
        }
    }

    /// Path of the base URL: `/api` in `http://127.0.0.1:41234/api`.
    pub(super) fn base_path(self) -> &'static str {
        match self {
            Self::Pncp => "/api",
            Self::Comprasnet => "/comprasnet",
            Self::Tcu => "/tcu",
        }
    }

    /// Returns the provider of a path, and the path relative to the provider's base.
    pub(super) fn of(path: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|provider| {
            let rest = path.strip_prefix(provider.base_path())?;
            rest.starts_with('/').then_some((provider, rest))
        })
    }

    /// Returns the response to all requests while the provider is closed; `None` while it is open.
    pub(super) fn closed(self, config: &SimConfig, now: NaiveDateTime) -> Option<Answer> {
        match self {
            Self::Pncp | Self::Comprasnet => None,
            Self::Tcu => config.tcu.closed(now),
        }
    }

    /// Parses a request; `path` is relative to the base.
    ///
    /// # Errors
    /// Returns the error response to an invalid request; `None` if there is no such endpoint.
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

    /// Returns the rate limit of a module in requests per second, if it has one.
    pub(super) fn rate(self, config: &SimConfig, module: &str) -> Option<f64> {
        match self {
            Self::Pncp | Self::Tcu => None,
            Self::Comprasnet => config.comprasnet.rates.get(module).copied(),
        }
    }

    /// 429 with the time to wait.
    pub(super) fn too_many(self, wait: Duration) -> Answer {
        match self {
            Self::Pncp | Self::Tcu => {
                message(429, "Limite de requisições excedido. Tente novamente.").after(wait)
            }
            Self::Comprasnet => comprasnet::too_many(wait),
        }
    }

    /// 429 for too many concurrent requests; without the time to wait if it comes from a firewall.
    pub(super) fn crowded(self, chance: Chance) -> Answer {
        match self {
            Self::Pncp | Self::Tcu => firewall(chance),
            Self::Comprasnet => comprasnet::too_many(Duration::from_secs(1)),
        }
    }

    /// Error response of a provider whose database has no free connection.
    pub(super) fn pool_exhausted(self) -> Answer {
        match self {
            Self::Pncp | Self::Tcu => message(500, "Failed to obtain JDBC Connection"),
            Self::Comprasnet => Answer::text(
                400,
                "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
            ),
        }
    }

    /// HTML with status 200 instead of JSON.
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
