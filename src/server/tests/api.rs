//! Behaviour of the paths under `/api/v1`.

use reqwest::Method;

use super::fake::{ENDED, RUNNING};
use super::served;
use crate::server::daemon::ServiceError;

#[tokio::test]
async fn lists_have_what_the_daemon_knows() {
    let server = served().await;
    let jobs = server.get("/api/v1/jobs").await.json();
    assert_eq!(jobs["jobs"][0]["next_slot"], "2025-10-22T13:00:00Z");
    assert_eq!(jobs["jobs"][0]["last_run"]["status"], "partial");
    let datasets = server.get("/api/v1/datasets").await.json();
    assert_eq!(datasets["datasets"][0]["coverage"]["from"], "2025-10-01");
    let alerts = server.get("/api/v1/alerts").await.json();
    assert_eq!(alerts["alerts"][0]["key"], "down/pncp");
    assert_eq!(alerts["alerts"][0]["severity"], "warning");
    assert_eq!(alerts["alerts"][0]["started_at"], "2025-10-22T14:00:00Z");
    let runs = server.get("/api/v1/runs").await.json();
    assert_eq!(runs["runs"][0]["run_id"], RUNNING.to_string());
    assert_eq!(runs["runs"][0]["progress"]["pages_known"], 7);
}

#[tokio::test]
async fn one_thing_is_found_by_its_name() {
    let server = served().await;
    let job = server.get("/api/v1/jobs/pncp/hourly").await.json();
    assert_eq!(job["cron"], "0 * * * *");
    let dataset = server
        .get("/api/v1/datasets/pncp/contratacoes")
        .await
        .json();
    assert_eq!(dataset["freshness_seconds"], 90.5);
    let run = server.get(&format!("/api/v1/runs/{ENDED}")).await.json();
    assert_eq!(run["failed_slices"][0]["slice"], "modalidade=6");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = served().await;
    for (path, message) in [
        ("/api/v1/jobs/pncp/yearly", "there is no job `pncp.yearly`"),
        (
            "/api/v1/datasets/tcu/contratacoes",
            "there is no dataset `tcu.contratacoes`",
        ),
        ("/api/v1/runs/7", "there is no run `7`"),
        ("/api/v1/jobs/pncp/%ff", "there is nothing at this path"),
        ("/api/v1/nothing", "there is nothing at this path"),
        ("/api", "there is nothing at this path"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        let said = answer.json()["message"].to_string();
        assert!(said.contains(message), "{path}: {said}");
    }
    let answer = server.post("/api/v1/jobs/pncp/yearly/pause", "{}").await;
    assert_eq!((answer.status, answer.error()), (404, "not_found".into()));
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_which_it_does() {
    let server = served().await;
    let answer = server
        .ask(Method::DELETE, "/api/v1/runs", |request| request)
        .await;
    assert_eq!(
        (answer.status, answer.error()),
        (405, "wrong_method".into())
    );
    let allowed = answer.headers["allow"].to_str().unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
}

#[tokio::test]
async fn days_are_read_when_asked_for_in_full_unless_told_otherwise() {
    let server = served().await;
    let order = r#"{"source": "pncp", "dataset": "contratacoes",
                    "days": ["2025-10-22", "2025-10-20"]}"#;
    let answer = server.post("/api/v1/runs", order).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["runs"][1]["day"], "2025-10-20");
    assert_eq!(answer.json()["runs"][0]["status"], "queued");
    let order = r#"{"source": "pncp", "dataset": "contratacoes",
                    "days": ["2025-10-22"], "mode": "new"}"#;
    server.post("/api/v1/runs", order).await;
    let told = ["[2025-10-22, 2025-10-20] Full", "[2025-10-22] New"];
    assert_eq!(server.daemon.told(), told);
}

#[tokio::test]
async fn a_range_is_backfilled() {
    let server = served().await;
    let order = r#"{"source": "pncp", "dataset": "contratacoes",
                    "from": "2025-10-01", "to": "2025-10-07"}"#;
    let answer = server.post("/api/v1/backfills", order).await;
    assert_eq!(
        (answer.status, answer.json()["queued_days"].as_u64()),
        (202, Some(3))
    );
    assert_eq!(server.daemon.told(), ["2025-10-01 to 2025-10-07"]);
}

#[tokio::test]
async fn a_job_is_paused_and_goes_on() {
    let server = served().await;
    let paused = server
        .post("/api/v1/jobs/pncp/hourly/pause", "")
        .await
        .json();
    assert_eq!(paused["paused_since"], "2025-10-22T12:00:00Z");
    let resumed = server
        .post("/api/v1/jobs/pncp/hourly/resume", "{}")
        .await
        .json();
    assert!(resumed["paused_since"].is_null());
    let told = ["pncp.hourly paused: true", "pncp.hourly paused: false"];
    assert_eq!(server.daemon.told(), told);
}

#[tokio::test]
async fn an_order_that_is_not_one_is_refused_with_what_is_wrong() {
    let server = served().await;
    let many: Vec<_> = (1..=31)
        .map(|day| format!(r#""2025-10-{day:02}""#))
        .collect();
    let many = format!(
        r#"{{"source": "p", "dataset": "c", "days": [{}, "2025-11-01"]}}"#,
        many.join(",")
    );
    let runs = "/api/v1/runs";
    let backfills = "/api/v1/backfills";
    for (path, body, said) in [
        (runs, "", "missing field `source`"),
        (runs, "{", "EOF"),
        (runs, "[]", "invalid length 0"),
        (
            runs,
            r#"{"source": "p", "dataset": "c", "days": []}"#,
            "`days` is empty",
        ),
        (
            runs,
            r#"{"source": "p", "dataset": "c", "days": ["22/10/2025"]}"#,
            "2025-10-22",
        ),
        (
            runs,
            r#"{"source": "p", "dataset": "c", "day": "2025-10-22"}"#,
            "unknown field `day`",
        ),
        (
            runs,
            r#"{"source": "p", "dataset": "c", "days": ["2025-10-22", "2025-10-22"]}"#,
            "twice",
        ),
        (runs, &many, "32 days"),
        (
            runs,
            r#"{"source": "p", "dataset": "c", "days": ["2025-10-22"], "mode": "some"}"#,
            "unknown variant `some`",
        ),
        (
            backfills,
            r#"{"source": "p", "dataset": "c", "from": "2025-10-07", "to": "2025-10-01"}"#,
            "`from` (2025-10-07) is after `to` (2025-10-01)",
        ),
        // Regression: was accepted once, as 739,946 runs in 200 MB.
        (
            backfills,
            r#"{"source": "p", "dataset": "c", "from": "0001-01-01", "to": "2025-10-01"}"#,
            "`from` (0001-01-01) is before 1990",
        ),
        (
            backfills,
            r#"{"source": "p", "dataset": "c", "from": "2000-01-01", "to": "2025-10-01"}"#,
            "more than 20 years",
        ),
        (
            "/api/v1/jobs/pncp/hourly/pause",
            r#"{"until": "noon"}"#,
            "unknown field `until`",
        ),
    ] {
        let answer = server.post(path, body).await;
        assert_eq!(
            (answer.status, answer.error()),
            (422, "invalid_body".into()),
            "{body}"
        );
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{body}: {message}");
    }
    assert_eq!(server.daemon.told(), [""; 0]);
}

#[tokio::test]
async fn what_the_daemon_says_against_it_reaches_who_asked() {
    let server = served().await;
    let refused = ServiceError::Refused {
        reason: "2027-01-01 is in the future".to_owned(),
        hint: "ask for a day until 2025-10-22".to_owned(),
    };
    let unavailable = ServiceError::Unavailable {
        reason: "the lake can't be reached".to_owned(),
    };
    let missing = ServiceError::NotFound {
        what: "dataset `pncp.x`".to_owned(),
    };
    let order = r#"{"source": "pncp", "dataset": "x", "days": ["2027-01-01"]}"#;
    for (failure, status, error) in [
        (refused, 409, "refused"),
        (unavailable, 503, "unavailable"),
        (missing, 404, "not_found"),
    ] {
        let message = failure.to_string();
        *server.daemon.failure.lock().unwrap() = Some(failure);
        let answer = server.post("/api/v1/runs", order).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error));
        assert_eq!(answer.json()["message"], message);
    }
}

#[tokio::test]
async fn a_filter_of_runs_was_left_out_in_silence() {
    let server = served().await;
    let all = server.get("/api/v1/runs").await.json();
    let runs = all["runs"].as_array().unwrap();
    let of = |query: String| {
        let server = &server;
        async move {
            let answer = server.get(&format!("/api/v1/runs?{query}")).await;
            answer.json()["runs"].clone()
        }
    };
    for name in ["status", "source", "dataset", "job", "day"] {
        let value = runs[0][name].as_str().unwrap();
        let alike: Vec<_> = runs.iter().filter(|run| run[name] == value).collect();
        let told = of(format!("{name}={value}")).await;
        assert_eq!(told, serde_json::json!(alike), "{name}");
    }
    let none = of("source=pncp&dataset=nothing".to_owned()).await;
    assert_eq!(none, serde_json::json!([]));
    for (query, said) in [
        ("status=broken", "unknown variant `broken`"),
        ("state=failed", "there is no parameter `state`"),
    ] {
        let answer = server.get(&format!("/api/v1/runs?{query}")).await;
        assert_eq!(
            (answer.status, answer.error()),
            (422, "invalid_query".into())
        );
        assert!(answer.text.contains(said), "{}", answer.text);
    }
}
