//! Detection of block pages: responses of a firewall or bot protection in place of the API.
//!
//! A firewall that refuses a client often does so with status 200 and an HTML page. The marks are text of
//! such pages: those of the TCU (F5, "Requisição rejeitada") and of PNCP ("Limite de Requisições Excedido")
//! were recorded, the others are known marks of the products.

use serde::Serialize;

/// Number of body bytes searched: marks are in the head, or the page is short.
const LOOKED_AT: usize = 64 * 1024;

/// Kind of block page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockPage {
    /// The firewall (F5) rejected the request.
    Rejected,
    /// The firewall (F5) demands that a script be run, to tell browsers from bots.
    F5Challenge,
    /// Cloudflare demands a challenge, or has blocked the client.
    Cloudflare,
    /// The firewall reports too many requests.
    TooManyRequests,
    /// A captcha.
    Captcha,
    /// Any other HTML page with a 2xx status.
    Html,
}

/// Marks in lower-case ASCII: other characters are removed from a body before the search, so its encoding
/// doesn't matter. The first match wins.
const MARKS: [(BlockPage, &[&str]); 5] = [
    (
        BlockPage::Rejected,
        &[
            "requisio rejeitada",
            "requisi&ccedil;&atilde;o rejeitada",
            "the requested url was rejected",
        ],
    ),
    (
        BlockPage::TooManyRequests,
        &[
            "limite de requisies excedido",
            "limite de requisi&ccedil;&otilde;es excedido",
        ],
    ),
    (
        BlockPage::F5Challenge,
        &["\"bobcmn\"", "/tspd/", "tspd_101"],
    ),
    (
        BlockPage::Cloudflare,
        &[
            "/cdn-cgi/challenge-platform/",
            "cf-browser-verification",
            "cf_chl_opt",
            "<title>just a moment...</title>",
            "attention required! | cloudflare",
        ],
    ),
    (
        BlockPage::Captcha,
        &["g-recaptcha", "h-captcha", "hcaptcha.com", "cf-turnstile"],
    ),
];

impl BlockPage {
    /// Returns the kind of block page. `None` if the body isn't HTML, or is HTML without a mark and has an
    /// error status.
    pub fn recognise(status: u16, content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let head = &body[..body.len().min(LOOKED_AT)];
        let ascii = head.iter().filter(|byte| byte.is_ascii());
        let text: String = ascii
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect();
        let media = content_type.unwrap_or_default().to_ascii_lowercase();
        let html = media.starts_with("text/html")
            || media.starts_with("application/xhtml")
            || text.trim_start().starts_with('<');
        if !html {
            return None;
        }
        let marked = MARKS
            .iter()
            .find(|(_, marks)| marks.iter().any(|mark| text.contains(mark)));
        match marked {
            Some((wall, _)) => Some(*wall),
            None => (200..300).contains(&status).then_some(Self::Html),
        }
    }

    /// Returns a description and a hint.
    pub fn text(self) -> &'static str {
        match self {
            Self::Rejected => {
                "the firewall before the API (F5) has rejected the request; see `user_agent`, `headers` and \
                 whether this machine's address is blocked"
            }
            Self::F5Challenge => {
                "the firewall before the API (F5) takes this client for a machine and sends a challenge, a \
                 script for browsers; see `user_agent` and `headers`, and ask less often"
            }
            Self::Cloudflare => {
                "Cloudflare stands before the API and sends a challenge for browsers, or blocks this client; \
                 see `user_agent` and whether this machine's address is blocked"
            }
            Self::TooManyRequests => {
                "the firewall before the API says that there were too many requests; see `limits`, and what \
                 else asks from this address"
            }
            Self::Captcha => "a captcha stands before the API; only people pass it",
            Self::Html => {
                "a page for people, where data was to come: an error page, a log-in or a firewall's; see the \
                 `base_url`, and open the URL in a browser"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(status: u16, body: &[u8]) -> Option<BlockPage> {
        BlockPage::recognise(status, Some("text/html; charset=utf-8"), body)
    }

    #[test]
    fn walls_are_known_by_their_marks_whatever_status_and_encoding() {
        let utf8 = "<title>Requisição Rejeitada</title>".as_bytes();
        let latin = b"<title>Requisi\xe7\xe3o rejeitada</title>";
        for (status, body) in [(200, utf8), (200, &latin[..]), (403, utf8)] {
            assert_eq!(html(status, body), Some(BlockPage::Rejected), "{status}");
        }
        for (body, wall) in [
            ("<script>window[\"bobcmn\"]=\"1\"", BlockPage::F5Challenge),
            ("<title>Just a moment...</title>", BlockPage::Cloudflare),
            (
                "<title>Limite de Requisições Excedido",
                BlockPage::TooManyRequests,
            ),
            ("<div class=\"g-recaptcha\">", BlockPage::Captcha),
            ("<h1>Bem-vindo</h1>", BlockPage::Html),
        ] {
            assert_eq!(html(200, body.as_bytes()), Some(wall), "{body}");
            // HTML is recognised whatever `Content-Type` says.
            let mislabelled = BlockPage::recognise(200, Some("application/json"), body.as_bytes());
            assert_eq!(mislabelled, Some(wall), "{body}");
        }
    }

    #[test]
    fn an_error_page_with_the_status_of_one_is_no_wall_and_data_never_is() {
        assert_eq!(html(500, b"<h1>Internal Server Error</h1>"), None);
        let quoting = br#"{"objeto":"<h1>Requisi\u00e7\u00e3o rejeitada</h1>, /TSPD/"}"#;
        assert_eq!(
            BlockPage::recognise(200, Some("application/json"), quoting),
            None
        );
        assert_eq!(BlockPage::recognise(200, None, b""), None);
    }
}
