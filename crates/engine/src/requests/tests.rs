use super::kept::{KeptRequests, LAST, SLICES, SLOWEST, TROUBLES};
use bronzed_model::requests::{PAGE, RequestRecord, RunRequests};
use uuid::Uuid;

fn record(number: u64, slice: u64, outcome: &str) -> RequestRecord {
    RequestRecord {
        slice: format!("modalidade={slice}"),
        page: number,
        day: None,
        cursor: None,
        attempt: 1,
        at_ms: number * 10,
        queued_ms: 1,
        took_ms: 5,
        outcome: outcome.to_owned(),
        status: Some(200),
        bytes: Some(100),
        wait_ms: (outcome != PAGE).then_some(7),
        asked_ms: None,
        detail: None,
        url: "http://api/v1".to_owned(),
    }
}

fn written(kept: &KeptRequests) -> RunRequests {
    let mut found = RunRequests {
        run_id: Uuid::nil(),
        source: "pncp".to_owned(),
        dataset: "contratacoes".to_owned(),
        day: "2025-10-22".parse().unwrap(),
        started_at: chrono::DateTime::UNIX_EPOCH,
        took_ms: 0,
        total: 0,
        left_out: 0,
        outcomes: Default::default(),
        slices: Vec::new(),
        requests: Vec::new(),
    };
    kept.write(&mut found);
    found
}

#[test]
fn a_run_of_many_requests_keeps_a_bounded_number_and_counts_all() {
    for outcome in [PAGE, "timed_out"] {
        let mut kept = KeptRequests::default();
        for number in 0..10_000 {
            kept.add(record(number, number % 1_000, outcome));
        }
        let found = written(&kept);
        assert!(found.requests.len() <= 2 * SLICES + 2 * TROUBLES + SLOWEST + LAST);
        assert_eq!(found.total, 10_000);
        assert_eq!(found.left_out, 10_000 - found.requests.len() as u64);
        assert_eq!(found.outcomes[outcome], 10_000);
        assert_eq!(found.slices.len(), SLICES + 1);
        assert_eq!(found.slices[SLICES].slice, None);
        let requests = found.slices.iter().map(|slice| slice.requests);
        assert_eq!(requests.sum::<u64>(), 10_000, "every request is in a sum");
        let text = serde_json::to_vec(&found).unwrap();
        assert!(text.len() < 150_000, "{} bytes", text.len());
    }
}

#[test]
fn what_failed_is_kept_with_how_it_ended_and_so_are_the_slowest_and_the_edges_of_each_slice() {
    let mut kept = KeptRequests::default();
    for number in 0..1_000 {
        let mut one = record(number, number % 2, PAGE);
        match number {
            300 => one.outcome = "rate_limited".to_owned(),
            301 => one.attempt = 2,
            500 => one.took_ms = 90_000,
            _ => {}
        }
        kept.add(one);
    }
    let found = written(&kept);
    let pages: Vec<_> = found.requests.iter().map(|one| one.page).collect();
    for needed in [0, 1, 300, 301, 500, 998, 999] {
        assert!(pages.contains(&needed), "{needed} in {pages:?}");
    }
    assert!(pages.is_sorted(), "in the order of their beginning");
    let slice = &found.slices[0];
    assert_eq!((slice.requests, slice.failed, slice.waited_ms), (500, 1, 0));
    assert_eq!((slice.from_ms, slice.to_ms), (0, 95_000));
    assert_eq!(slice.bytes, 50_000);
}
