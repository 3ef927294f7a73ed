//! Target: request URLs. Whatever a record, a cursor or a template holds, the request goes to the declared
//! API and carries exactly the intended parameters.

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;
use url::form_urlencoded::parse;

use super::{Input, sources};
use bronzed_model::declaration::{PagingStyle, Priority, Slice};
use bronzed_model::template::Template;
use bronzed_source::request::PageRequest;

const BASE: &str = "https://api.example.org/root";

/// Input, one per line: dataset name, page, day, cursor or link, path template, values of its variables.
pub fn request(input: &[u8]) {
    let mut input = Input::new(input);
    let mut dataset = (**sources::dataset(&mut input)).clone();
    dataset.base_url = None;
    let page = input.number();
    let day = input.words().parse();
    let next = Some(input.words().into_owned()).filter(|next| !next.is_empty());
    let path = input.words().into_owned();
    let Ok(template) = Template::parse(&path) else {
        return;
    };
    assert_eq!(template.to_string(), path);
    let names: Vec<String> = template.variables().map(str::to_owned).collect();
    let values = names
        .iter()
        .filter(|name| !["start", "end"].contains(&name.as_str()));
    let values: Vec<_> = values
        .map(|name| (name.clone(), input.words().into_owned()))
        .collect();
    dataset.path = template;
    dataset.params = vec![("sent".to_owned(), Template::parse(&path).unwrap())];
    let style = dataset.paginator.style.clone();
    let request = PageRequest {
        dataset: Arc::new(dataset),
        day: day.unwrap_or_else(|_| "2025-10-22".parse().unwrap()),
        slice: Slice {
            label: "all".into(),
            values: values.clone(),
            parent: None,
        },
        page,
        next: next.clone(),
        priority: Priority::Daily,
    };
    let base = Url::parse(BASE).unwrap();
    let url = match request.url(&base) {
        Ok(url) => url,
        Err(error) => {
            let text = error.to_string();
            assert!(text.chars().count() < 600 && !text.chars().any(char::is_control));
            return;
        }
    };
    assert_eq!(url.origin(), base.origin(), "{url}");
    assert!(url.username().is_empty() && url.password().is_none());
    if style == PagingStyle::NextLink && next.is_some() {
        return;
    }
    if let (PagingStyle::Cursor { cursor_param }, Some(cursor)) = (&style, &next) {
        assert_eq!(sent(&url, cursor_param).as_deref(), Some(cursor.as_str()));
    }
    let is_window = |name: &String| ["start", "end"].contains(&name.as_str());
    if !names.iter().any(is_window) {
        let value = |name: &str| {
            let found = values.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let expected = Template::parse(&path).unwrap().render(value);
        assert_eq!(sent(&url, "sent"), Some(expected.into()), "{url}");
        hold_path(&url, &path, &values);
    }
}

fn sent<'u>(url: &'u Url, name: &str) -> Option<Cow<'u, str>> {
    let mut pairs = parse(url.query()?.as_bytes());
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

/// Asserts that a value in the path stays within one segment.
fn hold_path(url: &Url, path: &str, values: &[(String, String)]) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/{}_".contains(&byte);
    // Path structure in the template itself is its author's choice.
    if !path.starts_with('/')
        || !path.bytes().all(is_plain)
        || path.contains("{{")
        || path.contains("}}")
    {
        return;
    }
    let segments = |path: &str| path.strip_prefix('/').unwrap_or(path).split('/').count();
    let expected = 1 + segments(path);
    assert!(url.path().starts_with("/root/"), "{url} with {values:?}");
    let found = segments(url.path());
    assert_eq!(found, expected, "{path} became {url} with {values:?}");
}
