//! Records made from a recorded template, and the edits in it.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveDateTime};

use super::super::compras::time;
use super::super::recorded::{Vintage, template};
use crate::chance::Chance;
use crate::dataset::Dataset;
use crate::row::Maker;
use crate::tree::Tree;

/// Values from which a record is made.
pub(super) struct Facts {
    pub index: u32,
    pub version: u32,
    pub chance: Chance,
    /// Day that the record stands for.
    pub day: NaiveDate,
}

/// Makes records of a dataset from its template.
#[derive(Debug)]
pub(super) struct Edited {
    dataset: &'static Dataset,
    template: Tree,
    root: Chance,
    day: NaiveDate,
    vintage: Vintage,
    edit: fn(&mut Tree, &Facts),
}

impl Edited {
    pub(super) fn maker(
        dataset: &'static Dataset,
        seed: u64,
        day: NaiveDate,
        vintage: Vintage,
        edit: fn(&mut Tree, &Facts),
    ) -> Arc<dyn Maker> {
        let date = u64::from(day.num_days_from_ce().unsigned_abs());
        Arc::new(Self {
            dataset,
            template: template(dataset),
            root: Chance::new(seed).of(dataset.name).at(date),
            day,
            vintage,
            edit,
        })
    }
}

impl Maker for Edited {
    fn make(&self, index: u32, version: u32) -> Tree {
        let mut record = self.template.clone();
        let chance = self.root.at(u64::from(index));
        let facts = Facts {
            index,
            version,
            chance,
            day: self.day,
        };
        (self.edit)(&mut record, &facts);
        self.vintage.apply(self.dataset, &mut record);
        record
    }
}

/// Returns the SIASG id of the `number`th purchase of a day.
pub(super) fn siasg_of(day: NaiveDate, number: u32, modality: u32) -> String {
    let unit = 160_000 + day.ordinal();
    format!("{unit}{modality:02}{:05}{}", number + 1, day.year())
}

pub(super) fn midnight(day: NaiveDate) -> Tree {
    Tree::string(&time(NaiveDateTime::from(day)))
}
