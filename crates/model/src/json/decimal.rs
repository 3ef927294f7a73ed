//! Decimal numbers, processed digit by digit: never through a float, and in no more memory than their own
//! text, whatever their exponent.

/// JSON number: the digits of `whole` and `fraction` concatenated, times ten to the power of `exponent`. The
/// digits begin and end with a non-zero digit; zero has no digits. In scientific notation (one digit before
/// the point), the exponent has at most 18 digits.
#[derive(Debug, Clone, Copy)]
pub struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Parses a JSON number. Returns `None` if the text isn't one, or its exponent in scientific notation has
    /// more than 18 digits.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !is_digits(whole) || leading_zero || !fraction.is_none_or(is_digits) {
            return None;
        }
        let fraction = fraction.unwrap_or_default().trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        if whole.is_empty() && fraction.is_empty() {
            return exponent.is_none_or(is_exponent).then_some(Self {
                negative: false,
                whole,
                fraction,
                exponent: 0,
            });
        }
        let exponent = exponent.map_or(Some(0), parse_exponent)?;
        Self::without_outer_zeros(negative, whole, fraction, exponent)
    }

    fn without_outer_zeros(
        negative: bool,
        whole: &'a str,
        fraction: &'a str,
        exponent: i128,
    ) -> Option<Self> {
        let mut exponent = exponent - i128::try_from(fraction.len()).ok()?;
        let (mut kept_whole, mut kept_fraction) = (whole, fraction);
        if fraction.is_empty() {
            kept_whole = whole.trim_end_matches('0');
            exponent += i128::try_from(whole.len() - kept_whole.len()).ok()?;
        } else if whole.is_empty() {
            kept_fraction = fraction.trim_start_matches('0');
        }
        let length = i128::try_from(kept_whole.len() + kept_fraction.len()).ok()?;
        let is_within = (exponent + length - 1).unsigned_abs() < 10_u128.pow(18);
        Some(Self {
            negative,
            whole: kept_whole,
            fraction: kept_fraction,
            exponent: is_within.then(|| i64::try_from(exponent).ok())??,
        })
    }

    /// Returns the number times ten to the power of `scale`, if that is an integer of at most `precision`
    /// digits: the stored value of a column `decimal(precision, scale)`.
    pub fn to_scaled(self, precision: u8, scale: u8) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        let zeros = self.exponent.checked_add(i64::from(scale))?;
        let zeros = usize::try_from(zeros).ok()?;
        let length = self.len().checked_add(zeros)?;
        // 38 nines fit into 127 bits.
        if length > usize::from(precision.min(38)) {
            return None;
        }
        let magnitude = self.digits().fold(0_i128, |number, digit| {
            number * 10 + i128::from(digit - b'0')
        });
        let magnitude = magnitude * 10_i128.pow(u32::try_from(zeros).ok()?);
        Some(if self.negative { -magnitude } else { magnitude })
    }

    /// Returns the number if it is a 64-bit integer: `5.0` and `50e-1` are 5.
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.to_scaled(19, 0)?).ok()
    }

    /// Appends the canonical spelling of this number, which must never change: plain digits if the point is
    /// within 21 digits before and 6 zeros after (`1000`, `12.5`, `0.000001`), else `1.25e+30`, `1e-7`.
    ///
    /// Same as the spelling of ECMAScript and RFC 8785, but without loss of precision.
    pub fn push_canonical(self, out: &mut String) {
        if self.is_zero() {
            out.push('0');
            return;
        }
        if self.negative {
            out.push('-');
        }
        let length = i64::try_from(self.len()).unwrap_or(i64::MAX);
        // Number of digits before the point.
        let point = self.exponent.saturating_add(length);
        let digits = self.digits().map(char::from);
        match point {
            1..=21 => {
                let before = usize::try_from(point).unwrap_or_default();
                out.extend(digits.clone().chain(std::iter::repeat('0')).take(before));
                if length > point {
                    out.push('.');
                    out.extend(digits.skip(before));
                }
            }
            -5..=0 => {
                out.push_str("0.");
                out.extend((point..0).map(|_| '0'));
                out.extend(digits);
            }
            _ => {
                out.extend(digits.clone().take(1));
                if length > 1 {
                    out.push('.');
                    out.extend(digits.skip(1));
                }
                // As i128, so that `i64::MIN` has no special case.
                let exponent = i128::from(self.exponent) + i128::from(length) - 1;
                out.push_str(&format!("e{exponent:+}"));
            }
        }
    }

    /// Returns the spelling of [`Decimal::push_canonical`].
    pub fn canonical(self) -> String {
        let mut text = String::new();
        self.push_canonical(&mut text);
        text
    }

    fn is_zero(self) -> bool {
        self.len() == 0
    }

    fn len(self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn digits(self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        self.whole.bytes().chain(self.fraction.bytes())
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_exponent(text: &str) -> bool {
    is_digits(text.strip_prefix(['+', '-']).unwrap_or(text))
}

fn parse_exponent(text: &str) -> Option<i128> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let significant = digits.trim_start_matches('0');
    // No mantissa is long enough to bring a longer exponent back to 18 digits.
    if !is_digits(digits) || significant.len() > 30 {
        return None;
    }
    let magnitude: i128 = if significant.is_empty() {
        0
    } else {
        significant.parse().ok()?
    };
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        Decimal::parse(text).expect(text).canonical()
    }

    #[test]
    fn golden_spellings() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.000E-99999999999999999999", "0"),
            ("12.50", "12.5"),
            ("125e-1", "12.5"),
            ("0.125E+2", "12.5"),
            ("10000.0", "10000"),
            ("-39000.00", "-39000"),
            ("0.0951", "0.0951"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("123456789012345678901.5", "123456789012345678901.5"),
            ("1234567890123456789012.5", "1.2345678901234567890125e+21"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("0.00000012", "1.2e-7"),
            ("1e400", "1e+400"),
            ("-1.50e-400", "-1.5e-400"),
            ("1e999999999999999999", "1e+999999999999999999"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn only_json_numbers_are_numbers() {
        for text in [
            "",
            "-",
            "+1",
            ".5",
            "5.",
            "01",
            "-01",
            "1e",
            "1e+",
            "0e",
            "0x1",
            "NaN",
            "1_0",
            "1 ",
            "1e1000000000000000000",
            "10e999999999999999999",
            "0.1e-999999999999999999",
            "1.2.3",
            "--1",
            "1e5e5",
            "1.e5",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn scaling_is_exact_or_refused() {
        let scaled = |text: &str, precision, scale| {
            Decimal::parse(text).and_then(|number| number.to_scaled(precision, scale))
        };
        assert_eq!(scaled("12.5", 18, 2), Some(1250));
        assert_eq!(scaled("-0.01", 18, 2), Some(-1));
        assert_eq!(scaled("1.239", 18, 2), None);
        assert_eq!(scaled("1.2300", 18, 2), Some(123));
        assert_eq!(scaled("123.4", 4, 1), Some(1234));
        assert_eq!(scaled("1234.5", 4, 1), None);
        assert_eq!(scaled("1e3", 4, 0), Some(1000));
        assert_eq!(scaled("1e4", 4, 0), None);
        assert_eq!(scaled("0e4000", 4, 0), Some(0));
        assert_eq!(scaled("1e999999999999999999", 38, 0), None);
        assert_eq!(scaled("1e-999999999999999999", 38, 38), None);
        let nines = "9".repeat(38);
        assert_eq!(scaled(&nines, 38, 0), Some(10_i128.pow(38) - 1));
    }

    #[test]
    fn whole_numbers_of_64_bits() {
        let whole = |text: &str| Decimal::parse(text).and_then(Decimal::to_i64);
        assert_eq!(whole("5.0"), Some(5));
        assert_eq!(whole("50e-1"), Some(5));
        assert_eq!(whole("5.5"), None);
        assert_eq!(whole("9223372036854775807"), Some(i64::MAX));
        assert_eq!(whole("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(whole("9223372036854775808"), None);
    }

    #[test]
    fn a_huge_exponent_costs_no_memory() {
        let text = format!("{}e-900000000000000000", "7".repeat(1000));
        assert_eq!(
            canonical(&text).len(),
            1000 + ".".len() + "e-899999999999999001".len()
        );
    }

    proptest! {
        #[test]
        fn the_spelling_is_that_of_its_own_value(
            negative: bool,
            whole in "0|[1-9][0-9]{0,24}",
            fraction in "(\\.[0-9]{1,24})?",
            exponent in "([eE][+-]?[0-9]{1,3})?",
        ) {
            let text = format!("{}{whole}{fraction}{exponent}", if negative { "-" } else { "" });
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn an_integer_keeps_its_value(number: i64, zeros in 0_usize..5) {
            let text = format!("{number}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(Decimal::parse(&text).unwrap().to_i64(), Some(number));
        }
    }
}
