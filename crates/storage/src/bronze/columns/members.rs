//! Columns of one object: a record, or a struct within it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, Fields};

use super::column::ColumnBuilder;
use super::extra::Extra;
use crate::bronze::BronzeError;
use bronzed_model::json::tape::{Object, Value};
use bronzed_model::schema;

/// Columns of one object.
#[derive(Debug)]
pub(in crate::bronze) struct MemberColumns {
    names: Vec<Box<str>>,
    columns: Vec<ColumnBuilder>,
    fields: Fields,
    index: HashMap<Box<str>, usize>,
    /// Column of the n-th member of the previous object. Consecutive records of a response have their members
    /// in the same order, so this saves nearly every index lookup.
    order: Vec<usize>,
    /// Member from which each column gets its value; a field only to reuse the allocation.
    slots: Vec<MemberSlot>,
}

/// Position of a column's value in an object.
#[derive(Debug, Clone, Copy)]
enum MemberSlot {
    Absent,
    /// Position on the object's tape.
    Member(u32),
    /// The key occurs more than once, which no column can represent.
    Repeated,
}

impl MemberColumns {
    /// Creates empty columns as declared.
    pub(in crate::bronze) fn new(declared: &[schema::Column]) -> Result<Self, BronzeError> {
        let names: Vec<Box<str>> = declared.iter().map(|c| c.name.as_str().into()).collect();
        let indexed = names.iter().cloned().enumerate();
        Ok(Self {
            columns: declared
                .iter()
                .map(|column| ColumnBuilder::new(&column.kind))
                .collect::<Result<_, _>>()?,
            fields: super::fields(declared)?,
            index: indexed.map(|(position, name)| (name, position)).collect(),
            order: Vec::new(),
            slots: Vec::new(),
            names,
        })
    }

    /// Appends one row: fitting members to their columns, the others to `extra`.
    pub(super) fn append(&mut self, object: Object<'_>, extra: &mut Extra) {
        let undeclared = self.assign(object);
        let (slots, columns) = (&self.slots, &mut self.columns);
        for ((column, name), slot) in columns.iter_mut().zip(&self.names).zip(slots) {
            match *slot {
                MemberSlot::Absent => column.append_null(),
                MemberSlot::Member(position) => {
                    append_member(column, name, object.at(position), extra);
                }
                MemberSlot::Repeated => {
                    column.append_null();
                    let occurrences = object.members().filter(|(key, _)| *key == **name);
                    occurrences.for_each(|(_, value)| extra.member(name, value.text()));
                }
            }
        }
        if !undeclared.is_empty() {
            append_undeclared(&undeclared, extra);
        }
    }

    /// Fills the slots; returns the undeclared members.
    fn assign<'a>(&mut self, object: Object<'a>) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let mut undeclared = Vec::new();
        self.slots.clear();
        self.slots.resize(self.columns.len(), MemberSlot::Absent);
        for (position, (key, value)) in object.members().enumerate() {
            match self.column_of(position, &key) {
                Some(column) => {
                    self.slots[column] = match self.slots[column] {
                        MemberSlot::Absent => MemberSlot::Member(value.position()),
                        MemberSlot::Member(_) | MemberSlot::Repeated => MemberSlot::Repeated,
                    }
                }
                None => undeclared.push((key, value)),
            }
        }
        undeclared
    }

    fn column_of(&mut self, position: usize, key: &str) -> Option<usize> {
        let expected = self.order.get(position).copied();
        if let Some(column) = expected
            && self.names.get(column).is_some_and(|name| **name == *key)
        {
            return Some(column);
        }
        let column = self.index.get(key).copied()?;
        if position >= self.order.len() {
            self.order.resize(position + 1, usize::MAX);
        }
        self.order[position] = column;
        Some(column)
    }

    /// Appends a row of nulls.
    pub(super) fn append_null(&mut self) {
        self.columns.iter_mut().for_each(ColumnBuilder::append_null);
    }

    /// Drops every row from `length` on.
    pub(super) fn truncate(&mut self, length: usize) {
        for column in &mut self.columns {
            column.truncate(length);
        }
    }

    /// Takes the rows as Arrow arrays with their fields, and leaves the columns empty.
    pub(in crate::bronze) fn take(&mut self) -> Result<(Fields, Vec<ArrayRef>), ArrowError> {
        let arrays: Result<_, _> = self.columns.iter_mut().map(ColumnBuilder::take).collect();
        Ok((self.fields.clone(), arrays?))
    }
}

fn append_member(column: &mut ColumnBuilder, name: &str, value: Value<'_>, extra: &mut Extra) {
    let fits = if column.is_struct() {
        let level = extra.open(name);
        let fits = column.append(value, extra);
        extra.close(level);
        fits
    } else {
        column.append(value, extra)
    };
    if !fits {
        extra.member(name, value.text());
    }
}

/// Appends undeclared members. A null is skipped, as it equals an absent field, unless its key is repeated:
/// then the reader has to decide which occurrence counts.
fn append_undeclared(members: &[(Cow<'_, str>, Value<'_>)], extra: &mut Extra) {
    let mut seen = HashSet::new();
    let keys = members.iter().map(|(key, _)| key);
    let repeated: HashSet<_> = keys.filter(|key| !seen.insert(*key)).collect();
    for (key, value) in members {
        if !value.is_null() || repeated.contains(key) {
            extra.member(key, value.text());
        }
    }
}
