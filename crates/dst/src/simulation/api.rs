//! API of whole runs: a paged listing that changes while it is read, with all kinds of faulty responses.
//!
//! A response shows the listing at the instant at which the request is granted. Only faults that a careful
//! reader can detect are simulated: an API that repeats the same consistent error can't be detected by
//! anybody.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use url::Url;
use uuid::Uuid;

use bronzed_model::declaration::{
    Completeness, Dataset, Kind, Parent, Require, Retry, SliceValues, SliceVariable, Source,
    Version,
};
use bronzed_model::json;
use bronzed_model::record::ContentVersion;
use bronzed_model::template::Template;
use bronzed_source::failure::Failure;
use bronzed_source::testing::{RawResponse, TransportError};
use bronzed_storage::testing::support;

/// Number of records on a page.
const PAGE: usize = 2;
/// Modalities of the slices.
const SLICES: [&str; 2] = ["6", "8"];
/// Prefix of the parents' table.
pub const PARENTS: &str = "pais";
/// Off-day record: its own date is another day.
pub const OFF_DAY: &str = "x";

/// Kind of dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A day in slices.
    Slices,
    /// A day in slices whose records change: each content is a version.
    Versions,
    /// The children of a day's parents.
    Children,
}

/// Behaviour of the API in a schedule.
#[derive(Debug, Clone)]
pub struct Manner {
    pub shape: Shape,
    /// Number of slices.
    pub slices: usize,
    /// `true` if a new record is listed first in its slice, not last.
    pub newest_first: bool,
    /// Proof required for a slice.
    pub require: Require,
    /// `true` if responses have a `Date` header.
    pub dated: bool,
    /// `true` if our clock is past the end of the day from the beginning.
    pub clock_ahead: bool,
    /// Maximum number of faulty responses.
    pub oddities: u32,
    /// Kinds of faults in these responses.
    pub kinds: Vec<Oddity>,
    /// Probability, at each step, that the listing may change.
    pub stirs: f64,
    /// Number of records deleted from the listing.
    pub removals: usize,
    /// Number of changes to records.
    pub changes: usize,
    /// Number of runs that are cancelled.
    pub stops: usize,
}

/// Fault in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// An HTML error page with status 200.
    Html,
    /// Truncated JSON.
    Cut,
    /// Complete JSON with another envelope.
    OtherJson,
    /// The connection breaks.
    Broken,
    /// Timeout.
    TimedOut,
    /// Status 500.
    Status500,
    /// "Too many requests" as an HTML page.
    Busy,
    /// Status 503 with a wait.
    Wait,
    /// A correct request is rejected: 422, 404, 400.
    Unprocessable,
    NotFound,
    BadRequest,
    /// Status 204 although there are records.
    NoContent,
    /// Status 200 with an empty body.
    NoBytes,
    /// A page without records although there are some.
    EmptyPage,
    /// The previous page again.
    Repeated,
    /// A total that is one record too high.
    MoreStated,
    /// A total that is one page too low.
    FewerStated,
}

impl Oddity {
    pub const ALL: &[Self] = &[
        Self::Html,
        Self::Cut,
        Self::OtherJson,
        Self::Broken,
        Self::TimedOut,
        Self::Status500,
        Self::Busy,
        Self::Wait,
        Self::Unprocessable,
        Self::NotFound,
        Self::BadRequest,
        Self::NoContent,
        Self::NoBytes,
        Self::EmptyPage,
        Self::Repeated,
        Self::MoreStated,
        Self::FewerStated,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "answer: HTML with status 200",
            Self::Cut => "answer: JSON cut off",
            Self::OtherJson => "answer: other JSON",
            Self::Broken => "answer: connection broken",
            Self::TimedOut => "answer: none in time",
            Self::Status500 => "answer: 500",
            Self::Busy => "answer: 429",
            Self::Wait => "answer: 503, to wait",
            Self::Unprocessable => "answer: 422 to a right request",
            Self::NotFound => "answer: 404 to a right request",
            Self::BadRequest => "answer: 400 to a right request",
            Self::NoContent => "answer: 204 where there are records",
            Self::NoBytes => "answer: no bytes where there are records",
            Self::EmptyPage => "answer: an empty page where there are records",
            Self::Repeated => "answer: the page before once more",
            Self::MoreStated => "answer: a record more stated",
            Self::FewerStated => "answer: a page less stated",
        }
    }

    /// Returns `true` if the response means "no data".
    fn says_empty(self) -> bool {
        matches!(self, Self::NoContent | Self::NoBytes)
    }

    /// Returns `true` if the response is a valid page with false content.
    fn misleads(self) -> bool {
        matches!(self, Self::Repeated | Self::MoreStated | Self::FewerStated)
    }
}

/// A page of a slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Modality, or parent.
    pub slice: Box<str>,
    /// Page index, from 0.
    pub page: usize,
}

impl Place {
    /// Parses the page from a request URL.
    pub fn of(url: &Url) -> Self {
        let param = |name: &str| {
            let mut pairs = url.query_pairs();
            let found = pairs.find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        let parent = || url.path().rsplit('/').next().unwrap_or_default().to_owned();
        let slice = param("codigoModalidadeContratacao").unwrap_or_else(parent);
        let page = param("pagina").and_then(|page| page.parse::<usize>().ok());
        Self {
            slice: slice.into(),
            page: page.expect("a number from 1") - 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "page {} of {}", self.page + 1, self.slice)
    }
}

/// Responses that a run received.
#[derive(Debug, Default)]
pub struct Given {
    /// Number of responses.
    pub answers: u64,
    /// Number of rows on the pages received.
    pub rows: u64,
    /// Records of the day that the run must store. A first page received again isn't counted, because the
    /// run may have requested only its total.
    pub records: BTreeSet<Box<str>>,
    /// Pages whose last response was unusable, except first pages requested again.
    pub unread: BTreeSet<Place>,
    /// `true` if some response was false.
    pub misled: bool,
    /// `true` if an operation on the lake failed.
    pub failed: bool,
    /// `true` if the run was cancelled.
    pub stopped: bool,
    seen: BTreeSet<Place>,
    /// Pages with a false response. The run never gets a second one there, because two walks that agree are
    /// believed.
    fooled: BTreeSet<Place>,
}

/// Listing of the API, and the responses given to each run.
#[derive(Debug, Default)]
pub struct Api {
    /// Records in order of publication, or in reverse order.
    pub listed: Vec<Box<str>>,
    /// Number of changes to each record.
    contents: BTreeMap<Box<str>, u32>,
    /// Records ever deleted from the listing.
    pub removed: BTreeSet<Box<str>>,
    /// Records that followed a deleted one when it was deleted.
    followers: BTreeMap<Box<str>, Vec<Box<str>>>,
    /// Number of changes to the listing.
    pub changes: u64,
    pub given: BTreeMap<Uuid, Given>,
}

impl Api {
    /// Adds a record to the listing.
    pub fn list(&mut self, id: Box<str>, first: bool) {
        self.changes += 1;
        let at = if first { 0 } else { self.listed.len() };
        self.listed.insert(at, id);
    }

    /// Lists a deleted record where it was: before the first record that followed it and is still listed.
    pub fn list_in_place(&mut self, id: Box<str>) {
        self.changes += 1;
        let followers = self.followers.get(&id).map_or(&[][..], Vec::as_slice);
        let at = self
            .listed
            .iter()
            .position(|listed| followers.contains(listed));
        self.listed.insert(at.unwrap_or(self.listed.len()), id);
    }

    /// Deletes a record from the listing.
    pub fn remove(&mut self, id: &str) {
        self.changes += 1;
        let behind = self
            .listed
            .iter()
            .skip_while(|listed| ***listed != *id)
            .skip(1);
        self.followers.insert(id.into(), behind.cloned().collect());
        self.listed.retain(|listed| **listed != *id);
        self.removed.insert(id.into());
    }

    /// Changes the content of a listed record.
    pub fn change(&mut self, id: &str) {
        self.changes += 1;
        *self.contents.entry(id.into()).or_default() += 1;
    }

    fn content(&self, id: &str) -> u32 {
        self.contents.get(id).copied().unwrap_or_default()
    }

    /// Returns the name of a record with its current content.
    pub fn name(&self, id: &str) -> Box<str> {
        name(id, self.content(id))
    }

    /// Returns the records that may be deleted. A slice never becomes empty, because no reader would
    /// believe that.
    pub fn removable(&self) -> Vec<Box<str>> {
        let listed = self.listed.iter();
        listed
            .filter(|id| rows(&self.listed, slice_of(id)).len() > 1)
            .cloned()
            .collect()
    }

    /// Returns the response to a request of `run`, with `oddity` if it is applicable; and `true` if it was
    /// applied.
    pub fn answer(
        &mut self,
        run: Uuid,
        place: Place,
        date: Option<DateTime<Utc>>,
        oddity: Option<Oddity>,
    ) -> (Result<RawResponse, TransportError>, bool) {
        let rows = rows(&self.listed, &place.slice);
        let contents = &self.contents;
        let pages = rows.len().div_ceil(PAGE);
        let page = |number: usize| -> Vec<(&str, u32)> {
            let rows = rows.iter().skip(number * PAGE).take(PAGE);
            let content = |id: &str| contents.get(id).copied().unwrap_or_default();
            rows.map(|id| (*id, content(id))).collect()
        };
        let mine = page(place.page);
        let given = self.given.entry(run).or_default();
        let twice = given.fooled.contains(&place);
        let oddity = oddity.filter(|oddity| match oddity {
            Oddity::EmptyPage => !mine.is_empty(),
            oddity if oddity.says_empty() => !(mine.is_empty() || twice && place.page == 0),
            Oddity::Repeated => place.page > 0 && !mine.is_empty() && !twice,
            Oddity::FewerStated => pages > 1 && !mine.is_empty() && !twice,
            Oddity::MoreStated => !mine.is_empty(),
            _ => true,
        });
        let (mut total, mut stated) = (rows.len(), pages);
        let mut shown = mine.clone();
        match oddity {
            Some(Oddity::EmptyPage) => shown.clear(),
            Some(Oddity::Repeated) => shown = page(place.page - 1),
            Some(Oddity::MoreStated) => {
                total += 1;
                stated = total.div_ceil(PAGE);
            }
            // Always less than the remaining pages hold, so that the reader can detect it.
            Some(Oddity::FewerStated) => {
                stated -= 1;
                total = stated * PAGE - 1;
            }
            _ => {}
        }
        let whole = ok(&envelope(&shown, total, stated), date);
        let reply = match oddity {
            None if mine.is_empty() => Ok(status(204, "", date)),
            None => Ok(whole),
            Some(oddity) => odd(oddity, whole, date),
        };
        given.answers += 1;
        let readable = match oddity {
            None => !mine.is_empty(),
            Some(oddity) => oddity.misleads(),
        };
        if readable {
            given.rows += shown.len() as u64;
            if place.page > 0 || !given.seen.contains(&place) {
                let own = shown.iter().filter(|(id, _)| *id != OFF_DAY);
                given
                    .records
                    .extend(own.map(|(id, content)| name(id, *content)));
            }
        }
        let looked = place.page == 0 && given.seen.contains(&place);
        if oddity.is_none_or(Oddity::misleads) {
            given.unread.remove(&place);
        } else if !looked {
            given.unread.insert(place.clone());
        }
        if readable {
            given.seen.insert(place.clone());
        }
        if oddity.is_some_and(|oddity| oddity.misleads() || oddity.says_empty()) {
            given.misled = true;
            given.fooled.insert(place);
        }
        (reply, oddity.is_some())
    }
}

fn rows<'a>(listed: &'a [Box<str>], slice: &str) -> Vec<&'a str> {
    let listed = listed.iter().map(AsRef::as_ref);
    listed.filter(|id| slice_of(id) == slice).collect()
}

fn slice_of(id: &str) -> &str {
    match (id, id.split_once('-')) {
        (_, Some((parent, _))) => parent,
        ("e" | "g", None) => SLICES[1],
        _ => SLICES[0],
    }
}

/// Returns the ids of a parent's children.
pub fn children(parent: &str) -> &'static [&'static str] {
    match parent {
        "p" => &["p-1", "p-2", "p-3"],
        "q" => &["q-1"],
        "r" => &["r-1", "r-2"],
        _ => &[],
    }
}

fn name(id: &str, content: u32) -> Box<str> {
    match content {
        0 => id.into(),
        _ => format!("{id}~{content}").into(),
    }
}

/// Returns the record id without its version, if any.
pub fn key_of(stored: &str) -> &str {
    stored.split_once('@').map_or(stored, |(key, _)| key)
}

/// Returns the name of the record and content that a stored id, with its version, stands for.
pub fn name_of(stored: &str) -> Box<str> {
    thread_local! {
        static NAMES: RefCell<HashMap<Box<str>, Box<str>>> = RefCell::default();
    }
    let Some((key, version)) = stored.split_once('@') else {
        return stored.into();
    };
    if let Some(name) = NAMES.with_borrow(|names| names.get(stored).cloned()) {
        return name;
    }
    let version = ContentVersion::parse(version).expect("a version by content");
    let is_of = |content: &u32| {
        let hash = json::canonical::hash(&record(key, *content));
        hash.starts_with(&*version.hash)
    };
    let content = (0..10).find(is_of).expect("a content that was served");
    let name = name(key, content);
    NAMES.with_borrow_mut(|names| names.insert(stored.into(), name.clone()));
    name
}

fn record(id: &str, content: u32) -> String {
    let day = if *id == *OFF_DAY { 23 } else { 22 };
    format!(
        r#"{{"numeroControlePNCP":"{id}","dataPublicacaoPncp":"2025-10-{day}T08:41:33","objetoCompra":"{content}"}}"#
    )
}

fn envelope(rows: &[(&str, u32)], total: usize, pages: usize) -> String {
    let records: Vec<_> = rows
        .iter()
        .map(|(id, content)| record(id, *content))
        .collect();
    format!(
        r#"{{"data":[{}],"totalRegistros":{total},"totalPaginas":{pages}}}"#,
        records.join(",")
    )
}

fn ok(body: &str, date: Option<DateTime<Utc>>) -> RawResponse {
    RawResponse {
        content_type: Some("application/json".to_owned()),
        ..status(200, body, date)
    }
}

fn status(status: u16, body: &str, date: Option<DateTime<Utc>>) -> RawResponse {
    RawResponse {
        status,
        date,
        body: body.as_bytes().to_vec().into(),
        ..RawResponse::default()
    }
}

/// Returns the faulty response; `whole` is the correct one.
fn odd(
    oddity: Oddity,
    whole: RawResponse,
    date: Option<DateTime<Utc>>,
) -> Result<RawResponse, TransportError> {
    let html = |code| RawResponse {
        content_type: Some("text/html".to_owned()),
        ..status(code, "<html><body>Aguarde</body></html>", date)
    };
    Ok(match oddity {
        Oddity::Html => html(200),
        Oddity::Busy => html(429),
        Oddity::Cut => {
            let body = whole.body.slice(..whole.body.len() / 2);
            RawResponse { body, ..whole }
        }
        Oddity::OtherJson => ok(r#"{"message":"service unavailable"}"#, date),
        Oddity::Broken => {
            let reason = "connection reset".to_owned();
            return Err(TransportError::Off(Failure::BrokeOff(reason)));
        }
        Oddity::TimedOut => {
            let within = Duration::from_secs(90);
            return Err(TransportError::Off(Failure::TimedOut(within)));
        }
        Oddity::Status500 => status(500, "", date),
        Oddity::Wait => {
            let asked = (RETRY_AFTER, HeaderValue::from_static("30"));
            RawResponse {
                headers: HeaderMap::from_iter([asked]),
                ..status(503, "", date)
            }
        }
        Oddity::Unprocessable => status(422, "", date),
        Oddity::NotFound => status(404, "", date),
        Oddity::BadRequest => status(400, "", date),
        Oddity::NoContent => status(204, "", date),
        Oddity::NoBytes => status(200, "", date),
        Oddity::EmptyPage | Oddity::Repeated | Oddity::MoreStated | Oddity::FewerStated => whole,
    })
}

/// Returns the shipped source with one dataset, small pages and three attempts per request.
pub fn source(manner: &Manner) -> (Source, Arc<Dataset>) {
    thread_local! {
        static SHIPPED: Arc<Source> = {
            let settings = bronzed_config::load(None, []).expect("the shipped configuration");
            Arc::clone(&settings.sources["pncp"])
        };
    }
    let mut source = SHIPPED.with(|shipped| Source::clone(shipped));
    let mut dataset = Dataset::clone(&support::shared_dataset());
    let slices = SLICES.iter().take(manner.slices);
    let slices = slices.map(|slice| (*slice).to_owned()).collect();
    dataset.slices = vec![SliceVariable {
        name: "modalidade".to_owned(),
        values: SliceValues::Listed(slices),
    }];
    match manner.shape {
        Shape::Slices => {}
        Shape::Versions => dataset.version = Version::Content,
        Shape::Children => {
            dataset.kind = Kind::Child(Parent {
                dataset: "pais".to_owned(),
                prefix: PARENTS.to_owned(),
                primary_key: dataset.primary_key.clone(),
                is_child: false,
                bind: vec![("pai".to_owned(), "/numeroControlePNCP".to_owned())],
                inherited: Vec::new(),
                when: Vec::new(),
            });
            dataset.path = Template::parse("/itens/{pai}").expect("a template");
            (dataset.params, dataset.slices) = (Vec::new(), Vec::new());
        }
    }
    dataset.paginator.page_size = PAGE as u64;
    dataset.retry = Retry {
        max_attempts: 3,
        // Virtual time: a wait ends when the scheduler picks it, a minute later.
        max_elapsed: Duration::from_secs(24 * 3600),
        ..dataset.retry
    };
    dataset.completeness = Completeness {
        require: manner.require,
        ..dataset.completeness
    };
    let dataset = Arc::new(dataset);
    source.datasets = [(dataset.name.clone(), Arc::clone(&dataset))].into();
    (source, dataset)
}
