//! From (dataset, day, slice, page) to the URL that asks for it.
//!
//! ```text
//! https://pncp.gov.br/api/consulta/v1/contratacoes/publicacao
//!     ?codigoModalidadeContratacao=6&dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=50
//!      params                        window                                  paging
//! ```
//!
//! Values are percent-encoded to the last byte (a space is `%20`, never `+`), in the path too, where
//! a value is always one segment.

use std::fmt::Write;
use std::sync::Arc;

use chrono::NaiveTime;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::day::Day;
use crate::source::declaration::{Dataset, Priority, Slice, WindowEnd};
use crate::source::paginator::PagingError;

/// One page of one slice of a day.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// What is read.
    pub dataset: Arc<Dataset>,
    /// The day that becomes the window's parameters.
    pub day: Day,
    /// The slice of the day.
    pub slice: Slice,
    /// Counted from 0, whatever the API counts from.
    pub page: u64,
    /// Who goes first where the source's limits bind.
    pub priority: Priority,
}

/// Why there is no URL for a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The window's format isn't one that dates can be written in.
    #[error("`{0}` is not a format of dates: write it like %Y%m%d or %Y-%m-%d")]
    Format(String),
    /// The page can't be asked for.
    #[error(transparent)]
    Paging(#[from] PagingError),
}

impl PageRequest {
    /// The URL of this page below `base`, whose own path is kept.
    ///
    /// # Errors
    /// When the window's format can't be written, or the page can't be asked for.
    pub fn url(&self, base: &Url) -> Result<Url, RequestError> {
        let dataset = &self.dataset;
        let values: Vec<_> = self.slice.values.iter().collect();
        let encoded: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.as_str(), percent_encoded(value)))
            .collect();
        let path = dataset.path.render(|name| {
            let found = encoded.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        });

        let mut query = Vec::new();
        for (name, template) in &dataset.params {
            let value = template.render(|variable| {
                let found = values.iter().find(|(known, _)| known == variable);
                found.map(|(_, value)| value.as_str())
            });
            query.push((name.clone(), value));
        }
        query.extend(self.window()?);
        query.extend(dataset.paginator.params(self.page)?);

        let mut url = base.clone();
        let root = base.path().trim_end_matches('/');
        url.set_path(&format!("{root}/{}", path.trim_start_matches('/')));
        let pairs: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
            .collect();
        if !pairs.is_empty() {
            url.set_query(Some(&pairs.join("&")));
        }
        Ok(url)
    }

    fn window(&self) -> Result<Vec<(String, String)>, RequestError> {
        let window = &self.dataset.window;
        let last = match window.end {
            WindowEnd::Inclusive => self.day,
            WindowEnd::Exclusive => self.day.next(),
        };
        let mut params = vec![(
            window.start_param.clone(),
            written(self.day, &window.format)?,
        )];
        if let Some(end_param) = &window.end_param {
            params.push((end_param.clone(), written(last, &window.format)?));
        }
        Ok(params)
    }
}

/// The day's midnight in a strftime format: a date, or a date with the time `00:00:00`.
fn written(day: Day, format: &str) -> Result<String, RequestError> {
    let midnight = day.date().and_time(NaiveTime::MIN);
    let mut text = String::new();
    // chrono tells a bad format only by the error of writing it.
    write!(text, "{}", midnight.format(format))
        .map_err(|_| RequestError::Format(format.to_owned()))?;
    Ok(text)
}

fn percent_encoded(text: &str) -> String {
    // A literal `+` is `%2B` by then, so that every `+` left stands for a space.
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::declaration::PagingStyle;
    use crate::source::template::Template;
    use crate::source::testing;

    fn url_of(base: &str, change: impl FnOnce(&mut PageRequest, &mut Dataset)) -> String {
        let mut request = testing::request(testing::dataset(), 0);
        let mut dataset = testing::dataset();
        change(&mut request, &mut dataset);
        request.dataset = Arc::new(dataset);
        let url = request.url(&Url::parse(base).unwrap()).unwrap();
        url.to_string()
    }

    #[test]
    fn a_page_of_pncp_is_asked_for_as_its_manual_says() {
        assert_eq!(
            url_of("https://pncp.gov.br/api", |request, _| request.page = 2),
            "https://pncp.gov.br/api/consulta/v1/contratacoes/publicacao\
             ?codigoModalidadeContratacao=6&dataInicial=20251022&dataFinal=20251022\
             &pagina=3&tamanhoPagina=50"
        );
    }

    #[test]
    fn the_base_path_is_kept_with_and_without_a_slash_at_its_end() {
        for base in ["http://h/api", "http://h/api/"] {
            assert!(url_of(base, |_, _| ()).starts_with("http://h/api/consulta/v1/"));
        }
        for base in ["http://h", "http://h/"] {
            assert!(url_of(base, |_, _| ()).starts_with("http://h/consulta/v1/"));
        }
    }

    #[test]
    fn a_half_open_window_ends_on_the_day_after() {
        let url = url_of("http://h", |request, dataset| {
            request.day = "2024-02-29".parse().unwrap();
            dataset.window.end = WindowEnd::Exclusive;
            dataset.window.format = "%Y-%m-%dT%H:%M:%S".to_owned();
        });
        assert!(url.contains("dataInicial=2024-02-29T00%3A00%3A00&dataFinal=2024-03-01T00"));
    }

    #[test]
    fn a_window_may_have_a_start_alone() {
        let url = url_of("http://h", |_, dataset| dataset.window.end_param = None);
        assert!(!url.contains("dataFinal"), "{url}");
    }

    #[test]
    fn values_are_encoded_in_query_and_path() {
        let url = url_of("http://h", |request, dataset| {
            request.slice.values = vec![("m".to_owned(), "São João/a+b&c=d".to_owned())];
            dataset.path = Template::parse("/v1/{m}/x").unwrap();
            dataset.params = vec![("q".to_owned(), Template::parse("<{m}>").unwrap())];
            dataset.paginator.style = PagingStyle::Single;
            dataset.paginator.page_size_param = None;
        });
        assert_eq!(
            url,
            "http://h/v1/S%C3%A3o%20Jo%C3%A3o%2Fa%2Bb%26c%3Dd/x\
             ?q=%3CS%C3%A3o%20Jo%C3%A3o%2Fa%2Bb%26c%3Dd%3E\
             &dataInicial=20251022&dataFinal=20251022"
        );
    }

    #[test]
    fn a_format_that_is_none_is_an_error_and_no_panic() {
        let mut dataset = testing::dataset();
        dataset.window.format = "%Y-%Q".to_owned();
        let request = testing::request(dataset, 0);
        let error = request.url(&Url::parse("http://h").unwrap()).unwrap_err();
        assert_eq!(error, RequestError::Format("%Y-%Q".to_owned()));
    }
}
