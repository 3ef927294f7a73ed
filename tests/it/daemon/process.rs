//! The daemon as a process: killed thirty times, stopped while reading a day, used over HTTP, measured for
//! memory.
//!
//! It uses the machine's clock; cron expressions with seconds shorten the hours.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::entropy::Entropy;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_storage::bronze::layout;
use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Program, Running, allocator_as_deployed};
use crate::support::promises::{self, Api};
use crate::support::runtime;
use crate::support::scene::Expect;
use crate::support::sources::{SLICES, write_shared, write_source};

pub(super) const TOKEN: &str = "correct horse";

/// Jobs with an hour of two seconds.
pub(super) const SHORT_HOURS: &str = r#"
[job.hourly]
cron = "*/2 * * * * *"
days = "today"
mode = "new"
priority = "hourly"
"#;

/// Sources over simulators on the machine's clock, in a time zone that is far from midnight.
pub(super) struct Place {
    zone: Tz,
    pub today: Day,
    lake: TestLake,
    simulators: Vec<(&'static str, Simulator)>,
    config: TempDir,
}

impl Place {
    pub fn new(names: &[&'static str], jobs: &str, latency: Duration) -> Self {
        let now = SystemClock.now();
        let sao_paulo = chrono_tz::America::Sao_Paulo;
        // Near midnight, uses a time zone further west, because no test may cross midnight.
        let (zone, shift) = match now.with_timezone(&sao_paulo).hour() {
            3..=21 => (sao_paulo, TimeDelta::zero()),
            _ => (Tz::Etc__GMTPlus9, TimeDelta::hours(-6)),
        };
        let today = Day::of(now, zone);
        let config = TempDir::with_prefix("bronzed-config-").expect("a temporary folder");
        write_shared(config.path());
        let simulators = names.iter().map(|name| {
            write_source(config.path(), name, jobs, today);
            let clock = SimClock::over(Arc::new(SystemClock));
            // Brings the simulator's Brasília time in line with local time in that zone.
            clock.advance(shift);
            let simulator = Simulator::start(SimConfig {
                latency,
                ..SimConfig::new(Catalog::new(), clock)
            });
            (*name, runtime().block_on(simulator).expect("a free port"))
        });
        Self {
            simulators: simulators.collect(),
            lake: TestLake::new(Backend::Folder),
            zone,
            today,
            config,
        }
    }

    pub fn daemon(&self) -> Program {
        let config = self.config.path().to_str().expect("Unicode");
        let mut program = Program::new(&["daemon", "--config", config])
            .on(&self.lake)
            .env("BRONZED__SERVER__LISTEN", "127.0.0.1:0")
            .env("BRONZED__SERVER__TOKEN", TOKEN);
        for (name, simulator) in &self.simulators {
            let variable = |key: &str| format!("BRONZED__SOURCES__{}__{key}", name.to_uppercase());
            program = program
                .env(&variable("BASE_URL"), simulator.base_url())
                .env(&variable("TIMEZONE"), self.zone.name());
        }
        program
    }

    /// Publishes records dated earlier on this day.
    pub fn publish(&self, seed: u64, day: Day, records: u32) {
        for (_, simulator) in &self.simulators {
            let now = simulator.clock().brasilia();
            let day = GeneratedDay {
                bytes_per_record: 600,
                ..GeneratedDay::new(seed, day, records)
            };
            let records = day.records().filter(|record| {
                SLICES.contains(&record.modalidade()) && record.published() <= now
            });
            simulator.catalog().extend(records);
        }
    }

    pub fn listed(&self, day: Day) -> BTreeSet<String> {
        let (_, simulator) = &self.simulators[0];
        simulator.catalog().ids(day, simulator.clock().brasilia())
    }

    pub fn stored(&self, day: Day) -> BTreeSet<String> {
        let (name, _) = &self.simulators[0];
        let key = layout::state_key(name, day);
        if !self.lake.keys().contains(&key) {
            return BTreeSet::new();
        }
        serde_json::from_value(self.lake.json(&key)["processed_ids"].clone()).expect("ids")
    }

    /// Judges a day of the first source, while no run is under way, by the promises; returns its runs.
    pub fn judge(&self, day: Day) -> Vec<Value> {
        let (name, simulator) = &self.simulators[0];
        let settings = bronzed_config::load(Some(self.config.path()), []).expect("settings");
        let dataset = &settings.sources[*name].datasets["contratacoes"];
        let now = simulator.clock().brasilia();
        let api = Api::of(simulator.catalog(), day, now);
        let lake = self.lake.open();
        let broken = promises::broken(&lake, dataset, day, &api, Expect::Some, &[]);
        assert_eq!(runtime().block_on(broken), []);
        let state = self.lake.json(&layout::state_key(name, day));
        state["executions"].as_array().expect("a list").clone()
    }
}

pub(super) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} doesn't come");
}

pub(super) fn address(daemon: &mut Running) -> String {
    let started = daemon.event("daemon started");
    format!("http://{}", started["listen"].as_str().expect("an address"))
}

/// Thirty kills in short hours: nothing is lost, nothing is stored twice.
#[test]
#[ignore = "takes a minute: .ci/run conformance"]
fn thirty_kills_in_ten_short_hours_lose_and_double_nothing() {
    const SEED: u64 = 11;
    println!("seed {SEED}");
    let place = Place::new(&["one"], SHORT_HOURS, Duration::from_millis(3));
    let entropy = Entropy::seeded(SEED);
    for kill in 1..=30 {
        place.publish(SEED + kill, place.today, 40);
        let mut daemon = place
            .daemon()
            // Small commits, so that kills hit runs that have committed: a run's last commit ends it.
            .env("BRONZED__COMMIT__MAX_RECORDS", "2")
            .start();
        daemon.event("daemon started");
        let moment = entropy.up_to(Duration::from_millis(2_600));
        thread::sleep(moment);
        daemon.kill();
    }
    let mut daemon = place.daemon().start();
    daemon.event("daemon started");
    wait_until("all records", || {
        place.stored(place.today) == place.listed(place.today)
    });
    daemon.signal("TERM");
    daemon.wait().expect(0);
    let runs = place.judge(place.today);
    // An interrupted run is marked as such by the next run of the day.
    let cut_off = |run: &&Value| {
        run["stop"] == "interrupted"
            || matches!(run["status"].as_str(), Some("running" | "recovered"))
    };
    let cut_off = runs.iter().filter(cut_off).count();
    println!(
        "{} records, {} runs, {cut_off} of them cut off after a commit",
        place.stored(place.today).len(),
        runs.len()
    );
    // A run's last commit carries its verdict, so a random kill rarely hits the moment between a commit and
    // the end; failpoints cover each of these moments.
    assert!(runs.len() > 5, "hardly a run was met");
}

/// SIGTERM while reading 20,000 records: exit within the grace period with code 0 and a consistent lake;
/// the next daemon completes the day without waiting.
#[test]
#[ignore = "takes a minute: .ci/run conformance"]
fn a_daemon_that_is_told_to_stop_within_a_long_run_ends_in_order() {
    let jobs = r#"
[job.daily]
cron = "*/2 * * * * *"
days = "yesterday"
catch_up = "1s"
"#;
    let place = Place::new(&["one"], jobs, Duration::from_millis(10));
    let day = place.today.previous();
    place.publish(5, day, 24_500);
    assert!(place.listed(day).len() > 20_000);
    let daemon = || {
        place
            .daemon()
            .env("BRONZED__COMMIT__MAX_RECORDS", "2000")
            .env(
                "BRONZED__SOURCES__ONE__DATASET__CONTRATACOES__PAGINATOR__PAGE_SIZE",
                "50",
            )
            .start()
    };
    let mut first = daemon();
    first.event("file committed");
    first.signal("TERM");
    let told = Instant::now();
    let outcome = first.wait().expect(0);
    let took = told.elapsed();
    println!("ended {took:?} after SIGTERM");
    assert!(took < Duration::from_secs(25), "the grace: {took:?}");
    assert!(
        outcome.stderr.contains("\"daemon stopped\""),
        "{}",
        outcome.stderr
    );
    let runs = place.judge(day);
    assert_eq!((runs.len(), &runs[0]["status"]), (1, &json!("partial")));
    let stored = place.stored(day).len();
    assert!((1..20_000).contains(&stored), "{stored}");
    println!("{stored} records were committed by then");
    let mut second = daemon();
    second.event("daemon started");
    let marker = layout::complete_key("one", day);
    wait_until("the day complete", || place.lake.keys().contains(&marker));
    second.signal("TERM");
    second.wait().expect(0);
    assert_eq!(place.stored(day), place.listed(day));
    let runs = place.judge(day);
    assert_eq!(runs.last().unwrap()["status"], "ok");
}

/// HTTP API: probes, permissions, a requested run and its result.
#[test]
fn a_daemon_is_asked_and_told_over_http() {
    let place = Place::new(&["one"], SHORT_HOURS, Duration::ZERO);
    place.publish(1, place.today, 60);
    let mut daemon = place.daemon().start();
    let url = address(&mut daemon);
    runtime().block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |path: &str| {
            let answer = client.get(format!("{url}{path}")).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
        while get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let post = async |token: Option<&str>| {
            let day = place.today.to_string();
            let order = json!({"source": "one", "dataset": "contratacoes", "days": [day]});
            let request = client.post(format!("{url}/api/v1/runs"));
            let request = request
                .header("content-type", "application/json")
                .body(order.to_string());
            let request = match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(post(None).await.0, 401);
        assert_eq!(post(Some("wrong")).await.0, 401);
        let (status, body) = post(Some(TOKEN)).await;
        assert_eq!(status, 202, "{body}");
        let runs: Value = serde_json::from_str(&body).unwrap();
        let run_id = runs["runs"][0]["run_id"].as_str().unwrap().to_owned();
        loop {
            let (status, body) = get(&format!("/api/v1/runs/{run_id}")).await;
            assert_eq!(status, 200, "{body}");
            let run: Value = serde_json::from_str(&body).unwrap();
            if !run["ended_at"].is_null() {
                assert_eq!(run["status"], "ok", "{body}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (_, metrics) = get("/metrics").await;
        let requests = "bronzed_requests_total{source=\"one\",dataset=\"contratacoes\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(requests));
        assert!(
            line.is_some_and(|count| count.parse::<u64>().unwrap() > 0),
            "{metrics}"
        );
        for name in [
            "state_bytes",
            "lake_operation_duration_seconds_count",
            "dataset_freshness_seconds",
        ] {
            assert!(
                metrics.contains(&format!("\nbronzed_{name}{{")),
                "{name}: {metrics}"
            );
        }
    });
    daemon.signal("TERM");
    daemon.wait().expect(0);
    assert_eq!(place.stored(place.today), place.listed(place.today));
}

#[test]
#[ignore = "needs promtool, from the Debian package `prometheus`"]
fn promtool_has_nothing_to_say_of_a_daemon_at_work() {
    let place = Place::new(&["one", "two"], SHORT_HOURS, Duration::ZERO);
    place.publish(1, place.today, 60);
    let mut daemon = place.daemon().start();
    let url = address(&mut daemon);
    daemon.event("run finished");
    let metrics = runtime().block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{url}/metrics")).send().await.unwrap();
        answer.text().await.unwrap()
    });
    daemon.signal("TERM");
    daemon.wait().expect(0);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let stdin = promtool.stdin.take();
    stdin
        .expect("a pipe")
        .write_all(metrics.as_bytes())
        .expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{said}\n{metrics}"
    );
}

/// Resident memory of a daemon that is deployed as shipped stays flat over 72 hours of two seconds each, with three active sources.
#[test]
#[ignore = "takes minutes: .ci/run conformance"]
fn memory_stays_flat_over_a_day_of_short_hours() {
    const HOURS: u32 = 72;
    let jobs = format!(
        "{SHORT_HOURS}\n[job.daily]\ncron = \"*/10 * * * * *\"\ndays = \"last 3\"\ncatch_up = \"1s\"\n"
    );
    let place = Place::new(&["one", "two", "three"], &jobs, Duration::from_millis(5));
    let mut daemon = place.daemon().envs(&allocator_as_deployed()).start();
    daemon.event("daemon started");
    let mut resident = Vec::new();
    for hour in 0..HOURS {
        place.publish(u64::from(hour), place.today, 20);
        thread::sleep(Duration::from_secs(2));
        resident.push(daemon.resident());
    }
    daemon.signal("TERM");
    daemon.wait().expect(0);
    let megabytes = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len() as f64 / 1e6;
    let third = resident.len() / 3;
    let (early, late) = (
        megabytes(&resident[third..2 * third]),
        megabytes(&resident[2 * third..]),
    );
    let runs = place.judge(place.today).len();
    println!(
        "{runs} hourly runs of each source; {early:.1} MB in the second third, {late:.1} MB in the last"
    );
    assert!(runs as u32 > HOURS / 2, "{runs}");
    assert!(late < early * 1.05 + 0.5, "{resident:?}");
}
