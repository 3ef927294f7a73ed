//! Log formatter that writes each line as one flat JSON object: fields of the event and of its spans side by
//! side, so that `run_id` is `run_id` on every line.
//!
//! ```json
//! {"timestamp": "2025-10-23T06:00:03.120456Z", "level": "INFO", "event": "file committed",
//!  "run_id": "…", "source": "pncp", "dataset": "contratacoes", "day": "2025-10-22", "job": "daily",
//!  "key": "pncp/year=2025/…", "rows": 812, "dropped": 0, "target": "bronzed_engine::ingest::intake"}
//! ```
//!
//! A field of the event takes precedence over a span's field of the same name.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as lines of JSON.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
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
        let mut now = String::new();
        SystemTime.format_time(&mut Writer::new(&mut now))?;
        let metadata = event.metadata();
        let mut line = Line::default();
        line.add("timestamp", now.into());
        line.add("level", metadata.level().as_str().into());
        line.add("event", said.name.as_str().into());
        for (name, value) in fields_of_spans(context, &said) {
            line.add(&name, value);
        }
        for (name, value) in said.fields {
            line.add(name, value);
        }
        line.add("target", metadata.target().into());
        writeln!(writer, "{{{}}}", line.0)
    }
}

/// Builder of a JSON object that keeps the order of its members.
#[derive(Default)]
struct Line(String);

impl Line {
    fn add(&mut self, name: &str, value: Value) {
        let separator = if self.0.is_empty() { "" } else { "," };
        let name = Value::from(name);
        // Writing to a string can't fail.
        let _ = write!(self.0, "{separator}{name}:{value}");
    }
}

/// Returns the fields of the event's spans, innermost first, without those that the event or a span further in
/// has, too.
pub(super) fn fields_of_spans<S>(
    context: &FmtContext<'_, S, JsonFields>,
    said: &Said,
) -> Vec<(String, Value)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (mut found, mut told) = (Vec::new(), HashSet::new());
    for span in context.event_scope().into_iter().flatten() {
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<JsonFields>>();
        let fields = fields.and_then(|fields| serde_json::from_str(fields).ok());
        let fields: Map<String, Value> = fields.unwrap_or_default();
        for (name, value) in fields {
            let of_event = said.fields.iter().any(|(known, _)| *known == name);
            if !of_event && told.insert(name.clone()) {
                found.push((name, value));
            }
        }
    }
    found
}

/// Name and fields of an event.
#[derive(Default)]
pub(super) struct Said {
    pub(super) name: String,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Said {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(name)) => self.name = name,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }
}
