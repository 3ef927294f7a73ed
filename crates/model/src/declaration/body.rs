//! JSON body of a request: fixed values, and texts with variables.

use serde_json::{Map, Value};

use crate::template::Template;

/// Value in the body of a request.
#[derive(Debug, Clone)]
pub enum BodyPart {
    /// A value that is sent as declared.
    Fixed(Value),
    /// A text with variables.
    Text(Template),
    /// A variable whose values are numbers or booleans, which are sent as such.
    Bare(String),
    /// A list.
    List(Vec<BodyPart>),
    /// An object.
    Table(Vec<(String, BodyPart)>),
}

impl BodyPart {
    /// Replaces the variables by their values.
    pub fn render<'v>(&self, value: &impl Fn(&str) -> Option<&'v str>) -> Value {
        match self {
            Self::Fixed(fixed) => fixed.clone(),
            Self::Text(template) => template.render(value).into(),
            Self::Bare(variable) => {
                let text = value(variable).unwrap_or_default();
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            Self::List(parts) => parts.iter().map(|part| part.render(value)).collect(),
            Self::Table(members) => {
                let members = members.iter();
                let members = members.map(|(name, part)| (name.clone(), part.render(value)));
                Value::Object(members.collect())
            }
        }
    }

    /// Returns the names of the variables.
    pub fn variables(&self) -> Vec<&str> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(template) => template.variables().collect(),
            Self::Bare(variable) => vec![variable],
            Self::List(parts) => parts.iter().flat_map(Self::variables).collect(),
            Self::Table(members) => {
                let parts = members.iter();
                parts.flat_map(|(_, part)| part.variables()).collect()
            }
        }
    }
}

/// Returns the steps to a member of a body, which is named by its name or by a JSON pointer.
pub fn steps(named: &str) -> Vec<String> {
    match named.strip_prefix('/') {
        None => vec![named.to_owned()],
        Some(pointer) => {
            let steps = pointer.split('/');
            let plain = |step: &str| step.replace("~1", "/").replace("~0", "~");
            steps.map(plain).collect()
        }
    }
}

/// Sets a member of a body, and makes the objects that lead to it.
pub fn set(body: &mut Value, named: &str, value: Value) {
    let mut at = body;
    for step in steps(named) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[step.as_str()];
    }
    *at = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_numbers_and_lists_are_sent_as_they_are_declared() {
        let text = |text: &str| BodyPart::Text(Template::parse(text).unwrap());
        let body = BodyPart::Table(vec![
            ("n".to_owned(), BodyPart::Bare("m".to_owned())),
            ("t".to_owned(), text("{m}")),
            (
                "l".to_owned(),
                BodyPart::List(vec![text("a-{m}"), BodyPart::Fixed(json!(true))]),
            ),
        ]);
        assert_eq!(body.variables(), ["m", "m", "m"]);
        let sent = body.render(&|name| (name == "m").then_some("6"));
        assert_eq!(sent, json!({"n": 6, "t": "6", "l": ["a-6", true]}));
    }

    #[test]
    fn a_member_is_set_by_its_name_or_by_a_pointer() {
        let mut body = json!({"filtro": {"uf": "SP"}});
        set(&mut body, "pagina", json!(2));
        set(&mut body, "/filtro/de", json!("a"));
        set(&mut body, "/novo/a~1b", json!(1));
        let expected = json!({"filtro": {"uf": "SP", "de": "a"}, "pagina": 2, "novo": {"a/b": 1}});
        assert_eq!(body, expected);
    }
}
