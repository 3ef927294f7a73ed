//! Protection of personal data: redacted before any other part of the program sees it.
//!
//! PNCP serves the CPF of natural persons unmasked (`niFornecedor` where `tipoPessoa` is `PF`), and so do the
//! lists of the TCU. Protection rules of a dataset name such fields:
//!
//! ```toml
//! protect_key = { env = "BRONZED_PROTECT_KEY" }
//!
//! [dataset.contratos.protect.niFornecedor]
//! method = "hmac"
//! when = { field = "tipoPessoa", equals = "PF" }
//! ```
//!
//! A record is rewritten when it is cut out of its page, so that ids, hashes, versions, columns, `_extra`,
//! logs and state only see the result. In doubt, data is protected: a rule applies if its condition can't be
//! evaluated, and a value of an unexpected type is protected as a whole.
//!
//! A lock in the lake (`protection_lock`) stores the key's fingerprint and the rules with which a table is written, and refuses
//! others.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::json::{self, Kind};

/// Prefix of a hashed value.
const MARK: &str = "hmac:";
/// Hexadecimal digits of a hash: 128 bits, so no collision is expected among all CPFs and CNPJs.
const DIGITS: usize = 32;
/// Depth of pointer steps and nested arrays beyond which a value is protected as a whole.
const MAX_DEPTH: usize = 64;
/// Minimum length of a key, because all CPFs can be tried against a guessable key.
pub const MIN_KEY_CHARS: usize = 16;

/// Protection rules of one dataset, with the key.
#[derive(Debug, Clone)]
pub struct Protection {
    rules: Vec<Rule>,
    key: Option<Arc<SecretString>>,
}

/// Rule for one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// JSON pointer to the field; arrays on the path are traversed.
    pub field: String,
    /// Method applied to the value.
    pub method: Method,
    /// Condition: this field of the record (JSON pointer) equals this text. If the field is absent, null, or
    /// not a single value, the rule applies.
    pub when: Option<(String, String)>,
    /// `true` if ids are computed from the field.
    pub of_id: bool,
}

/// Method of protecting a value. Empty strings and null are left unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Replaces letters and digits by `*`; of a CPF the middle six digits stay, as in Brazil's public
    /// registers: `***.456.789-**`.
    Mask,
    /// Keyed hash: `hmac:` and 32 hexadecimal digits. The same value always has the same hash, so rows can be
    /// joined and counted. The punctuation of a CPF or CNPJ is ignored.
    Hmac,
}

impl Protection {
    /// Returns the protection by these rules, with the key required by [`Method::Hmac`]; `None` if there are
    /// no rules.
    pub fn new(rules: Vec<Rule>, key: Option<Arc<SecretString>>) -> Option<Self> {
        (!rules.is_empty()).then_some(Self { rules, key })
    }

    /// Returns the record with protected values redacted; `None` if nothing changes.
    pub fn apply(&self, record: &str) -> Option<String> {
        let mut changed: Option<String> = None;
        for rule in &self.rules {
            // Conditions are evaluated on the original record, because another rule may redact their field.
            if !rule.applies(record) {
                continue;
            }
            let steps: Vec<_> = steps(&rule.field).collect();
            let text = changed.as_deref().unwrap_or(record);
            if let Cow::Owned(rewritten) = self.rewrite(text, &steps, rule.method, 0) {
                changed = Some(rewritten);
            }
        }
        changed
    }

    fn rewrite<'t>(
        &self,
        value: &'t str,
        steps: &[String],
        method: Method,
        depth: usize,
    ) -> Cow<'t, str> {
        // No API nests so deeply; the limit prevents a stack overflow.
        if depth > MAX_DEPTH {
            return self.protected(value, method);
        }
        match (json::kind(value), steps) {
            (Kind::Array, _) => {
                let Ok(elements) = json::elements(value) else {
                    return self.protected(value, method);
                };
                let elements = elements.into_iter();
                let items =
                    elements.map(|element| (None, self.rewrite(element, steps, method, depth + 1)));
                together(value, ('[', ']'), items.collect())
            }
            (Kind::Object, [step, rest @ ..]) => {
                let Ok(members) = json::members(value) else {
                    return self.protected(value, method);
                };
                let items = members.into_iter().map(|(key, value)| {
                    let value = match key == step.as_str() {
                        true => self.rewrite(value, rest, method, depth + 1),
                        false => Cow::Borrowed(value),
                    };
                    (Some(key), value)
                });
                together(value, ('{', '}'), items.collect())
            }
            // Also if a single value is found instead of the object with the field.
            _ => self.protected(value, method),
        }
    }

    fn protected<'t>(&self, value: &'t str, method: Method) -> Cow<'t, str> {
        let text = match json::kind(value) {
            Kind::Null => return Cow::Borrowed(value),
            Kind::String => json::string(value).unwrap_or(Cow::Borrowed(value)),
            Kind::Boolean | Kind::Number | Kind::Array | Kind::Object => {
                Cow::Owned(json::canonical::canonical(value).unwrap_or_else(|_| value.to_owned()))
            }
        };
        if text.is_empty() {
            return Cow::Borrowed(value);
        }
        Cow::Owned(json::quote(&match method {
            Method::Mask => masked(&text),
            Method::Hmac => format!("{MARK}{}", self.keyed("value", &plain(&text))),
        }))
    }

    fn keyed(&self, purpose: &str, text: &str) -> String {
        let key = self.key.as_ref().map_or("", |key| key.expose_secret());
        // HMAC accepts a key of any length, so this can't fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
            return "0".repeat(DIGITS);
        };
        for part in ["bronzed", purpose, text] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        let mut hex = String::with_capacity(64);
        for byte in mac.finalize().into_bytes() {
            // Writing into a String doesn't fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex.truncate(DIGITS);
        hex
    }

    /// Returns the key of the hashes, if one was given.
    pub fn key(&self) -> Option<&SecretString> {
        self.key.as_deref()
    }

    /// Returns `true` if a rule protects the field at this JSON pointer, a part of it, or what it is a part of.
    pub fn touches(&self, pointer: &str) -> bool {
        let within = |one: &str, other: &str| {
            one.strip_prefix(other)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut fields = self.rules.iter().map(|rule| rule.field.as_str());
        fields.any(|field| within(field, pointer) || within(pointer, field))
    }

    /// Returns a fingerprint that distinguishes keys without revealing them; `None` if no rule needs a key.
    pub fn fingerprint(&self) -> Option<String> {
        let keyed = self.rules.iter().any(|rule| rule.method == Method::Hmac);
        keyed.then(|| self.keyed("fingerprint", ""))
    }

    /// Returns the rules that affect ids, one line each: if they changed, every record would be stored again.
    /// `all`: ids are computed from the whole content.
    pub fn identity(&self, all: bool) -> Vec<String> {
        let rules = self.rules.iter().filter(|rule| all || rule.of_id);
        let mut lines: Vec<_> = rules.map(Rule::line).collect();
        lines.sort();
        lines
    }
}

impl Rule {
    fn applies(&self, record: &str) -> bool {
        let Some((field, equals)) = &self.when else {
            return true;
        };
        let Ok(Some(found)) = json::pointer(record, field) else {
            return true;
        };
        match json::kind(found) {
            Kind::String => json::string(found).map_or(true, |text| text == equals.as_str()),
            Kind::Number | Kind::Boolean => found == equals,
            Kind::Null | Kind::Array | Kind::Object => true,
        }
    }

    fn line(&self) -> String {
        let method = match self.method {
            Method::Mask => "mask",
            Method::Hmac => "hmac",
        };
        match &self.when {
            Some((field, equals)) => format!("{} {method} when {field} = {equals}", self.field),
            None => format!("{} {method}", self.field),
        }
    }
}

/// Returns the unescaped steps of a JSON pointer.
fn steps(pointer: &str) -> impl Iterator<Item = String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// Returns an array or an object of these items; borrows the original text if no item was rewritten.
fn together<'t>(
    was: &'t str,
    (open, close): (char, char),
    items: Vec<(Option<Cow<'t, str>>, Cow<'t, str>)>,
) -> Cow<'t, str> {
    if items
        .iter()
        .all(|(_, value)| matches!(value, Cow::Borrowed(_)))
    {
        return Cow::Borrowed(was);
    }
    let mut out = String::with_capacity(was.len() + DIGITS);
    out.push(open);
    for (position, (key, value)) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        if let Some(key) = key {
            json::push_quoted(&mut out, key);
            out.push(':');
        }
        out.push_str(value);
    }
    out.push(close);
    Cow::Owned(out)
}

/// Returns the digits of a CPF or CNPJ without punctuation; any other text unchanged.
fn plain(text: &str) -> Cow<'_, str> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let written = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '/' | ' '));
    match digits.len() {
        11 | 14 if written => Cow::Owned(digits),
        _ => Cow::Borrowed(text),
    }
}

/// Returns the text masked, if it has the form of a CPF.
pub fn masked_cpf(text: &str) -> Option<String> {
    is_cpf(text).then(|| masked(text))
}

fn is_cpf(text: &str) -> bool {
    plain(text).len() == 11 && plain(text).bytes().all(|byte| byte.is_ascii_digit())
}

fn masked(text: &str) -> String {
    let of_cpf = is_cpf(text);
    let mut digit = 0;
    let hide = |c: char| {
        let middle = of_cpf && (3..9).contains(&digit);
        digit += usize::from(c.is_ascii_digit());
        if c.is_alphanumeric() && !middle {
            '*'
        } else {
            c
        }
    };
    text.chars().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(field: &str, method: Method) -> Rule {
        Rule {
            field: field.to_owned(),
            method,
            when: None,
            of_id: false,
        }
    }

    fn protection(rules: Vec<Rule>, key: &str) -> Protection {
        Protection::new(rules, Some(Arc::new(key.into()))).unwrap()
    }

    const KEY: &str = "a key of sixteen characters or more";

    #[test]
    fn a_hash_is_the_same_for_ever_whatever_way_the_number_is_written() {
        let by = protection(vec![rule("/cpf", Method::Hmac)], KEY);
        let bare = by.apply(r#"{"cpf":"12345678909"}"#).unwrap();
        let written = by.apply(r#"{"cpf":"123.456.789-09"}"#).unwrap();
        assert_eq!(bare, written);
        // Expected value computed with Python's hmac module: hashes must never change.
        let expected = r#"{"cpf":"hmac:331284f957a353137e0edd2ac24d1dae"}"#;
        assert_eq!(bare, expected);
        let other = protection(vec![rule("/cpf", Method::Hmac)], "another key of sixteen");
        assert_ne!(other.apply(r#"{"cpf":"12345678909"}"#).unwrap(), bare);
        assert_ne!(other.fingerprint(), by.fingerprint());
        // A number instead of a string has the same hash.
        assert_eq!(by.apply(r#"{"cpf":12345678909}"#).unwrap(), bare);
    }

    #[test]
    fn a_mask_leaves_of_a_cpf_what_public_registers_show() {
        let by = protection(vec![rule("/cpf", Method::Mask)], KEY);
        for (value, left) in [
            ("\"123.456.789-09\"", "\"***.456.789-**\""),
            ("\"12345678909\"", "\"***456789**\""),
            ("12345678909", "\"***456789**\""),
            ("1234567890", "\"**********\""),
            ("\"João da Silva\"", "\"**** ** *****\""),
            ("\"\"", "\"\""),
            ("null", "null"),
        ] {
            let record = format!(r#"{{"n":1.50,"cpf":{value}}}"#);
            let expected = format!(r#"{{"n":1.50,"cpf":{left}}}"#);
            let seen = by.apply(&record).unwrap_or(record);
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_condition_that_has_nothing_to_go_by_protects() {
        let mut conditional = rule("/ni", Method::Mask);
        conditional.when = Some(("/tipo".to_owned(), "PF".to_owned()));
        let by = protection(vec![conditional], KEY);
        for (rest, protected) in [
            (r#","tipo":"PF""#, true),
            (r#","tipo":"PJ""#, false),
            (r#","tipo":null"#, true),
            (r#","tipo":["PJ"]"#, true),
            ("", true),
        ] {
            let record = format!(r#"{{"ni":"12345678909"{rest}}}"#);
            assert_eq!(by.apply(&record).is_some(), protected, "{record}");
        }
    }

    #[test]
    fn no_shape_of_the_record_is_a_way_round() {
        let by = protection(vec![rule("/socios/cpf", Method::Mask)], KEY);
        for record in [
            r#"{"socios":{"cpf":"12345678909"}}"#,
            r#"{"socios":[{"nome":"a"},{"cpf":"12345678909"}]}"#,
            r#"{"socios":"12345678909"}"#,
            r#"{"socios":["12345678909"]}"#,
            r#"{"socios":{"cpf":["12345678909"]}}"#,
            r#"{"socios":{"cpf":{"numero":"12345678909"}}}"#,
            r#"{"socios":{"cpf":"x"},"socios":{"cpf":"12345678909"}}"#,
            r#"{"socios":{"cpf":"12345678909","cpf":"x"}}"#,
            r#"{ "socios" : { "cpf" : "12345678909" } }"#,
        ] {
            let left = by.apply(record).unwrap();
            assert!(!left.contains("12345678909"), "{record} became {left}");
        }
        let deep = format!(
            r#"{{"socios":{}"12345678909"{}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        assert!(!by.apply(&deep).unwrap().contains("12345678909"));
        assert_eq!(by.apply(r#"{"socios":[{"nome":"a"}], "b": 1}"#), None);
        assert_eq!(by.apply("17"), Some("\"**\"".to_owned()));
    }
}
