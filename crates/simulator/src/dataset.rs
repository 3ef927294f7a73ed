//! Datasets of the simulated providers, and the ids of their records.

use super::tree::Tree;
use bronzed_model::json;

/// A dataset, named as a configuration names it: `tcu.acordaos`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Dataset {
    /// Source and dataset: `tcu.acordaos`.
    pub name: &'static str,
    /// Key fields of a record, as JSON pointers.
    pub key: &'static [&'static str],
}

impl Dataset {
    /// Returns the id under which a lake must store this record, versions aside: its key fields joined with
    /// `|`, or `sha256:` and the hash of its canonical JSON if a key field isn't usable.
    pub fn id(&self, record: &Tree) -> String {
        let values: Option<Vec<_>> = self.key.iter().map(|key| usable(record, key)).collect();
        match values.as_deref() {
            None => format!("sha256:{}", json::canonical::hash(&record.to_json())),
            Some([single]) => single.clone(),
            Some(several) => {
                let escaped = several.iter().map(|value| escape(value));
                escaped.collect::<Vec<_>>().join("|")
            }
        }
    }
}

fn usable(record: &Tree, pointer: &str) -> Option<String> {
    let mut path = pointer.split('/').skip(1);
    let value = path.try_fold(record, |value, key| value.get(key))?;
    value
        .as_scalar_text()
        .filter(|text| !text.trim().is_empty())
}

fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('|', r"\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATASET: Dataset = Dataset {
        name: "source.dataset",
        key: &["/a", "/b/c"],
    };

    fn id(record: &str) -> String {
        DATASET.id(&Tree::parse(record).unwrap())
    }

    #[test]
    fn several_fields_are_joined_and_escaped() {
        assert_eq!(id(r#"{"a":"x|y\\z","b":{"c":7}}"#), r"x\|y\\z|7");
    }

    #[test]
    fn a_field_that_cannot_be_used_makes_the_content_the_id() {
        for record in [
            r#"{"a":"x","b":{"c":null}}"#,
            r#"{"a":" ","b":{"c":1}}"#,
            r#"{"a":"x","b":[1]}"#,
            "17",
        ] {
            assert!(id(record).starts_with("sha256:"), "{record}");
        }
    }
}
