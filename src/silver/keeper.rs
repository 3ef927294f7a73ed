//! Tables that the daemon keeps, and which of them is due: pure functions of what was heard, and of the time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::SilverStanding;
use bronzed_model::declaration::{Check, SilverTable};
use bronzed_model::settings::Settings;

/// Longest time between two builds of a table: it takes in what other processes have committed.
const OTHERS: TimeDelta = TimeDelta::hours(6);

/// Tables that the daemon keeps.
#[derive(Debug, Default)]
pub struct SilverKeeper {
    tables: Vec<KeptTable>,
    every: TimeDelta,
    /// Position of the table that is being built.
    building: Option<usize>,
}

/// A table that the daemon keeps.
#[derive(Debug)]
pub struct KeptTable {
    /// The table as declared.
    pub table: Arc<SilverTable>,
    /// `true` if bronze may have what the table doesn't.
    wanted: bool,
    /// Begin of the last build.
    begun_at: Option<DateTime<Utc>>,
    /// End of the last build that didn't fail.
    pub built_at: Option<DateTime<Utc>>,
    /// State after it.
    pub standing: Option<SilverStanding>,
    /// Error of the last build, if it failed.
    pub error: Option<String>,
}

impl SilverKeeper {
    /// Returns the keeper of all enabled tables of enabled sources. Each is due at once.
    pub fn of(settings: &Settings) -> Self {
        let sources = settings.sources.values().filter(|source| source.enabled);
        let tables = sources.flat_map(|source| source.silver.values());
        let tables = tables.filter(|table| table.enabled).map(|table| KeptTable {
            table: Arc::clone(table),
            wanted: true,
            begun_at: None,
            built_at: None,
            standing: None,
            error: None,
        });
        Self {
            tables: tables.collect(),
            every: TimeDelta::from_std(settings.silver.every).unwrap_or(TimeDelta::MAX),
            building: None,
        }
    }

    /// Returns the tables, with `true` for the one that is being built.
    pub fn tables(&self) -> impl Iterator<Item = (&KeptTable, bool)> {
        let tables = self.tables.iter().enumerate();
        tables.map(|(position, one)| (one, self.building == Some(position)))
    }

    /// Hears that a dataset may have new rows.
    pub fn fed(&mut self, source: &str, dataset: &str) {
        for one in &mut self.tables {
            let mut inputs = one.table.inputs.iter();
            one.wanted |= inputs.any(|input| input.source == source && input.name == dataset);
        }
    }

    /// Returns the table to be built now, which counts as being built until [`Self::ended`]: of those that are due, the one
    /// that was built the longest ago.
    pub fn begin(&mut self, now: DateTime<Utc>) -> Option<Arc<SilverTable>> {
        if self.building.is_some() {
            return None;
        }
        let due = self.tables.iter().enumerate();
        let due = due.filter(|(_, one)| one.due_at(self.every).is_none_or(|at| at <= now));
        let (position, _) = due.min_by_key(|(_, one)| one.begun_at)?;
        self.building = Some(position);
        let one = self.tables.get_mut(position)?;
        one.begun_at = Some(now);
        // What comes while the table is being built may be missed by the build.
        one.wanted = false;
        Some(Arc::clone(&one.table))
    }

    /// Returns the time at which a table is due next; `None` while one is being built, or if there is none.
    pub fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.building.is_some() {
            return None;
        }
        let due = self.tables.iter();
        due.map(|one| one.due_at(self.every).unwrap_or(now)).min()
    }

    /// Hears how the build of a table has ended; `None` if it was cut off.
    pub fn ended(&mut self, result: Option<Result<SilverStanding, String>>, now: DateTime<Utc>) {
        let built = self.building.take();
        let Some(one) = built.and_then(|position| self.tables.get_mut(position)) else {
            return;
        };
        match result {
            Some(Ok(standing)) => {
                let changed = standing.changed.then(|| Arc::clone(&one.table));
                // Held back days are tried again when more comes.
                one.wanted |= standing.days_behind > 0 && standing.held_back.is_empty();
                one.built_at = Some(now);
                one.standing = Some(standing);
                one.error = None;
                if let Some(changed) = changed {
                    self.referred(&changed);
                }
            }
            Some(Err(error)) => {
                one.wanted = true;
                one.error = Some(error);
            }
            None => one.wanted = true,
        }
    }

    /// Hears that a table has changed: those that lacked a value of it are built again, which compares them.
    fn referred(&mut self, changed: &SilverTable) {
        let others = self.tables.iter_mut();
        for one in others.filter(|one| one.table.prefix != changed.prefix) {
            one.wanted |= one.lacks_values_of(changed);
        }
    }
}

impl KeptTable {
    /// Returns `true` if the last build found that values aren't in the other table, or couldn't tell.
    fn lacks_values_of(&self, other: &SilverTable) -> bool {
        let Some(standing) = &self.standing else {
            return false;
        };
        let unmet = standing.unmet.iter().map(|one| &one.name);
        let unevaluated = standing.unevaluated.iter().map(|(name, _)| name);
        let lacking: Vec<_> = unmet.chain(unevaluated).collect();
        let mut expectations = self.table.expectations.iter();
        expectations.any(|one| {
            let refers = matches!(&one.check, Check::ExistsIn { other: of, .. } if of.prefix == other.prefix);
            refers && lacking.contains(&&one.name)
        })
    }

    /// Returns the time at which the table is due. `None`: it was never built.
    fn due_at(&self, every: TimeDelta) -> Option<DateTime<Utc>> {
        let wait = match self.wanted {
            true => every,
            false => OTHERS.max(every),
        };
        let begun = self.begun_at?;
        Some(
            begun
                .checked_add_signed(wait)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silver::UnmetExpectation;

    fn keeper() -> SilverKeeper {
        SilverKeeper::of(&bronzed_config::load(None, []).unwrap())
    }

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().unwrap()
    }

    fn standing(days_behind: u64) -> Option<Result<SilverStanding, String>> {
        Some(Ok(SilverStanding {
            days_behind,
            ..SilverStanding::default()
        }))
    }

    /// Builds all that is due; returns the names.
    fn all(keeper: &mut SilverKeeper, now: DateTime<Utc>) -> Vec<String> {
        let mut built = Vec::new();
        while let Some(table) = keeper.begin(now) {
            built.push(table.full_name());
            keeper.ended(standing(0), now);
        }
        built
    }

    #[test]
    fn each_table_is_built_once_at_start_one_at_a_time() {
        let (mut keeper, now) = (keeper(), at("2025-10-22T12:00:00Z"));
        let first = keeper.begin(now).unwrap();
        assert!(keeper.begin(now).is_none() && keeper.next(now).is_none());
        keeper.ended(standing(0), now);
        let others = all(&mut keeper, now);
        assert!(!others.contains(&first.full_name()));
        assert_eq!(others.len() + 1, keeper.tables.len());
        // Items of PNCP aren't read as shipped.
        assert!(!others.contains(&"silver.pncp.itens".to_owned()));
    }

    #[test]
    fn a_table_follows_its_datasets_at_most_every_hour() {
        let (mut keeper, now) = (keeper(), at("2025-10-22T12:00:00Z"));
        all(&mut keeper, now);
        keeper.fed("pncp", "contratacoes_atualizacao");
        keeper.fed("pncp", "arquivos");
        assert!(all(&mut keeper, now + TimeDelta::minutes(59)).is_empty());
        let due = now + TimeDelta::hours(1);
        assert_eq!(keeper.next(now), Some(due));
        assert_eq!(all(&mut keeper, due), ["silver.pncp.contratacoes"]);
        assert!(all(&mut keeper, due + TimeDelta::hours(2)).is_empty());
        // What other processes have committed is found, too.
        assert!(all(&mut keeper, due + OTHERS).len() > 1);
    }

    #[test]
    fn what_comes_during_a_build_is_taken_in_by_the_next_one() {
        let (mut keeper, now) = (keeper(), at("2025-10-22T12:00:00Z"));
        all(&mut keeper, now);
        keeper.fed("tcu", "inidoneos");
        let now = now + TimeDelta::hours(1);
        keeper.begin(now).unwrap();
        keeper.fed("tcu", "inidoneos");
        keeper.ended(standing(0), now);
        let then = now + TimeDelta::hours(1);
        let due = all(&mut keeper, then);
        assert_eq!(
            due,
            ["silver.tcu.inidoneos_historico", "silver.tcu.inidoneos"]
        );
    }

    #[test]
    fn a_table_that_lacks_values_of_another_one_is_built_again_when_that_one_has_changed() {
        let on = (
            "BRONZED__SOURCES__PNCP__SILVER__ITENS__ENABLED".to_owned(),
            "true".to_owned(),
        );
        let settings = bronzed_config::load(None, [on]).unwrap();
        let unmet = UnmetExpectation {
            name: "contratacao".to_owned(),
            check: Check::EXISTS_IN.to_owned(),
            found: None,
            unexpected: 1,
            evaluated: 9,
        };
        let lacking = SilverStanding {
            unmet: vec![unmet],
            ..SilverStanding::default()
        };
        let unevaluated = SilverStanding {
            unevaluated: vec![("contratacao".to_owned(), "it isn't there".to_owned())],
            ..SilverStanding::default()
        };
        for (of_items, changed, again) in [
            (lacking.clone(), true, true),
            (unevaluated, true, true),
            (lacking, false, false),
            (SilverStanding::default(), true, false),
        ] {
            let (mut keeper, now) = (SilverKeeper::of(&settings), at("2025-10-22T12:00:00Z"));
            while let Some(table) = keeper.begin(now) {
                let is_items = table.full_name() == "silver.pncp.itens";
                let standing = match is_items {
                    true => of_items.clone(),
                    false => SilverStanding::default(),
                };
                keeper.ended(Some(Ok(standing)), now);
            }
            keeper.fed("pncp", "contratacoes");
            let now = now + TimeDelta::hours(1);
            assert_eq!(
                keeper.begin(now).unwrap().full_name(),
                "silver.pncp.contratacoes"
            );
            let standing = SilverStanding {
                changed,
                ..SilverStanding::default()
            };
            keeper.ended(Some(Ok(standing)), now);
            let built = all(&mut keeper, now);
            assert_eq!(built.contains(&"silver.pncp.itens".to_owned()), again);
            assert!(built.len() < 2, "{built:?}");
        }
    }

    #[test]
    fn a_failed_or_stopped_build_is_tried_again_with_the_next_round() {
        for (result, again) in [
            (Some(Err("the lake is away".to_owned())), true),
            (standing(3), true),
            (None, true),
            (standing(0), false),
        ] {
            let (mut keeper, now) = (keeper(), at("2025-10-22T12:00:00Z"));
            all(&mut keeper, now);
            keeper.fed("pncp", "atas");
            let now = now + TimeDelta::hours(1);
            keeper.begin(now).unwrap();
            keeper.ended(result.clone(), now);
            let then = now + TimeDelta::hours(1);
            assert_eq!(!all(&mut keeper, then).is_empty(), again, "{result:?}");
        }
    }

    #[test]
    fn nothing_is_kept_of_sources_that_are_off() {
        let off = (
            "BRONZED__SOURCES__PNCP__ENABLED".to_owned(),
            "false".to_owned(),
        );
        let settings = bronzed_config::load(None, [off]).unwrap();
        let keeper = SilverKeeper::of(&settings);
        assert!(keeper.tables().all(|(one, _)| one.table.source != "pncp"));
    }
}
