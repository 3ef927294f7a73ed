//! The feed of acórdãos: an offset, newest first, a bare array, no totals.
//!
//! No response of the real service was recorded. The fields are those of the official list; dates in the
//! query are ignored, as observed. A page past the end is an empty array. A newly published acórdão appears
//! at the head and moves all rows that a walk has yet to read down by one: the walk reads rows twice.

use std::time::Duration;

use super::{elements, number};
use crate::SimConfig;
use crate::answer::Answer;
use crate::call::{Call, Right};
use crate::dataset::Dataset;
use crate::listing::{Draws, Envelope, ListingCall};
use crate::parameters::Parameters;
use crate::scope::{Order, Scope};
use crate::table::Selection;

/// `tcu.acordaos`
pub static ACORDAOS: Dataset = Dataset {
    name: "tcu.acordaos",
    key: &["/key"],
};

/// Default page size; not measured.
const DEFAULT_SIZE: u64 = 20;

pub(super) fn call(parameters: &Parameters) -> Result<Box<dyn Call>, Answer> {
    Ok(Box::new(ListingCall {
        name: ACORDAOS.name,
        dataset: &ACORDAOS,
        module: None,
        days: String::new(),
        slice: String::new(),
        scope: Scope {
            group: None,
            window: None,
            updated_since: None,
            still_open: false,
            order: Order::Newest,
        },
        start: number(parameters, "inicio", 0)?,
        count: number(parameters, "quantidade", DEFAULT_SIZE)?,
        envelope: Feed,
    }))
}

/// A bare array.
struct Feed;

impl Envelope for Feed {
    fn wrap(&self, selection: &Selection, _: Draws) -> Right {
        Right {
            answer: Answer::json(200, format!("[{}]", elements(&selection.rows))),
            hollow: Answer::json(200, "[]"),
            rows: selection.rows.len(),
            total: selection.total,
        }
    }

    fn wait(&self, config: &SimConfig, start: u64) -> Duration {
        config.tcu.wait(start)
    }
}
