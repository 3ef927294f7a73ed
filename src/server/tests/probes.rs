//! The probes and metrics as an orchestrator sees them.

use super::served;
use crate::server::daemon::{Readiness, ServiceError};

#[tokio::test]
async fn ready_is_a_lake_that_answers_and_a_scheduler_that_ticks() {
    let server = served().await;
    let answer = server.get("/readyz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["last_tick_age_seconds"], 1.5);
    let faults = [
        (false, true, true),
        (true, false, true),
        (true, true, false),
    ];
    for (lake_reachable, lake_writable, scheduler_ticking) in faults {
        *server.daemon.readiness.lock().unwrap() = Readiness {
            lake_reachable,
            lake_writable,
            scheduler_ticking,
            last_tick_age: None,
        };
        let answer = server.get("/readyz").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json()["ready"], false);
        assert_eq!(answer.json()["lake_reachable"], lake_reachable);
        assert_eq!(answer.json()["lake_writable"], lake_writable);
        assert_eq!(server.get("/healthz").await.text, "ok\n");
    }
}

#[tokio::test]
async fn a_daemon_that_can_not_answer_is_alive_all_the_same() {
    let server = served().await;
    *server.daemon.failure.lock().unwrap() = Some(ServiceError::Unavailable {
        reason: "the lake can't be reached".to_owned(),
    });
    assert_eq!(server.get("/api/v1/jobs").await.status, 503);
    for probe in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(probe).await.status, 200, "{probe}");
    }
}

#[tokio::test]
async fn a_scrape_asks_for_the_gauges_of_now() {
    let server = served().await;
    let text = server.get("/metrics").await.text;
    assert!(text.contains("# TYPE bronzed_build_info gauge\n"), "{text}");
    assert_eq!(text, server.metrics.render());
    assert_eq!(*server.daemon.observed.lock().unwrap(), 1);
}
