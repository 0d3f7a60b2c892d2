//! Decimal numbers as text: whether a text is one, and whether two are the same number.

/// Whether the text is a decimal number: an optional sign, digits with at most one decimal point, an optional
/// exponent.
pub fn is_decimal(text: &[u8]) -> bool {
    split(text).is_some()
}

/// Whether two texts are the same decimal number. Texts that are not numbers equal nothing.
pub fn same_number(left: &[u8], right: &[u8]) -> bool {
    match (normal(left), normal(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// Sign, significant digits without zeros at either end, and the power of ten of the first of them.
#[derive(PartialEq)]
struct Normal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

fn split(text: &[u8]) -> Option<Parts<'_>> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], std::str::from_utf8(&rest[at + 1..]).ok()?.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    (digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())).then_some(Parts {
        negative,
        whole,
        fraction,
        exponent: i64::from(exponent),
    })
}

fn normal(text: &[u8]) -> Option<Normal> {
    let parts = split(text)?;
    let mut digits: Vec<u8> = parts.whole.iter().chain(parts.fraction).copied().collect();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..leading);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return Some(Normal { negative: false, digits, exponent: 0 });
    }
    let exponent = parts.exponent + parts.whole.len() as i64 - leading as i64;
    Some(Normal { negative: parts.negative, digits, exponent })
}

/// The shortest text that reads back as exactly this number, with a point or an exponent so that it is not an integer:
/// `1.0`, `0.1`, `1e300`. Neither NaN nor an infinity has one.
pub fn float_text(number: f64) -> Option<String> {
    number.is_finite().then(|| {
        let magnitude = number.abs();
        if magnitude != 0.0 && !(1e-5..1e17).contains(&magnitude) {
            format!("{number:e}")
        } else {
            format!("{number:?}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_distinguished_from_other_text() {
        for decimal in ["0", "-12.50", "+1", ".5", "5.", "1e3", "1E-3", "000", "99999999999999999999999999.9"] {
            assert!(is_decimal(decimal.as_bytes()), "{decimal}");
        }
        for other in ["", "-", ".", "abc", "1.2.3", "1 ", " 1", "0x10", "1e", "1e2.5", "inf", "NaN", "--1", "1_000"] {
            assert!(!is_decimal(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn the_same_number_in_other_digits() {
        for (left, right) in
            [("1.50", "1.5"), ("-0", "0.00"), ("100", "1e2"), ("0.001", "1E-3"), ("007", "7"), ("12.5e1", "125")]
        {
            assert!(same_number(left.as_bytes(), right.as_bytes()), "{left} {right}");
        }
        for (left, right) in [("1.5", "1.51"), ("1", "-1"), ("10", "1"), ("abc", "abc"), ("0.1", "0.01")] {
            assert!(!same_number(left.as_bytes(), right.as_bytes()), "{left} {right}");
        }
    }

    #[test]
    fn floats_round_trip_as_text() {
        for number in [0.0, -0.0, 1.0, 0.1, -2.5e-8, 1e300, f64::MIN_POSITIVE, 5e-324, f64::MAX, 123_456_789.125] {
            let text = float_text(number).expect("finite");
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(number.to_bits()), "{text}");
            assert!(text.contains(['.', 'e']), "{text}");
        }
        assert_eq!(float_text(f64::NAN), None);
        assert_eq!(float_text(f64::INFINITY), None);
    }
}
