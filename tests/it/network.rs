//! Real-world servers: certificates of an authority that the system doesn't know, and proxies. A real TLS
//! server with a private CA, and the program as a process.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::program::{Outcome, Program};
use crate::support::runtime;

const NAME: &str = "api.example.test";

/// Defect of a server's certificate, if any.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Certificate {
    Right,
    /// Self-signed.
    SelfSigned,
    /// Issued for another host.
    OfAnother,
    /// Expired years ago.
    Expired,
    /// Valid only years from now.
    NotYet,
}

/// A server that answers every request with one record, with a certificate for `localhost` and [`NAME`].
/// Like many public servers, it doesn't send its intermediate certificate.
struct Server {
    port: u16,
    /// Intermediate certificate, which a client must trust.
    intermediate: String,
    /// Root certificate, which would suffice if the server sent its intermediate one.
    root: String,
    /// Number of requests from clients that trusted the server.
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        Self::with(Certificate::Right)
    }

    fn with(wrong: Certificate) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            params
        };
        let key = || KeyPair::generate().unwrap();
        let (root_params, root_key) = (authority("root"), key());
        let root_certificate = root_params.self_signed(&root_key).unwrap();
        let root = Issuer::new(root_params, root_key);
        let (params, middle_key) = (authority("intermediate"), key());
        let intermediate = params.signed_by(&middle_key, &root).unwrap();
        let issuer = Issuer::new(params, middle_key);
        let names = match wrong {
            Certificate::OfAnother => vec!["other.example.test".to_owned()],
            _ => vec!["localhost".to_owned(), NAME.to_owned()],
        };
        let mut leaf = CertificateParams::new(names).unwrap();
        match wrong {
            Certificate::Expired => leaf.not_after = date_time_ymd(2020, 1, 1),
            Certificate::NotYet => leaf.not_before = date_time_ymd(4000, 1, 1),
            _ => {}
        }
        let leaf_key = key();
        let certificate = match wrong {
            Certificate::SelfSigned => leaf.self_signed(&leaf_key),
            _ => leaf.signed_by(&leaf_key, &issuer),
        };
        let private = PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.unwrap().der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = runtime()
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    // A client that doesn't trust the certificate closes the connection.
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        if !head(&mut stream).await.is_empty() {
                            counted.fetch_add(1, Ordering::SeqCst);
                        }
                        let _ = stream.write_all(record().as_bytes()).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self {
            port,
            intermediate: intermediate.pem(),
            root: root_certificate.pem(),
            asked,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A proxy that connects clients to `port` of this machine, whatever host they request.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn to(port: u16) -> Self {
        let listener = runtime()
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        runtime().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let line = head(&mut stream).await;
                seen.lock().unwrap().push(line);
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
                    stream.write_all(established).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        Self { url, asked }
    }
}

/// Reads a request's head; returns its first line.
async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    let head = String::from_utf8_lossy(&head);
    head.lines().next().unwrap_or_default().to_owned()
}

/// Returns a configuration with one source at `base_url`.
fn configuration(base_url: &str, ca_file: Option<&str>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let trusted = match ca_file {
        Some(pem) => {
            write("sources/extra.pem", pem);
            "ca_file = \"extra.pem\""
        }
        None => "",
    };
    write("bronzed.toml", "[lake]\nurl = \"./lake\"\n");
    write("sources/columns.txt", "[columns]\nid = \"string\"\n");
    write(
        "sources/s.toml",
        &format!(
            r#"
name = "s"
base_url = "{base_url}"
timezone = "UTC"
{trusted}
[retry]
max_attempts = 1
[dataset.d]
path = "/d"
primary_key = ["id"]
schema = "columns.txt"
window = {{ start_param = "day", format = "%Y-%m-%d" }}
paginator = {{ type = "single" }}
"#
        ),
    );
    folder
}

fn read(configuration: &Path, proxy: Option<&Proxy>) -> Outcome {
    let configuration = configuration.to_str().unwrap();
    let program = Program::new(&[
        "run",
        "s.d",
        "--day",
        "2025-10-22",
        "--config",
        configuration,
    ]);
    match proxy {
        Some(proxy) => program.env("HTTPS_PROXY", &proxy.url).run(),
        None => program.run(),
    }
}

#[test]
fn a_certificate_that_the_system_does_not_know_is_trusted_by_ca_file_alone() {
    let server = Server::start();
    let url = format!("https://localhost:{}", server.port);
    let untrusted = read(configuration(&url, None).path(), None).expect(1);
    let said = format!("{}{}", untrusted.stdout, untrusted.stderr);
    assert!(said.contains("no connection to localhost"), "{said}");
    assert!(said.to_lowercase().contains("certificate"), "{said}");
    let trusting = configuration(&url, Some(&server.intermediate));
    read(trusting.path(), None).expect(0);
    // The certificate isn't valid for another host.
    let other = format!("https://127.0.0.1:{}", server.port);
    read(
        configuration(&other, Some(&server.intermediate)).path(),
        None,
    )
    .expect(1);
}

/// Regression: the error was only `UnknownIssuer`, later "source taken for down".
#[test]
fn a_chain_without_its_intermediate_certificate_tells_what_to_put_where() {
    let server = Server::start();
    let url = format!("https://localhost:{}", server.port);
    for trusted in [None, Some(&*server.root)] {
        let folder = configuration(&url, trusted);
        let config = folder.path().to_str().unwrap();
        for args in [
            &["run", "s.d", "--day", "2025-10-22", "--config", config][..],
            &["check", "--online", "s", "--config", config],
        ] {
            let outcome = Program::new(args).run().expect(1);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            for part in [
                "intermediate certificate",
                &format!(
                    "openssl s_client -showcerts -connect localhost:{}",
                    server.port
                ),
                "`ca_file` of the source",
            ] {
                assert!(said.contains(part), "no {part} in {said}");
            }
        }
    }
}

/// Regression: the run exited with 1 and blamed another source.
#[test]
fn without_any_authority_on_the_machine_what_needs_none_is_read_and_what_does_is_named() {
    let server = Server::start();
    let url = format!("https://localhost:{}", server.port);
    let read = |config: &TempDir, target: &str| {
        let config = config.path().to_str().unwrap();
        Program::new(&["run", target, "--day", "2025-10-22", "--config", config])
            .env("SSL_CERT_FILE", "/nowhere.pem")
            .env("SSL_CERT_DIR", "/nowhere")
            .run()
    };
    let own = configuration(&url, Some(&server.intermediate));
    let plain = plain_server();
    let other = |name: &str, url: &str| {
        let text = fs::read_to_string(own.path().join("sources/s.toml")).unwrap();
        let text = text.replace("name = \"s\"", &format!("name = \"{name}\""));
        let text = text.replace("ca_file = \"extra.pem\"", "");
        let lines = text.lines().map(|line| match line.starts_with("base_url") {
            true => format!("base_url = \"{url}\""),
            false => line.to_owned(),
        });
        let lines: Vec<_> = lines.collect();
        let file = own.path().join(format!("sources/{name}.toml"));
        fs::write(file, lines.join("\n")).unwrap();
    };
    other("a", &url);
    other("b", &plain);
    read(&own, "s.d").expect(0);
    read(&own, "b.d").expect(0);
    let outcome = read(&own, "a.d").expect(1);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("`ca_file` of source `a`"), "{said}");
    assert!(said.contains("ca-certificates"), "{said}");
}

/// Starts a server without TLS that answers every request with one record; returns its URL.
fn plain_server() -> String {
    let listener = runtime()
        .block_on(TcpListener::bind(("127.0.0.1", 0)))
        .unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            head(&mut stream).await;
            let _ = stream.write_all(record().as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

/// Returns a response with one record.
fn record() -> String {
    let body = r#"[{"id":"a"}]"#;
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_proxy_of_the_environment_is_used_and_the_server_behind_it_still_proves_itself() {
    let server = Server::start();
    let proxy = Proxy::to(server.port);
    let url = format!("https://{NAME}");
    let trusting = configuration(&url, Some(&server.intermediate));
    read(trusting.path(), Some(&proxy)).expect(0);
    let asked = proxy.asked.lock().unwrap().clone();
    assert!(!asked.is_empty());
    let connect = format!("CONNECT {NAME}:443 HTTP/1.1");
    assert!(asked.iter().all(|line| *line == connect), "{asked:?}");
    read(configuration(&url, None).path(), Some(&proxy)).expect(1);
}

#[test]
fn a_proxy_is_not_asked_for_this_machine() {
    let server = Server::start();
    let proxy = Proxy::to(server.port);
    let url = format!("https://localhost:{}", server.port);
    let trusting = configuration(&url, Some(&server.intermediate));
    read(trusting.path(), Some(&proxy)).expect(0);
    assert!(proxy.asked.lock().unwrap().is_empty());
}

/// Variables that disable TLS verification in other programs.
const SWITCHES: [(&str, &str); 4] = [
    ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
    ("PYTHONHTTPSVERIFY", "0"),
    ("GIT_SSL_NO_VERIFY", "1"),
    ("CURL_INSECURE", "1"),
];

/// The authority that signed all but one of these certificates is trusted.
#[test]
fn a_certificate_that_proves_nothing_is_refused_before_anything_is_sent() {
    use Certificate::{Expired, NotYet, OfAnother, SelfSigned};
    for wrong in [SelfSigned, OfAnother, Expired, NotYet] {
        let server = Server::with(wrong);
        let url = format!("https://localhost:{}", server.port);
        let folder = configuration(&url, Some(&server.intermediate));
        let config = folder.path().to_str().unwrap();
        for args in [
            &["run", "s.d", "--day", "2025-10-22", "--config", config][..],
            &["check", "--online", "s", "--config", config],
        ] {
            let program = Program::new(args).envs(&SWITCHES);
            let outcome = program.run().expect(1);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(said.contains("certificate"), "{wrong:?} {args:?}: {said}");
        }
        assert_eq!(server.asked(), 0, "{wrong:?}");
    }
}

#[test]
fn the_lake_is_not_trusted_for_less_and_by_no_switch() {
    let switch = "AWS_ALLOW_INVALID_CERTIFICATES";
    let option = "BRONZED__LAKE__OPTIONS__AWS_ALLOW_INVALID_CERTIFICATES";
    let server = Server::start();
    let folder = configuration("http://127.0.0.1:1", Some(&server.intermediate));
    let config = folder.path().to_str().unwrap();
    let pem = folder.path().join("sources/extra.pem");
    let read = |variables: &[(&str, &str)]| {
        let program = Program::new(&["run", "s.d", "--day", "2025-10-22", "--config", config])
            .env("BRONZED__LAKE__URL", "s3://bucket/path")
            .env("AWS_ENDPOINT", format!("https://localhost:{}", server.port))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "somebody")
            .env("AWS_SECRET_ACCESS_KEY", "something");
        let program = program.envs(variables);
        program.run()
    };
    for (variables, code, told) in [
        (&[][..], 1, "certificate"),
        (&[(switch, "true")], 1, "SSL_CERT_FILE"),
        (&[(switch, "1")], 1, ""),
        (&[(option, "true")], 2, "SSL_CERT_FILE"),
    ] {
        let outcome = read(variables).expect(code);
        assert!(
            outcome.stderr.contains(told),
            "{variables:?}: {}",
            outcome.stderr
        );
        assert_eq!(server.asked(), 0, "{variables:?}");
    }
    // A certificate from `SSL_CERT_FILE` is trusted; the run fails later because the server is no lake.
    read(&[("SSL_CERT_FILE", pem.to_str().unwrap())]).expect(1);
    assert!(server.asked() > 0);
}

#[test]
fn a_source_has_no_key_that_turns_verification_off() {
    let folder = configuration("https://localhost", None);
    let file = folder.path().join("sources/s.toml");
    let right = fs::read_to_string(&file).unwrap();
    for key in [
        "insecure",
        "verify",
        "verify_tls",
        "tls_verify",
        "ssl_verify",
        "accept_invalid_certs",
        "danger_accept_invalid_certs",
    ] {
        for (name, value) in [(key, "true"), (key, "false")] {
            let switched = right.replacen(
                "name = \"s\"",
                &format!("name = \"s\"\n{name} = {value}"),
                1,
            );
            fs::write(&file, switched).unwrap();
            let config = folder.path().to_str().unwrap();
            let outcome = Program::new(&["check", "--config", config]).run().expect(2);
            let told = format!("unknown key `{key}`");
            assert!(
                outcome.stderr.contains(&told) || outcome.stdout.contains(&told),
                "{outcome:?}"
            );
        }
    }
}
