//! Parents of a day in the lake, and the request parameters of their children.
//!
//! Of several stored versions of a record, the newest counts; a record that a snapshot marks as vanished has
//! no children any more. A parent takes the memory of an id, not of its record.

use std::collections::HashMap;
use std::sync::Arc;

use url::form_urlencoded;

use bronzed_model::day::Day;
use bronzed_model::declaration::{Parent, Slice};
use bronzed_model::json::tape::{Tape, Value};
use bronzed_model::record;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::layout;
use bronzed_storage::bronze::reader::{self, StoredRow};
use bronzed_storage::bronze::writer::Op;
use bronzed_storage::lake::{Lake, LakeError};

/// Parent, and the request for its children.
#[derive(Debug, Clone)]
pub struct ParentRow {
    /// Id with its version: the unit of progress.
    pub id: Box<str>,
    /// Slice with the request parameters of the children, or the variable that has no value.
    pub slice: Result<Slice, Unbound>,
}

/// Parent whose children can't be requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound {
    /// Id of the parent, without its version.
    pub key: Arc<str>,
    /// Template variable that has no value.
    pub variable: String,
}

/// Reason why the parents of a day can't be determined.
#[derive(Debug, thiserror::Error)]
pub enum ParentsError {
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file of the parents is invalid.
    #[error("the parents in {key} can't be read: {source}")]
    File {
        /// Key of the file.
        key: String,
        /// Error while decoding the file.
        source: BronzeError,
    },
}

/// Returns the parents of a day that may have children, in the order in which they were stored.
///
/// # Errors
/// See [`ParentsError`].
pub async fn parents(
    lake: &Lake,
    parent: &Parent,
    day: Day,
) -> Result<Vec<ParentRow>, ParentsError> {
    let mut rows: Vec<Option<ParentRow>> = Vec::new();
    let mut places: HashMap<Box<str>, usize> = HashMap::new();
    let bound = parent.bind.iter().map(|(_, pointer)| pointer.as_str());
    let conditions = parent.when.iter().map(|(pointer, _)| pointer.as_str());
    let pointers: Vec<_> = bound.chain(conditions).collect();
    for key in files(lake, &parent.prefix, day).await? {
        let Some((bytes, _)) = lake.get(&key).await? else {
            continue;
        };
        let stored = reader::stored(&bytes, &parent.primary_key, &pointers);
        let stored = stored.map_err(|source| ParentsError::File { key, source })?;
        for row in stored {
            let place = *places.entry(row.key.clone()).or_insert(rows.len());
            let found = parent_row(parent, row);
            match rows.get_mut(place) {
                // A newer version replaces the older one; it may have no children although the older one had
                // some.
                Some(known) => *known = found,
                None => rows.push(found),
            }
        }
    }
    Ok(rows.into_iter().flatten().collect())
}

/// Returns the keys of a day's files: those of the earlier pipeline, then the numbered ones in order.
pub(super) async fn files(lake: &Lake, prefix: &str, day: Day) -> Result<Vec<String>, LakeError> {
    let listed = lake.list(&layout::partition(prefix, day)).await?;
    let keys = listed.into_iter().map(|entry| entry.key);
    let mut keys: Vec<_> = keys.filter(|key| key.ends_with(".parquet")).collect();
    keys.sort_by_cached_key(|key| (layout::file_number(prefix, day, key), key.clone()));
    Ok(keys)
}

/// Returns `true` if a record may have children by the conditions of the declaration.
pub fn meets(parent: &Parent, record: Value<'_>) -> bool {
    let mut conditions = parent.when.iter();
    conditions
        .all(|(pointer, text)| record::field(record, pointer).is_some_and(|found| found == *text))
}

/// Returns the parent of a row; `None` if it can't have children, or has vanished.
fn parent_row(parent: &Parent, row: StoredRow) -> Option<ParentRow> {
    if row.op.as_deref() == Some(Op::Vanished.name()) {
        return None;
    }
    // A row is rebuilt as JSON; without a tape it has no fields.
    let tape = Tape::parse(&row.record).unwrap_or_default();
    let record = tape.root(&row.record);
    if !meets(parent, record) {
        return None;
    }
    let key: Arc<str> = (&*row.key).into();
    Some(ParentRow {
        slice: bind(parent, row.slice.as_deref(), record, &key),
        id: row.id,
    })
}

/// Returns the slice with the request parameters of the children of `record`; `own` is the label of the
/// slice in which `record` itself was read. The label contains the values, so that the children's own
/// children can read them from it.
///
/// # Errors
/// Returns an error if a variable has no value.
pub fn bind(
    parent: &Parent,
    own: Option<&str>,
    record: Value<'_>,
    key: &Arc<str>,
) -> Result<Slice, Unbound> {
    let own = labelled(own.unwrap_or_default(), parent.is_child);
    let inherited = parent.inherited.iter().map(|name| {
        let found = own.iter().find(|(known, _)| known == name);
        (name, found.map(|(_, value)| value.clone()))
    });
    let bound = parent.bind.iter();
    let bound = bound.map(|(name, pointer)| (name, record::field(record, pointer)));
    let mut values = Vec::new();
    for (name, value) in inherited.chain(bound) {
        let value = value.ok_or_else(|| Unbound {
            key: Arc::clone(key),
            variable: name.clone(),
        })?;
        values.push((name.clone(), value));
    }
    let mut label = form_urlencoded::Serializer::new(String::new());
    label.extend_pairs(&values);
    Ok(Slice {
        label: label.finish().into(),
        values,
        parent: Some(Arc::clone(key)),
    })
}

/// Parses the values in a slice's label; labels of children are URL-encoded.
fn labelled(label: &str, encoded: bool) -> Vec<(String, String)> {
    if encoded {
        return form_urlencoded::parse(label.as_bytes())
            .into_owned()
            .collect();
    }
    let pairs = label.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
