//! Rows that a table is to have, derived from all rows of bronze at once.

use std::collections::{BTreeMap, BTreeSet};

use bronzed_model::day::Day;
use bronzed_model::declaration::{DeletedRows, SilverTable};

use super::{Event, Fact};

/// A row, as tests look at it: value, month, deletion, day, and end of validity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenRow {
    pub key: String,
    pub value: String,
    pub month: Option<String>,
    pub deleted: Option<String>,
    pub day: i32,
    pub valid_to: Option<i32>,
}

/// Bronze after some events.
#[derive(Debug, Default)]
pub struct Known {
    facts: Vec<Fact>,
    withdrawn: BTreeSet<(Day, String)>,
}

impl Known {
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Commit(facts) => self.facts.extend(facts.iter().cloned()),
            Event::Note {
                day,
                gone,
                returned,
            } => {
                self.withdrawn
                    .extend(gone.iter().map(|id| (*day, id.clone())));
                for id in returned {
                    self.withdrawn.remove(&(*day, id.clone()));
                }
            }
        }
    }

    /// Returns the ids of all rows of a dataset, sorted.
    pub fn ids(&self, dataset: &str) -> Vec<String> {
        let facts = self.facts.iter().filter(|fact| fact.dataset == dataset);
        let mut ids: Vec<_> = facts.map(|fact| fact.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Returns the rows that a table of [`crate::testing`] is to have.
    pub fn expected(&self, table: &SilverTable) -> Vec<SeenRow> {
        match table.name.as_str() {
            "lista" => self.list(table.history),
            _ => self.records(table.deleted == DeletedRows::Omit),
        }
    }

    fn by_key(&self, names: &[&str]) -> BTreeMap<&str, Vec<&Fact>> {
        let mut keys: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
        for fact in &self.facts {
            if names.contains(&&*fact.dataset) {
                keys.entry(&fact.key).or_default().push(fact);
            }
        }
        keys
    }

    /// Returns the rows of the table of records.
    pub fn records(&self, omits: bool) -> Vec<SeenRow> {
        let rank = |fact: &&Fact| {
            let input = usize::from(fact.dataset == "atualizacao");
            (fact.updated.clone(), input, fact.day, fact.file, fact.row)
        };
        let mut rows = Vec::new();
        for (key, facts) in self.by_key(&["publicacao", "atualizacao"]) {
            let latest = facts.iter().copied().max_by_key(rank).unwrap();
            let told = facts.iter().copied();
            let told = told
                .filter(|fact| fact.dataset == "publicacao")
                .max_by_key(rank);
            let gone =
                told.is_some_and(|fact| self.withdrawn.contains(&(fact.day, fact.id.clone())));
            if gone && omits {
                continue;
            }
            rows.push(SeenRow {
                key: key.to_owned(),
                value: latest.value.clone(),
                month: latest.published.as_ref().map(|text| text[..7].to_owned()),
                deleted: gone.then(|| "withdrawn".to_owned()),
                day: days(latest.day),
                valid_to: None,
            });
        }
        rows.sort();
        rows
    }

    /// Returns the rows of the table of the snapshot.
    pub fn list(&self, history: bool) -> Vec<SeenRow> {
        let mut rows = Vec::new();
        for (key, mut facts) in self.by_key(&["lista"]) {
            facts.sort_by_key(|fact| (fact.day, fact.file, fact.row));
            for (place, fact) in facts.iter().enumerate() {
                if fact.vanished {
                    continue;
                }
                let next = facts.get(place + 1);
                let is_last = facts[place + 1..].iter().all(|later| later.vanished);
                if !history && !is_last {
                    continue;
                }
                let gone = next.is_some_and(|next| next.vanished);
                rows.push(SeenRow {
                    key: key.to_owned(),
                    value: fact.value.clone(),
                    month: None,
                    deleted: gone.then(|| "vanished".to_owned()),
                    day: days(fact.day),
                    valid_to: next.filter(|_| history).map(|next| days(next.day)),
                });
            }
        }
        rows.sort();
        rows
    }
}

pub fn days(day: Day) -> i32 {
    day.date().to_epoch_days()
}
