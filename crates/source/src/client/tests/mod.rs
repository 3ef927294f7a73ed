//! The client against a real HTTP server on loopback, one file for each promise.

mod answers;
mod limits;
mod requests;
mod retries;
mod simulated;
mod tokens;

use super::*;
use crate::testing::{self, Server, Step, answer, client, envelope, json, request, source};
use bronzed_model::declaration::Dataset;

/// Fetches the first page with a source and a dataset that may be changed.
struct Fetch {
    source: Source,
    dataset: Dataset,
    usage: RequestBudget,
}

impl Fetch {
    fn from(server: &Server) -> Self {
        Self {
            source: source(&server.url),
            dataset: testing::dataset(),
            usage: RequestBudget::new(),
        }
    }

    async fn page(&self, page: u64) -> Result<Answer, FetchError> {
        let client = client(&self.source);
        let request = request(self.dataset.clone(), page);
        let cancel = CancellationToken::new();
        client.fetch(&request, &self.usage, &cancel).await
    }

    async fn first(&self) -> Result<Answer, FetchError> {
        self.page(0).await
    }

    fn sent(&self) -> (u64, u64) {
        (self.usage.requests(), self.usage.retries())
    }
}

/// Result of fetching from a server that sends these responses, and the number of requests.
async fn fetch(steps: Vec<Step>) -> (Result<Answer, FetchError>, usize) {
    let server = Server::script(steps).await;
    let outcome = Fetch::from(&server).first().await;
    (outcome, server.count())
}

fn page() -> Step {
    Step::Answer(json(&envelope(&["1", "2", "3"], 3)))
}

fn status(line: &str) -> Step {
    Step::Answer(answer(line, "", b"no"))
}

#[track_caller]
fn assert_page(answer: Result<Answer, FetchError>) {
    match answer {
        Ok(Answer::Page(page)) => assert_eq!(page.len(), 3),
        other => panic!("a page: {other:?}"),
    }
}

#[track_caller]
fn gave_up(answer: Result<Answer, FetchError>) -> (u32, Failure) {
    match answer {
        Err(FetchError::GaveUp {
            attempts, reason, ..
        }) => (attempts, reason),
        other => panic!("given up: {other:?}"),
    }
}
