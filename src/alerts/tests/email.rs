//! E-mails over a real SMTP conversation.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::message;
use crate::alerts::channel::Channel;
use bronzed_model::alerts::{AlertChannel, EmailChannel, SmtpTls};

/// Serves one SMTP session; returns the lines of the client. `refused` is a recipient that isn't taken.
async fn session(stream: TcpStream, refused: Option<&'static str>) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    let mut in_data = false;
    stream
        .write_all(b"220 mail.example.org ESMTP\r\n")
        .await
        .unwrap();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return lines;
        }
        let line = line.trim_end().to_owned();
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match (in_data, verb) {
            (true, ".") => {
                in_data = false;
                "250 queued"
            }
            (true, _) => "",
            (false, "EHLO") => "250-mail.example.org\r\n250 AUTH PLAIN",
            (false, "AUTH") => "235 accepted",
            (false, "RCPT") if refused.is_some_and(|to| line.contains(to)) => "550 nobody",
            (false, "DATA") => {
                in_data = true;
                "354 go on"
            }
            (false, "QUIT") => "221 bye",
            (false, _) => "250 ok",
        };
        lines.push(line);
        if !answer.is_empty() {
            let answer = format!("{answer}\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

/// Starts a mail server for one session; returns its port, and what the client says.
async fn server(refused: Option<&'static str>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        session(stream, refused).await
    });
    (port, said)
}

fn email(port: u16, tls: SmtpTls) -> Channel {
    let settings = EmailChannel {
        host: "127.0.0.1".to_owned(),
        port,
        tls,
        login: Some(("ops".to_owned(), "in-smtp-x7".into())),
        from: "bronzed <bronzed@example.org>".to_owned(),
        to: vec!["ana@example.org".to_owned(), "rui@example.org".to_owned()],
    };
    Channel::new(&AlertChannel::Email(settings)).unwrap()
}

#[tokio::test]
async fn an_email_reaches_each_recipient_in_plain_text() {
    let (port, said) = server(None).await;
    email(port, SmtpTls::None)
        .deliver(&message())
        .await
        .unwrap();
    let said = said.await.unwrap();
    let of = |begin: &str| said.iter().filter(|line| line.starts_with(begin)).count();
    // `AUTH PLAIN` has user and password as base64.
    assert!(
        said.contains(&"AUTH PLAIN AG9wcwBpbi1zbXRwLXg3".to_owned()),
        "{said:#?}"
    );
    assert!(
        said.iter()
            .any(|line| line.starts_with("MAIL FROM:<bronzed@example.org>"))
    );
    assert_eq!(of("RCPT TO:<"), 2, "{said:#?}");
    let expected = [
        "Subject: bronzed: pncp: 1 alert started, 1 alert ended",
        "To: ana@example.org, rui@example.org",
        "Content-Type: text/plain; charset=utf-8",
        "Date: Wed, 22 Oct 2025 07:07:00 +0000",
        "warning: pncp: the API has been down since 2025-10-22 02:07-03:00",
        "over: pncp.atas is fresh again, after 2h",
    ];
    for line in expected {
        assert!(said.contains(&line.to_owned()), "{line}: {said:#?}");
    }
    let from = said.iter().find(|line| line.starts_with("From: ")).unwrap();
    assert!(from.contains("bronzed@example.org"), "{from}");
}

#[tokio::test]
async fn a_recipient_that_is_refused_is_told() {
    let (port, _said) = server(Some("rui@example.org")).await;
    let refused = email(port, SmtpTls::None).deliver(&message()).await;
    let refused = refused.unwrap_err().to_string();
    let begin = format!("mail server 127.0.0.1:{port}: ");
    assert!(refused.starts_with(&begin), "{refused}");
    assert!(
        refused.contains("550") && refused.contains("nobody"),
        "{refused}"
    );
}

/// A password is never sent to a server that has no TLS, unless the configuration says so.
#[tokio::test]
async fn a_server_without_starttls_gets_no_password() {
    let (port, said) = server(None).await;
    let refused = email(port, SmtpTls::Starttls).deliver(&message()).await;
    assert!(refused.is_err());
    let said = said.await.unwrap();
    assert!(
        !said.iter().any(|line| line.starts_with("AUTH")),
        "{said:#?}"
    );
}
