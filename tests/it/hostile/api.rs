//! API of one day whose second page is defined by the test, byte by byte.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};

/// Number of records of the day while the API is healthy.
pub const HEALTHY_IDS: usize = 101;
/// Number of records on a full page.
const PAGE: usize = 50;

type Answer = fn(&mut TcpStream, u64) -> io::Result<()>;

/// A hostile second page.
pub struct Misdeed {
    pub name: &'static str,
    /// Request timeout.
    pub timeout: &'static str,
    /// Number of records that the API reports for this page.
    records: usize,
    /// Writes the response to a request for this page, counted from 1.
    answer: Answer,
}

const fn misdeed(name: &'static str, answer: Answer) -> Misdeed {
    Misdeed {
        name,
        timeout: "60s",
        records: PAGE,
        answer,
    }
}

const fn slow(name: &'static str, answer: Answer) -> Misdeed {
    Misdeed {
        timeout: "2s",
        ..misdeed(name, answer)
    }
}

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const DRIP: Duration = Duration::from_millis(10);

pub const ENDLESS_STREAM: Misdeed = misdeed("endless stream", |stream, _| {
    endless_chunks(stream, b"{\"data\":[\"", &[b'a'; 64 * 1024])
});

pub const WHITE_SPACE_WITHOUT_END: Misdeed = misdeed("white space without end", |stream, _| {
    endless_chunks(stream, b"{", &[b' '; 64 * 1024])
});

pub const GIGABYTE: Misdeed = misdeed("a body of 1 GB", |stream, _| {
    const LENGTH: usize = 1 << 30;
    write!(stream, "{JSON}Content-Length: {LENGTH}\r\n\r\n")?;
    let piece = [b'7'; 64 * 1024];
    for _ in 0..LENGTH / piece.len() {
        stream.write_all(&piece)?;
    }
    Ok(())
});

/// A megabyte of zeros compressed to a kilobyte, ten thousand times.
pub const GZIP_BOMB: Misdeed = misdeed("gzip bomb", |stream, _| {
    let mut squeezed = Vec::with_capacity(64 * 1024);
    let mut compress = Compress::new(Compression::best(), false);
    let zeros = vec![b'0'; 1 << 20];
    // A block ended by a full flush can be repeated, because it refers to nothing before it.
    compress.compress_vec(&zeros, &mut squeezed, FlushCompress::Full)?;
    gzip_head(stream)?;
    for _ in 0..10_000 {
        stream.write_all(&squeezed)?;
    }
    Ok(())
});

pub const BROKEN_GZIP: Misdeed = misdeed("broken gzip", |stream, _| {
    gzip_head(stream)?;
    stream.write_all(&[0xff; 1_000])
});

pub const BROKEN_CHUNK: Misdeed = misdeed("a chunk of no size", |stream, _| {
    write!(
        stream,
        "{JSON}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{{"
    )
});

pub const SHORTER_THAN_SAID: Misdeed = misdeed("shorter than said", |stream, _| {
    write!(stream, "{JSON}Content-Length: 1000000\r\n\r\n{{\"data\":[")
});

pub const REDIRECT_TO_ITSELF: Misdeed = misdeed("redirect to itself", |stream, _| {
    let head = "HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(head.as_bytes())
});

pub const DRIPPING_BODY: Misdeed = slow("dripping body", |stream, _| {
    write!(stream, "{JSON}Content-Length: 1000000\r\n\r\n{{\"data\":[")?;
    drip(stream, b" ")
});

pub const DRIPPING_HEAD: Misdeed = slow("dripping head", |stream, _| {
    write!(stream, "{JSON}X-Drip: ")?;
    drip(stream, b"a")
});

pub const CONTINUES_WITHOUT_END: Misdeed = slow("100 Continue without end", |stream, _| {
    drip(stream, b"HTTP/1.1 100 Continue\r\n\r\n")
});

pub const HEADERS_WITHOUT_END: Misdeed = misdeed("headers without end", |stream, _| {
    stream.write_all(JSON.as_bytes())?;
    loop {
        stream.write_all(b"X-More: and more\r\n")?;
    }
});

pub const ONE_HUGE_HEADER: Misdeed = misdeed("one huge header", |stream, _| {
    write!(stream, "{JSON}X-Huge: ")?;
    loop {
        stream.write_all(&[b'a'; 64 * 1024])?;
    }
});

pub const OPEN_BRACKETS: Misdeed = misdeed("open brackets", |stream, _| {
    body(
        stream,
        format!("{{\"data\":[{}", "[".repeat(30_000_000)).as_bytes(),
    )
});

pub const NAN: Misdeed = misdeed("NaN", |stream, _| {
    body(
        stream,
        envelope(r#"{"valorTotalEstimado":NaN}"#, "100", "2").as_bytes(),
    )
});

pub const RAW_NUL: Misdeed = misdeed("raw NUL", |stream, _| {
    body(stream, envelope("\"a\0b\"", "100", "2").as_bytes())
});

pub const INVALID_UTF8: Misdeed = misdeed("invalid UTF-8", |stream, _| {
    let mut bytes = envelope("\"S?o Paulo\"", "100", "2").into_bytes();
    let place = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[place] = 0xe3;
    body(stream, &bytes)
});

pub const SURROGATE_IN_THE_ENVELOPE: Misdeed = misdeed("surrogate as a key", |stream, _| {
    let text = envelope("{}", "100", "2").replace("\"empty\"", "\"\\udfff\"");
    body(stream, text.as_bytes())
});

pub const MILLIONS_OF_ELEMENTS: Misdeed = misdeed("ten million elements", |stream, _| {
    let elements = format!("{}[]", "[],".repeat(9_999_999));
    body(stream, envelope(&elements, "100", "2").as_bytes())
});

pub const TOTAL_NEGATIVE: Misdeed = misdeed("a negative total", |stream, page| {
    body(stream, envelope(&records(page), "-1", "2").as_bytes())
});

pub const TOTAL_FRACTION: Misdeed = misdeed("a fraction for a total", |stream, page| {
    body(stream, envelope(&records(page), "12.5", "2").as_bytes())
});

pub const TOTAL_BEYOND_FLOATS: Misdeed = misdeed("a total beyond floats", |stream, page| {
    body(
        stream,
        envelope(&records(page), "1e999999999", "2").as_bytes(),
    )
});

/// A raw C1 control character is valid in JSON, and interpreted by terminals.
pub const TOTAL_ESCAPES: Misdeed = misdeed("a total that is an escape", |stream, page| {
    body(
        stream,
        envelope(&records(page), "\"\u{9b}2J\"", "2").as_bytes(),
    )
});

pub const PAGES_BEYOND_COUNTING: Misdeed = misdeed("pages beyond counting", |stream, page| {
    let most = u64::MAX.to_string();
    body(stream, envelope(&records(page), &most, &most).as_bytes())
});

pub const GROWING_WITH_EVERY_PAGE: Misdeed = misdeed("growing with every page", |stream, page| {
    let (total, pages) = ((page + 7) * 50, page + 7);
    body(
        stream,
        envelope(&records(page), &total.to_string(), &pages.to_string()).as_bytes(),
    )
});

pub const THE_FIRST_PAGE_AGAIN: Misdeed = misdeed("the first page again", |stream, _| {
    body(stream, envelope(&records(1), "100", "2").as_bytes())
});

pub const ESCAPES_IN_AN_ERROR_PAGE: Misdeed = misdeed("escapes in an error page", |stream, _| {
    let page = "\x1b[2J\r\n{\"level\":\"ERROR\",\"event\":\"forged\"}\r\n\u{9b}31m";
    let head = "HTTP/1.1 500 No\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len())
});

pub const ESCAPES_IN_A_HEADER: Misdeed = misdeed("escapes in a header", |stream, _| {
    stream.write_all(b"HTTP/1.1 500 No\r\nX-Note: \x1b[31m\r\nContent-Length: 0\r\n\r\n")
});

pub const STRANGE_RECORDS: Misdeed = Misdeed {
    records: STRANGE,
    ..misdeed("strange records", |stream, _| {
        let total = (PAGE + STRANGE).to_string();
        body(
            stream,
            envelope(&strange_records().join(","), &total, "2").as_bytes(),
        )
    })
};

const STRANGE: usize = 16;

/// Records of valid JSON that readers may mishandle. Undeclared members come last, as in a record rebuilt
/// from columns.
pub fn strange_records() -> Vec<String> {
    let with =
        |name: &str, member: &str| format!(r#"{{"numeroControlePNCP":"strange-{name}",{member}}}"#);
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    let digits = "7".repeat(100_000);
    let empties = format!("{}{{}}", "{},".repeat(150_000));
    let records = vec![
        with("nested", &format!(r#""novo":{nested}"#)),
        with(
            "nested in a column",
            &format!(r#""orgaoEntidade":{objects}"#),
        ),
        with("large", r#""valorTotalEstimado":1e999999999"#),
        with("small", r#""valorTotalEstimado":-1e-999999999"#),
        with("zero", r#""valorTotalEstimado":0e99999999999999999999"#),
        with(
            "exact",
            r#""valorTotalEstimado":0.1000000000000000055511151231257827"#,
        ),
        with("long", &format!(r#""anoCompra":{digits}.{digits}"#)),
        with(
            "twice",
            r#""anoCompra":2024,"anoCompra":2025,"novo":1,"novo":1"#,
        ),
        with("surrogate", r#""novo":"\ud800""#),
        r#"{"\udfff":1,"numeroControlePNCP":"strange-surrogate key"}"#.to_owned(),
        with("zero \\u0000 byte", r#""objetoCompra":"\u0000""#),
        with(
            "escape \\u001b[2J",
            "\"objetoCompra\":\"\u{9b}2J\u{202e}\u{feff}\"",
        ),
        with("many", &format!(r#""fontesOrcamentarias":[{empties}]"#)),
        "null".to_owned(),
        r#""only text""#.to_owned(),
        "[]".to_owned(),
    ];
    assert_eq!(records.len(), STRANGE);
    records
}

/// Returns the records of a page, counted from 1, as a provider sends them.
fn records(page: u64) -> String {
    let page = usize::try_from(page).unwrap();
    let records: Vec<_> = ids(page).iter().map(|id| record(id)).collect();
    records.join(",")
}

fn ids(page: usize) -> Vec<String> {
    let from = (page - 1) * PAGE;
    (from..from + PAGE)
        .map(|number| format!("id-{number:06}"))
        .collect()
}

fn record(id: &str) -> String {
    format!(r#"{{"numeroControlePNCP":"{id}","dataPublicacaoPncp":"2025-10-22T08:41:33"}}"#)
}

fn envelope(records: &str, total: &str, pages: &str) -> String {
    format!(
        r#"{{"data":[{records}],"totalRegistros":{total},"totalPaginas":{pages},"empty":false}}"#
    )
}

fn body(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    write!(stream, "{JSON}Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

fn gzip_head(stream: &mut TcpStream) -> io::Result<()> {
    write!(
        stream,
        "{JSON}Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255])
}

/// Sends chunks until the client disconnects.
fn endless_chunks(stream: &mut TcpStream, first: &[u8], then: &[u8]) -> io::Result<()> {
    write!(stream, "{JSON}Transfer-Encoding: chunked\r\n\r\n")?;
    let mut piece = first;
    loop {
        write!(stream, "{:x}\r\n", piece.len())?;
        stream.write_all(piece)?;
        stream.write_all(b"\r\n")?;
        piece = then;
    }
}

/// Sends drop by drop until the client disconnects.
fn drip(stream: &mut TcpStream, drop: &[u8]) -> io::Result<()> {
    loop {
        stream.write_all(drop)?;
        thread::sleep(DRIP);
    }
}

/// The running API. Its thread waits for further requests until the process ends.
pub struct Api {
    pub url: String,
    healthy: Arc<AtomicBool>,
}

impl Api {
    pub fn start(misdeed: &Misdeed) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let healthy = Arc::new(AtomicBool::new(false));
        let (answer, more, state) = (misdeed.answer, misdeed.records, Arc::clone(&healthy));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let healthy = state.load(Ordering::SeqCst);
                thread::spawn(move || {
                    // The client may disconnect at any time.
                    let _ = serve(stream, (!healthy).then_some((answer, more)));
                });
            }
        });
        Self { url, healthy }
    }

    /// Makes all pages valid from now on.
    pub fn heal(&self) {
        self.healthy.store(true, Ordering::SeqCst);
    }

    /// Returns the ids that the healthy API lists.
    pub fn healthy_ids(&self) -> Vec<String> {
        let mut all = ids(1);
        all.extend(ids(2));
        all.push("id-other".to_owned());
        assert_eq!(all.len(), HEALTHY_IDS);
        all
    }
}

/// Serves one request per connection.
fn serve(mut stream: TcpStream, hostile: Option<(Answer, usize)>) -> io::Result<()> {
    let mut asked = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    lines.read_line(&mut asked)?;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    let query = asked.split(' ').nth(1).unwrap_or_default();
    let query = query.split_once('?').unwrap_or_default().1.to_owned();
    let query = url::form_urlencoded::parse(query.as_bytes());
    let query: std::collections::HashMap<_, _> = query.into_owned().collect();
    let page: u64 = query["pagina"].parse().unwrap();
    match (query["codigoModalidadeContratacao"].as_str(), page, hostile) {
        ("8", 1, _) => {
            let text = envelope(&record("id-other"), "1", "1");
            closing(&mut stream, &text)
        }
        ("6", 1, _) => {
            let second = hostile.map_or(PAGE, |(_, records)| records);
            let text = envelope(&records(1), &(PAGE + second).to_string(), "2");
            closing(&mut stream, &text)
        }
        ("6", page, Some((answer, _))) => answer(&mut stream, page),
        ("6", 2, None) => closing(&mut stream, &envelope(&records(2), "100", "2")),
        _ => stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    }
}

fn closing(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    let length = text.len();
    write!(
        stream,
        "{JSON}Connection: close\r\nContent-Length: {length}\r\n\r\n{text}"
    )
}
