//! Target: canonical JSON and decimals. Equal values have one spelling, different values have different
//! ones.

use serde_json::Value;
use serde_json::value::RawValue;

use super::Input;
use super::respelled::respelled;
use bronzed_model::json::canonical::{canonical as form, hash};
use bronzed_model::json::decimal::Decimal;

/// Input: two bytes (precision and scale of a decimal), then a JSON value.
pub fn canonical(input: &[u8]) {
    let mut input = Input::new(input);
    let precision = 1 + input.byte() % 38;
    let scale = input.byte() % (precision + 1);
    let text = input.text();
    hold_number(&text, precision, scale);
    assert_eq!(hash(&text), hash(&text));
    let Ok(canonical) = form(&text) else {
        return;
    };
    serde_json::from_str::<&RawValue>(&text).expect("only JSON has a canonical form");
    serde_json::from_str::<&RawValue>(&canonical).expect("a canonical form is JSON");
    assert_eq!(form(&canonical).unwrap(), canonical, "of {text}");
    if let Some(other) = respelled(&text) {
        assert_eq!(form(&other).unwrap(), canonical, "{text} and {other}");
    }
    if let (Ok(before), Ok(after)) = (
        serde_json::from_str(&text),
        serde_json::from_str(&canonical),
    ) {
        assert!(same(&before, &after), "{text} became {canonical}");
    }
}

/// Returns `true` if the values are equal except for null members, compared with `serde_json`, which shares
/// no code with the canonical form.
fn same(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let is_left = |(_, value): &(&String, &Value)| !value.is_null();
            let left = before.iter().filter(is_left).count();
            let all = |(key, value): (&String, &Value)| {
                after.get(key).is_some_and(|other| same(value, other))
            };
            left == after.len() && before.iter().filter(is_left).all(all)
        }
        (Value::Array(before), Value::Array(after)) => {
            let pairs = before.iter().zip(after);
            before.len() == after.len() && pairs.into_iter().all(|(one, other)| same(one, other))
        }
        // `serde_json` rounds floats, not always to the nearest, with an error of at most one last digit.
        (Value::Number(before), Value::Number(after)) => {
            let (before, after) = (before.as_f64().unwrap(), after.as_f64().unwrap());
            let least = f64::EPSILON * 4.0 * before.abs().max(after.abs());
            (before - after).abs() <= least.max(f64::MIN_POSITIVE)
        }
        (before, after) => before == after,
    }
}

fn hold_number(text: &str, precision: u8, scale: u8) {
    let Some(number) = Decimal::parse(text) else {
        return;
    };
    serde_json::from_str::<&RawValue>(text).expect("only numbers are decimals");
    let canonical = number.canonical();
    let again = Decimal::parse(&canonical).expect("a canonical number is one");
    assert_eq!(again.canonical(), canonical);
    assert_eq!(again.to_i64(), number.to_i64());
    assert_eq!(
        again.to_scaled(precision, scale),
        number.to_scaled(precision, scale)
    );
    let floats: Option<(f64, f64)> = text.parse().ok().zip(canonical.parse().ok());
    let (before, after) = floats.expect("numbers are floats, too");
    assert!(before == after, "{text} became {canonical}");
    // The column stores exactly the number.
    if let Some(scaled) = number.to_scaled(precision, scale) {
        let stored = format!("{scaled}e-{scale}");
        assert_eq!(Decimal::parse(&stored).unwrap().canonical(), canonical);
        assert!(scaled.unsigned_abs() < 10_u128.pow(precision.into()));
    }
}
