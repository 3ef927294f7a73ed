//! Merge of a step's rows into the table's files, copy-on-write: only files in which a row changes are written anew, each as a
//! stream of batches; and small neighbours of these, so that files from which rows move away don't stay small. What is written
//! has names that nothing refers to, until the step is committed.

use std::collections::{BTreeMap, BTreeSet};

use bronzed_model::declaration::{ExpectationSeverity, SilverTable};
use bronzed_model::quality::Results;
use bronzed_storage::bronze::expectations::Evaluator;
use bronzed_storage::lake::Lake;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::SilverError;
use super::fold::{self, FoldedRow, Incoming, RowSource, SilverRow};
use super::locate::{self, BATCH_ROWS};
use super::output::TableWriter;
use super::rows::{PutRow, PutRows, StoredBatch};
use super::shape::SilverShape;
use super::state::{FilePlace, TableFile};
use super::take::IncomingRows;

/// All that a step works with.
#[derive(Clone, Copy)]
pub(super) struct StepContext<'a> {
    pub lake: &'a Lake,
    pub table: &'a SilverTable,
    pub shape: &'a SilverShape,
    /// Id that no other step has.
    pub step: Uuid,
    pub now: DateTime<Utc>,
    /// Size at which a file is ended.
    pub file_bytes: usize,
}

/// Rows that a step changes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowCounts {
    pub added: u64,
    pub changed: u64,
    pub deleted: u64,
}

/// Result of a merge.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// The table's files after it.
    pub files: Vec<TableFile>,
    /// Files that were written.
    pub written: Vec<TableFile>,
    pub counts: RowCounts,
    /// Results of the expectations on what was written, by place.
    pub results: Vec<(FilePlace, Results)>,
    /// Places in which an expectation of severity `error` failed, with the bronze days that touch them, as positions in the
    /// step. If there are any, nothing of the step may be committed.
    pub failed: BTreeMap<FilePlace, BTreeSet<u32>>,
}

/// Changes of a step, by place and file.
#[derive(Debug, Default)]
struct Changes {
    /// Rows that go, by file.
    drops: BTreeMap<usize, BTreeSet<u32>>,
    /// Rows that come, by place, in the order of keys.
    puts: BTreeMap<FilePlace, Vec<PutRow>>,
    /// Bronze days that touch a place.
    touched: BTreeMap<FilePlace, BTreeSet<u32>>,
    counts: RowCounts,
}

/// Merges the pool's rows into the files.
pub(super) async fn merge(
    context: StepContext<'_>,
    files: &[TableFile],
    pool: &mut IncomingRows,
) -> Result<Merged, SilverError> {
    let StepContext { lake, shape, .. } = context;
    let stored = locate::stored(lake, shape, files, &pool.keys).await?;
    let mut changes = Changes::default();
    for (key, incoming) in &pool.keys {
        let stored = stored.get(key).map_or(&[][..], Vec::as_slice);
        changes.add(key, stored, incoming, shape, files);
    }
    drop(stored);
    let mut puts = PutRows::new(shape, pool)?;
    fetch_moved(context, files, &changes, &mut puts).await?;
    let mut merged = Merged {
        counts: changes.counts,
        ..Merged::default()
    };
    let mut rewritten = BTreeSet::new();
    let mut number = 0;
    let places: BTreeSet<_> = changes.touched.keys().cloned().collect();
    for place in &places {
        let of_place = Rewriting {
            context,
            files,
            changes: &changes,
            puts: &puts,
            place,
        };
        let (written, results) = of_place.run(&mut number, &mut rewritten).await?;
        if has_failed(context.table, &results) {
            let days = changes.touched.get(place).cloned().unwrap_or_default();
            merged.failed.insert(place.clone(), days);
        }
        merged.written.extend(written);
        merged.results.push((place.clone(), results));
    }
    let rest = files.iter().enumerate();
    let rest = rest.filter(|(position, _)| !rewritten.contains(position));
    merged.files = rest.map(|(_, file)| file.clone()).collect();
    merged.files.extend(merged.written.iter().cloned());
    Ok(merged)
}

fn has_failed(table: &SilverTable, results: &Results) -> bool {
    table.expectations.iter().any(|expectation| {
        expectation.severity == ExpectationSeverity::Error
            && results
                .get(&expectation.name)
                .is_some_and(|result| !result.success)
    })
}

impl Changes {
    fn add(
        &mut self,
        key: &str,
        stored: &[SilverRow],
        incoming: &Incoming,
        shape: &SilverShape,
        files: &[TableFile],
    ) {
        let rows = match shape.history {
            true => fold::history(stored, incoming),
            false => fold::latest(stored, incoming, shape.omits),
        };
        let mut places = BTreeSet::new();
        for row in stored {
            let stays = rows.iter().any(|folded| folded.is(row));
            if let (false, RowSource::Stored { file, row }) = (stays, row.source) {
                self.drops.entry(file).or_default().insert(row);
                places.extend(files.get(file).map(|file| file.place.clone()));
            }
        }
        for row in rows {
            if stored.iter().any(|stored| row.is(stored)) {
                continue;
            }
            self.counts.add(&row, stored, shape.history);
            places.insert(row.place.clone());
            let puts = self.puts.entry(row.place.clone()).or_default();
            puts.push((key.into(), row));
        }
        for place in places {
            let touched = self.touched.entry(place).or_default();
            touched.extend(&incoming.days);
        }
    }
}

impl RowCounts {
    /// Counts a row that isn't as it was.
    fn add(&mut self, row: &FoldedRow, stored: &[SilverRow], history: bool) {
        let before = match history {
            true => stored.iter().find(|before| before.source == row.source),
            false => stored.first(),
        };
        let before = before.filter(|before| before.place != FilePlace::Kept);
        let is_seen = row.place != FilePlace::Kept;
        match before {
            None if is_seen => self.added += 1,
            None => {}
            Some(_) if !is_seen => self.deleted += 1,
            Some(before) if row.gone.is_some() && before.gone.is_none() => self.deleted += 1,
            Some(_) => self.changed += 1,
        }
    }
}

/// Reads the rows that move from one file to another, or change in place.
async fn fetch_moved(
    context: StepContext<'_>,
    files: &[TableFile],
    changes: &Changes,
    puts: &mut PutRows<'_>,
) -> Result<(), SilverError> {
    let mut moved: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for (_, row) in changes.puts.values().flatten() {
        if let RowSource::Stored { file, row } = row.source {
            moved.entry(file).or_default().insert(row);
        }
    }
    for (position, rows) in moved {
        let Some(file) = files.get(position) else {
            continue;
        };
        let bytes = locate::read(context.lake, context.shape, file).await?;
        let mut before = 0;
        for batch in locate::batches(context.shape, file, bytes, |_| true)? {
            let batch = batch?;
            puts.hold(position, before, &batch, &rows)?;
            before += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
        }
    }
    Ok(())
}

/// Neighbouring files with the rows that come into them, which become one file, or several of equal size.
struct FileGroup<'a> {
    files: Vec<(Option<usize>, &'a [PutRow])>,
    /// Size that they will have in all, about.
    bytes: u64,
}

/// Rewriting of a place's files.
struct Rewriting<'a> {
    context: StepContext<'a>,
    files: &'a [TableFile],
    changes: &'a Changes,
    puts: &'a PutRows<'a>,
    place: &'a FilePlace,
}

impl Rewriting<'_> {
    async fn run(
        &self,
        number: &mut u32,
        rewritten: &mut BTreeSet<usize>,
    ) -> Result<(Vec<TableFile>, Results), SilverError> {
        let StepContext {
            lake,
            table,
            shape,
            step,
            now,
            file_bytes,
        } = self.context;
        let seen = *self.place != FilePlace::Kept && !table.expectations.is_empty();
        let evaluator = seen.then(|| Evaluator::of_table(&table.expectations));
        let writer = TableWriter::new(lake, shape, self.place, (step, number), now);
        let mut writer = writer.ended_at(file_bytes).evaluated_by(evaluator);
        for group in self.groups() {
            if !group
                .files
                .iter()
                .any(|(file, puts)| self.changes_in(*file, puts))
            {
                continue;
            }
            writer.expect(group.bytes);
            for (file, puts) in group.files {
                match file {
                    None => self.write_puts(&mut writer, puts).await?,
                    Some(position) => {
                        rewritten.insert(position);
                        self.rewrite(&mut writer, position, puts).await?;
                    }
                }
            }
            writer.end_file().await?;
        }
        let results = writer.take_results();
        Ok((writer.files, results))
    }

    fn changes_in(&self, file: Option<usize>, puts: &[PutRow]) -> bool {
        !puts.is_empty() || file.is_some_and(|file| self.changes.drops.contains_key(&file))
    }

    /// Returns the place's files in the order of keys; those together that are small as they will be, neighbours, and no more than
    /// half a file in all. So what becomes one file has room to grow, and is rewritten with others no more.
    fn groups(&self) -> Vec<FileGroup<'_>> {
        let most = self.context.file_bytes as u64 / 2;
        let mut groups: Vec<FileGroup<'_>> = Vec::new();
        for (file, puts) in self.assigned() {
            let bytes = file.map_or(0, |file| self.bytes_after(file, puts));
            match groups.last_mut() {
                Some(group) if group.bytes + bytes <= most => {
                    group.files.push((file, puts));
                    group.bytes += bytes;
                }
                _ => groups.push(FileGroup {
                    files: vec![(file, puts)],
                    bytes,
                }),
            }
        }
        groups
    }

    /// Returns the size that a file will have, about.
    fn bytes_after(&self, file: usize, puts: &[PutRow]) -> u64 {
        let drops = self.changes.drops.get(&file).map_or(0, BTreeSet::len);
        let Some(file) = self.files.get(file) else {
            return 0;
        };
        let rows = (file.rows + puts.len() as u64).saturating_sub(drops as u64);
        file.size / file.rows.max(1) * rows
    }

    /// Returns the place's files in the order of keys, each with the rows that come into it.
    fn assigned(&self) -> Vec<(Option<usize>, &[PutRow])> {
        let least = |file: &TableFile| file.keys.as_ref().map(|(least, _)| least.clone());
        let files = self.files.iter().enumerate();
        let mut files: Vec<_> = files
            .filter(|(_, file)| file.place == *self.place)
            .map(|(position, file)| (least(file).unwrap_or_default(), position))
            .collect();
        files.sort();
        let puts = self.changes.puts.get(self.place);
        let mut puts = puts.map_or(&[][..], Vec::as_slice);
        if files.is_empty() {
            return vec![(None, puts)];
        }
        let mut assigned = Vec::new();
        for (place, (_, position)) in files.iter().enumerate() {
            // A file takes all up to the least key of the next one.
            let end = match files.get(place + 1) {
                Some((next, _)) => puts.partition_point(|(key, _)| **key < **next),
                None => puts.len(),
            };
            let (here, rest) = puts.split_at(end);
            puts = rest;
            assigned.push((Some(*position), here));
        }
        assigned
    }

    async fn write_puts(
        &self,
        writer: &mut TableWriter<'_>,
        puts: &[PutRow],
    ) -> Result<(), SilverError> {
        for puts in puts.chunks(BATCH_ROWS) {
            writer.write(&self.puts.batch(puts)?).await?;
        }
        Ok(())
    }

    async fn rewrite(
        &self,
        writer: &mut TableWriter<'_>,
        position: usize,
        mut puts: &[PutRow],
    ) -> Result<(), SilverError> {
        let StepContext { lake, shape, .. } = self.context;
        let Some(file) = self.files.get(position) else {
            return Ok(());
        };
        let none = BTreeSet::new();
        let drops = self.changes.drops.get(&position).unwrap_or(&none);
        let bytes = locate::read(lake, shape, file).await?;
        let mut before = 0;
        for batch in locate::batches(shape, file, bytes, |_| true)? {
            let stored = StoredBatch::of(shape, &batch?, before, drops)?;
            before += stored.rows_before_drops;
            let Some(last) = stored.last() else { continue };
            let end = puts.partition_point(|(key, row)| {
                (&**key, row.order.as_deref().unwrap_or_default()) < last
            });
            let (here, rest) = puts.split_at(end);
            puts = rest;
            let merged = stored.merged_with(here, self.puts)?;
            writer.write(&merged).await?;
        }
        self.write_puts(writer, puts).await
    }
}
