//! Request of a sample: what its URL says of days and pages.

use bronzed_model::day::Day;
use url::Url;

/// Names of parameters for the page number.
const PAGE: [&str; 6] = [
    "pagina",
    "page",
    "p",
    "pagenumber",
    "numeropagina",
    "page_number",
];
/// Names of parameters for the number of records to skip.
const OFFSET: [&str; 4] = ["offset", "skip", "inicio", "start"];
/// Names of parameters for the page size.
const SIZE: [&str; 8] = [
    "tamanhopagina",
    "per_page",
    "pagesize",
    "page_size",
    "size",
    "limit",
    "quantidade",
    "rows",
];
/// Parts of the names of parameters that hold a secret.
const SECRET: [&str; 6] = ["key", "token", "secret", "chave", "senha", "password"];
/// Formats of days, each with an example's length.
const FORMATS: [(&str, usize); 6] = [
    ("%Y%m%d", 8),
    ("%Y-%m-%d", 10),
    ("%d/%m/%Y", 10),
    ("%Y-%m-%dT%H:%M:%S", 19),
    ("%Y-%m-%dT%H:%M:%SZ", 20),
    ("%Y-%m-%d %H:%M:%S", 19),
];

/// Role of a parameter of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Page number.
    TextPage,
    /// Number of records to skip.
    Offset,
    /// Page size.
    Size,
    /// Start or end of a window, in this format.
    Date(Day, &'static str),
    /// A secret, which is not written down.
    Secret,
    /// Sent as it is.
    Fixed,
}

/// A parameter with its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name as in the URL.
    pub name: String,
    /// Value as in the URL.
    pub value: String,
    /// Its role.
    pub role: Role,
}

/// URL of a sample, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledRequest {
    /// Address up to the last step of the path.
    pub base_url: String,
    /// Last step of the path.
    pub path: String,
    /// Parameters, in the order of the URL.
    pub parameters: Vec<Parameter>,
}

impl SampledRequest {
    /// Takes a URL apart.
    pub fn parse(url: &str) -> Result<Self, url::ParseError> {
        let url = Url::parse(url)?;
        let path = url.path().trim_end_matches('/');
        let (base, last) = path.rsplit_once('/').unwrap_or(("", path));
        let parameters = url.query_pairs().map(|(name, value)| Parameter {
            role: role(&name, &value),
            name: name.into_owned(),
            value: value.into_owned(),
        });
        Ok(Self {
            base_url: format!("{}{base}", url.origin().ascii_serialization()),
            path: format!("/{last}"),
            parameters: parameters.collect(),
        })
    }

    /// Returns the request of an answer whose URL isn't known.
    pub fn unknown() -> Self {
        Self {
            base_url: "https://EDIT.example.org".to_owned(),
            path: "/EDIT".to_owned(),
            parameters: Vec::new(),
        }
    }

    /// Returns a name for the dataset: the last step of the path.
    pub fn dataset_name(&self) -> String {
        let name = self.path.trim_start_matches('/').to_lowercase();
        let name = name.split('.').next().unwrap_or_default();
        let name: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        match name.is_empty() {
            true => "records".to_owned(),
            false => name,
        }
    }

    /// Returns the first parameter of a role.
    pub fn of(&self, role: &Role) -> Option<&Parameter> {
        self.parameters.iter().find(|one| one.role == *role)
    }

    /// Returns the parameters of the window: start and, if there is one, end.
    pub fn window(&self) -> Option<(&Parameter, Option<&Parameter>)> {
        let mut dates: Vec<_> = self.parameters.iter().collect();
        dates.retain(|one| matches!(one.role, Role::Date(..)));
        dates.sort_by_key(|one| one.day());
        let start = dates.first()?;
        Some((start, dates.get(1).copied()))
    }

    /// Returns the day that the sample is of.
    pub fn day(&self) -> Option<Day> {
        self.window()?.0.day()
    }
}

impl Parameter {
    /// Returns the day of a date.
    pub fn day(&self) -> Option<Day> {
        match self.role {
            Role::Date(day, _) => Some(day),
            _ => None,
        }
    }
}

fn role(name: &str, value: &str) -> Role {
    let lower = name.to_lowercase();
    let number = value.parse::<u64>().is_ok();
    if let Some((day, format)) = date(value) {
        return Role::Date(day, format);
    }
    match () {
        () if SECRET.iter().any(|part| lower.contains(part)) => Role::Secret,
        () if number && PAGE.contains(&&*lower) => Role::TextPage,
        () if number && OFFSET.contains(&&*lower) => Role::Offset,
        () if number && SIZE.contains(&&*lower) => Role::Size,
        () => Role::Fixed,
    }
}

/// Parses a day, or a time of a day; also returns its format.
pub fn date(text: &str) -> Option<(Day, &'static str)> {
    use chrono::{NaiveDate, NaiveDateTime};
    FORMATS.iter().find_map(|(format, length)| {
        if text.len() != *length {
            return None;
        }
        let time = NaiveDateTime::parse_from_str(text, format).map(|time| time.date());
        let date = time
            .or_else(|_| NaiveDate::parse_from_str(text, format))
            .ok()?;
        let plausible = (1980..2100).contains(&chrono::Datelike::year(&date));
        plausible.then_some((Day::new(date), *format))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_days_and_pages_are_asked_for() {
        let url = "https://pncp.gov.br/api/consulta/v1/contratos?dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=500&uf=SP&apiKey=abc";
        let request = SampledRequest::parse(url).unwrap();
        assert_eq!(request.base_url, "https://pncp.gov.br/api/consulta/v1");
        assert_eq!(request.path, "/contratos");
        assert_eq!(request.dataset_name(), "contratos");
        let day: Day = "2025-10-22".parse().unwrap();
        assert_eq!(request.day(), Some(day));
        let roles: Vec<_> = request
            .parameters
            .iter()
            .map(|one| one.role.clone())
            .collect();
        let date = Role::Date(day, "%Y%m%d");
        assert_eq!(
            roles,
            [
                date.clone(),
                date,
                Role::TextPage,
                Role::Size,
                Role::Fixed,
                Role::Secret
            ]
        );
    }

    #[test]
    fn times_of_a_day_are_days_in_their_format() {
        let (day, format) = date("2025-06-01T00:00:00").unwrap();
        assert_eq!(
            (day.to_string().as_str(), format),
            ("2025-06-01", "%Y-%m-%dT%H:%M:%S")
        );
        assert!(date("12345678").is_none() && date("3").is_none());
    }
}
