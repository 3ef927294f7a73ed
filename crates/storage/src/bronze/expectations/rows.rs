//! Rows of a batch: ids, and values that their columns couldn't hold.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};

use crate::bronze::writer::Op;
use bronzed_model::declaration::ColumnPath;
use bronzed_model::json::{self, Kind};

/// Rows of a batch.
pub(super) struct BatchRows<'a> {
    /// The batch, with the declared columns.
    pub(super) batch: &'a RecordBatch,
    ids: &'a StringArray,
    ops: Option<&'a StringArray>,
    extra: Option<&'a StringArray>,
}

impl<'a> BatchRows<'a> {
    /// Returns the rows of a batch; `None` if it lacks `_id`.
    pub(super) fn of(batch: &'a RecordBatch) -> Option<Self> {
        let column = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
        Some(Self {
            batch,
            ids: column("_id")?,
            ops: column("_op"),
            extra: column("_extra"),
        })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns the id of a row.
    pub(super) fn id(&self, row: usize) -> &'a str {
        self.ids.value(row)
    }

    /// Returns `true` if the row marks a deletion.
    pub(super) fn is_deletion(&self, row: usize) -> bool {
        self.ops
            .is_some_and(|ops| ops.is_valid(row) && ops.value(row) == Op::Vanished.name())
    }

    /// Returns the text of a value that is in `_extra` because its column, or one around it, can't hold it.
    pub(super) fn drifted(&self, row: usize, column: &ColumnPath) -> Option<&'a str> {
        let extra = self.extra.filter(|extra| extra.is_valid(row))?;
        let mut text = extra.value(row);
        let mut steps = column.steps();
        // Most rows with `_extra` have undeclared fields there, and need no parsing.
        let first = steps.next()?;
        if json::kind(text) != Kind::Object || !text.contains(&json::quote(&first)) {
            return None;
        }
        for step in std::iter::once(first).chain(steps) {
            if json::kind(text) != Kind::Object {
                break;
            }
            let mut members = json::members(text).ok()?.into_iter();
            text = members.find(|(key, _)| *key == step.as_str())?.1;
        }
        Some(text).filter(|text| json::kind(text) != Kind::Null)
    }
}
