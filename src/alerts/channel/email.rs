//! E-mail over SMTP.

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use super::TIMEOUT;
use crate::alerts::message::Message;
use bronzed_model::alerts::{EmailChannel, SmtpTls};
use bronzed_model::redact::redact;

/// Error of an e-mail.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    /// An address can't be parsed.
    #[error("`{address}` is not an address: {reason}")]
    Address {
        /// The address.
        address: String,
        /// Error of the parser.
        reason: String,
    },
    /// The message can't be written.
    #[error("no e-mail can be written: {0}")]
    Unwritable(#[from] lettre::error::Error),
    /// The mail server can't be reached, or refuses the message.
    #[error("mail server {host}:{port}: {reason}")]
    Server {
        /// Host name of the mail server.
        host: String,
        /// Port of the mail server.
        port: u16,
        /// Reason of the failure.
        reason: String,
    },
}

/// Sends a message.
pub(super) async fn send(settings: &EmailChannel, message: &Message) -> Result<(), EmailError> {
    let mut email = head(settings, message)?;
    for to in &settings.to {
        email = email.to(mailbox(to)?);
    }
    let text = redact(&message.body()).into_owned();
    let email = email.header(ContentType::TEXT_PLAIN).body(text)?;
    let refused = |error: lettre::transport::smtp::Error| EmailError::Server {
        host: settings.host.clone(),
        port: settings.port,
        reason: reason(&error),
    };
    let transport = transport(settings).map_err(refused)?;
    transport.send(email).await.map_err(refused)?;
    Ok(())
}

fn head(settings: &EmailChannel, message: &Message) -> Result<MessageBuilder, EmailError> {
    let subject = redact(&message.title()).into_owned();
    Ok(lettre::Message::builder()
        .from(mailbox(&settings.from)?)
        .subject(subject)
        .date(message.at.into()))
}

fn mailbox(address: &str) -> Result<Mailbox, EmailError> {
    address.parse().map_err(|error| EmailError::Address {
        address: address.to_owned(),
        reason: format!("{error}"),
    })
}

fn transport(
    settings: &EmailChannel,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
    let host = settings.host.as_str();
    let tls = match settings.tls {
        SmtpTls::Starttls => Tls::Required(TlsParameters::new(host.to_owned())?),
        SmtpTls::Tls => Tls::Wrapper(TlsParameters::new(host.to_owned())?),
        SmtpTls::None => Tls::None,
    };
    // "dangerous" because it is without TLS, unless that is set, as it is here.
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(settings.port)
        .tls(tls)
        .timeout(Some(TIMEOUT));
    let login = settings.login.as_ref();
    Ok(match login {
        None => transport,
        Some((user, password)) => {
            let password = password.expose_secret().to_owned();
            transport.credentials(Credentials::new(user.clone(), password))
        }
    }
    .build())
}

/// Returns the reason of a failure with its causes, which lettre doesn't show by itself.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    redact(&text).into_owned()
}
