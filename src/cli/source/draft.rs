//! Text of a source's file, from a request and its answer.

use std::fmt::Write as _;

use chrono_tz::Tz;

use super::request::{Parameter, Role, SampledRequest};
use super::sample::AnswerSample;

/// Draft of a source with one dataset.
pub struct SourceDraft<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Short name of the dataset.
    pub dataset: &'a str,
    /// Time zone of the API's days.
    pub zone: Tz,
    /// Request of the sample.
    pub request: &'a SampledRequest,
    /// Answer.
    pub sample: &'a AnswerSample,
}

impl SourceDraft<'_> {
    /// Returns the text of the file.
    pub fn text(&self) -> String {
        let mut text = self.head();
        self.window(&mut text);
        self.parameters(&mut text);
        self.paginator(&mut text);
        self.completeness(&mut text);
        let days = match self.request.window() {
            Some(_) => "yesterday",
            None => "today",
        };
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "\n[job.daily]\n# Minute, hour, day of the month, month, day of the week.\n\
             cron = \"30 3 * * *\"\ndays = \"{days}\"\n"
        );
        text
    }

    fn head(&self) -> String {
        let Self {
            source,
            dataset,
            zone,
            request,
            sample,
        } = self;
        let mut text = format!(
            "# A draft made of {} records of one answer: look it through. Every key is described in\n\
             # docs/operate/sources.md.\n\n\
             name = {}\nbase_url = {}\n\
             # Days, and times without an offset, are in this zone.\ntimezone = {}\n\n\
             [limits]\n# Guessed: ask gently until you know what the API bears.\n\
             concurrency = 2\nrequests_per_second = 2\n\n\
             [dataset.{dataset}]\n",
            sample.records.len(),
            quoted(source),
            quoted(&request.base_url),
            quoted(zone.name()),
        );
        if request.window().is_none() {
            text.push_str("# No day is asked for: the whole table is read and compared with the one before.\n");
            text.push_str("kind = \"snapshot\"\n");
        }
        let _ = writeln!(text, "path = {}", quoted(&request.path));
        if !sample.selector.is_empty() {
            let _ = writeln!(text, "data_selector = {}", quoted(&sample.selector));
        }
        let key = sample.primary_key();
        match key.is_empty() {
            true => text.push_str("# EDIT: no field, nor two, told the records of the answer apart.\nprimary_key = []\n"),
            false => {
                let names: Vec<_> = key.iter().map(|name| quoted(name)).collect();
                let _ = writeln!(
                    text,
                    "# Guessed: it told the records of one answer apart.\nprimary_key = [{}]",
                    names.join(", ")
                );
            }
        }
        let _ = writeln!(
            text,
            "schema = {}",
            quoted(&format!("{source}/{dataset}.toml"))
        );
        text
    }

    fn window(&self, text: &mut String) {
        let Some((start, end)) = self.request.window() else {
            return;
        };
        let _ = writeln!(text, "\n[dataset.{}.window]", self.dataset);
        let _ = writeln!(text, "start_param = {}", quoted(&start.name));
        if let Some(end) = end {
            let _ = writeln!(text, "end_param = {}", quoted(&end.name));
            let word = match start.day() == end.day() {
                true => "inclusive",
                false => "exclusive",
            };
            let _ = writeln!(
                text,
                "# Guessed: does the end that is sent belong to the day?\nend = \"{word}\""
            );
        }
        if let Role::Date(day, format) = &start.role {
            let _ = writeln!(text, "format = {}", quoted(format));
            match self.sample.day_field(*day) {
                Some(field) => {
                    let _ = writeln!(
                        text,
                        "# Guessed: the date of every record of the answer.\nday_field = {}",
                        quoted(&field)
                    );
                }
                None => text.push_str(
                    "# day_field = \"…\"   the field with a record's own date, if there is one\n",
                ),
            }
        }
        text.push_str(
            "# Guessed: how long after its end a day may still change.\nsettle = \"2h\"\n",
        );
    }

    fn parameters(&self, text: &mut String) {
        let of = |role: &Role| {
            let all = self.request.parameters.iter();
            all.filter(|one| one.role == *role).collect::<Vec<_>>()
        };
        let (fixed, secrets) = (of(&Role::Fixed), of(&Role::Secret));
        if !fixed.is_empty() {
            let _ = writeln!(text, "\n[dataset.{}.params]", self.dataset);
            for Parameter { name, value, .. } in fixed {
                let _ = writeln!(text, "{} = {}", quoted(name), quoted(value));
            }
        }
        for (position, Parameter { name, .. }) in secrets.into_iter().enumerate() {
            let _ = match position {
                0 => writeln!(
                    text,
                    "\n# `{name}` of the URL looks like a secret: its value was left out, and is read from this variable.\n\
                     [auth]\ntype = \"api_key\"\nparam = {}\nkey_env = \"{}_KEY\"",
                    quoted(name),
                    self.source.to_uppercase()
                ),
                _ => writeln!(
                    text,
                    "\n# `{name}` of the URL looks like a secret, too, and was left out: see `auth` in docs/operate/sources.md."
                ),
            };
        }
    }

    fn paginator(&self, text: &mut String) {
        let (request, sample) = (self.request, self.sample);
        let _ = writeln!(text, "\n[dataset.{}.paginator]", self.dataset);
        let (page, offset) = (request.of(&Role::TextPage), request.of(&Role::Offset));
        match (page, offset, &sample.next_link) {
            (Some(page), ..) => {
                let _ = writeln!(
                    text,
                    "type = \"page_number\"\npage_param = {}",
                    quoted(&page.name)
                );
                if page.value == "0" {
                    text.push_str("first_page = 0\n");
                }
            }
            (None, Some(offset), _) => {
                let _ = writeln!(
                    text,
                    "type = \"offset\"\noffset_param = {}",
                    quoted(&offset.name)
                );
            }
            (None, None, Some(next)) => {
                let _ = writeln!(text, "type = \"next_link\"\nnext_path = {}", quoted(next));
            }
            (None, None, None) => {
                text.push_str("# The URL names no page: one answer is taken for everything.\ntype = \"single\"\n");
            }
        }
        if page.is_some() || offset.is_some() {
            match request.of(&Role::Size) {
                Some(size) => {
                    let _ = writeln!(
                        text,
                        "page_size = {}\npage_size_param = {}",
                        size.value,
                        quoted(&size.name)
                    );
                }
                None => {
                    let _ = writeln!(
                        text,
                        "# Guessed: the number of records of the answer.\npage_size = {}",
                        sample.records.len().max(1)
                    );
                }
            }
        }
        for (key, pointer) in [
            ("total_records_path", &sample.total_records),
            ("total_pages_path", &sample.total_pages),
            ("has_more_path", &sample.has_more),
        ] {
            if let Some(pointer) = pointer {
                let _ = writeln!(text, "{key} = {}", quoted(pointer));
            }
        }
    }

    fn completeness(&self, text: &mut String) {
        let (require, why) = match (&self.sample.total_records, &self.sample.has_more) {
            (Some(_), _) => (
                "unique_total",
                "as many different ids as the total that the API states",
            ),
            (None, Some(_)) => ("has_more", "the last page says that no more follow"),
            (None, None) => ("two_walks", "two walks that find the same ids"),
        };
        let _ = writeln!(
            text,
            "\n[dataset.{}.completeness]\n# A day is complete by this proof: {why}.\nrequire = \"{require}\"",
            self.dataset
        );
    }
}

/// Returns a TOML string.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_control() => vec![' '],
            c => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads a configuration with the draft.
    fn loaded(url: &str, answer: &str) -> Result<(), String> {
        let (request, sample) = (
            SampledRequest::parse(url).unwrap(),
            AnswerSample::of(answer).unwrap(),
        );
        let draft = SourceDraft {
            source: "rivers",
            dataset: "readings",
            zone: chrono_tz::Europe::Berlin,
            request: &request,
            sample: &sample,
        };
        let files = [
            ("bronzed.toml", "[lake]\nurl = \"./data\"\n".to_owned()),
            ("sources/rivers.toml", draft.text()),
            (
                "sources/rivers/readings.toml",
                sample.columns("rivers.readings").unwrap(),
            ),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text));
        let key = [("RIVERS_KEY".to_owned(), "x".to_owned())];
        let loaded = bronzed_config::load_given(files.into(), key);
        loaded
            .map(drop)
            .map_err(|problems| format!("{problems}\n{}", draft.text()))
    }

    #[test]
    fn a_key_in_the_url_is_declared_and_its_value_left_out() {
        let url = "https://rivers.example.org/v1/list?apiKey=s3cr3t&unit=cm";
        let draft = SourceDraft {
            source: "rivers",
            dataset: "readings",
            zone: chrono_tz::Europe::Berlin,
            request: &SampledRequest::parse(url).unwrap(),
            sample: &AnswerSample::of(r#"[{"id": 1}]"#).unwrap(),
        };
        let text = draft.text();
        let auth = "[auth]\ntype = \"api_key\"\nparam = \"apiKey\"\nkey_env = \"RIVERS_KEY\"\n";
        assert!(text.contains(auth) && !text.contains("s3cr3t"), "{text}");
    }

    #[test]
    fn a_draft_is_a_configuration_that_is_right() {
        let envelope = r#"{"readings": [{"station": "K-1", "taken_at": "2025-06-01T00:00:00"}], "count": 193}"#;
        let pages = "https://rivers.example.org/api/v2/readings?after=2025-06-01T00:00:00&before=2025-06-02T00:00:00&page=1&per_page=100&unit=cm";
        loaded(pages, envelope).unwrap();
        loaded(
            "https://rivers.example.org/stations",
            r#"[{"id": 1, "name": "x"}, {"id": 2, "name": "x"}]"#,
        )
        .unwrap();
        loaded(
            "https://rivers.example.org/v1/list?offset=0&limit=50",
            envelope,
        )
        .unwrap();
        let keyed = "https://rivers.example.org/v1/list?page=1&per_page=50&apiKey=s3cr3t&unit=cm";
        loaded(keyed, envelope).unwrap();
        let linked =
            r#"{"data": [{"id": "a"}], "links": {"next": "https://rivers.example.org/list?c=2"}}"#;
        loaded("https://rivers.example.org/list", linked).unwrap();
    }
}
