//! Mutations of the protocol that take more than a changed condition.

use super::commit::Change;
use super::document::StateDocument;
use crate::bronze::writer::EncodedFile;
use crate::state::recover::Recovery;
use crate::state::store::Notes;
use crate::state::{Committed, DayState, DayStore, StateError};
use bronzed_model::execution::Execution;

impl DayStore {
    /// Returns a new day, ignoring the existing state.
    pub(super) fn without_looking(&self) -> DayState {
        DayState {
            document: StateDocument::new(self.day, self.clock.now()),
            version: None,
            recovery: Recovery::default(),
            notes: Notes::default(),
            required: 0,
            unmark: false,
            shrunk: false,
        }
    }

    /// Commits in the order of the earlier pipeline: ids first, rows after.
    pub(super) async fn commit_state_first(
        &self,
        state: &mut DayState,
        file: EncodedFile,
        execution: &mut Execution,
    ) -> Result<Committed, StateError> {
        let (number, rows) = (state.commits() + 1, file.ids.len() as u64);
        let key = self.file_key(number);
        let mut run = execution.clone();
        run.files.push((key.clone(), rows));
        let change = Change {
            run: Some(&run),
            file: Some((number, file.ids.as_slice())),
            ..Change::default()
        };
        self.update(state, &change).await?;
        self.lake.create(&key, file.bytes).await?;
        *execution = run;
        Ok(Committed {
            key: Some(key),
            rows,
            dropped: 0,
        })
    }
}
