//! Writes that fail, builds that are killed, and builders at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bronzed_storage::testing::faulty::{Fault, Faulty, Late, Op};

use super::*;

/// Returns a lake whose `n`-th write to silver meets a fault.
fn faulty(store: &Arc<dyn ObjectStore>, n: u64, fault: fn() -> Fault) -> Lake {
    let writes = AtomicU64::new(0);
    let faulty = Faulty::new(
        Arc::clone(store),
        Arc::new(Late::default()),
        move |op, key| {
            let is_write = op == Op::Put && key.starts_with("silver/");
            (is_write && writes.fetch_add(1, Ordering::Relaxed) == n).then(fault)
        },
    );
    Lake::over(Arc::new(faulty), "faulty:///")
}

#[tokio::test(start_paused = true)]
async fn each_commit_goes_in_once_whatever_write_fails_or_is_cut_off() {
    let faults: [fn() -> Fault; 4] = [
        || Fault::Fail,
        || Fault::LoseReply,
        || Fault::Crash { happens: false },
        || Fault::Crash { happens: true },
    ];
    let store = store();
    let (lake, all) = (over(&store), events(4));
    let bronze = BronzeDays::new(lake.clone());
    let mut known = Known::default();
    let tables = [records_table(DeletedRows::Omit), list_table(true)];
    let mut chance = Chance::new(4);
    for events in all.chunks(6) {
        for event in events {
            bronze.apply(event).await;
            known.hear(event);
        }
        for table in &tables {
            let fault = faults[usize::try_from(chance.below(4)).unwrap()];
            let failing = faulty(&store, chance.below(12), fault);
            let builder = builder(&failing, 20_000);
            let building = build(&builder, table);
            // A build that is killed never returns.
            let _ = tokio::time::timeout(Duration::from_secs(60), building).await;
            // Readers see each key once, whatever happened.
            let mut keys: Vec<_> = seen(&lake, table).await;
            keys.dedup_by(|a, b| a.key == b.key && a.day == b.day && a.value == b.value);
            assert_eq!(keys.len(), seen(&lake, table).await.len());
            if chance.below(2) == 0 {
                build(&super::builder(&lake, 20_000), table).await.unwrap();
                let (rows, expected) = compared(&lake, table, &known).await;
                assert_eq!(rows, expected, "{}", table.prefix);
            }
        }
    }
    for table in &tables {
        build(&builder(&lake, 20_000), table).await.unwrap();
        let (rows, expected) = compared(&lake, table, &known).await;
        assert_eq!(rows, expected, "{}", table.prefix);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builders_at_once_take_each_commit_in_once() {
    let store = store();
    let bronze = BronzeDays::new(over(&store));
    let mut known = Known::default();
    let table = records_table(DeletedRows::Flag);
    for events in events(5).chunks(80) {
        for event in events {
            bronze.apply(event).await;
            known.hear(event);
        }
        let building: Vec<_> = (0..3)
            .map(|_| {
                let (lake, table) = (over(&store), table.clone());
                tokio::spawn(async move { build(&builder(&lake, 20_000), &table).await })
            })
            .collect();
        let mut added = 0;
        let before = known.records(false).len();
        for built in building {
            added += built.await.unwrap().unwrap().rows_added;
        }
        let (rows, expected) = compared(&over(&store), &table, &known).await;
        assert_eq!(rows, expected);
        assert!(
            added <= before as u64,
            "{added} rows were added, of {before}"
        );
    }
}
