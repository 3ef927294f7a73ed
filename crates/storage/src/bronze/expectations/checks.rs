//! Checks of values, row by row.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};

use super::MAX_VALUES;
use super::leaf::{ColumnNumbers, Leaf};
use super::rows::BatchRows;
use crate::bronze::rebuild::value_text;
use bronzed_model::declaration::{Check, ColumnPath, Expectation, ValueLimit, ValueSet};
use bronzed_model::protection::masked_cpf;
use bronzed_model::quality::{Example, ExpectationResult, MAX_EXAMPLES, cut};

/// Receiver of verdicts on rows.
pub(super) struct RowSink<'a> {
    rows: &'a BatchRows<'a>,
    shows_values: bool,
    result: &'a mut ExpectationResult,
}

impl<'a> RowSink<'a> {
    pub(super) fn new(
        rows: &'a BatchRows<'a>,
        expectation: &Expectation,
        result: &'a mut ExpectationResult,
    ) -> Self {
        Self {
            rows,
            shows_values: expectation.examples,
            result,
        }
    }

    fn expected(&mut self) {
        self.result.evaluated += 1;
    }

    fn unexpected(&mut self, row: usize, value: impl FnOnce() -> Option<String>) {
        self.result.evaluated += 1;
        self.result.unexpected += 1;
        if self.result.examples.len() < MAX_EXAMPLES {
            let value = self.shows_values.then(value).flatten();
            self.result.examples.push(Example {
                id: self.rows.id(row).to_owned(),
                value: value.map(|value| shown(&value)),
            });
        }
    }
}

/// Returns a value as an example shows it. What has the form of a CPF is masked, also where no rule protects it.
pub(super) fn shown(value: &str) -> String {
    let plain = value.trim_matches('"');
    cut(&masked_cpf(plain).unwrap_or_else(|| value.to_owned()))
}

/// Returns a value of a column as an example shows it; `None` if it is null.
pub fn example_value(array: &dyn Array, place: usize) -> Option<String> {
    value_text(array, place).map(|value| shown(&value))
}

/// Evaluates a check of values.
pub(super) fn values(mut sink: RowSink<'_>, check: &Check) {
    let batch = sink.rows.batch;
    match check {
        Check::NotNull(column) => {
            if let Some(leaf) = Leaf::of(batch, column) {
                not_null(&mut sink, column, &leaf);
            }
        }
        Check::Between { column, min, max } => {
            with_numbers(&mut sink, column, |number| {
                !is_within(number, min.as_ref(), max.as_ref())
            });
        }
        Check::InSet { column, values } => match values {
            ValueSet::Number(values) => {
                with_numbers(&mut sink, column, |number| !values.contains(&number));
            }
            ValueSet::Text(values) => {
                with_texts(&mut sink, column, |text| !values.contains(text));
            }
        },
        Check::Matches { column, pattern } => {
            with_texts(&mut sink, column, |text| !pattern.is_match(text));
        }
        Check::PairAGeB { a, b, or_equal } => pair(&mut sink, (a, b), *or_equal),
        Check::Unique(_)
        | Check::RowCountBetween { .. }
        | Check::Freshness { .. }
        | Check::ExistsIn { .. } => {}
    }
}

/// Evaluates a check for values that occur once.
pub(super) fn unique(mut sink: RowSink<'_>, column: &ColumnPath, seen: &mut HashSet<u64>) {
    let Some(leaf) = Leaf::of(sink.rows.batch, column) else {
        return;
    };
    let texts = leaf.values.as_string_opt::<i32>();
    let numbers = ColumnNumbers::of(&*leaf.values);
    let mut is_repeated = |place: usize| {
        let mut hasher = DefaultHasher::new();
        match (&texts, &numbers) {
            (Some(texts), _) => texts.value(place).hash(&mut hasher),
            (None, Some(numbers)) => numbers.at(place).hash(&mut hasher),
            (None, None) => value_text(&*leaf.values, place).hash(&mut hasher),
        }
        !seen.insert(hasher.finish())
    };
    for row in 0..sink.rows.len() {
        let mut places = leaf
            .range(row)
            .filter(|place| leaf.values.is_valid(*place))
            .peekable();
        if sink.rows.is_deletion(row) || places.peek().is_none() {
            continue;
        }
        let repeated: Vec<_> = places.filter(|place| is_repeated(*place)).collect();
        match repeated.first() {
            Some(place) => sink.unexpected(row, || value_text(&*leaf.values, *place)),
            None => sink.expected(),
        }
    }
    if seen.len() > MAX_VALUES {
        // Repeats of what was seen are missed then, and memory stays bounded.
        seen.clear();
    }
}

fn not_null(sink: &mut RowSink<'_>, column: &ColumnPath, leaf: &Leaf) {
    for row in 0..sink.rows.len() {
        if sink.rows.is_deletion(row) {
            continue;
        }
        let whole = leaf.values.nulls().is_none_or(|nulls| {
            let mut places = leaf.range(row);
            places.all(|place| nulls.is_valid(place))
        });
        if (whole && leaf.has_list(row)) || sink.rows.drifted(row, column).is_some() {
            sink.expected();
        } else {
            sink.unexpected(row, || None);
        }
    }
}

fn with_numbers(sink: &mut RowSink<'_>, column: &ColumnPath, is_wrong: impl Fn(i128) -> bool) {
    let Some(leaf) = Leaf::of(sink.rows.batch, column) else {
        return;
    };
    if let Some(numbers) = ColumnNumbers::of(&*leaf.values) {
        each(sink, column, &leaf, |place| is_wrong(numbers.at(place)));
    }
}

fn with_texts(sink: &mut RowSink<'_>, column: &ColumnPath, is_wrong: impl Fn(&str) -> bool) {
    let Some(leaf) = Leaf::of(sink.rows.batch, column) else {
        return;
    };
    let texts: Option<&StringArray> = leaf.values.as_string_opt();
    if let Some(texts) = texts {
        each(sink, column, &leaf, |place| is_wrong(texts.value(place)));
    }
}

/// Evaluates the values of each row. A row without a value isn't evaluated, unless its value is in `_extra`.
fn each(
    sink: &mut RowSink<'_>,
    column: &ColumnPath,
    leaf: &Leaf,
    is_wrong: impl Fn(usize) -> bool,
) {
    for row in 0..sink.rows.len() {
        let (mut has_value, mut wrong) = (false, None);
        for place in leaf.range(row) {
            if leaf.values.is_valid(place) {
                has_value = true;
                if wrong.is_none() && is_wrong(place) {
                    wrong = Some(place);
                }
            }
        }
        if let Some(place) = wrong {
            sink.unexpected(row, || value_text(&*leaf.values, place));
        } else if has_value {
            sink.expected();
        } else if let Some(text) = sink.rows.drifted(row, column) {
            sink.unexpected(row, || Some(text.to_owned()));
        }
    }
}

fn pair(sink: &mut RowSink<'_>, (a, b): (&ColumnPath, &ColumnPath), or_equal: bool) {
    let batch = sink.rows.batch;
    let (Some(of_a), Some(of_b)) = (Leaf::of(batch, a), Leaf::of(batch, b)) else {
        return;
    };
    let numbers = ColumnNumbers::of(&*of_a.values).zip(ColumnNumbers::of(&*of_b.values));
    let Some((greater, lesser)) = numbers else {
        return;
    };
    let rows = sink.rows;
    let text = |leaf: &Leaf, column: &ColumnPath, row: usize| match leaf.values.is_valid(row) {
        true => value_text(&*leaf.values, row),
        false => rows.drifted(row, column).map(str::to_owned),
    };
    for row in 0..rows.len() {
        let has = |leaf: &Leaf, column| {
            let is_column = leaf.values.is_valid(row);
            (is_column, is_column || rows.drifted(row, column).is_some())
        };
        let ((a_fits, has_a), (b_fits, has_b)) = (has(&of_a, a), has(&of_b, b));
        if !has_a || !has_b {
            continue;
        }
        let (first, second) = (greater.at(row), lesser.at(row));
        let holds = first > second || (or_equal && first == second);
        if a_fits && b_fits && holds {
            sink.expected();
        } else {
            let texts = text(&of_a, a, row).zip(text(&of_b, b, row));
            sink.unexpected(row, || texts.map(|(a, b)| format!("{a}, {b}")));
        }
    }
}

fn is_within(number: i128, min: Option<&ValueLimit>, max: Option<&ValueLimit>) -> bool {
    let above = min.is_none_or(|min| number > min.value || (!min.strict && number == min.value));
    above && max.is_none_or(|max| number < max.value || (!max.strict && number == max.value))
}
