//! `bronzed state`: inspection and repair of single state documents.

mod accept;
mod rebuild;
mod show;
mod verify;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Subcommand;

use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, complain, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Period};
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;
use bronzed_storage::state::{DayStore, InspectedTable};
use bronzed_storage::table;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the state of one day of a dataset; nothing is changed
    Show(show::Args),
    /// Check files, state and marker of days against each other; nothing is changed
    Verify(verify::Args),
    /// Rebuild the states of days from their files
    Rebuild(rebuild::Args),
    /// Accept a day that can't be proven complete: it is not read any more
    Accept(accept::Args),
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    match args.command {
        Command::Show(args) => show::run(shell, args).await,
        Command::Verify(args) => verify::run(shell, args).await,
        Command::Rebuild(args) => rebuild::run(shell, args).await,
        Command::Accept(args) => accept::run(shell, args).await,
    }
}

/// Selected days of a dataset.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// Dataset (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE.DATASET")]
    target: String,
    #[command(flatten)]
    days: DayBounds,
}

/// Days of the lake, by one day or by bounds that may be open.
#[derive(Debug, clap::Args)]
pub(super) struct DayBounds {
    /// One day
    #[arg(long, value_name = DAY, conflicts_with_all = ["from", "to"])]
    day: Option<TypedDay>,
    /// First day. Default: the first in the lake
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day. Default: the last in the lake
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
}

/// Opened dataset with its selected days.
pub(super) struct Opened {
    pub place: DatasetHandle,
    /// Selected days.
    pub days: Vec<Day>,
}

impl Selection {
    /// Opens the dataset for a command that writes.
    pub(super) async fn open_to_write(&self, shell: &CliContext) -> Result<Opened, CliError> {
        let settings = shell.settings()?;
        let now = SystemClock.now();
        self.days.check(&settings, now)?;
        shell.log(&settings, true)?;
        let place = DatasetHandle::to_write(&settings, &self.target).await?;
        let table = InspectedTable::list(&place.lake, &place.dataset.prefix).await;
        let table = table.map_err(anyhow::Error::from)?;
        let today = Day::of(now, place.zone);
        let days = self.days.of(&table.days, place.dataset.days.period, today);
        Ok(Opened { place, days })
    }

    /// Returns `true` if a day or a range is given; otherwise all days in the lake are selected.
    pub(super) fn names_days(&self) -> bool {
        let DayBounds { day, from, to } = &self.days;
        day.is_some() || from.is_some() || to.is_some()
    }
}

impl DayBounds {
    /// Checks that the days don't end before they start.
    fn check(&self, settings: &Settings, now: DateTime<Utc>) -> Result<(), CliError> {
        target::typed_in_order(self.from, self.to, settings, now)
    }

    /// Returns the selected days of the lake; a day given by `--day` is returned even if the lake has nothing
    /// of it.
    fn of(&self, known: &BTreeSet<Day>, period: Period, today: Day) -> Vec<Day> {
        if let Some(day) = self.day {
            return vec![period.first(day.on(today))];
        }
        let from = self.from.map(|from| period.first(from.on(today)));
        let to = self.to.map(|to| to.on(today));
        let asked =
            |day: &&Day| from.is_none_or(|from| from <= **day) && to.is_none_or(|to| **day <= to);
        known.iter().filter(asked).copied().collect()
    }
}

/// Dataset opened in the lake.
pub(super) struct DatasetHandle {
    pub lake: Lake,
    pub dataset: Arc<Dataset>,
    pub zone: Tz,
}

impl DatasetHandle {
    /// Opens the one dataset that `target` names, in the configured lake.
    pub(super) async fn to_read(settings: &Settings, target: &str) -> Result<Self, CliError> {
        let place = Self::find(settings, target).await?;
        let look = table::look(&place.lake, &place.dataset).await;
        if let Err(error) = look {
            // The error is only printed, because the days can be shown in any case.
            complain(&error.to_string());
        }
        Ok(place)
    }

    /// Like [`Self::to_read`], for a command that writes.
    async fn to_write(settings: &Settings, target: &str) -> Result<Self, CliError> {
        let place = Self::find(settings, target).await?;
        // A state that is written by another declaration would be believed.
        let look = table::look(&place.lake, &place.dataset).await;
        look.map_err(anyhow::Error::from)?;
        let entropy = Entropy::from_system();
        let joined = place.lake.join(&entropy, SystemClock.now()).await;
        joined.map_err(anyhow::Error::from)?;
        Ok(place)
    }

    async fn find(settings: &Settings, target: &str) -> Result<Self, CliError> {
        let (source, datasets) = target::find(settings, target)?;
        let [dataset] = datasets.as_slice() else {
            return Err(CliError::Usage(format!(
                "`{target}` has several datasets: name one, as in `{}`",
                datasets
                    .first()
                    .map_or_else(|| "pncp.contratacoes".to_owned(), |one| one.full_name())
            )));
        };
        let lake = Lake::open_existing(&settings.lake).await;
        let lake = lake.map_err(anyhow::Error::from)?;
        Ok(Self {
            lake: lake.with_states(settings.state.compression),
            dataset: dataset.clone(),
            zone: source.timezone,
        })
    }

    pub(super) fn day(&self, day: Day) -> DayStore {
        DayStore {
            lake: self.lake.clone(),
            dataset: self.dataset.clone(),
            zone: self.zone,
            day,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(Entropy::from_system()),
        }
    }
}
