//! Scenarios: each kind of work that the program does in a lake.

use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_simulator::SimConfig;
use bronzed_simulator::churn::Churn;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::pncp::record::Record;
use bronzed_simulator::pncp::recorded::day_20251022;
use bronzed_simulator::pncp::{self, Details};
use bronzed_simulator::tcu::generated::{AcordaoFeed, inidoneos};
use bronzed_simulator::tcu::{ACORDAOS, INIDONEOS};
use chrono::TimeDelta;

use super::scenario::{Ends, Scenario};
use crate::cli::takeover::leave_a_legacy_day;
use crate::protection::{KEY, SUPPLIERS, configured};
use crate::support::lake::TestLake;
use crate::support::only;
use crate::support::scene::{COMPLETE, DAY, STATE, config as simulated, day};

/// All scenarios; each is built when it is needed.
pub const ALL: [fn() -> Scenario; 18] = [
    pages,
    recovery,
    damaged_state,
    takeover,
    versions,
    children,
    childless,
    feed,
    first_snapshot,
    next_snapshot,
    rebuild,
    rebuild_of_a_lost_state,
    repair,
    sealed,
    resealed,
    overtaken_before_the_file,
    overtaken_before_the_state,
    marks,
];

const READ: [&str; 4] = ["run", "pncp.contratacoes", "--day", DAY];

fn catalog(records: u32) -> Catalog {
    Catalog::generated(5, day(), records, 1_200)
}

fn read(name: &'static str) -> Scenario {
    Scenario::new(name, "pncp.contratacoes", simulated(catalog(60)), &READ)
        .expecting_what_is_listed(Vec::new())
}

/// Runs a read that is killed at this failpoint.
fn cut_off(scenario: &Scenario, at: &str, lake: &TestLake) {
    let reading = scenario.program(&READ, lake);
    let mut reading = reading.start_to_stop_at(at);
    assert!(
        reading.stops_at(&[at]).is_some(),
        "{at}: {:?}",
        reading.kill()
    );
    reading.kill();
}

/// A day of several commits, in an empty lake.
fn pages() -> Scenario {
    read("pages")
}

/// The run after one that was killed between writing a file and the state.
fn recovery() -> Scenario {
    read("recovery").after(|scenario, lake| cut_off(scenario, "data.after:2", lake))
}

/// The run after one that was killed after a commit and whose state was damaged.
fn damaged_state() -> Scenario {
    read("damaged state").after(|scenario, lake| {
        cut_off(scenario, "state.after:2", lake);
        let state = lake.get(STATE);
        lake.put(STATE, &state[..state.len() / 2]);
    })
}

/// A day of the earlier pipeline.
fn takeover() -> Scenario {
    read("takeover").after(|scenario, lake| {
        leave_a_legacy_day(&scenario.simulator, lake);
    })
}

/// A stored day in which some records have changed.
fn versions() -> Scenario {
    const CHANGED: usize = 35;
    let scenario = Scenario::new(
        "versions",
        "pncp.contratacoes",
        simulated(catalog(40)),
        &READ,
    )
    .set("DATASET__CONTRATACOES__VERSION", "content")
    .set("JOB__HOURLY__MODE", "full")
    .after(|scenario, lake| scenario.run_again(lake));
    let catalog = scenario.simulator.catalog();
    let now = scenario.simulator.clock().brasilia();
    let listed: Vec<_> = catalog.list(Some(day()), now, true).collect();
    for listed in &listed[..CHANGED] {
        let record = listed.record.as_ref().expect("in full").get();
        let changed = record.replacen('{', r#"{"changed": true, "#, 1);
        catalog.withdraw(&listed.id);
        catalog.add(Record::from_json(&changed).expect("a record"));
    }
    let rows = listed.len() + CHANGED;
    scenario.expecting_rows(rows)
}

fn with_parents(name: &'static str, dataset: &str, parents: Catalog) -> Scenario {
    let config = SimConfig {
        details: Details {
            documents: 0,
            ..Details::default()
        },
        ..simulated(parents)
    };
    let args = ["run", dataset, "--day", DAY];
    Scenario::new(name, dataset, config, &args).after(|scenario, lake| {
        let args = ["run", "pncp.contratacoes_atualizacao", "--day", DAY];
        scenario.program(&args, lake).run().expect(0);
    })
}

/// The items of a day's procurements.
fn children() -> Scenario {
    let scenario = with_parents("children", "pncp.itens", catalog(20));
    let items = scenario.listed(Some(day()));
    scenario.expecting_rows(items)
}

/// Documents of a day's procurements, of which one alone has some: more parents than one commit takes.
fn childless() -> Scenario {
    let parents = catalog(530);
    parents.add(day_20251022().swap_remove(0));
    let mut scenario = with_parents("children of none", "pncp.arquivos", parents);
    let documents = scenario.listed(Some(day()));
    let each_page = ("BRONZED__COMMIT__MAX_RECORDS".to_owned(), "1".to_owned());
    scenario.env.push(each_page);
    scenario.expecting_rows(documents)
}

/// A feed of some days, in an empty lake.
fn feed() -> Scenario {
    let feed = AcordaoFeed {
        per_session: 25,
        ..AcordaoFeed::new(1, day(), 100)
    };
    let mut config = SimConfig::new(Catalog::new(), SimClock::running());
    config.tables = config.tables.with(&ACORDAOS, feed.rows());
    let scenario = Scenario::new("feed", "tcu.acordaos", config, &["run", "tcu.acordaos"])
        .set("DATASET__ACORDAOS__PAGINATOR__PAGE_SIZE", "40")
        .set("DATASET__ACORDAOS__PAGINATOR__OVERLAP", "5");
    let decisions = scenario.listed(None);
    scenario.expecting_rows(decisions)
}

/// A table that changed a minute ago.
fn table(name: &'static str) -> Scenario {
    let clock = SimClock::running();
    let churn = Churn {
        days: 1,
        changed: 20,
        added: 5,
        removed: 3,
        ..Churn::still(
            7,
            60,
            clock.brasilia() - TimeDelta::days(1) - TimeDelta::minutes(1),
        )
    };
    let mut config = SimConfig::new(Catalog::new(), clock);
    config.tables = config.tables.with(&INIDONEOS, inidoneos(&churn));
    Scenario::new(name, "tcu.inidoneos", config, &["run", "tcu.inidoneos"])
        .set("DATASET__INIDONEOS__PAGINATOR__PAGE_SIZE", "20")
}

/// A whole table, in an empty lake.
fn first_snapshot() -> Scenario {
    let scenario = table("first snapshot");
    let rows = scenario.listed(None);
    scenario.expecting_rows(rows)
}

/// The table after rows were added, changed or deleted.
fn next_snapshot() -> Scenario {
    let scenario = table("next snapshot");
    let now = scenario.simulator.clock().now();
    scenario.simulator.set_now(now - TimeDelta::minutes(2));
    let first = scenario.listed(None);
    let scenario = scenario.after(|scenario, lake| scenario.run_again(lake));
    scenario.simulator.set_now(now);
    scenario.expecting_rows(first + 20 + 5 + 3)
}

/// `bronzed state rebuild` of a complete day whose marker is lost.
fn rebuild() -> Scenario {
    rebuilt("rebuild", |lake| lake.delete(COMPLETE))
}

/// `bronzed state rebuild` of a day whose state is lost: the proof is lost with it, so the marker is
/// invalid.
fn rebuild_of_a_lost_state() -> Scenario {
    let mut scenario = rebuilt("rebuild of a lost state", |lake| lake.delete(STATE));
    scenario.completes = false;
    scenario
}

fn rebuilt(name: &'static str, lose: impl FnOnce(&TestLake)) -> Scenario {
    let mut scenario = read(name).after(|scenario, lake| {
        scenario.run_again(lake);
        lose(lake);
    });
    let args = ["state", "rebuild", "pncp.contratacoes", "--day", DAY];
    scenario.args = args.map(str::to_owned).to_vec();
    scenario
}

/// `bronzed verify --repair` of a complete day that has changed at the API since.
fn repair() -> Scenario {
    let mut scenario = read("repair").after(|scenario, lake| scenario.run_again(lake));
    let args = [
        "verify",
        "pncp.contratacoes",
        "--from",
        DAY,
        "--to",
        DAY,
        "--repair",
    ];
    scenario.args = args.map(str::to_owned).to_vec();
    let catalog = scenario.simulator.catalog();
    let now = scenario.simulator.clock().brasilia();
    let listed = catalog.list(Some(day()), now, false);
    let mut of_one_slice = listed.filter(|listed| listed.group == 6);
    let gone = of_one_slice.next().expect("a record of modalidade 6").id;
    assert!(catalog.withdraw(&gone));
    catalog.extend(GeneratedDay::new(4, day(), 25).records());
    scenario.expecting_what_is_listed(vec![gone])
}

fn protected(name: &'static str, rules: &str) -> Scenario {
    let config = simulated(Catalog::new());
    pncp::days::DayOf::new(1, day(), 40).add_contratos(&config.tables);
    let args = ["run", "pncp.contratos", "--day", DAY];
    let mut scenario = Scenario::new(name, "pncp.contratos", config, &args);
    scenario
        .env
        .push(("PROTECT_KEY".to_owned(), KEY.to_owned()));
    scenario.config = Some(configured(rules));
    scenario.expecting_what_is_listed(Vec::new())
}

/// A protected table, in an empty lake.
fn sealed() -> Scenario {
    protected("sealed", SUPPLIERS)
}

/// A protected table that gets a key.
fn resealed() -> Scenario {
    let masked = SUPPLIERS.replace("hmac", "mask");
    let mut scenario = protected("resealed", &masked).after(|scenario, lake| {
        scenario.run_again(lake);
    });
    scenario.config = Some(configured(SUPPLIERS));
    scenario
}

/// Two runs; the one that started first is paused before its first file.
fn overtaken_before_the_file() -> Scenario {
    let mut scenario = read("overtaken before the file");
    scenario.overtaken_at = Some("data.before:1");
    scenario
}

/// Two runs; the one that started first is paused between its first file and the state.
fn overtaken_before_the_state() -> Scenario {
    let mut scenario = read("overtaken before the state");
    scenario.overtaken_at = Some("data.after:1");
    scenario
}

/// A daemon that verifies the previous day against the API.
fn marks() -> Scenario {
    let clock = SimClock::running();
    let yesterday = Day::new(clock.brasilia().date()).previous();
    let config = SimConfig::new(Catalog::generated(3, yesterday, 8, 1_200), clock);
    let (yesterday_said, target) = (yesterday.to_string(), "pncp.contratacoes");
    let mut scenario = Scenario::new("marks", target, config, &["daemon"])
        .set("JOB__VERIFY__CRON", "0 * * * *")
        .set("JOB__VERIFY__DAYS", "yesterday")
        // Earlier days that are read at the same time could be killed beside the comparison, and stay so.
        .set("JOB__DAILY__DATASETS", r#"["contratos"]"#)
        .set("JOB__BACKFILL__DATASETS", r#"["contratos"]"#)
        .set("DATASET__CONTRATACOES__WINDOW__SETTLE", "0s")
        .after(|scenario, lake| {
            let args = ["run", target, "--day", &yesterday_said];
            scenario.program(&args, lake).run().expect(0);
        });
    scenario.env.extend(only(target));
    scenario.env.push((
        "BRONZED__SERVER__LISTEN".to_owned(),
        "127.0.0.1:0".to_owned(),
    ));
    scenario.about = "comparison.";
    scenario.ends = Ends::WhenMarked("_bronzed/verified/pncp.json", yesterday);
    let rows = scenario.listed(Some(yesterday));
    scenario.expecting_rows(rows)
}
