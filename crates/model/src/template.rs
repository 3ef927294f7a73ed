//! Templates in paths and parameters: `/v1/orgaos/{cnpj}/compras`, `{modalidade}`. A literal brace is
//! written twice. A variable may have a format of its own after a colon: `{start:%m}`.

use std::fmt;

/// A text with `{variables}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<TemplatePart>,
}

#[derive(Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Variable(String),
}

/// Syntax error of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// An opening brace without its closing one.
    #[error("`{0}` has a `{{` without its `}}`; write `{{{{` for a plain brace")]
    Unclosed(String),
    /// A closing brace without its opening one.
    #[error("`{0}` has a `}}` without its `{{`; write `}}}}` for a plain brace")]
    Unopened(String),
    /// A variable name with characters other than letters, digits and `_`.
    #[error("`{0}` has `{{{1}}}`, which isn't a name of letters, digits and `_`")]
    BadName(String, String),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// If braces don't match, or a variable name is invalid.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '{' | '}' if rest.peek() == Some(&character) => {
                    rest.next();
                    text.push(character);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(other) => name.push(other),
                            None => return Err(TemplateError::Unclosed(source.to_owned())),
                        }
                    }
                    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let (bare, _) = of_variable(&name);
                    if bare.is_empty() || !bare.chars().all(plain) {
                        return Err(TemplateError::BadName(source.to_owned(), name));
                    }
                    if !text.is_empty() {
                        parts.push(TemplatePart::Text(std::mem::take(&mut text)));
                    }
                    parts.push(TemplatePart::Variable(name));
                }
                '}' => return Err(TemplateError::Unopened(source.to_owned())),
                other => text.push(other),
            }
        }
        if !text.is_empty() {
            parts.push(TemplatePart::Text(text));
        }
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }

    /// Returns the variables, each with its format if it has one: see [`of_variable`].
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Variable(name) => Some(name.as_str()),
            TemplatePart::Text(_) => None,
        })
    }

    /// Replaces the variables by their values. A variable that `value` doesn't know becomes empty, which
    /// the checks of the configuration rule out.
    pub fn render<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => text.as_str(),
                TemplatePart::Variable(name) => value(name).unwrap_or_default(),
            })
            .collect()
    }
}

/// Splits a variable into its name and its format: `start:%m` into `start` and `%m`.
pub fn of_variable(variable: &str) -> (&str, Option<&str>) {
    match variable.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (variable, None),
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_doubled_braces_stay() {
        let template = Template::parse("/v1/{a}/x{{y}}/{b_2}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["a", "b_2"]);
        let text = template.render(|name| Some(if name == "a" { "1" } else { "2" }));
        assert_eq!(text, "/v1/1/x{y}/2");
    }

    #[test]
    fn a_variable_may_have_a_format_of_its_own() {
        let template = Template::parse("{start:%Y-%m}/{start}").unwrap();
        let variables: Vec<_> = template.variables().map(of_variable).collect();
        assert_eq!(variables, [("start", Some("%Y-%m")), ("start", None)]);
        let text = template.render(|name| Some(if name == "start" { "1" } else { "2" }));
        assert_eq!(text, "2/1");
        assert!(Template::parse("{:%Y}").is_err());
    }

    #[test]
    fn what_does_not_match_is_named() {
        assert!(matches!(
            Template::parse("a{b"),
            Err(TemplateError::Unclosed(_))
        ));
        assert!(matches!(
            Template::parse("a}b"),
            Err(TemplateError::Unopened(_))
        ));
        assert!(matches!(
            Template::parse("{a b}"),
            Err(TemplateError::BadName(..))
        ));
        assert!(matches!(
            Template::parse("{}"),
            Err(TemplateError::BadName(..))
        ));
    }
}
