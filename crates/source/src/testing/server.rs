//! A scripted HTTP server on loopback: tests determine every byte of its responses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Treatment of one request, after which the connection is closed.
pub enum Step {
    /// These bytes, then the end of the stream.
    Answer(Vec<u8>),
    /// These bytes, once the future has completed.
    Held(BoxFuture<'static, ()>, Vec<u8>),
    /// These bytes, then a reset.
    Reset(Vec<u8>),
    /// These bytes, then silence.
    Hang(Vec<u8>),
}

/// A whole response with a `Content-Length`.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Status 200 with JSON.
pub fn json(body: &str) -> Vec<u8> {
    answer(
        "200 OK",
        "Content-Type: application/json\r\n",
        body.as_bytes(),
    )
}

/// Scripted HTTP server, which runs until dropped.
pub struct Server {
    /// Base URL of the server.
    pub url: Url,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers the requests with these steps, in the order of their arrival, and any further ones with
    /// 400.
    pub async fn script(steps: Vec<Step>) -> Self {
        let steps = Mutex::new(steps.into_iter());
        Self::start(move |_| {
            let over = || Step::Answer(answer("400 Bad Request", "", b"the script is over"));
            steps.lock().unwrap().next().unwrap_or_else(over)
        })
        .await
    }

    /// Answers each request with the step that `treat` returns for its head.
    pub async fn start(treat: impl Fn(&str) -> Step + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (treat, seen) = (Arc::new(treat), Arc::clone(&heads));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (treat, seen) = (Arc::clone(&treat), Arc::clone(&seen));
                tokio::spawn(async move {
                    let mut stream = stream;
                    if let Some(head) = read_head(&mut stream).await {
                        let step = treat(&head);
                        seen.lock().unwrap().push(head);
                        serve(stream, step).await;
                    }
                });
            }
        });
        Self {
            url: Url::parse(&url).unwrap(),
            heads,
            task,
        }
    }

    /// Heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Number of requests so far.
    pub fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

async fn serve(mut stream: TcpStream, step: Step) {
    // Write errors are ignored, because the client may have disconnected.
    match step {
        Step::Answer(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Step::Held(until, bytes) => {
            until.await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Step::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let socket = socket2::SockRef::from(&stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
        Step::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let mut rest = [0];
            let _ = stream.read(&mut rest).await;
        }
    }
}
