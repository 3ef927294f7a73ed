//! Alternative spelling of a JSON value with the same canonical form and the same row of columns.

use bronzed_model::json::{self, Kind, decimal::Decimal};

/// Returns the same value spelled as differently as JSON allows: reversed members, an additional null
/// member, white space, escapes, another exponent. `None` if the text isn't a value, or is nested too deep.
pub fn respelled(text: &str) -> Option<String> {
    let mut out = String::new();
    push(&mut out, json::trimmed(text), 0)?;
    Some(out)
}

const MAX_DEPTH: usize = 100;

fn push(out: &mut String, value: &str, depth: usize) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    match json::kind(value) {
        Kind::Object => {
            let members = json::members(value).ok()?;
            out.push_str("{\n");
            let mut separator = "";
            for (position, (key, value)) in members.iter().enumerate().rev() {
                let is_last = members.iter().rposition(|(other, _)| other == key) == Some(position);
                if !is_last {
                    continue;
                }
                out.push_str(separator);
                push_escaped(out, key);
                out.push_str(" :\t");
                push(out, value, depth + 1)?;
                separator = " ,";
            }
            if members.iter().all(|(key, _)| key != "a field more") {
                out.push_str(separator);
                out.push_str("\"a field more\": null");
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (position, element) in json::elements(value).ok()?.into_iter().enumerate() {
                out.push_str(if position > 0 { "\r\n," } else { " " });
                push(out, element, depth + 1)?;
            }
            out.push(']');
        }
        Kind::String => push_escaped(out, &json::string(value).ok()?),
        Kind::Number => push_number(out, value),
        Kind::Boolean | Kind::Null => out.push_str(value),
    }
    Some(())
}

/// Writes every character as an escape.
fn push_escaped(out: &mut String, text: &str) {
    out.push('"');
    for unit in text.encode_utf16() {
        out.push_str(&format!("\\u{unit:04X}"));
    }
    out.push('"');
}

/// Appends a zero to the fraction and writes the exponent.
fn push_number(out: &mut String, number: &str) {
    if Decimal::parse(number).is_none() {
        out.push_str(number);
        return;
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let point = if mantissa.contains('.') { "" } else { "." };
    out.push_str(&format!("{mantissa}{point}0E{exponent}"));
}
