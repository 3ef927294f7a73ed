//! Conditions on rows: simple comparisons, joined by `and`.
//!
//! ```text
//! orgaoEntidade.cnpj = '00394452000103' and valorTotalEstimado >= 1e6 and objetoCompra like '%escola%'
//! ```
//!
//! A number is compared as a number, exactly; anything else as its text, character by character. A value that is null, or
//! isn't there, meets `is null` alone, as in SQL.

use std::cmp::Ordering;

use super::at;
use bronzed_model::json::{Kind, decimal::Decimal, tape::Value};

/// Conditions that a row must meet, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFilter(Vec<FilterTerm>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FilterTerm {
    path: String,
    test: ValueTest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ValueTest {
    Null { is: bool },
    Like { is: bool, pattern: String },
    Compare(Comparator, Literal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Literal {
    Text(String),
    Number(String),
    Boolean(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum FilterToken {
    Word(String),
    Text(String),
    Sign(Comparator),
}

impl RowFilter {
    /// Parses conditions; none in an empty text.
    ///
    /// # Errors
    /// Returns what isn't understood, and what would be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let mut conditions = Vec::new();
        while tokens.peek().is_some() {
            if !conditions.is_empty() && !is_word(tokens.next().as_ref(), "and") {
                return Err(format!("conditions are joined by `and` in `{text}`"));
            }
            let condition = condition(&mut tokens);
            conditions.push(condition.map_err(|what| format!("{what} in `{text}`"))?);
        }
        Ok(Self(conditions))
    }

    /// Paths of the columns that the conditions name.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|condition| condition.path.as_str())
    }

    /// Returns `true` if the row meets all conditions.
    pub fn is_met(&self, row: Value<'_>) -> bool {
        self.0.iter().all(|condition| {
            let value = at(row, &condition.path).filter(|value| !value.is_null());
            condition.test.is_met(value)
        })
    }
}

fn is_word(token: Option<&FilterToken>, word: &str) -> bool {
    matches!(token, Some(FilterToken::Word(found)) if found.eq_ignore_ascii_case(word))
}

fn condition(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = FilterToken>>,
) -> Result<FilterTerm, String> {
    let Some(FilterToken::Word(path)) = tokens.next() else {
        return Err("a condition begins with a column: `orgaoEntidade.cnpj = '…'`".to_owned());
    };
    let not = |tokens: &mut std::iter::Peekable<_>| {
        let not = is_word(tokens.peek(), "not");
        if not {
            tokens.next();
        }
        not
    };
    let test = match tokens.next() {
        Some(FilterToken::Sign(sign)) => ValueTest::Compare(sign, literal(tokens.next())?),
        found if is_word(found.as_ref(), "is") => {
            let is = !not(tokens);
            if !is_word(tokens.next().as_ref(), "null") {
                return Err("after `is` comes `null` or `not null`".to_owned());
            }
            ValueTest::Null { is }
        }
        found if is_word(found.as_ref(), "like") => like(tokens.next(), true)?,
        found if is_word(found.as_ref(), "not") && is_word(tokens.next().as_ref(), "like") => {
            like(tokens.next(), false)?
        }
        _ => {
            return Err(format!(
                "after `{path}` comes =, !=, <, <=, >, >=, like or is"
            ));
        }
    };
    Ok(FilterTerm { path, test })
}

fn like(pattern: Option<FilterToken>, is: bool) -> Result<ValueTest, String> {
    match pattern {
        Some(FilterToken::Text(pattern)) => Ok(ValueTest::Like { is, pattern }),
        _ => Err("after `like` comes a text in quotes: `'%escola%'`".to_owned()),
    }
}

fn literal(token: Option<FilterToken>) -> Result<Literal, String> {
    match token {
        Some(FilterToken::Text(text)) => Ok(Literal::Text(text)),
        Some(FilterToken::Word(word)) if word.eq_ignore_ascii_case("true") => {
            Ok(Literal::Boolean(true))
        }
        Some(FilterToken::Word(word)) if word.eq_ignore_ascii_case("false") => {
            Ok(Literal::Boolean(false))
        }
        Some(FilterToken::Word(word)) if Decimal::parse(&word).is_some() => {
            Ok(Literal::Number(word))
        }
        Some(FilterToken::Word(word)) => {
            Err(format!("`{word}` is no number; a text stands in quotes"))
        }
        _ => Err("a comparison ends with a number or a text in quotes".to_owned()),
    }
}

fn tokens(text: &str) -> Result<Vec<FilterToken>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let signs = [
            ("!=", Comparator::Unequal),
            ("<>", Comparator::Unequal),
            ("<=", Comparator::LessOrEqual),
            (">=", Comparator::GreaterOrEqual),
            ("=", Comparator::Equal),
            ("<", Comparator::Less),
            (">", Comparator::Greater),
        ];
        let sign = signs.iter().find(|(sign, _)| rest.starts_with(sign));
        let taken = if let Some((text, sign)) = sign {
            found.push(FilterToken::Sign(*sign));
            text.len()
        } else if first == '\'' {
            let (value, taken) =
                quoted(rest).ok_or_else(|| format!("a quote isn't closed in `{text}`"))?;
            found.push(FilterToken::Text(value));
            taken
        } else {
            let ends = |c: char| c.is_whitespace() || "=!<>'".contains(c);
            let end = rest.find(ends).filter(|end| *end > 0);
            let end = end.unwrap_or(match ends(first) {
                true => first.len_utf8(),
                false => rest.len(),
            });
            found.push(FilterToken::Word(rest[..end].to_owned()));
            end
        };
        rest = rest[taken..].trim_start();
    }
    Ok(found)
}

/// Returns the text in quotes at the start, in which two quotes stand for one, and the bytes that it takes.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((value, at + 1));
        }
    }
    None
}

impl ValueTest {
    fn is_met(&self, value: Option<Value<'_>>) -> bool {
        match (self, value) {
            (Self::Null { is }, value) => value.is_none() == *is,
            (_, None) => false,
            (Self::Like { is, pattern }, Some(value)) => is_like(&text(value), pattern) == *is,
            (Self::Compare(sign, literal), Some(value)) => match order(value, literal) {
                Some(order) => sign.is_met(order),
                None => *sign == Comparator::Unequal,
            },
        }
    }
}

impl Comparator {
    fn is_met(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn text(value: Value<'_>) -> String {
    match value.string() {
        Some(text) => text.into_owned(),
        None => value.text().to_owned(),
    }
}

/// Returns the order of a value and a literal; `None` if they can't be compared.
fn order(value: Value<'_>, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Text(other) => Some(text(value).as_str().cmp(other)),
        Literal::Boolean(other) => match value.text() {
            "true" => Some(true.cmp(other)),
            "false" => Some(false.cmp(other)),
            _ => None,
        },
        Literal::Number(other) => {
            if value.kind() != Kind::Number {
                return None;
            }
            let (one, other) = (Decimal::parse(value.text())?, Decimal::parse(other)?);
            match (one.to_scaled(38, 12), other.to_scaled(38, 12)) {
                (Some(one), Some(other)) => Some(one.cmp(&other)),
                // Beyond 38 digits: as floating point.
                _ => {
                    let number = |decimal: Decimal<'_>| decimal.canonical().parse::<f64>().ok();
                    number(one)?.partial_cmp(&number(other)?)
                }
            }
        }
    }
}

/// Returns `true` if the text is like the pattern, in which `%` stands for any characters and `_` for one.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Position after the last `%`, and that of the text where it was tried.
    let mut tried: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(of) {
            Some('%') => {
                tried = Some((of + 1, at));
                of += 1;
            }
            Some(c) if *c == '_' || *c == text[at] => {
                at += 1;
                of += 1;
            }
            _ => match tried {
                Some((after, from)) => {
                    tried = Some((after, from + 1));
                    (of, at) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::json::tape::Document;

    const ROW: &str = r#"{"id":"7","valor":1234567890123456.78,"orgao":{"cnpj":"00394","nome":"Escola d'Ávila"},
        "srp":true,"fim":null,"data":"2025-10-22T08:00:00"}"#;

    fn met(text: &str) -> bool {
        let row = Document::parse(ROW).unwrap();
        RowFilter::parse(text).unwrap().is_met(row.value())
    }

    #[test]
    fn rows_meet_conditions_as_in_sql() {
        for text in [
            "",
            "orgao.cnpj = '00394'",
            "orgao.cnpj='00394' and srp = true AND valor>=1e6",
            "valor = 1234567890123456.78",
            "valor > 1234567890123456.77",
            "valor < 1234567890123456.79",
            "orgao.nome like 'Escola%' and orgao.nome like '%_vila'",
            "orgao.nome = 'Escola d''Ávila'",
            "fim is null and nada is null and id is not null",
            "data >= '2025-10-22' and data < '2025-10-23'",
            "id != '8'",
            "orgao.nome not like '%posto%'",
        ] {
            assert!(met(text), "{text}");
        }
        for text in [
            "orgao.cnpj = '394'",
            "fim = 'x'",
            "fim != 'x'",
            "valor = 1234567890123456.77",
            "srp = false",
            "id is null",
            "nada like '%'",
            "orgao.nome like '%escola%'",
            "id > '6' and id > '7'",
        ] {
            assert!(!met(text), "{text}");
        }
    }

    #[test]
    fn what_isnt_understood_is_said_with_what_would_be() {
        for (text, told) in [
            ("id", "after `id`"),
            ("id = x", "quotes"),
            ("id = 'x", "closed"),
            ("id = 'x' or id = 'y'", "`and`"),
            ("= 'x'", "begins with a column"),
            ("id is 7", "null"),
            ("id like 7", "quotes"),
            ("id !", "after `id`"),
        ] {
            let error = RowFilter::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
