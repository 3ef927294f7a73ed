//! Answer of an API: where its records are, what identifies them, and what the envelope says of pages.

use std::collections::BTreeSet;

use bronzed_model::day::Day;
use bronzed_model::json;
use bronzed_storage::bronze::infer::Draft;
use serde_json::Value;

use super::request::date;

/// Records of an answer, and the members of its envelope that tell of pages.
#[derive(Debug)]
pub struct AnswerSample {
    /// JSON pointer to the array of records; empty if the answer itself is the array.
    pub selector: String,
    /// Records as they were sent.
    pub records: Vec<String>,
    /// Pointer to the total number of records.
    pub total_records: Option<String>,
    /// Pointer to the total number of pages.
    pub total_pages: Option<String>,
    /// Pointer to a boolean that tells if more pages follow.
    pub has_more: Option<String>,
    /// Pointer to the URL of the next page.
    pub next_link: Option<String>,
    parsed: Vec<serde_json::Map<String, Value>>,
}

impl AnswerSample {
    /// Finds the records of an answer: its longest array of objects. `None` if there is none.
    pub fn of(answer: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(answer).ok()?;
        let selector = arrays(&whole, String::new(), 0)
            .into_iter()
            .max_by_key(|(_, records)| *records)
            .map(|(selector, _)| selector)?;
        let array = json::pointer(answer, &selector).ok().flatten()?;
        let records = json::elements(array).ok()?;
        let records: Vec<_> = records.into_iter().map(str::to_owned).collect();
        let parsed = records
            .iter()
            .filter_map(|record| serde_json::from_str(record).ok());
        let parsed = parsed.collect();
        let mut sample = Self {
            selector,
            records,
            total_records: None,
            total_pages: None,
            has_more: None,
            next_link: None,
            parsed,
        };
        sample.see_envelope(&whole, "", 0);
        Some(sample)
    }

    /// Returns the draft of the file of columns. `None` if no field can be declared.
    pub fn columns(&self, dataset: &str) -> Option<String> {
        let mut draft = Draft::default();
        self.records.iter().for_each(|record| draft.see(record));
        draft.text(dataset)
    }

    /// Returns the fields that tell the records apart: one, or two together. Empty if none do.
    pub fn primary_key(&self) -> Vec<String> {
        let Some(first) = self.parsed.first() else {
            return Vec::new();
        };
        let fits = |name: &String| {
            let mut values = self.parsed.iter().map(|record| record.get(name));
            values.all(|value| match value {
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Number(number)) => !number.is_f64(),
                _ => false,
            })
        };
        let mut fields: Vec<_> = first.keys().filter(|name| fits(name)).cloned().collect();
        fields.sort_by_key(|name| rank(name));
        let apart = |names: &[&String]| {
            let ids: BTreeSet<_> = self
                .parsed
                .iter()
                .map(|record| {
                    let values = names
                        .iter()
                        .map(|name| record.get(*name).map(Value::to_string));
                    values.collect::<Vec<_>>()
                })
                .collect();
            ids.len() == self.parsed.len()
        };
        if let Some(name) = fields.iter().find(|name| apart(&[name])) {
            return vec![name.clone()];
        }
        let pairs = fields.iter().enumerate().flat_map(|(index, one)| {
            let rest = fields.iter().skip(index + 1);
            rest.map(move |other| [one, other])
        });
        let mut pairs = pairs.filter(|pair| apart(pair));
        pairs
            .next()
            .map(|pair| pair.map(Clone::clone).to_vec())
            .unwrap_or_default()
    }

    /// Returns the field whose date is `day` in every record.
    pub fn day_field(&self, day: Day) -> Option<String> {
        let is_of_day = |value: Option<&Value>| {
            let text = value.and_then(Value::as_str).unwrap_or_default();
            let start = text.get(..10).unwrap_or(text);
            date(start).is_some_and(|(of, format)| of == day && format == "%Y-%m-%d")
        };
        let mut fields: Vec<_> = self.parsed.first()?.keys().collect();
        fields.sort_by_key(|name| day_rank(name));
        let mut fitting = fields.into_iter().filter(|name| {
            let mut records = self.parsed.iter();
            records.all(|record| is_of_day(record.get(name.as_str())))
        });
        fitting.next().cloned()
    }

    /// Finds the totals and references beside the records.
    fn see_envelope(&mut self, value: &Value, pointer: &str, depth: usize) {
        let Value::Object(members) = value else {
            return;
        };
        for (name, member) in members {
            let lower = name.to_lowercase();
            let at = format!("{pointer}/{}", escaped(name));
            let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
            let of_pages = is(&["pagina", "page"]);
            match member {
                Value::Number(_) if of_pages && is(&["total"]) => {
                    self.total_pages.get_or_insert(at);
                }
                Value::Number(_) if !of_pages && is(&["total", "count", "quantidade"]) => {
                    self.total_records.get_or_insert(at);
                }
                Value::Bool(_)
                    if is(&["hasnext", "has_next", "hasmore", "has_more", "temproxima"]) =>
                {
                    self.has_more.get_or_insert(at);
                }
                Value::String(text) if is(&["next", "proxim"]) && text.starts_with("http") => {
                    self.next_link.get_or_insert(at);
                }
                Value::Object(_) if depth == 0 => self.see_envelope(member, &at, depth + 1),
                _ => {}
            }
        }
    }
}

/// Returns the arrays of objects down to the third level: pointer and number of records.
fn arrays(value: &Value, pointer: String, depth: usize) -> Vec<(String, usize)> {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            vec![(pointer, items.len())]
        }
        Value::Object(members) if depth < 3 => {
            let inner = members.iter();
            inner
                .flat_map(|(name, member)| {
                    arrays(member, format!("{pointer}/{}", escaped(name)), depth + 1)
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Returns the rank of a field's name as an id: the lower, the likelier.
fn rank(name: &str) -> u8 {
    let lower = name.to_lowercase();
    match lower.as_str() {
        "id" => 0,
        name if name.starts_with("numerocontrole") => 1,
        name if name.ends_with("id") || name.starts_with("id") => 2,
        name if [
            "codigo", "code", "numero", "chave", "key", "uuid", "station",
        ]
        .iter()
        .any(|word| name.contains(word)) =>
        {
            3
        }
        name if name.contains("data") || name.contains("date") || name.contains("_at") => 5,
        _ => 4,
    }
}

/// Returns the rank of a field's name as the date of a record: the lower, the likelier.
fn day_rank(name: &str) -> u8 {
    let lower = name.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        () if is(&["public", "publish"]) => 0,
        () if is(&["atualiz", "updat", "modif", "alter"]) => 2,
        () => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{
        "readings": [
            {"station": "K-1", "taken_at": "2025-06-01T00:00:00", "level_cm": 182.50},
            {"station": "K-1", "taken_at": "2025-06-01T00:15:00", "level_cm": 182.50},
            {"station": "K-2", "taken_at": "2025-06-01T00:15:00", "level_cm": 1}
        ],
        "page": {"totalPages": 4, "hasNext": true}, "count": 193
    }"#;

    #[test]
    fn the_records_their_id_and_the_totals_are_found() {
        let sample = AnswerSample::of(ANSWER).unwrap();
        assert_eq!(
            (sample.selector.as_str(), sample.records.len()),
            ("/readings", 3)
        );
        assert_eq!(sample.primary_key(), ["station", "taken_at"]);
        assert_eq!(sample.total_records.as_deref(), Some("/count"));
        assert_eq!(sample.total_pages.as_deref(), Some("/page/totalPages"));
        assert_eq!(sample.has_more.as_deref(), Some("/page/hasNext"));
        let day = "2025-06-01".parse().unwrap();
        assert_eq!(sample.day_field(day).as_deref(), Some("taken_at"));
        let dates = r#"[{"dataAtualizacao": "2025-06-01", "dataPublicacao": "2025-06-01"}]"#;
        let dates = AnswerSample::of(dates).unwrap();
        assert_eq!(dates.day_field(day).as_deref(), Some("dataPublicacao"));
        assert!(
            sample
                .columns("rivers.readings")
                .unwrap()
                .contains("level_cm = \"decimal(18,4)\"")
        );
    }

    #[test]
    fn a_bare_array_is_its_own_records_and_text_has_none() {
        let sample = AnswerSample::of(r#"[{"id": 1}, {"id": 2}]"#).unwrap();
        assert_eq!(
            (sample.selector.as_str(), sample.primary_key()),
            ("", vec!["id".to_owned()])
        );
        assert!(AnswerSample::of("<html>").is_none() && AnswerSample::of("[1, 2]").is_none());
    }
}
