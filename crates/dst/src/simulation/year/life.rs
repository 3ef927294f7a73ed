//! Drives a daemon through the year: kills, restarts, a new slice in the configuration, and an hour with a
//! wrong clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use super::model::{Api, Scope, Weather, Wrong};
use super::store::Store;
use super::time::{At, Shown, days, minutes, start_of};
use bronzed::daemon::Daemon;
use bronzed::session::AppContext;
use bronzed_model::clock::Clock;
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_source::testing::Transport;
use bronzed_storage::lake::Lake;

/// Interval in minutes at which a busy daemon is woken.
const STRIKES: i64 = 5;

/// Event in the simulated year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The daemon is killed and started again.
    Kill,
    /// The daemon is stopped gracefully and started again.
    Restart,
    /// The daemon is stopped gracefully and started with the new slice.
    NewSlice,
    /// The daemon's clock is set ahead by this number of days.
    Clock(i64),
    /// The daemon is killed and stays down.
    Away,
    /// The daemon is started after [`Event::Away`].
    Back,
    /// The count of lake operations is reset.
    Count,
    /// The lake operations since [`Event::Count`] are noted.
    Counted,
}

/// The daemon with its providers, its lake and its clock.
pub struct World {
    pub api: Api,
    pub store: Store,
    pub shown: Shown,
    entropy: Arc<Entropy>,
    with_new_slice: bool,
    /// Datasets that are read. Empty: all.
    only: Vec<String>,
    /// Lake operations in hours without a daily job, by operation, with the end of each hour.
    pub hours: Vec<(At, BTreeMap<&'static str, u64>)>,
    /// Number of times that the daemon exited by itself.
    pub deaths: u32,
    /// Time at which the new slice was added to the configuration. `None` if it wasn't.
    pub new_slice_at: Option<At>,
    daemon: Option<Alive>,
}

struct Alive {
    daemon: Daemon,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    pub fn new(seed: u64, api: Api, only: Vec<String>) -> Self {
        let store = Store::new(Arc::clone(&api.weather), api.truth);
        Self {
            shown: Shown::over(api.truth),
            store,
            api,
            entropy: Arc::new(Entropy::seeded(seed)),
            with_new_slice: false,
            only,
            hours: Vec::new(),
            deaths: 0,
            new_slice_at: None,
            daemon: None,
        }
    }

    fn settings(&self) -> Settings {
        let mut files = bronzed_config::carried();
        if self.with_new_slice {
            let pncp = files
                .get_mut("sources/pncp.toml")
                .expect("the shipped file");
            let more = pncp.replace("13, 14]", "13, 14, 15]");
            assert_ne!(*pncp, more, "the shipped slices");
            *pncp = more;
        }
        let mut environment = vec![("BRONZED__LAKE__URL".to_owned(), "memory:///".to_owned())];
        environment.push(("BRONZED__TELEMETRY__LOG".to_owned(), "info".to_owned()));
        let settings = bronzed_config::load_given(files, environment);
        let mut settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
        self.leave_out(&mut settings);
        settings
    }

    /// Removes the datasets that aren't in `only`, and the jobs that have none left.
    fn leave_out(&self, settings: &mut Settings) {
        if self.only.is_empty() {
            return;
        }
        settings.sources.retain(|source, _| {
            let mut only = self.only.iter();
            only.any(|name| name.starts_with(&format!("{source}.")))
        });
        for source in settings.sources.values_mut() {
            let name = source.name.clone();
            let of = Arc::make_mut(source);
            of.datasets
                .retain(|dataset, _| self.only.contains(&format!("{name}.{dataset}")));
            let declared = &of.datasets;
            of.jobs.retain(|_, job| {
                let all = job.datasets.is_empty();
                job.datasets
                    .retain(|dataset| declared.contains_key(dataset));
                all || !job.datasets.is_empty()
            });
        }
    }

    fn start(&mut self) {
        let clock: Arc<dyn Clock> = Arc::new(self.shown.clone());
        let lake = Lake::over(Arc::new(self.store.clone()), "the year's lake");
        let api = Arc::new(self.api.clone());
        let transport = |_: &_| Arc::clone(&api) as Arc<dyn Transport>;
        let entropy = Arc::clone(&self.entropy);
        let session = AppContext::with_transport(self.settings(), lake, clock, entropy, transport);
        let daemon = Daemon::new(session).expect("jobs");
        let stop = CancellationToken::new();
        let (living, stopped) = (daemon.clone(), stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = living.run(stopped).await {
                eprintln!("the daemon ended: {error}");
            }
        });
        self.daemon = Some(Alive { daemon, stop, task });
    }

    async fn end(&mut self, kill: bool) {
        let Some(alive) = self.daemon.take() else {
            return;
        };
        match kill {
            true => alive.task.abort(),
            false => alive.stop.cancel(),
        }
        let outcome = alive.task.await;
        assert!(outcome.is_ok() || kill, "the daemon panicked: {outcome:?}");
    }

    /// Runs the daemon from the start of `first` until the end of `last`.
    pub async fn live(&mut self, seed: u64, first: NaiveDate, last: NaiveDate) {
        let events = events(seed, first, last, &self.api.weather);
        self.start();
        let (told, begun) = (std::env::var_os("YEAR_TELLS").is_some(), super::begun());
        for (at, event) in events {
            self.pass(at).await;
            if told {
                let asks: u64 = self.api.asks.lock().expect("no panic").values().sum();
                let took = begun.elapsed().as_secs_f64();
                println!("seed {seed} {at} {event:?}: {asks} requests, {took:.1} s");
            }
            self.happens(event).await;
        }
        self.pass(start_of(last) + days(1)).await;
        self.end(false).await;
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Kill | Event::Restart => {
                self.end(event == Event::Kill).await;
                self.start();
            }
            Event::NewSlice => {
                self.end(false).await;
                self.with_new_slice = true;
                self.new_slice_at = Some(self.api.truth.now());
                self.start();
            }
            Event::Clock(ahead) => self.shown.set_ahead(days(ahead)),
            Event::Away => self.end(true).await,
            Event::Back => self.start(),
            Event::Count => drop(self.store.take_operations()),
            Event::Counted => {
                let operations = self.store.take_operations();
                self.hours.push((self.api.truth.now(), operations));
            }
        }
    }

    /// Advances the time to `until`, each step to the daemon's next wake.
    async fn pass(&mut self, until: At) {
        let truth = self.api.truth;
        loop {
            let now = truth.now();
            if now >= until {
                return;
            }
            let Some(alive) = &self.daemon else {
                truth.sleep_until(until).await;
                return;
            };
            if alive.task.is_finished() {
                // Restarted after a minute, as by a supervisor.
                self.end(true).await;
                self.deaths += 1;
                truth.sleep_until((now + minutes(1)).min(until)).await;
                self.start();
                continue;
            }
            alive.daemon.wake();
            let struck = (now + minutes(STRIKES)).min(until);
            tokio::select! {
                biased;
                () = alive.daemon.settled() => {}
                () = truth.sleep_until(struck) => continue,
            }
            let least = truth.now() + TimeDelta::seconds(1);
            let next = alive
                .daemon
                .next_wake()
                .map(|wake| wake - self.shown.ahead());
            let next = next
                .unwrap_or(least)
                .clamp(least, truth.now().max(least) + minutes(60));
            truth.sleep_until(next.min(until)).await;
        }
    }
}

/// Returns the events of the year, sorted by time.
fn events(seed: u64, first: NaiveDate, last: NaiveDate, weather: &Weather) -> Vec<(At, Event)> {
    let chance = &mut Chance::of(seed, "events");
    let length = (last - first).num_days();
    let mut events = Vec::new();
    for _ in 0..(length / 15).max(3) {
        let day = first + days(chance.within(1, length - 2));
        let hour = chance.one_of(&[0, 1, 3, 3, 5, 5, 6, 7, 12]);
        let second = TimeDelta::milliseconds(chance.within(0, 180_000));
        let event = chance.one_of(&[Event::Kill, Event::Kill, Event::Restart]);
        events.push((start_of(day) + TimeDelta::hours(hour) + second, event));
    }
    for spell in &weather.spells {
        let both = match (spell.scope, spell.wrong) {
            (Scope::Clock, Wrong::Ahead) => [Event::Clock(90), Event::Clock(0)],
            (Scope::Daemon, _) => [Event::Away, Event::Back],
            _ => continue,
        };
        events.extend([(spell.from, both[0]), (spell.until, both[1])]);
    }
    if length > 200 {
        let june = NaiveDate::from_ymd_opt(2025, 6, 1).expect("a day");
        let day = june + days(chance.within(0, 28));
        events.push((
            start_of(day) + minutes(chance.within(0, 1440)),
            Event::NewSlice,
        ));
    }
    // An hour without a daily job, 14:05 to 15:05, early and late in the year.
    for day in [first + days(length / 7), last - days(2)] {
        let from = start_of(day) + minutes(14 * 60 + 5);
        events.push((from, Event::Count));
        events.push((from + minutes(60), Event::Counted));
    }
    events.sort_by_key(|(at, _)| *at);
    // No events while the daemon is down.
    let away = |at: At| {
        let mut spells = weather.spells.iter();
        spells.any(|spell| spell.scope == Scope::Daemon && spell.from < at && at < spell.until)
    };
    events.retain(|(at, _)| !away(*at));
    events
}
