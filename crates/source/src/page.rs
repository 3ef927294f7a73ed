//! A parsed page of a slice: the response body and the positions of its records.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::csv::{self, CsvError};
use crate::failure::snippet;
use bronzed_model::declaration::{Dataset, Require};
use bronzed_model::json::Kind;
use bronzed_model::json::tape::{Document, Tape, TapeError, Value};

/// Maximum number of records on one page: 21 million empty ones fit into a body of 64 MB, and each takes
/// some 200 bytes once it has an id. Pages of the known APIs hold up to a few thousand.
const MOST_RECORDS: usize = 250_000;

/// Returns a hint for a missing count.
fn hint(found: &str) -> &'static str {
    match found {
        ABSENT | "null" => {
            " (where only the first page states it: `totals_on_first_page_only = true`)"
        }
        _ => "",
    }
}

/// Text shown for a value that is absent.
const ABSENT: &str = "absent";

/// One page of records.
#[derive(Debug, Clone)]
pub struct Page {
    text: String,
    tape: Tape,
    records: Vec<Record>,
    /// Total number of records, as this page states.
    pub total: Option<u64>,
    /// Total number of pages, as this page states.
    pub total_pages: Option<u64>,
    /// `true` if more pages follow, as this page states.
    pub has_more: Option<bool>,
    /// Cursor or URL of the next page.
    pub next: Option<String>,
    /// The `Date` of the response.
    pub date: Option<DateTime<Utc>>,
}

/// One record of a page.
#[derive(Debug, Clone)]
enum Record {
    /// Position on the tape of the body.
    Within(u32),
    /// Composed from the body: an element whose list is replaced by one of its members, or a record whose
    /// protected values are replaced.
    Composed(Box<Document>),
}

/// Reason why the body of an accepted response isn't a page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not JSON, or truncated.
    #[error("the body is not whole JSON: {0}")]
    Json(TapeError),
    /// Not UTF-8.
    #[error("the body is not whole JSON: {0}")]
    Text(#[from] std::str::Utf8Error),
    /// Not whole CSV of the declared shape.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// No array at `data_selector`.
    #[error("no array of records at `{0}`")]
    NoRecords(String),
    /// A declared count or flag is absent, or of another type.
    #[error("no usable count or flag at `{0}`, but {1}{hint}", hint = hint(.1))]
    NoCount(String, String),
    /// More records than the memory of this process should hold.
    #[error("more than {MOST_RECORDS} records are on one page: ask for smaller pages")]
    TooMany,
    /// More values than the memory of this process should hold.
    #[error("the page is too large: {0}; ask for smaller pages")]
    TooManyValues(TapeError),
    /// Exploded records exceed `max_body_bytes`.
    #[error(
        "the records that the elements' lists make have more than {0} bytes: raise \
         `max_body_bytes`, or ask for smaller pages"
    )]
    TooLarge(u64),
}

impl Page {
    /// Parses a body: finds records, counts and flags as `dataset` declares them.
    ///
    /// # Errors
    /// If the body isn't JSON from its first to its last byte, or lacks something declared.
    pub fn parse(
        dataset: &Dataset,
        body: Bytes,
        date: Option<DateTime<Utc>>,
    ) -> Result<Self, PageError> {
        let text = std::str::from_utf8(&body)?;
        let rows = dataset.csv.as_ref();
        let rows = rows.map(|format| csv::to_json(dataset, format, text));
        let rows = rows.transpose()?;
        let text = rows.as_deref().unwrap_or(text);
        let tape = Tape::parse(text)?;
        let envelope = tape.root(text);
        if envelope.kind() == Kind::Object && envelope.object().is_none() {
            let problem = "an object whose keys are valid Unicode";
            return Err(PageError::Json(TapeError::Expected(problem)));
        }
        let mut records = records_of(dataset, envelope)?;
        protect(dataset, (text, &tape), &mut records)?;
        let paging = &dataset.paginator;
        let count = |path: &Option<String>| match count(envelope, path.as_deref()) {
            Err(PageError::NoCount(_, found))
                if paging.totals_on_first_page_only && (found == ABSENT || found == "null") =>
            {
                Ok(None)
            }
            counted => counted,
        };
        let total = count(&paging.total_records_path)?;
        let total_pages = count(&paging.total_pages_path)?;
        let has_more = paging.has_more_path.as_deref();
        let has_more = has_more.map(|path| flag(envelope, path)).transpose()?;
        let next = paging.next_path.as_deref();
        let next = next.and_then(|path| leads_on(envelope.pointer(path)?));
        let says_next = paging.next_path.as_ref().map(|_| next.is_some());
        Ok(Self {
            records,
            total,
            total_pages,
            has_more: has_more.or(says_next),
            next,
            date,
            // Copied only now: a body that is refused isn't held twice.
            text: text.to_owned(),
            tape,
        })
    }

    /// Returns the records.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        self.records
            .iter()
            .map(|record| record.value(&self.text, &self.tape))
    }

    /// Returns the records, each as its JSON text.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values().map(|value| value.text())
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns `true` if the page has no records.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Length of the body in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Returns `true` if the completeness proof needs a total.
pub fn needs_total(require: Require) -> bool {
    matches!(require, Require::UniqueTotal | Require::RowTotal)
}

impl Record {
    /// Returns the record; `text` and `tape` are those of the page.
    fn value<'a>(&'a self, text: &'a str, tape: &'a Tape) -> Value<'a> {
        match self {
            Self::Within(position) => tape.at(text, *position),
            Self::Composed(document) => document.value(),
        }
    }

    fn composed(text: String) -> Result<Self, PageError> {
        Ok(Self::Composed(Box::new(Document::parse(text)?)))
    }
}

impl From<TapeError> for PageError {
    fn from(error: TapeError) -> Self {
        match error {
            TapeError::Syntax { .. } | TapeError::Expected(_) => Self::Json(error),
            TapeError::TooMany | TapeError::TooLong(_) => Self::TooManyValues(error),
        }
    }
}

/// Returns the records at the place that `dataset` declares.
fn records_of(dataset: &Dataset, envelope: Value<'_>) -> Result<Vec<Record>, PageError> {
    let array = envelope.pointer(&dataset.data_selector);
    let elements = array
        .and_then(|array| array.elements())
        .ok_or_else(|| PageError::NoRecords(dataset.data_selector.clone()))?;
    let mut records = Vec::new();
    let mut exploded = Exploded::new(dataset.limits.max_body_bytes);
    for element in elements {
        match &dataset.explode {
            None => records.push(Record::Within(element.position())),
            Some(list) => exploded.add(element, list, &mut records)?,
        }
        if records.len() > MOST_RECORDS {
            return Err(PageError::TooMany);
        }
    }
    Ok(records)
}

/// Redacts the protected values of the records.
fn protect(
    dataset: &Dataset,
    (text, tape): (&str, &Tape),
    records: &mut [Record],
) -> Result<(), PageError> {
    if let Some(protection) = &dataset.protection {
        for record in records {
            if let Some(protected) = protection.apply(record.value(text, tape).text()) {
                *record = Record::composed(protected)?;
            }
        }
    }
    Ok(())
}

/// Bound on the bytes of the records made of the members of lists inside elements: each record repeats its
/// whole element, so that one long text beside one long list would exhaust memory.
struct Exploded {
    most_bytes: u64,
    bytes: u64,
}

impl Exploded {
    fn new(most_bytes: u64) -> Self {
        Self {
            most_bytes,
            bytes: 0,
        }
    }

    /// Adds one record for each member of the list at `pointer`: the whole of `element`, with the list
    /// replaced by the member. An element without such a list, or with an empty one, is added unchanged,
    /// so that nothing is lost.
    fn add(
        &mut self,
        element: Value<'_>,
        pointer: &str,
        records: &mut Vec<Record>,
    ) -> Result<(), PageError> {
        let list = element.pointer(pointer);
        let members = list.and_then(|list| list.elements());
        let members: Vec<_> = members.into_iter().flatten().collect();
        let (Some(list), false) = (list, members.is_empty()) else {
            records.push(Record::Within(element.position()));
            return Ok(());
        };
        if records.len() + members.len() > MOST_RECORDS {
            return Err(PageError::TooMany);
        }
        let list = list.text();
        let element = element.text();
        let start = list.as_ptr().addr() - element.as_ptr().addr();
        let (before, after) = (&element[..start], &element[start + list.len()..]);
        for member in members {
            let member = member.text();
            let length = before.len() + member.len() + after.len();
            self.bytes = self.bytes.saturating_add(length as u64);
            if self.bytes > self.most_bytes {
                return Err(PageError::TooLarge(self.most_bytes));
            }
            records.push(Record::composed([before, member, after].concat())?);
        }
        Ok(())
    }
}

/// Returns the cursor or URL of the next page; `None` for null or an empty string.
fn leads_on(found: Value<'_>) -> Option<String> {
    match found.kind() {
        Kind::Null => None,
        Kind::String => {
            let text = found.string()?.into_owned();
            (!text.is_empty()).then_some(text)
        }
        _ => Some(found.text().to_owned()),
    }
}

/// Returns the flag at `path`.
fn flag(envelope: Value<'_>, path: &str) -> Result<bool, PageError> {
    match envelope.pointer(path).map_or(ABSENT, |found| found.text()) {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(PageError::NoCount(path.to_owned(), shown(other))),
    }
}

/// Returns the count at `path`; `None` without a path.
fn count(envelope: Value<'_>, path: Option<&str>) -> Result<Option<u64>, PageError> {
    let Some(path) = path else { return Ok(None) };
    let found = envelope.pointer(path);
    match found.and_then(whole_number) {
        Some(count) => Ok(Some(count)),
        None => {
            let found = found.map_or(ABSENT, |found| found.text());
            Err(PageError::NoCount(path.to_owned(), shown(found)))
        }
    }
}

/// Parses a count as APIs write it: `1200`, `"1200"`, `1200.0`.
fn whole_number(found: Value<'_>) -> Option<u64> {
    let text = match found.kind() {
        Kind::String => found.string()?,
        _ => found.text().into(),
    };
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = digits(whole) && digits(fraction) && fraction.bytes().all(|byte| byte == b'0');
    is_whole.then(|| whole.parse().ok())?
}

/// Returns a short, single-line form of an unexpected value, for error messages.
fn shown(found: &str) -> String {
    let head = found
        .char_indices()
        .nth(40)
        .map_or(found.len(), |(end, _)| end);
    snippet(&found.as_bytes()[..head])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn parse(body: &str) -> Result<Page, PageError> {
        Page::parse(&testing::dataset(), body.to_owned().into(), None)
    }

    #[test]
    fn records_and_counts_are_found_where_the_declaration_says() {
        let page = parse(
            r#" {"totalPaginas":17,"data":[{"a":1.50}, null,[2]],"x":{"data":[]},"totalRegistros":812} "#,
        )
        .unwrap();
        let records: Vec<_> = page.records().collect();
        assert_eq!(records, [r#"{"a":1.50}"#, "null", "[2]"]);
        assert_eq!((page.total, page.total_pages), (Some(812), Some(17)));
    }

    #[test]
    fn an_answer_may_be_the_array_itself_or_hold_it_deep_inside() {
        let mut dataset = testing::dataset();
        dataset.paginator.total_records_path = None;
        dataset.paginator.total_pages_path = None;
        dataset.data_selector = String::new();
        let page = Page::parse(&dataset, "[1,2]".into(), None).unwrap();
        assert_eq!(page.len(), 2);
        dataset.data_selector = "/a~1b/0/rows".to_owned();
        let page = Page::parse(&dataset, r#"{"a/b":[{"rows":[7]}]}"#.into(), None).unwrap();
        assert_eq!(page.records().collect::<Vec<_>>(), ["7"]);
    }

    #[test]
    fn a_missing_count_is_an_error_and_not_the_end_of_the_walk() {
        let error = parse(r#"{"data":[],"totalRegistros":0}"#).unwrap_err();
        assert!(matches!(error, PageError::NoCount(path, found)
            if path == "/totalPaginas" && found == "absent"));
        for mistyped in [
            "null", "\"\"", "\"many\"", "-1", "1.5", "true", "[1]", "1e3",
        ] {
            let body = format!(r#"{{"data":[],"totalRegistros":{mistyped},"totalPaginas":0}}"#);
            assert!(
                matches!(parse(&body), Err(PageError::NoCount(..))),
                "{mistyped}"
            );
        }
    }

    #[test]
    fn a_total_as_text_or_as_a_decimal_is_read() {
        for (written, total) in [
            ("\"1200\"", 1200),
            ("1200.0", 1200),
            ("\" 7 \"", 7),
            ("0.00", 0),
        ] {
            let body = format!(r#"{{"data":[],"totalRegistros":{written},"totalPaginas":1.0}}"#);
            let page = parse(&body).unwrap();
            assert_eq!(
                (page.total, page.total_pages),
                (Some(total), Some(1)),
                "{written}"
            );
        }
    }

    #[test]
    fn a_page_may_lack_the_totals_that_the_first_one_alone_states() {
        let mut dataset = testing::dataset();
        dataset.paginator.totals_on_first_page_only = true;
        let page = Page::parse(&dataset, r#"{"data":[1]}"#.into(), None).unwrap();
        assert_eq!((page.total, page.total_pages), (None, None));
        let mistyped = r#"{"data":[1],"totalRegistros":"x","totalPaginas":1}"#;
        assert!(Page::parse(&dataset, mistyped.into(), None).is_err());
    }

    #[test]
    fn an_element_with_a_list_makes_a_record_of_each_of_its_members() {
        let mut dataset = testing::dataset();
        dataset.paginator.total_records_path = None;
        dataset.paginator.total_pages_path = None;
        dataset.explode = Some("/itens".to_owned());
        let body = r#"{"data":[
            {"id":"a","itens":[{"n":1},{"n":2.50, "x":[7]}],"ano":2025},
            {"id":"b","itens":[]}, {"id":"c","itens":null}, {"id":"d"}, 5,
            {"id":"e","itens":[ 9 ]}]}"#;
        let page = Page::parse(&dataset, body.into(), None).unwrap();
        assert_eq!(
            page.records().collect::<Vec<_>>(),
            [
                r#"{"id":"a","itens":{"n":1},"ano":2025}"#,
                r#"{"id":"a","itens":{"n":2.50, "x":[7]},"ano":2025}"#,
                r#"{"id":"b","itens":[]}"#,
                r#"{"id":"c","itens":null}"#,
                r#"{"id":"d"}"#,
                "5",
                r#"{"id":"e","itens":9}"#,
            ]
        );
        assert_eq!(page.len(), 7);
    }

    #[test]
    fn what_a_page_makes_of_memory_is_bounded() {
        let mut dataset = testing::dataset();
        dataset.paginator.total_records_path = None;
        dataset.paginator.total_pages_path = None;
        let page = |dataset: &Dataset, count: usize| {
            let body = format!(r#"{{"data":[{}{{}}]}}"#, "{},".repeat(count - 1));
            Page::parse(dataset, body.into(), None).map(|page| page.len())
        };
        assert_eq!(page(&dataset, MOST_RECORDS).unwrap(), MOST_RECORDS);
        let error = page(&dataset, MOST_RECORDS + 1).unwrap_err();
        assert!(matches!(error, PageError::TooMany), "{error}");

        dataset.explode = Some("/itens".to_owned());
        let exploded = |text: usize, list: usize| {
            let (text, list) = ("x".repeat(text), "7,".repeat(list - 1));
            let body = format!(r#"{{"data":[{{"a":"{text}","itens":[{list}7]}}]}}"#);
            Page::parse(&dataset, body.into(), None).map(|page| page.len())
        };
        assert_eq!(exploded(1_000, 1_000).unwrap(), 1_000);
        let error = exploded(10_000, 1_000).unwrap_err();
        assert!(matches!(error, PageError::TooLarge(1_048_576)), "{error}");
        let error = exploded(1, MOST_RECORDS + 1).unwrap_err();
        assert!(matches!(error, PageError::TooMany), "{error}");
    }

    #[test]
    fn what_is_no_count_is_shown_as_one_short_line() {
        let mut dataset = testing::dataset();
        dataset.paginator.has_more_path = Some("/more".to_owned());
        let long = "9".repeat(10_000);
        for (total, more) in [
            ("\"\u{9b}2J\"", "true"),
            ("0", "\"\u{9b}2J\""),
            (long.as_str(), "true"),
            ("0", long.as_str()),
        ] {
            let body =
                format!(r#"{{"data":[],"totalRegistros":{total},"totalPaginas":0,"more":{more}}}"#);
            let error = Page::parse(&dataset, body.into(), None).unwrap_err();
            let text = error.to_string();
            assert!(
                text.len() < 100 && !text.contains(char::is_control),
                "{text}"
            );
        }
    }

    #[test]
    fn what_leads_to_the_next_page_says_whether_there_is_one() {
        let mut dataset = testing::dataset();
        dataset.paginator = bronzed_model::declaration::Paginator {
            total_records_path: None,
            total_pages_path: None,
            next_path: Some("/meta/next".to_owned()),
            ..dataset.paginator
        };
        let next = |meta: &str| {
            let body = format!(r#"{{"data":[],"meta":{meta}}}"#);
            let page = Page::parse(&dataset, body.into(), None).unwrap();
            (page.has_more, page.next)
        };
        for none in [r#"{"next":null}"#, r#"{"next":""}"#, "{}"] {
            assert_eq!(next(none), (Some(false), None), "{none}");
        }
        for (some, text) in [
            (r#"{"next":"a\/b"}"#, "a/b"),
            (r#"{"next":17}"#, "17"),
            (r#"{"next":{"$ref":"http://h"}}"#, r#"{"$ref":"http://h"}"#),
        ] {
            assert_eq!(next(some), (Some(true), Some(text.to_owned())), "{some}");
        }
    }

    #[test]
    fn another_envelope_is_an_error() {
        for body in [
            r#"{"message":"erro"}"#,
            r#"{"data":{}}"#,
            "[]",
            "\"data\"",
            "null",
        ] {
            assert!(
                matches!(parse(body), Err(PageError::NoRecords(_))),
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_that_goes_on_or_breaks_off_is_an_error() {
        let whole = r#"{"data":[{"a":1}],"totalRegistros":1,"totalPaginas":1}"#;
        assert!(parse(whole).is_ok());
        for end in 1..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{}", &whole[..end]);
        }
        assert!(parse(&format!("{whole}{{}}")).is_err());
        let latin = Bytes::from_static(b"{\"data\":[\"S\xe3o\"]}");
        let error = Page::parse(&testing::dataset(), latin, None).unwrap_err();
        assert!(matches!(error, PageError::Text(_)));
    }
}
