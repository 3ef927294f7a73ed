//! Builds the URL of a request from dataset, day, slice and page.
//!
//! ```text
//! https://pncp.gov.br/api/consulta/v1/contratacoes/publicacao
//!     ?codigoModalidadeContratacao=6&dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=50
//!      params                        window                                  paging
//! ```
//!
//! Values are percent-encoded (a space is `%20`, never `+`), in the path too, where a value is always
//! one segment.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::failure::snippet;
use bronzed_model::day::Day;
use bronzed_model::declaration::{
    Dataset, Kind, PagingStyle, Priority, Slice, Window, WindowEnd, body,
};
use bronzed_model::paginator::PagingError;
use bronzed_model::template::of_variable;

/// Maximum length of a URL: twice what servers accept. A cursor, or a parent's id, may be as long as a
/// body.
const MOST_URL_BYTES: usize = 16 * 1024;

/// One page of one slice of a day.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Dataset to read.
    pub dataset: Arc<Dataset>,
    /// Day that the window's parameters are made from.
    pub day: Day,
    /// The slice of the day.
    pub slice: Slice,
    /// Page number, counted from 0, whatever the API counts from.
    pub page: u64,
    /// Position of this page, if the previous page determines it: a cursor, or a URL, which may be
    /// relative to the URL of the first page. With paging by offset: the offset, if it isn't that of
    /// full pages.
    pub next: Option<String>,
    /// Priority in the queue of the source's limiter.
    pub priority: Priority,
}

/// Reason why a request has no URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The window's date format is invalid.
    #[error("`{0}` is not a format of dates: write it like %Y%m%d or %Y-%m-%d")]
    Format(String),
    /// The link to the next page has another origin than the API, carries credentials, or is no URL.
    #[error(
        "the next page is said to be at {0}, which isn't followed: only links with the scheme, host \
         and port of the `base_url` are; page by offset or by number instead"
    )]
    Elsewhere(String),
    /// A value makes a path segment of dots, which leads to another path than the declared one.
    #[error(
        "the path would be {0}, in which a segment of dots leads elsewhere: no request can ask for \
         that value"
    )]
    Dots(String),
    /// The URL is longer than servers accept, because of a value from a response.
    #[error(
        "the URL has {length} bytes, more than the {MOST_URL_BYTES} that are sent; it begins with {start}"
    )]
    TooLong {
        /// Length of the URL in bytes.
        length: usize,
        /// Beginning of the URL.
        start: String,
    },
    /// The page can't be requested.
    #[error(transparent)]
    Paging(#[from] PagingError),
}

impl PageRequest {
    /// Returns the URL of this page below the dataset's own base URL, or else below `base`; the path of
    /// the base URL is kept.
    ///
    /// # Errors
    /// If the window's format is invalid, or the page can't be requested: see [`RequestError`].
    pub fn url(&self, base: &Url) -> Result<Url, RequestError> {
        let dataset = &self.dataset;
        let values = self.values()?;
        let encoded: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.as_str(), percent_encoded(value)))
            .collect();
        let path = dataset.path.render(|name| {
            let found = encoded.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str())
        });
        // Declared segments may be dots. Values may not, because percent-encoding doesn't make dots a
        // normal segment.
        let declared = dataset.path.render(|_| Some("x"));
        let mut segments = path.split('/').zip(declared.split('/'));
        if segments.any(|(segment, declared)| segment != declared && is_dots(segment)) {
            return Err(RequestError::Dots(snippet(path.as_bytes())));
        }

        let mut query = Vec::new();
        for (name, template) in &dataset.params {
            let value = template.render(|variable| {
                let found = values.iter().find(|(known, _)| known == variable);
                found.map(|(_, value)| value.as_str())
            });
            query.push((name.clone(), value));
        }
        if dataset.body.is_none() {
            query.extend(self.added()?);
        }

        let base = dataset.base_url.as_ref().unwrap_or(base);
        let mut url = base.clone();
        let root = base.path().trim_end_matches('/');
        url.set_path(&format!(
            "{root}/{}",
            path.strip_prefix('/').unwrap_or(&path)
        ));
        let pairs: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
            .collect();
        if !pairs.is_empty() {
            url.set_query(Some(&pairs.join("&")));
        }
        let url = match (&dataset.paginator.style, &self.next) {
            (PagingStyle::NextLink, Some(link)) => followed(&url, link)?,
            _ => url,
        };
        match url.as_str().len() {
            0..=MOST_URL_BYTES => Ok(url),
            length => Err(RequestError::TooLong {
                length,
                start: snippet(url.as_str().as_bytes()),
            }),
        }
    }

    /// Returns the JSON body of the request. `None` for a GET.
    ///
    /// # Errors
    /// If the window's format is invalid, or the page can't be requested: see [`RequestError`].
    pub fn body(&self) -> Result<Option<Bytes>, RequestError> {
        let Some(declared) = &self.dataset.body else {
            return Ok(None);
        };
        let values = self.values()?;
        let mut body = declared.render(&|variable| {
            let found = values.iter().find(|(known, _)| known == variable);
            found.map(|(_, value)| value.as_str())
        });
        let positions = self.dataset.paginator.params(self.page)?;
        for (name, value) in self.added()? {
            let is_position = positions.iter().any(|(known, _)| *known == name);
            let number = value.parse::<u64>().ok().filter(|_| is_position);
            let value = number.map_or_else(|| Value::from(value), Value::from);
            body::set(&mut body, &name, value);
        }
        Ok(Some(body.to_string().into()))
    }

    /// Returns the values of the variables: those of the slice, and those of the window.
    fn values(&self) -> Result<Vec<(String, String)>, RequestError> {
        let mut values = self.slice.values.clone();
        values.extend(self.window()?.into_iter().flatten());
        values.extend(self.formatted()?);
        Ok(values)
    }

    /// Returns the parameters that window and paging add to the declared ones.
    fn added(&self) -> Result<Vec<(String, String)>, RequestError> {
        let dataset = &self.dataset;
        let mut query = Vec::new();
        if let (Kind::Dated(declared), Some([(_, start), (_, end)])) =
            (&dataset.kind, &self.window()?)
        {
            query.extend(
                declared
                    .start_param
                    .clone()
                    .map(|name| (name, start.clone())),
            );
            query.extend(declared.end_param.clone().map(|name| (name, end.clone())));
        }
        let style = &dataset.paginator.style;
        let mut paging = dataset.paginator.params(self.page)?;
        if let (PagingStyle::Offset { offset_param, .. }, Some(at)) = (style, &self.next) {
            let offsets = paging.iter_mut().filter(|(name, _)| name == offset_param);
            offsets.for_each(|(_, offset)| offset.clone_from(at));
        }
        query.extend(paging);
        if let (PagingStyle::Cursor { cursor_param }, Some(cursor)) = (style, &self.next) {
            query.push((cursor_param.clone(), cursor.clone()));
        }
        Ok(query)
    }

    /// Returns the window's `start` and `end`, as templates name them. `None` if the dataset isn't
    /// dated.
    fn window(&self) -> Result<Option<[(String, String); 2]>, RequestError> {
        let Kind::Dated(window) = &self.dataset.kind else {
            return Ok(None);
        };
        let (start, end) = self.bounds(window);
        let written = |instant| written(instant, &window.format, window.zone);
        Ok(Some([
            ("start".to_owned(), written(start)?),
            ("end".to_owned(), written(end)?),
        ]))
    }

    /// Returns the window's `start` and `end` in the formats that templates give them, by variable:
    /// `start:%m`.
    fn formatted(&self) -> Result<Vec<(String, String)>, RequestError> {
        let Kind::Dated(window) = &self.dataset.kind else {
            return Ok(Vec::new());
        };
        let (start, end) = self.bounds(window);
        let mut formatted = Vec::new();
        for variable in self.dataset.variables() {
            let instant = match of_variable(variable) {
                ("start", Some(format)) => (start, format),
                ("end", Some(format)) => (end, format),
                _ => continue,
            };
            let text = written(instant.0, instant.1, window.zone)?;
            formatted.push((variable.to_owned(), text));
        }
        Ok(formatted)
    }

    /// Returns the first and the last instant of the window that is sent.
    fn bounds(&self, window: &Window) -> (DateTime<Utc>, DateTime<Utc>) {
        let end = self.dataset.days.period.end(self.day, window.zone);
        let end = match window.end {
            WindowEnd::Inclusive => end - TimeDelta::seconds(1),
            WindowEnd::Exclusive => end,
        };
        (self.day.start(window.zone), end)
    }
}

/// Returns `true` for the path segments `.` and `..`.
fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Resolves a link of a response against `from`. Returns an error if the link has another origin, or
/// credentials.
fn followed(from: &Url, link: &str) -> Result<Url, RequestError> {
    let elsewhere = || RequestError::Elsewhere(snippet(link.as_bytes()));
    let to = from.join(link).map_err(|_| elsewhere())?;
    let same = to.origin() == from.origin();
    let bare = to.username().is_empty() && to.password().is_none();
    if same && bare {
        Ok(to)
    } else {
        Err(elsewhere())
    }
}

/// Formats an instant in a time zone.
fn written(instant: DateTime<Utc>, format: &str, zone: Tz) -> Result<String, RequestError> {
    let local = instant.with_timezone(&zone);
    let mut text = String::new();
    // chrono reports an invalid format only as an error of writing.
    write!(text, "{}", local.format(format))
        .map_err(|_| RequestError::Format(snippet(format.as_bytes())))?;
    Ok(text)
}

/// Removes the parameters of a name from the query of a URL; the others stay as they are written.
pub(super) fn remove_param(url: &mut Url, name: &str) {
    let Some(query) = url.query() else {
        return;
    };
    let is_other = |pair: &&str| {
        let mut parsed = url::form_urlencoded::parse(pair.as_bytes());
        parsed.next().is_none_or(|(known, _)| known != name)
    };
    let kept: Vec<_> = query.split('&').filter(is_other).collect();
    let kept = (!kept.is_empty()).then(|| kept.join("&"));
    url.set_query(kept.as_deref());
}

/// Adds a parameter to the query of a URL.
pub(super) fn add_param(url: &mut Url, name: &str, value: &str) {
    let pair = format!("{}={}", percent_encoded(name), percent_encoded(value));
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{pair}"),
        _ => pair,
    };
    url.set_query(Some(&query));
}

pub(super) fn percent_encoded(text: &str) -> String {
    // A literal `+` is already `%2B`, so every `+` left is a space.
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use bronzed_model::declaration::{BodyPart, Period};
    use bronzed_model::template::Template;
    use serde_json::json;

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

    fn window(dataset: &mut Dataset) -> &mut Window {
        match &mut dataset.kind {
            Kind::Dated(window) => window,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_half_open_window_ends_on_the_day_after() {
        let url = url_of("http://h", |request, dataset| {
            request.day = "2024-02-29".parse().unwrap();
            window(dataset).end = WindowEnd::Exclusive;
            window(dataset).format = "%Y-%m-%dT%H:%M:%S".to_owned();
        });
        assert!(url.contains("dataInicial=2024-02-29T00%3A00%3A00&dataFinal=2024-03-01T00"));
    }

    #[test]
    fn a_closed_window_with_a_time_ends_with_the_days_last_second() {
        let url = url_of("http://h", |_, dataset| {
            window(dataset).format = "%Y-%m-%dT%H:%M:%S%:z".to_owned();
        });
        let ends = "dataInicial=2025-10-22T00%3A00%3A00-03%3A00&dataFinal=2025-10-22T23%3A59%3A59-";
        assert!(url.contains(ends), "{url}");
    }

    #[test]
    fn a_window_may_have_a_start_alone() {
        let url = url_of("http://h", |_, dataset| window(dataset).end_param = None);
        assert!(!url.contains("dataFinal"), "{url}");
    }

    #[test]
    fn a_window_may_stand_in_the_path() {
        let url = url_of("http://h", |_, dataset| {
            *window(dataset) = Window {
                start_param: None,
                end_param: None,
                format: "%d/%m/%Y".to_owned(),
                ..window(dataset).clone()
            };
            dataset.path = Template::parse("/v1/{start}..{end}").unwrap();
            dataset.params = Vec::new();
        });
        let path = "http://h/v1/22%2F10%2F2025..22%2F10%2F2025?pagina=1&tamanhoPagina=50";
        assert_eq!(url, path);
    }

    #[test]
    fn window_and_paging_of_a_post_are_members_of_its_body() {
        let post = |next: Option<&str>, style: PagingStyle| {
            let mut dataset = testing::dataset();
            let template = |text| BodyPart::Text(Template::parse(text).unwrap());
            dataset.body = Some(BodyPart::Table(vec![
                ("m".to_owned(), BodyPart::Bare("modalidade".to_owned())),
                ("de".to_owned(), template("{start:%d/%m/%Y}")),
            ]));
            dataset.params = vec![("v".to_owned(), Template::parse("{modalidade}").unwrap())];
            dataset.paginator.style = style;
            dataset.paginator.page_size_param = Some("/paginacao/tamanho".to_owned());
            let mut request = testing::request(dataset, 1);
            request.next = next.map(str::to_owned);
            let url = request.url(&Url::parse("http://h").unwrap()).unwrap();
            assert_eq!(url.query(), Some("v=6"));
            let body = request.body().unwrap().unwrap();
            serde_json::from_slice::<Value>(&body).unwrap()
        };
        let by_page = PagingStyle::PageNumber {
            page_param: "/paginacao/pagina".to_owned(),
            first_page: 1,
        };
        let common = |paging: Value| {
            json!({
                "m": 6, "de": "22/10/2025",
                "dataInicial": "20251022", "dataFinal": "20251022", "paginacao": paging,
            })
        };
        assert_eq!(
            post(None, by_page),
            common(json!({"pagina": 2, "tamanho": 50}))
        );
        let by_cursor = PagingStyle::Cursor {
            cursor_param: "/paginacao/cursor".to_owned(),
        };
        let expected = common(json!({"cursor": "17", "tamanho": 50}));
        assert_eq!(post(Some("17"), by_cursor), expected);
        let get = testing::request(testing::dataset(), 0);
        assert_eq!(get.body(), Ok(None));
    }

    #[test]
    fn a_month_is_asked_for_in_one_parameter_or_in_two() {
        let of_month = |dataset: &mut Dataset| {
            dataset.days.period = Period::Month;
            dataset.paginator.style = PagingStyle::Single;
            dataset.paginator.page_size_param = None;
            *window(dataset) = Window {
                start_param: Some("mesAno".to_owned()),
                end_param: None,
                format: "%Y%m".to_owned(),
                ..window(dataset).clone()
            };
            dataset.params = Vec::new();
        };
        let of = |change: fn(&mut Dataset)| {
            url_of("http://h", |request, dataset| {
                request.day = "2024-02-01".parse().unwrap();
                of_month(dataset);
                change(dataset);
            })
        };
        let one = of(|_| ());
        assert!(one.ends_with("publicacao?mesAno=202402"), "{one}");
        let two = of(|dataset| {
            let template = |text| Template::parse(text).unwrap();
            window(dataset).start_param = None;
            dataset.params = vec![
                ("ano".to_owned(), template("{start:%Y}")),
                ("mes".to_owned(), template("{start:%-m}")),
                ("ate".to_owned(), template("{end:%d/%m/%Y}")),
            ];
        });
        assert!(two.ends_with("?ano=2024&mes=2&ate=29%2F02%2F2024"), "{two}");
        let half_open = of(|dataset| {
            window(dataset).end_param = Some("ate".to_owned());
            window(dataset).end = WindowEnd::Exclusive;
            window(dataset).format = "%Y-%m-%d".to_owned();
        });
        assert!(
            half_open.ends_with("mesAno=2024-02-01&ate=2024-03-01"),
            "{half_open}"
        );
    }

    #[test]
    fn a_dataset_may_be_read_elsewhere() {
        let url = url_of("http://h/api", |_, dataset| {
            dataset.base_url = Some(Url::parse("https://other/ords/").unwrap());
        });
        assert!(url.starts_with("https://other/ords/consulta/v1/"), "{url}");
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
    fn a_value_leads_to_no_other_path() {
        let base = Url::parse("http://h/api").unwrap();
        let ask = |template: &str, value: &str| {
            let mut dataset = testing::dataset();
            dataset.path = Template::parse(template).unwrap();
            dataset.params = Vec::new();
            let mut request = testing::request(dataset, 0);
            request.slice.values = vec![("m".to_owned(), value.to_owned())];
            request.url(&base).map(|url| url.path().to_owned())
        };
        assert_eq!(ask("/v1/{m}/x", "%2e.").unwrap(), "/api/v1/%252e./x");
        assert_eq!(ask("/{m}/x", "").unwrap(), "/api//x");
        for (template, value) in [("/v1/{m}/x", ".."), ("/v1/.{m}", "."), ("/{m}", ".")] {
            let error = ask(template, value).unwrap_err();
            assert!(matches!(error, RequestError::Dots(_)), "{error}");
        }
    }

    #[test]
    fn a_cursor_is_sent_from_the_second_page_on() {
        let by_cursor = |next: Option<&str>| {
            url_of("http://h", |request, dataset| {
                (request.page, request.next) = (u64::from(next.is_some()), next.map(str::to_owned));
                dataset.paginator.style = PagingStyle::Cursor {
                    cursor_param: "after".to_owned(),
                };
            })
        };
        assert!(!by_cursor(None).contains("after"));
        assert!(by_cursor(Some("a=/+")).ends_with("&tamanhoPagina=50&after=a%3D%2F%2B"));
    }

    #[test]
    fn a_cursor_of_megabytes_is_an_error_of_one_line() {
        let mut dataset = testing::dataset();
        dataset.paginator.style = PagingStyle::Cursor {
            cursor_param: "after".to_owned(),
        };
        let mut request = testing::request(dataset, 1);
        let base = Url::parse("http://h").unwrap();
        request.next = Some("c".repeat(8_000));
        assert!(request.url(&base).is_ok());
        request.next = Some("c".repeat(8_000_000));
        let error = request.url(&base).unwrap_err();
        assert!(matches!(error, RequestError::TooLong { length, .. } if length > 8_000_000));
        assert!(error.to_string().len() < 400, "{error}");
    }

    #[test]
    fn a_link_is_followed_only_within_the_api() {
        let mut dataset = testing::dataset();
        dataset.paginator.style = PagingStyle::NextLink;
        let mut request = testing::request(dataset, 1);
        let base = Url::parse("https://api.example.org/v1").unwrap();
        let mut follow = |link: &str| {
            request.next = Some(link.to_owned());
            request.url(&base).map(|url| url.to_string())
        };
        for (link, leads_to) in [
            (
                "https://api.example.org/v2/x?p=2",
                "https://api.example.org/v2/x?p=2",
            ),
            (
                "https://api.example.org:443/v2",
                "https://api.example.org/v2",
            ),
            ("/v2/x?p=2#top", "https://api.example.org/v2/x?p=2#top"),
            (
                "?p=2",
                "https://api.example.org/v1/consulta/v1/contratacoes/publicacao?p=2",
            ),
        ] {
            assert_eq!(follow(link), Ok(leads_to.to_owned()), "{link}");
        }
        for link in [
            "http://api.example.org/v2",
            "https://api.example.org:8443/v2",
            "https://example.org/v2",
            "//example.org/v2",
            "https://user@api.example.org/v2",
            "file:///etc/passwd",
            "http://[",
        ] {
            let refused = follow(link).unwrap_err();
            assert_eq!(refused, RequestError::Elsewhere(link.to_owned()), "{link}");
        }
    }

    #[test]
    fn a_format_that_is_none_is_an_error_and_no_panic() {
        let mut dataset = testing::dataset();
        window(&mut dataset).format = "%Y-%Q".to_owned();
        let request = testing::request(dataset, 0);
        let error = request.url(&Url::parse("http://h").unwrap()).unwrap_err();
        assert_eq!(error, RequestError::Format("%Y-%Q".to_owned()));
    }
}
