//! Emulation of the part of Google Cloud Storage that the lake depends on: objects with generations, and
//! conditional writes. It speaks Google's XML API on loopback, in this process.
//!
//! The rules are those that Google documents: every write gives an object a new generation;
//! `x-goog-if-generation-match: N` allows a write only if N is the object's generation, or for 0, only if
//! the object doesn't exist; otherwise the response is 412. Parts of objects are served by `Range`. Credentials aren't checked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use url::form_urlencoded;

use super::runtime;

/// Name of the only bucket.
pub const BUCKET: &str = "lake";

/// Address of the server.
#[derive(Debug)]
pub struct Gcs {
    pub endpoint: String,
}

/// Returns the server, starting it if necessary.
pub fn gcs() -> &'static Gcs {
    static SERVER: OnceLock<Gcs> = OnceLock::new();
    SERVER.get_or_init(|| Gcs::start(true))
}

impl Gcs {
    /// Starts another server; `conditions` is `false` if it ignores conditions on writes.
    pub fn start(conditions: bool) -> Self {
        let bucket = Arc::new(Mutex::new(Bucket {
            objects: BTreeMap::new(),
            generation: 0,
            conditions,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
        let listener = runtime().block_on(listener).expect("a free port");
        let address = listener.local_addr().expect("its port");
        runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let bucket = bucket.clone();
                let service = service_fn(move |request| serve(bucket.clone(), request));
                let connection = http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            endpoint: format!("http://{address}"),
        }
    }

    /// Returns the environment variables that configure any client for this server.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("GOOGLE_BASE_URL", self.endpoint.clone()),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", self.account()),
        ]
    }

    /// Returns a service account that needs no token, because the client would otherwise request one from
    /// Google.
    fn account(&self) -> String {
        serde_json::json!({
            "gcs_base_url": self.endpoint,
            "disable_oauth": true,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        })
        .to_string()
    }

    /// Returns a client of the bucket that is independent of the program's settings.
    pub fn client(&self) -> impl object_store::ObjectStore + use<> {
        GoogleCloudStorageBuilder::new()
            .with_bucket_name(BUCKET)
            .with_config(GoogleConfigKey::BaseUrl, &self.endpoint)
            .with_service_account_key(self.account())
            .with_client_options(object_store::ClientOptions::new().with_allow_http(true))
            .build()
            .expect("settings of the client")
    }
}

struct Bucket {
    objects: BTreeMap<String, (Bytes, u64)>,
    generation: u64,
    conditions: bool,
}

type Answer = (StatusCode, HeaderMap, Bytes);

async fn serve(
    bucket: Arc<Mutex<Bucket>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let answer = match body.collect().await {
        Ok(body) => answer(
            &mut bucket.lock().expect("no one panics"),
            &head.method,
            &head.uri,
            &head.headers,
            body.to_bytes(),
        ),
        Err(_) => (StatusCode::BAD_REQUEST, HeaderMap::new(), Bytes::new()),
    };
    let (status, headers, body) = answer;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn answer(
    bucket: &mut Bucket,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Bytes,
) -> Answer {
    let path = uri.path().trim_start_matches('/');
    let (name, key) = path.split_once('/').unwrap_or((path, ""));
    if name != BUCKET {
        let body = "<Error><Code>NoSuchBucket</Code></Error>";
        return (StatusCode::NOT_FOUND, HeaderMap::new(), body.into());
    }
    let key = decoded(key);
    match *method {
        Method::GET if key.is_empty() => bucket.list(uri.query().unwrap_or_default()),
        Method::GET => ranged(bucket.get(&key, true), headers),
        Method::HEAD => bucket.get(&key, false),
        Method::PUT => bucket.put(key, headers, body),
        Method::DELETE => bucket.delete(&key),
        _ => (
            StatusCode::METHOD_NOT_ALLOWED,
            HeaderMap::new(),
            Bytes::new(),
        ),
    }
}

impl Bucket {
    fn put(&mut self, key: String, headers: &HeaderMap, body: Bytes) -> Answer {
        let there = self
            .objects
            .get(&key)
            .map_or(0, |(_, generation)| *generation);
        let condition = headers.get("x-goog-if-generation-match");
        let condition = condition.and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
        if self.conditions && condition.is_some_and(|wanted| wanted != there) {
            let body = "<Error><Code>PreconditionFailed</Code></Error>";
            return (
                StatusCode::PRECONDITION_FAILED,
                HeaderMap::new(),
                body.into(),
            );
        }
        self.generation += 1;
        self.objects.insert(key, (body, self.generation));
        (StatusCode::OK, described(self.generation), Bytes::new())
    }

    fn get(&self, key: &str, with_body: bool) -> Answer {
        let Some((body, generation)) = self.objects.get(key) else {
            let body = "<Error><Code>NoSuchKey</Code></Error>";
            return (StatusCode::NOT_FOUND, HeaderMap::new(), body.into());
        };
        let mut headers = described(*generation);
        headers.insert("content-length", HeaderValue::from(body.len()));
        let body = if with_body {
            body.clone()
        } else {
            Bytes::new()
        };
        (StatusCode::OK, headers, body)
    }

    fn delete(&mut self, key: &str) -> Answer {
        let status = match self.objects.remove(key) {
            Some(_) => StatusCode::NO_CONTENT,
            None => StatusCode::NOT_FOUND,
        };
        (status, HeaderMap::new(), Bytes::new())
    }

    /// Lists everything on one page: the tests have few objects.
    fn list(&self, query: &str) -> Answer {
        let mut prefix = String::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == "prefix" {
                prefix = value.into_owned();
            }
        }
        let mut xml = "<ListBucketResult>".to_owned();
        for (key, (body, generation)) in &self.objects {
            if key.starts_with(&prefix) {
                let key = key.replace('&', "&amp;").replace('<', "&lt;");
                let _ = write!(
                    xml,
                    "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"{generation}\"</ETag>\
                     <LastModified>2025-10-22T12:00:00Z</LastModified></Contents>",
                    body.len()
                );
            }
        }
        xml.push_str("</ListBucketResult>");
        (StatusCode::OK, HeaderMap::new(), xml.into())
    }
}

/// Returns the part of an object that a request asks for: `bytes=0-99` or `bytes=-100`. All of it, if it asks for none.
fn ranged((status, mut answered, body): Answer, headers: &HeaderMap) -> Answer {
    let asked = headers.get("range").and_then(|text| text.to_str().ok());
    let asked = asked.and_then(|text| text.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = asked.filter(|_| status == StatusCode::OK) else {
        return (status, answered, body);
    };
    let length = body.len();
    let (from, to) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(from), Ok(last)) => (from, length.min(last + 1)),
        (Ok(from), Err(_)) => (from, length),
        (Err(_), last) => (length - length.min(last.unwrap_or_default()), length),
    };
    if from >= to {
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        return (status, HeaderMap::new(), Bytes::new());
    }
    let place = format!("bytes {from}-{}/{length}", to - 1);
    let place = HeaderValue::from_str(&place).expect("digits");
    answered.insert("content-range", place);
    answered.insert("content-length", HeaderValue::from(to - from));
    (StatusCode::PARTIAL_CONTENT, answered, body.slice(from..to))
}

fn described(generation: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let e_tag = HeaderValue::from_str(&format!("\"{generation}\"")).expect("digits");
    headers.insert("etag", e_tag);
    headers.insert("x-goog-generation", HeaderValue::from(generation));
    let modified = HeaderValue::from_static("Wed, 22 Oct 2025 12:00:00 GMT");
    headers.insert("last-modified", modified);
    headers
}

fn decoded(text: &str) -> String {
    let pair = format!("key={text}");
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
