//! Log lines for a person at a terminal: one short line per problem, not one per occurrence.
//!
//! ```text
//! warning: source taken for down: pncp: pncp.gov.br: 503 Service Unavailable
//! warning: slice not complete: pncp.contratos 2025-10-22 modalidade=6: gave up on https://…
//! and 13 more: slice not complete (pncp.contratos); -v shows each
//! ```
//!
//! A request that is sent again gets no line: the progress line says why the work stands still. Nor does the
//! end of a run, which the command tells in its own words.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use console::Term;
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::json::{Said, fields_of_spans};

/// Events that the commands tell in their own words.
const TOLD_ELSEWHERE: [&str; 3] = ["run finished", "request failed", "day verified"];
/// Fields that say where a problem is, in the order in which they are told.
const WHERE: [&str; 5] = ["place", "what", "slice", "key", "lake"];
/// Fields that say what a problem is; the first one that an event has is told.
const WHY: [&str; 4] = ["detail", "reason", "error", "cause"];

/// Shows why a request waits.
pub type ShowWait = Box<dyn Fn(&str) + Send>;

/// Problems told so far, and the progress line that says what the work waits for.
#[derive(Default)]
pub struct ProblemLines {
    told: Mutex<BTreeMap<String, u64>>,
    waiting: Mutex<Option<ShowWait>>,
}

impl fmt::Debug for ProblemLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problems").finish_non_exhaustive()
    }
}

impl ProblemLines {
    /// Calls `show` with the reason whenever a request is to be sent again; `None` ends that.
    pub fn on_wait(&self, show: Option<ShowWait>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = show;
    }

    /// Returns a line for each problem that occurred more often than it was told, and forgets all.
    pub fn untold(&self) -> Vec<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let more = std::mem::take(&mut *told).into_iter();
        more.filter(|(_, count)| *count > 1)
            .map(|(what, count)| format!("and {} more: {what}; -v shows each", count - 1))
            .collect()
    }

    /// Returns the line of an event. `None` if it needs none, or was told before.
    fn line(&self, level: Level, said: &Said) -> Option<String> {
        let fields: HashMap<&str, String> = said
            .fields
            .iter()
            .map(|(name, value)| (*name, text(value)))
            .collect();
        if said.name == "request failed" && fields.contains_key("wait_ms") {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(show) = &*waiting {
                show(&wait(&fields));
            }
        }
        if TOLD_ELSEWHERE.contains(&&*said.name) {
            return None;
        }
        let dataset = dataset(&fields);
        let kind = match dataset.as_str() {
            "" => said.name.clone(),
            dataset => format!("{} ({dataset})", said.name),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let count = told.entry(kind).or_default();
        *count += 1;
        if *count > 1 && level != Level::ERROR {
            return None;
        }
        *count = 1;
        let word = match level {
            Level::ERROR => "error",
            Level::WARN => "warning",
            _ => "note",
        };
        Some(format!(
            "{word}: {}",
            sentence(&said.name, &dataset, &fields)
        ))
    }
}

/// Returns `pncp.contratacoes`, `pncp`, or nothing.
fn dataset(fields: &HashMap<&str, String>) -> String {
    let field = |name| fields.get(name).map_or("", String::as_str);
    match (field("source"), field("dataset")) {
        (source, "") => source.to_owned(),
        (source, dataset) => format!("{source}.{dataset}"),
    }
}

fn sentence(name: &str, dataset: &str, fields: &HashMap<&str, String>) -> String {
    let mut place = vec![dataset.to_owned()];
    place.extend(fields.get("day").cloned());
    place.extend(WHERE.iter().filter_map(|field| fields.get(field).cloned()));
    place.retain(|part| !part.is_empty());
    let mut sentence = name.to_owned();
    // Writing to a string can't fail.
    if !place.is_empty() {
        let _ = write!(sentence, ": {}", place.join(" "));
    }
    let why = WHY.iter().find_map(|field| fields.get(field));
    for more in why.into_iter().chain(fields.get("hint")) {
        let _ = write!(sentence, ": {more}");
    }
    sentence
}

/// Describes a request that is to be sent again: `again in 7.8 s: 429 … (modalidade=7, page 3)`.
fn wait(fields: &HashMap<&str, String>) -> String {
    let field = |name| fields.get(name).map_or("?", String::as_str);
    let seconds = field("wait_ms").parse::<f64>().unwrap_or_default() / 1000.0;
    format!(
        "again in {seconds:.1} s: {} ({}, page {}, try {})",
        field("detail"),
        field("slice"),
        field("page"),
        field("attempt")
    )
}

/// Returns a value as text in one line, without control characters.
fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.replace(char::is_control, " ")
}

/// Formats events as short lines.
pub(super) struct ShortLines(pub(super) Arc<ProblemLines>);

impl<S> FormatEvent<S, JsonFields> for ShortLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    JsonFields: for<'w> FormatFields<'w>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        for (name, value) in fields_of_spans(context, &said) {
            let shown = ["source", "dataset", "day"].into_iter();
            for name in shown.filter(|shown| *shown == name) {
                said.fields.push((name, value.clone()));
            }
        }
        let level = *event.metadata().level();
        let Some(line) = self.0.line(level, &said) else {
            return Ok(());
        };
        let width = Term::stderr().size_checked().map(|(_, width)| width.into());
        let line = width.map_or_else(
            || line.clone(),
            |width: usize| console::truncate_str(&line, width, "…").into_owned(),
        );
        let style = match level {
            Level::ERROR => console::Style::new().for_stderr().red(),
            _ => console::Style::new().for_stderr().yellow(),
        };
        let (word, rest) = line.split_once(':').unwrap_or(("", &line));
        writeln!(writer, "{}:{rest}", style.apply_to(word))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(name: &str, fields: Value) -> Said {
        let mut said = Said {
            name: name.to_owned(),
            ..Said::default()
        };
        for field in [
            "source", "dataset", "day", "slice", "page", "attempt", "detail", "reason", "wait_ms",
        ] {
            if let Some(value) = fields.get(field) {
                said.fields.push((field, value.clone()));
            }
        }
        said
    }

    fn slice(label: &str) -> Said {
        said(
            "slice not complete",
            json!({"source": "pncp", "dataset": "atas", "day": "2025-10-22", "slice": label, "reason": "503"}),
        )
    }

    #[test]
    fn a_problem_of_fourteen_slices_is_one_line_and_a_count() {
        let problems = ProblemLines::default();
        let lines: Vec<_> = (0..14)
            .filter_map(|n| problems.line(Level::WARN, &slice(&format!("modalidade={n}"))))
            .collect();
        assert_eq!(
            lines,
            ["warning: slice not complete: pncp.atas 2025-10-22 modalidade=0: 503"]
        );
        let more = "and 13 more: slice not complete (pncp.atas); -v shows each";
        assert_eq!(problems.untold(), [more]);
        assert!(problems.untold().is_empty());
    }

    #[test]
    fn a_request_that_is_sent_again_is_told_by_the_progress_line_alone() {
        let (problems, shown) = (ProblemLines::default(), Arc::new(Mutex::new(String::new())));
        let line = shown.clone();
        problems.on_wait(Some(Box::new(move |text| {
            text.clone_into(&mut line.lock().unwrap());
        })));
        let failed = json!({
            "source": "pncp", "slice": "modalidade=7", "page": 3, "attempt": 1,
            "detail": "429 Too Many Requests\u{1b}[2J", "wait_ms": 7_800,
        });
        let failed = said("request failed", failed);
        assert_eq!(problems.line(Level::WARN, &failed), None);
        assert_eq!(
            *shown.lock().unwrap(),
            "again in 7.8 s: 429 Too Many Requests [2J (modalidade=7, page 3, try 1)"
        );
    }
}
