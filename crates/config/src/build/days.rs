//! Builds the properties of a dataset's days.

use std::time::Duration;

use super::Build;
use super::dataset::DatasetContext;
use super::variables::period_of;
use crate::tables::dataset::KindWord;
use crate::text::value;
use bronzed_model::day::Day;
use bronzed_model::declaration::Days;

impl Build<'_> {
    /// Builds the properties of the dataset's days.
    pub fn days(&mut self, context: &DatasetContext<'_>) -> Days {
        let path = context.path.key("window");
        let window = context.table.window.as_ref();
        if context.table.kind == KindWord::Feed {
            self.needs(
                &path.key("day_field"),
                "a feed's days are those of its records",
                "name the field with the record's date",
            );
            for key in ["start_param", "end_param", "format", "period", "end"] {
                let problem = "doesn't belong to a feed, which isn't asked for days";
                let hint = "leave it out, or write kind = \"dated\"";
                self.refuses(&path.key(key), problem, hint);
            }
        }
        let day_field = window.and_then(|window| window.day_field.as_ref());
        let day_format = window.and_then(|window| value(&window.day_format));
        let earliest = window.and_then(|window| value(&window.earliest));
        let settle = window.and_then(|window| value(&window.settle));
        let period = period_of(context.name, context.source.tables);
        let coverage_from = self.coverage(context, earliest);
        Days {
            period,
            coverage_from: coverage_from.map(|day| period.first(day)),
            earliest: earliest.map(|day| period.first(day)),
            day_field: day_field
                .map(|field| self.declared_field(&path.key("day_field"), &field.0, context.schema)),
            day_format: day_format.unwrap_or_else(|| "%Y-%m-%d".to_owned()),
            settle: settle.unwrap_or(Duration::ZERO),
            zone: context.source.zone,
        }
    }

    /// Returns the first day of the coverage, which must not be before `window.earliest`.
    fn coverage(&mut self, context: &DatasetContext<'_>, earliest: Option<Day>) -> Option<Day> {
        let from = value(&context.table.coverage.from)?;
        if let Some(earliest) = earliest.filter(|earliest| from < *earliest) {
            let path = context.path.key("coverage").key("from");
            self.complain(
                &path,
                format!("`{path} = {from}` is before `window.earliest`: the API has nothing then"),
                format!("write from = {earliest}, or a later day"),
            );
        }
        Some(from)
    }
}
