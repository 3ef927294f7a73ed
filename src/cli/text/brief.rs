//! Reasons in brief: addresses are cut to what tells them apart, so that a reason fits a line or two.

/// Number of the last steps of a path that are kept.
const STEPS: usize = 2;

/// Returns a text in which each `https://host/a/b/c?query` is `…/b/c`. `bronzed day` shows it in full.
pub fn brief(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let start = word.find("https://").or_else(|| word.find("http://"));
        match start {
            Some(start) => {
                let (before, url) = word.split_at(start);
                format!("{before}{}", cut(url))
            }
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn cut(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (address, query) = url.split_at(end);
    // Punctuation after the address belongs to the sentence: `https://host/path: 503`.
    let (address, mark) = match address.strip_suffix([':', ',', ';', ')']) {
        Some(inner) => address.split_at(inner.len()),
        None => (address, ""),
    };
    let mark = match query.chars().last() {
        Some(last @ (':' | ',' | ';' | ')')) => last.to_string(),
        _ => mark.to_owned(),
    };
    let path = address.split_once("://").map_or("", |(_, rest)| rest);
    let steps: Vec<_> = path
        .split('/')
        .skip(1)
        .filter(|step| !step.is_empty())
        .collect();
    if steps.is_empty() {
        return format!("{address}{mark}");
    }
    let kept = steps.iter().skip(steps.len().saturating_sub(STEPS));
    let kept: Vec<_> = kept.copied().collect();
    format!("…/{}{mark}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn an_address_is_cut_to_its_last_steps_and_the_sentence_stays() {
        let reason = "gave up on https://pncp.gov.br/api/consulta/v1/contratacoes/publicacao?pagina=1&x=2 after 6 tries: 503";
        assert_eq!(
            brief(reason),
            "gave up on …/contratacoes/publicacao after 6 tries: 503"
        );
        assert_eq!(brief("https://a.br/b/c/d: refused"), "…/c/d: refused");
        assert_eq!(brief("https://a.br: down"), "https://a.br: down");
        assert_eq!(brief("no address"), "no address");
    }
}
