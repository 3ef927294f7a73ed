//! Comparison of one response with the declaration.

use bytes::Bytes;

use super::block_page::BlockPage;
use super::fields::FieldReport;
use super::finding::{CheckResult, CheckVerdict, EnvelopeSummary, Ids, ResponseSummary, Totals};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Slice, Version};
use bronzed_model::json::{self, Kind as JsonKind};
use bronzed_model::record::{self, PARENT_ID, RecordId};
use bronzed_source::failure::{Failure, snippet};
use bronzed_source::page::{Page, PageError};
use bronzed_source::probe::ProbeResult;
use bronzed_source::{Answer, FetchError};

/// Clock difference, in seconds, above which it is reported.
const CLOCK_TOLERANCE: i64 = 60;
/// Maximum number of members listed in a message.
const MOST_NAMES: usize = 12;

/// Evaluates the probe of a slice; also returns the page if there is one. `of_day` is the requested day,
/// `None` if the dataset isn't requested by day.
pub(super) fn judge(
    dataset: &Dataset,
    day: Day,
    of_day: Option<Day>,
    slice: &Slice,
    seen: ProbeResult,
) -> (CheckResult, Option<Page>) {
    let mut judged = CheckedResponse {
        dataset,
        day,
        slice,
        finding: CheckResult {
            dataset: dataset.full_name(),
            verdict: CheckVerdict::Ok,
            answer: None,
            problems: Vec::new(),
            notes: Vec::new(),
            unreachable: false,
        },
        sight: sight(&seen, of_day, slice),
    };
    let page = judged.answer(seen);
    let CheckedResponse {
        mut finding, sight, ..
    } = judged;
    if let Some(ahead) = sight
        .clock_ahead_s
        .filter(|ahead| ahead.abs() > CLOCK_TOLERANCE)
    {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let seconds = ahead.abs();
        finding.notes.push(format!(
            "the API's clock is {seconds} s {way} this machine's"
        ));
    }
    finding.answer = Some(sight);
    (finding, page)
}

fn sight(seen: &ProbeResult, day: Option<Day>, slice: &Slice) -> ResponseSummary {
    ResponseSummary {
        url: seen.url.to_string(),
        day,
        slice: slice.label.to_string(),
        status: seen.status,
        content_type: seen.content_type.clone(),
        bytes: seen.body.len(),
        took_ms: u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX),
        clock_ahead_s: seen.skew.map(|skew| skew.num_seconds()),
        envelope: EnvelopeSummary::NotRead,
        wall: None,
        records: None,
        ids: None,
        totals: None,
        fields: None,
    }
}

struct CheckedResponse<'a> {
    dataset: &'a Dataset,
    day: Day,
    slice: &'a Slice,
    finding: CheckResult,
    sight: ResponseSummary,
}

impl CheckedResponse<'_> {
    fn answer(&mut self, seen: ProbeResult) -> Option<Page> {
        let error = match seen.answer {
            Ok(Answer::Page(page)) => return Some(self.page(page, &[])),
            Ok(Answer::Empty { .. }) | Err(FetchError::Skipped { .. }) => {
                self.sight.envelope = EnvelopeSummary::NoData;
                self.finding.verdict = CheckVerdict::Empty;
                return None;
            }
            Err(error) => error,
        };
        let wall = BlockPage::recognise(seen.status, seen.content_type.as_deref(), &seen.body);
        if let Some(wall) = wall {
            self.sight.wall = Some(wall);
            let text = format!("status {}, but {}", seen.status, wall.text());
            self.problem(CheckVerdict::BlockPage, text);
            return None;
        }
        let said = match &error {
            FetchError::GaveUp {
                reason: Failure::BadBody { problem, .. },
                ..
            } => Some(problem.clone()),
            _ => None,
        };
        let unreadable = said.is_some();
        match read(self.dataset, &seen.body) {
            Ok((page, missing)) if unreadable => return Some(self.page(page, &missing)),
            Err(PageError::NoRecords(pointer)) if unreadable => {
                self.sight.envelope = EnvelopeSummary::Changed;
                let text = format!("{}; {}", no_records(&pointer), shape(&seen.body));
                self.problem(CheckVerdict::Differs, text);
            }
            Err(problem) if unreadable => {
                self.sight.envelope = EnvelopeSummary::NotJson;
                let text = said.unwrap_or_else(|| problem.to_string());
                self.problem(CheckVerdict::Differs, text);
            }
            _ => self.problem(CheckVerdict::Failed, error.to_string()),
        }
        None
    }

    fn problem(&mut self, verdict: CheckVerdict, text: String) {
        self.finding.verdict = verdict;
        self.finding.problems.push(text);
    }

    /// Evaluates a page. `missing` lists the declared totals that it lacks, with the value found instead.
    fn page(&mut self, page: Page, missing: &[(String, String)]) -> Page {
        self.sight.envelope = EnvelopeSummary::AsDeclared;
        self.sight.records = Some(page.len());
        for (pointer, found) in missing {
            let text = match found.as_str() {
                "absent" => format!("no usable total at `{pointer}`: it is absent"),
                other => format!("no usable total at `{pointer}`: it is {}", word(other)),
            };
            self.problem(CheckVerdict::Differs, text);
        }
        self.sight.totals = Some(Totals {
            records: page.total,
            pages: page.total_pages,
            has_more: page.has_more,
            missing: missing.iter().map(|(pointer, _)| pointer.clone()).collect(),
        });
        if page.is_empty() {
            if missing.is_empty() {
                self.finding.verdict = CheckVerdict::Empty;
            }
            return page;
        }
        self.size(&page);
        self.ids(&page);
        self.fields(&page);
        page
    }

    /// Reports a short page that isn't the last: the API caps the page size below `page_size`.
    fn size(&mut self, page: &Page) {
        let (paginator, rows) = (&self.dataset.paginator, page.len() as u64);
        let size = paginator.page_size;
        let more = page.total.is_some_and(|total| total > rows) || page.has_more == Some(true);
        if paginator.counts() && self.dataset.explode.is_none() && rows < size && more {
            let total = page.total.map(|total| format!(" of {total}"));
            let total = total.unwrap_or_default();
            let text = format!(
                "the first page has {rows} records{total}, where `page_size = {size}` asks for more: \
                 write page_size = {rows}, if the API hands out no larger pages"
            );
            self.problem(CheckVerdict::Differs, text);
        }
    }

    fn ids(&mut self, page: &Page) {
        let of = |record| match &self.slice.parent {
            Some(parent) => RecordId::of_child_value(self.dataset, parent, record),
            None => RecordId::of_value(self.dataset, record),
        };
        let present = page
            .values()
            .filter(|record| of(*record).identified)
            .count();
        let missing = page.len() - present;
        let key = self.dataset.primary_key.iter();
        let key = key.filter(|pointer| *pointer != PARENT_ID);
        let wanted = key.chain(&self.dataset.days.day_field);
        let absent: Vec<_> = wanted
            .filter(|pointer| absent_in_all(page, pointer))
            .cloned()
            .collect();
        for pointer in &absent {
            let text = format!(
                "no record has a value at `{pointer}`, {}",
                self.role(pointer)
            );
            self.problem(CheckVerdict::Differs, text);
        }
        if present == 0 && absent.is_empty() {
            let text = "no record has a value in all fields of its key".to_owned();
            self.problem(CheckVerdict::Differs, text);
        } else if missing > 0 && present > 0 {
            self.finding.notes.push(format!(
                "{missing} of {} records have no id: each is known by the hash of its content",
                page.len()
            ));
        }
        if let Version::Field(pointer) = &self.dataset.version
            && absent_in_all(page, pointer)
        {
            self.finding.notes.push(format!(
                "no record has a value at `{pointer}`, its version: its content is hashed instead"
            ));
        }
        self.sight.ids = Some(Ids {
            present,
            missing,
            absent_fields: absent,
        });
    }

    /// Returns the purpose of a field: part of the id, or the day.
    fn role(&self, pointer: &String) -> &'static str {
        if self.dataset.primary_key.contains(pointer) {
            "part of its id"
        } else {
            "its day"
        }
    }

    fn fields(&mut self, page: &Page) {
        let fields = FieldReport::of(&self.dataset.schema, self.day, page.records());
        let told = [
            ("declared, and in none of these records", &fields.missing),
            ("in no column, and kept in `_extra`", &fields.undeclared),
            (
                "not of its column's type, and kept in `_extra`",
                &fields.mistyped,
            ),
        ];
        for (what, names) in told {
            if !names.is_empty() {
                let names: Vec<_> = names.iter().map(|name| snippet(name.as_bytes())).collect();
                self.finding
                    .notes
                    .push(format!("{what}: {}", names.join(", ")));
            }
        }
        self.sight.fields = Some(fields);
    }
}

fn absent_in_all(page: &Page, pointer: &str) -> bool {
    let mut records = page.values();
    records.all(|record| record::field(record, pointer).is_none())
}

/// Parses a body as a page, tolerating missing totals; returns these beside it, as pointer and value found.
fn read(dataset: &Dataset, body: &Bytes) -> Result<(Page, Vec<(String, String)>), PageError> {
    let mut lenient = dataset.clone();
    let mut missing = Vec::new();
    loop {
        match Page::parse(&lenient, body.clone(), None) {
            Ok(page) => return Ok((page, missing)),
            Err(PageError::NoCount(pointer, found)) => {
                let paging = &mut lenient.paginator;
                for declared in [
                    &mut paging.total_records_path,
                    &mut paging.total_pages_path,
                    &mut paging.has_more_path,
                ] {
                    if declared.as_ref() == Some(&pointer) {
                        *declared = None;
                    }
                }
                missing.push((pointer, found));
            }
            Err(other) => return Err(other),
        }
    }
}

fn no_records(pointer: &str) -> String {
    match pointer {
        "" => "the answer isn't an array of records".to_owned(),
        pointer => format!("no array of records at `{pointer}`"),
    }
}

fn word(value: &str) -> &'static str {
    match json::kind(value) {
        JsonKind::Null => "null",
        JsonKind::Boolean => "a boolean",
        JsonKind::Number => "a number",
        JsonKind::String => "text",
        JsonKind::Array => "an array",
        JsonKind::Object => "an object",
    }
}

/// Describes the body: names of members, never values, which may be confidential.
fn shape(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let Ok(members) = json::members(&text) else {
        return format!("the answer is {}", word(&text));
    };
    let names: Vec<_> = members
        .iter()
        .take(MOST_NAMES)
        .map(|(name, _)| format!("`{}`", snippet(name.as_bytes())))
        .collect();
    let more = match members.len() > MOST_NAMES {
        true => ", …",
        false => "",
    };
    match names.is_empty() {
        true => "the answer is an empty object".to_owned(),
        false => format!("the answer has {}{more}", names.join(", ")),
    }
}
