//! Faults of requests: at random with a probability, or by rule.
//!
//! A fault is drawn for each request from the seed, the page, and the number of earlier requests for the
//! page: a repeated request can succeed, and the order in which pages are requested plays no part.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::TimeDelta;

use super::answer::Answer;
use super::chance::Chance;

/// A fault of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 with a JSON message and `Retry-After`; Compras.gov.br sends the time to wait in the message
    /// instead.
    RateLimited,
    /// 429 as the HTML page of a firewall, without `Retry-After`. Compras.gov.br has no firewall and sends
    /// its own 429.
    Firewall,
    /// No database connection is free: 500, or 400 with plain text from Compras.gov.br.
    PoolExhausted,
    /// 500 with a JSON message.
    ServerError,
    /// 503 with a JSON message.
    Unavailable,
    /// No response until the client gives up, or [`Faults::hang`] is over.
    Hang,
    /// The connection is reset (RST) before the first byte.
    Reset,
    /// The connection is closed before the announced end of the body.
    CutOff,
    /// An error page as HTML, with status 200.
    Html,
    /// 422 to a valid request.
    Unprocessable,
    /// A page without rows although its total isn't 0. Never drawn for the first page.
    EmptyPage,
    /// 204 although there are rows. Never drawn for the first page.
    NoContent,
    /// A given response.
    Answer(Box<Answer>),
    /// A correct response, but just before it a late record appears on an earlier page and moves all rows
    /// after it down by one: the last row of a page is repeated on the next.
    Shift,
    /// A correct response, but just before it the first record of the slice is withdrawn and all rows after
    /// it move up by one: a walk misses a row.
    Withdraw,
    /// A correct response, but just before it the simulated time advances.
    Advance(TimeDelta),
}

impl Fault {
    /// Returns the name in the ledger.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Firewall => "firewall",
            Self::PoolExhausted => "pool_exhausted",
            Self::ServerError => "server_error",
            Self::Unavailable => "unavailable",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::CutOff => "cut_off",
            Self::Html => "html",
            Self::Unprocessable => "unprocessable",
            Self::EmptyPage => "empty_page",
            Self::NoContent => "no_content",
            Self::Answer(_) => "answer",
            Self::Shift => "shift",
            Self::Withdraw => "withdraw",
            Self::Advance(_) => "advance",
        }
    }

    /// Returns `true` if the client gets something else than the correct response.
    pub fn spoils_answer(&self) -> bool {
        !matches!(self, Self::Shift | Self::Withdraw | Self::Advance(_))
    }

    fn fits_by_chance(&self, page: u64) -> bool {
        page > 1 || !matches!(self, Self::EmptyPage | Self::NoContent)
    }
}

/// A page of a slice, for which faults are drawn and counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// The dataset: `pncp.contratacoes`.
    pub dataset: &'static str,
    /// Requested days, as they were sent: `20251022..20251022`.
    pub days: String,
    /// `modalidade=6`
    pub slice: String,
    /// Page number, from 1. For a request with an offset, the page that the offset is on.
    pub page: u64,
    /// Position of the first row, from 0.
    pub offset: u64,
    /// The page size.
    pub size: u64,
}

/// A fault for certain requests.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    requests: RangeInclusive<u64>,
    dataset: Option<String>,
    slice: Option<String>,
    page: Option<u64>,
    offsets: RangeInclusive<u64>,
}

impl Rule {
    /// Applies to every request.
    pub fn always(fault: Fault) -> Self {
        Self::on(1..=u64::MAX, fault)
    }

    /// Applies to the first `count` requests for each page.
    pub fn first(count: u64, fault: Fault) -> Self {
        Self::on(1..=count, fault)
    }

    /// Applies to the `ordinal`th request for each page, counted from 1.
    pub fn nth(ordinal: u64, fault: Fault) -> Self {
        Self::on(ordinal..=ordinal, fault)
    }

    fn on(requests: RangeInclusive<u64>, fault: Fault) -> Self {
        Self {
            fault,
            requests,
            dataset: None,
            slice: None,
            page: None,
            offsets: 0..=u64::MAX,
        }
    }

    /// Restricts the rule to a dataset: `tcu.acordaos`.
    #[must_use]
    pub fn dataset(self, dataset: &str) -> Self {
        Self {
            dataset: Some(dataset.to_owned()),
            ..self
        }
    }

    /// Restricts the rule to this offset and greater ones: a walk fails there.
    #[must_use]
    pub fn from_offset(self, offset: u64) -> Self {
        Self {
            offsets: offset..=u64::MAX,
            ..self
        }
    }

    /// Restricts the rule to a slice: `modalidade=6`.
    #[must_use]
    pub fn slice(self, slice: &str) -> Self {
        Self {
            slice: Some(slice.to_owned()),
            ..self
        }
    }

    /// Restricts the rule to a page, counted from 1.
    #[must_use]
    pub fn page(self, page: u64) -> Self {
        Self {
            page: Some(page),
            ..self
        }
    }

    fn matches(&self, key: &PageKey, ordinal: u64) -> bool {
        self.requests.contains(&ordinal)
            && self.offsets.contains(&key.offset)
            && self
                .dataset
                .as_ref()
                .is_none_or(|dataset| *dataset == key.dataset)
            && self.slice.as_ref().is_none_or(|slice| *slice == key.slice)
            && self.page.is_none_or(|page| page == key.page)
    }
}

/// Faults to apply, by rule and at random.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Rules; the first that matches decides, before a random fault is drawn.
    pub rules: Vec<Rule>,
    /// Random faults with their probabilities, whose sum is at most 1.
    pub rates: Vec<(Fault, f64)>,
    /// Maximum number of consecutive spoilt responses to a page; after it, no random fault is drawn.
    pub max_consecutive: Option<u64>,
    /// Time to wait that [`Fault::RateLimited`] announces, sent in whole seconds.
    pub retry_after: Duration,
    /// Maximum duration of [`Fault::Hang`].
    pub hang: Duration,
}

impl Default for Faults {
    /// Returns no faults.
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            rates: Vec::new(),
            max_consecutive: None,
            retry_after: Duration::from_secs(1),
            hang: Duration::from_secs(300),
        }
    }
}

impl Faults {
    /// Only these rules.
    pub fn by_rule(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Only these random faults.
    pub fn by_chance(rates: impl IntoIterator<Item = (Fault, f64)>) -> Self {
        Self {
            rates: rates.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A bad day: 500, 429 (half of them from the firewall), cut-off bodies, HTML with status 200
    /// and resets, each with this probability.
    pub fn bad_day(probability: f64) -> Self {
        Self::by_chance([
            (Fault::ServerError, probability),
            (Fault::RateLimited, probability / 2.0),
            (Fault::Firewall, probability / 2.0),
            (Fault::CutOff, probability),
            (Fault::Html, probability),
            (Fault::Reset, probability),
        ])
    }

    /// Returns the fault of the `ordinal`th request for a page, after `spoilt` consecutive spoilt
    /// responses.
    pub(super) fn pick(
        &self,
        chance: Chance,
        key: &PageKey,
        ordinal: u64,
        spoilt: u64,
    ) -> Option<Fault> {
        let ruled = self.rules.iter().find(|rule| rule.matches(key, ordinal));
        if let Some(rule) = ruled {
            return Some(rule.fault.clone());
        }
        if self.max_consecutive.is_some_and(|most| spoilt >= most) {
            return None;
        }
        let mut drawn = chance.of("fault").fraction();
        for (fault, probability) in &self.rates {
            if drawn < *probability {
                return fault.fits_by_chance(key.page).then(|| fault.clone());
            }
            drawn -= probability;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slice: &str, page: u64) -> PageKey {
        PageKey {
            dataset: "pncp.contratacoes",
            offset: (page - 1) * 50,
            days: "20251022..20251022".to_owned(),
            slice: slice.to_owned(),
            page,
            size: 50,
        }
    }

    #[test]
    fn a_rule_names_slice_page_and_request() {
        let rule = Rule::nth(2, Fault::Html).slice("modalidade=6").page(3);
        let faults = Faults::by_rule([rule, Rule::first(1, Fault::Reset).page(1)]);
        let pick =
            |slice, page, ordinal| faults.pick(Chance::new(1), &key(slice, page), ordinal, 0);
        assert_eq!(pick("modalidade=6", 3, 2), Some(Fault::Html));
        assert_eq!(pick("modalidade=6", 3, 1), None);
        assert_eq!(pick("modalidade=8", 3, 2), None);
        assert_eq!(pick("modalidade=8", 1, 1), Some(Fault::Reset));
        assert_eq!(pick("modalidade=8", 1, 2), None);
    }

    #[test]
    fn a_rule_names_dataset_and_offset() {
        let faults = Faults::by_rule([
            Rule::always(Fault::Html).dataset("tcu.acordaos"),
            Rule::always(Fault::Reset).from_offset(100),
        ]);
        let pick = |page| faults.pick(Chance::new(1), &key("modalidade=6", page), 1, 0);
        assert_eq!([pick(2), pick(3)], [None, Some(Fault::Reset)]);
    }

    #[test]
    fn chance_keeps_to_its_probabilities() {
        let faults = Faults::bad_day(0.05);
        let picked: Vec<_> = (0..10_000)
            .filter_map(|n| faults.pick(Chance::new(n), &key("modalidade=6", 1), 1, 0))
            .collect();
        assert!((2_300..2_700).contains(&picked.len()), "{}", picked.len());
        let resets = picked
            .iter()
            .filter(|fault| **fault == Fault::Reset)
            .count();
        assert!((400..600).contains(&resets), "{resets}");
    }

    #[test]
    fn a_bounded_run_of_faults_ends() {
        let faults = Faults {
            max_consecutive: Some(2),
            ..Faults::by_chance([(Fault::Html, 1.0)])
        };
        let pick = |spoilt| faults.pick(Chance::new(1), &key("modalidade=6", 1), 1, spoilt);
        assert_eq!(pick(1), Some(Fault::Html));
        assert_eq!(pick(2), None);
    }

    #[test]
    fn an_empty_first_page_is_never_drawn() {
        let faults = Faults::by_chance([(Fault::NoContent, 0.5), (Fault::EmptyPage, 0.5)]);
        let pick = |page| faults.pick(Chance::new(1), &key("modalidade=6", page), 1, 0);
        assert_eq!(pick(1), None);
        assert!(pick(2).is_some());
    }
}
