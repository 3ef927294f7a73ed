//! Types that hold all values of another type, as the Delta format has them for widened columns. A column that is widened is no
//! break for readers: each value is as it was.

use delta_kernel::schema::{DataType, PrimitiveType};

/// Digits of an integer of 64 bits, as the Delta format counts them.
const LONG_DIGITS: u8 = 20;

/// Returns `true` if `now` is the type `before`, or holds all its values: a decimal with as many digits before and after the point,
/// or more; a decimal of 20 digits before the point for `long`; a time without a zone for a date; and a list of such elements.
pub(super) fn takes(now: &DataType, before: &DataType) -> bool {
    match (now, before) {
        (DataType::Primitive(now), DataType::Primitive(before)) => takes_single(now, before),
        (DataType::Array(now), DataType::Array(before)) => {
            takes(now.element_type(), before.element_type())
        }
        _ => now == before,
    }
}

fn takes_single(now: &PrimitiveType, before: &PrimitiveType) -> bool {
    use PrimitiveType::{Date, Decimal, Long, TimestampNtz};
    let whole = |kind: &PrimitiveType| match kind {
        Long => Some((LONG_DIGITS, 0)),
        Decimal(decimal) => {
            let before_point = decimal.precision().saturating_sub(decimal.scale());
            Some((before_point, decimal.scale()))
        }
        _ => None,
    };
    match (now, before) {
        _ if now == before => true,
        (TimestampNtz, Date) => true,
        (Decimal(_), Long | Decimal(_)) => {
            let (now, before) = (whole(now), whole(before));
            now.zip(before)
                .is_some_and(|(now, before)| now.0 >= before.0 && now.1 >= before.1)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_taken_for_another_one_if_it_holds_all_its_values() {
        let decimal = |precision, scale| DataType::decimal(precision, scale).unwrap();
        let list = |of: DataType| DataType::from(delta_kernel::schema::ArrayType::new(of, true));
        for (before, now, is_taken) in [
            (DataType::LONG, DataType::LONG, true),
            (DataType::LONG, decimal(20, 0), true),
            (DataType::LONG, decimal(24, 4), true),
            (DataType::LONG, decimal(19, 0), false),
            (DataType::LONG, decimal(23, 4), false),
            (DataType::LONG, DataType::STRING, false),
            (decimal(18, 4), decimal(18, 4), true),
            (decimal(18, 4), decimal(19, 4), true),
            (decimal(18, 4), decimal(19, 5), true),
            (decimal(18, 4), decimal(18, 5), false),
            (decimal(18, 4), decimal(18, 2), false),
            (decimal(18, 4), decimal(20, 3), false),
            (decimal(18, 4), DataType::LONG, false),
            (DataType::DATE, DataType::TIMESTAMP_NTZ, true),
            (DataType::DATE, DataType::TIMESTAMP, false),
            (DataType::TIMESTAMP_NTZ, DataType::DATE, false),
            (DataType::TIMESTAMP_NTZ, DataType::TIMESTAMP, false),
            (DataType::BOOLEAN, DataType::LONG, false),
            (list(DataType::LONG), list(decimal(20, 0)), true),
            (list(DataType::LONG), list(decimal(10, 0)), false),
            (list(DataType::LONG), decimal(20, 0), false),
        ] {
            assert_eq!(takes(&now, &before), is_taken, "{before} to {now}");
        }
    }
}
