//! The limit that is found at a server that bears only so many requests at a time, and not the same number all day.
//!
//! Requests, refusals and seconds are those of a driven clock, so that the figures are the same on any machine. They
//! are printed: `cargo test -p bronzed-source limiter::tests::found -- --nocapture`.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Declared concurrency, which is more than any of the servers bears.
const DECLARED: usize = 32;
/// Number of requests that want to be sent at any time.
const WANTED: usize = 64;
/// Mean time of an answer, and what a refusal takes.
const ANSWER: Duration = Duration::from_millis(1_000);
const REFUSAL: Duration = Duration::from_millis(50);
/// Wait of a request that was refused.
const WAIT: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Server that refuses those requests that are more than it bears at a time.
#[derive(Default)]
struct Server {
    bears: AtomicUsize,
    in_flight: AtomicUsize,
    good: AtomicUsize,
    refused: AtomicUsize,
    number: AtomicUsize,
}

impl Server {
    /// Answers one request; returns `true` if it was served.
    async fn answer(&self) -> bool {
        let others = self.in_flight.fetch_add(1, Relaxed);
        let served = others < self.bears.load(Relaxed);
        let number = self.number.fetch_add(1, Relaxed);
        // From half of the mean to one and a half, in an order that looks like none.
        let part = (number.wrapping_mul(2_654_435_761) >> 7) % 1_000;
        let takes = ANSWER / 2 + ANSWER * part as u32 / 1_000;
        sleep(if served { takes } else { REFUSAL }).await;
        self.in_flight.fetch_sub(1, Relaxed);
        let counter = if served { &self.good } else { &self.refused };
        counter.fetch_add(1, Relaxed);
        served
    }
}

/// Share of the best throughput that was reached, and share of refusals among all answers.
#[derive(Debug)]
struct Found {
    throughput: f64,
    refusals: f64,
}

/// Plays hours of a server that bears so many requests in each.
async fn play(hours: &[usize]) -> (Vec<Found>, Found) {
    let (limiter, server) = (limiter(DECLARED), Arc::new(Server::default()));
    let work = (0..WANTED).map(|_| {
        let (limiter, server) = (Arc::clone(&limiter), Arc::clone(&server));
        tokio::spawn(async move {
            loop {
                let permit = limiter.enter(None, Priority::Daily).await;
                if server.answer().await {
                    permit.good();
                } else {
                    permit.rate_limited();
                    sleep(WAIT).await;
                }
            }
        })
    });
    let work: Vec<_> = work.collect();
    let (mut each, mut all) = (Vec::new(), [0; 3]);
    for bears in hours {
        server.bears.store(*bears, Relaxed);
        let before = [server.good.load(Relaxed), server.refused.load(Relaxed)];
        sleep(HOUR).await;
        let good = server.good.load(Relaxed) - before[0];
        let refused = server.refused.load(Relaxed) - before[1];
        let best = bears * HOUR.as_millis() as usize / ANSWER.as_millis() as usize;
        each.push(found(good, refused, best));
        all = [all[0] + good, all[1] + refused, all[2] + best];
    }
    work.iter().for_each(tokio::task::JoinHandle::abort);
    (each, found(all[0], all[1], all[2]))
}

fn found(good: usize, refused: usize, best: usize) -> Found {
    Found {
        throughput: good as f64 / best as f64,
        refusals: refused as f64 / (good + refused) as f64,
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_bears_is_found_and_used_to_nine_tenths_with_a_hundredth_of_refusals() {
    for hours in [&[3][..], &[6], &[20], &[20, 6, 3, 20]] {
        let (each, day) = play(hours).await;
        println!("bears {hours:?}: {day:.4?}; each hour: {each:.4?}");
        for found in each.iter().chain([&day]) {
            assert!(found.throughput >= 0.9, "{hours:?}: {found:?}");
            assert!(found.refusals <= 0.01, "{hours:?}: {found:?}");
        }
    }
}
