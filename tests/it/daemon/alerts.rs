//! Drills: the API is away for a night, the lake is full, one endpoint fails. Each is told once when it starts
//! and once when it is over, and leaves nothing behind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bronzed::alerts::ledger::Ledger;
use bronzed::server::daemon::DaemonService;
use bronzed_model::alerts::{AlertChannel, WebhookShape};
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::driven::{Life, Plan, World};
use crate::support::runtime;
use crate::support::sources::JOBS;

/// Longest step of the clock: alerts are looked at that often.
const STEP: TimeDelta = TimeDelta::minutes(5);

/// A second dataset of the source, at another endpoint.
const UPDATES: &str = r#"
[dataset.updates]
prefix = "one_updates"
verify = false
rows_leave = true
path = "/consulta/v1/contratacoes/atualizacao"
data_selector = "/data"
primary_key = ["numeroControlePNCP"]
schema = "pncp/contratacoes.toml"

[dataset.updates.params]
codigoModalidadeContratacao = "{modalidade}"

[dataset.updates.slices]
modalidade = [2, 6, 8, 9]

[dataset.updates.window]
start_param = "dataInicial"
end_param = "dataFinal"
end = "inclusive"
format = "%Y%m%d"
day_field = "dataAtualizacaoGlobal"
settle = "2h"

[dataset.updates.paginator]
type = "page_number"
page_param = "pagina"
first_page = 1
page_size_param = "tamanhoPagina"
page_size = 10
total_records_path = "/totalRegistros"
total_pages_path = "/totalPaginas"

[dataset.updates.completeness]
require = "unique_total"
"#;

fn at(text: &str) -> DateTime<Utc> {
    let text = format!("2025-10-{text}:00-03:00");
    DateTime::parse_from_rfc3339(&text).unwrap().to_utc()
}

/// The receiver of a webhook.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Value>>>);

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serving.clone();
                let service = service_fn(move |request| take(receiver.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(served);
            }
        });
        (receiver, url)
    }

    /// Returns status, key and time of each alert that was told.
    fn told(&self) -> Vec<(String, String, DateTime<Utc>)> {
        let messages = self.0.lock().unwrap().clone();
        let alerts = messages.iter().flat_map(|message| {
            let alerts = message["alerts"].as_array().unwrap().iter();
            alerts.map(|alert| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let told_at = text(&message["at"]).parse().unwrap();
                (text(&alert["status"]), text(&alert["key"]), told_at)
            })
        });
        alerts.collect()
    }

    /// Asserts that one alert was told in the whole life: when it started, within these times, and when it was
    /// over.
    #[track_caller]
    fn assert_told_once(&self, key: &str, started: [&str; 2], ended: [&str; 2]) {
        let told = self.told();
        let [
            (first, first_key, first_at),
            (second, second_key, second_at),
        ] = &told[..]
        else {
            panic!("{} messages: {told:#?}", told.len());
        };
        assert_eq!((&**first, &**first_key), ("firing", key));
        assert_eq!((&**second, &**second_key), ("resolved", key));
        assert!(
            (at(started[0])..=at(started[1])).contains(first_at),
            "{first_at}"
        );
        assert!(
            (at(ended[0])..=at(ended[1])).contains(second_at),
            "{second_at}"
        );
    }
}

async fn take(
    receiver: Receiver,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let message = serde_json::from_slice(&body).unwrap();
    receiver.0.lock().unwrap().push(message);
    Ok(Response::default())
}

/// A source whose daemon has a webhook, from the evening of the 21st on.
async fn world(url: &str, jobs: &str) -> World {
    let plan = Plan {
        sources: &["one"],
        jobs,
        days: ("2025-10-18".parse().unwrap(), "2025-10-22".parse().unwrap()),
        records: 30,
        latency: Duration::ZERO,
        more: &[],
    };
    let mut world = World::new(11, plan, at("21T21:07")).await;
    let channel = AlertChannel::Webhook {
        shape: WebhookShape::Generic,
        url: url.into(),
    };
    world.settings.alerts.channels = [("ops".to_owned(), channel)].into();
    world
}

/// Lets time pass until `until`, and has each snapshot dealt with.
async fn pass(world: &World, life: &Life, until: &str) {
    let until = at(until);
    loop {
        life.look().await;
        life.daemon.alerts().settled().await;
        let now = world.truth.now();
        if now >= until {
            return;
        }
        world.truth.set(world.next(life).min(until).min(now + STEP));
    }
}

fn always(fault: Fault) -> Faults {
    Faults {
        rules: vec![Rule::always(fault)],
        ..Faults::default()
    }
}

/// Returns what the page and `status` say of the only active alert: the daemon's words, and the lake's.
async fn words(world: &World, life: &Life) -> [String; 2] {
    let shown = DaemonService::alerts(&life.daemon);
    let ledger = Ledger::load(&world.lake()).await.unwrap();
    [shown, ledger.active()].map(|active| {
        let [alert] = &active[..] else {
            panic!("not one alert: {active:#?}");
        };
        format!("{} {} {}", alert.summary, alert.detail, alert.hint)
    })
}

/// Asserts that nothing is left of the fault: no alert, and every day that is over is proven.
async fn assert_whole(world: &World, life: &Life) {
    assert!(DaemonService::alerts(&life.daemon).is_empty());
    let ledger = Ledger::load(&world.lake()).await.unwrap();
    assert!(ledger.active().is_empty() && ledger.outbox.deliveries().is_empty());
    let over: Vec<Day> = world.over(6);
    assert!(over.contains(&"2025-10-22".parse().unwrap()), "{over:?}");
    world.assert_complete(&over).await;
}

#[test]
fn p11_a_night_without_the_api_is_told_once_and_its_end_once() {
    runtime().block_on(async {
        let (receiver, url) = Receiver::start().await;
        let world = world(&url, JOBS).await;
        let life = world.start();
        pass(&world, &life, "22T00:30").await;
        world.simulators["one"].set_faults(always(Fault::Reset));
        pass(&world, &life, "22T06:00").await;
        for words in words(&world, &life).await {
            assert!(
                words.starts_with("one: the API has been down since 2025-10-22 01:0"),
                "{words}"
            );
            assert!(
                words.contains("failures in a row at http://127.0.0.1:"),
                "{words}"
            );
            assert!(words.contains("Nothing has to be done"), "{words}");
            assert!(words.contains("`bronzed check --online one`"), "{words}");
        }
        pass(&world, &life, "22T06:30").await;
        world.simulators["one"].heal();
        pass(&world, &life, "23T08:00").await;
        receiver.assert_told_once(
            "down/one",
            ["22T03:00", "22T03:15"],
            ["22T06:30", "22T06:45"],
        );
        assert_whole(&world, &life).await;
        life.stop().await;
    });
}

#[test]
fn p11_a_daemon_that_is_restarted_in_the_night_tells_nothing_again() {
    runtime().block_on(async {
        let (receiver, url) = Receiver::start().await;
        let world = world(&url, JOBS).await;
        let mut life = world.start();
        pass(&world, &life, "22T00:30").await;
        world.simulators["one"].set_faults(always(Fault::Reset));
        for (number, until) in ["22T02:00", "22T03:40", "22T04:30", "22T06:30"]
            .iter()
            .enumerate()
        {
            pass(&world, &life, until).await;
            match number % 2 {
                0 => life.kill().await,
                _ => life.stop().await,
            }
            life = world.start();
        }
        world.simulators["one"].heal();
        pass(&world, &life, "23T08:00").await;
        // The breaker of the new process has seen no failure before 02:00.
        receiver.assert_told_once(
            "down/one",
            ["22T03:00", "22T04:15"],
            ["22T06:30", "22T07:15"],
        );
        assert_whole(&world, &life).await;
        life.stop().await;
    });
}

#[test]
fn p11_a_lake_that_is_full_for_a_night_is_told_once_and_its_end_once() {
    runtime().block_on(async {
        let (receiver, url) = Receiver::start().await;
        let world = world(&url, JOBS).await;
        let life = world.start();
        pass(&world, &life, "22T00:30").await;
        world.store.refuse(|operation| operation.starts_with("PUT"));
        pass(&world, &life, "22T06:00").await;
        let active = DaemonService::alerts(&life.daemon);
        let [alert] = &active[..] else {
            panic!("not one alert: {active:#?}");
        };
        assert!(
            alert
                .summary
                .starts_with("the lake has refused writes since"),
            "{alert:?}"
        );
        assert!(
            alert.detail.contains("503 Service Unavailable"),
            "{alert:?}"
        );
        pass(&world, &life, "22T06:30").await;
        world.store.refuse(|_| false);
        pass(&world, &life, "23T08:00").await;
        receiver.assert_told_once("lake", ["22T01:30", "22T01:45"], ["22T06:30", "22T06:40"]);
        assert_whole(&world, &life).await;
        life.stop().await;
    });
}

#[test]
fn p11_an_endpoint_that_fails_for_a_night_is_told_once_and_the_others_go_on() {
    runtime().block_on(async {
        let (receiver, url) = Receiver::start().await;
        let world = world(&url, &format!("{UPDATES}\n{JOBS}")).await;
        let life = world.start();
        pass(&world, &life, "22T00:30").await;
        let of_updates = Rule::always(Fault::Unavailable).dataset("pncp.contratacoes_atualizacao");
        world.simulators["one"].set_faults(Faults {
            rules: vec![of_updates],
            ..Faults::default()
        });
        pass(&world, &life, "22T06:00").await;
        for words in words(&world, &life).await {
            assert!(
                words.starts_with("one.updates: its endpoint has been down since"),
                "{words}"
            );
            assert!(
                words.contains("/consulta/v1/contratacoes/atualizacao"),
                "{words}"
            );
            assert!(words.contains("The other datasets of one go on"), "{words}");
        }
        // The other endpoint has been read meanwhile, at each hour.
        let runs = world.audit("one", "2025-10-22".parse().unwrap()).await;
        assert!(
            runs.iter().filter(|run| run["status"] == "ok").count() >= 5,
            "{runs:#?}"
        );
        pass(&world, &life, "22T06:30").await;
        world.simulators["one"].heal();
        pass(&world, &life, "23T08:00").await;
        receiver.assert_told_once(
            "down/one/updates",
            ["22T03:00", "22T03:30"],
            ["22T06:30", "22T06:45"],
        );
        assert_whole(&world, &life).await;
        life.stop().await;
    });
}
