//! The binary form of `numeric`: base-10,000 digits, the exponent of the first one, a sign, and the number of digits
//! shown after the decimal point.

use super::Unreadable;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Digits after the decimal point that PostgreSQL can store.
const MOST_SCALE: i64 = 16_383;
/// Digits before the decimal point that PostgreSQL can store.
const MOST_WHOLE: i64 = 131_072;

/// Appends a number with exactly the digits that the server shows.
pub(crate) fn push_text(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Unreadable> {
    let malformed = || Unreadable::new("a number in a form that is not known");
    let field = |at: usize| -> Option<u16> { Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)) };
    let (Some(count), Some(weight), Some(sign), Some(scale)) = (field(0), field(2), field(4), field(6)) else {
        return Err(malformed());
    };
    match sign {
        0 | NEGATIVE => {}
        NAN => return Err(no_number("NaN")),
        INFINITY => return Err(no_number("Infinity")),
        NEGATIVE_INFINITY => return Err(no_number("-Infinity")),
        _ => return Err(malformed()),
    }
    let digits = bytes.get(8..8 + usize::from(count) * 2).ok_or_else(malformed)?;
    let weight = i32::from(weight as i16);
    let group = |index: i32| -> u16 {
        let at = usize::try_from(index).ok().map(|index| index * 2);
        at.and_then(|at| digits.get(at..at + 2)).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    };
    if sign == NEGATIVE {
        out.push(b'-');
    }
    if weight < 0 {
        out.push(b'0');
    }
    for index in 0..=weight {
        let four = four_digits(group(index));
        let skip = if index == 0 { four.iter().take(3).take_while(|digit| **digit == b'0').count() } else { 0 };
        out.extend_from_slice(&four[skip..]);
    }
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + usize::from(scale);
        let mut index = weight + 1;
        while out.len() < end {
            out.extend_from_slice(&four_digits(group(index)));
            index += 1;
        }
        out.truncate(end);
    }
    Ok(())
}

fn four_digits(group: u16) -> [u8; 4] {
    let digit = |by: u16| b'0' + (group / by % 10) as u8;
    [digit(1000), digit(100), digit(10), digit(1)]
}

fn no_number(what: &str) -> Unreadable {
    Unreadable::new(what)
}

/// The parts of a decimal number in text.
pub(crate) struct Decimal {
    negative: bool,
    /// Digits before and after the decimal point, as characters.
    digits: Vec<u8>,
    /// How many of them are before the decimal point; negative if zeros come between the point and the first digit.
    point: i64,
    /// Digits to show after the decimal point.
    scale: i64,
}

impl Decimal {
    /// Parses a number: a sign, digits that may contain a decimal point, an exponent. Returns `None` if the text is not
    /// a number.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&rest[..at], std::str::from_utf8(&rest[at + 1..]).ok()?.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let at = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let fraction = mantissa.get(at + 1..).unwrap_or_default();
        let digits: Vec<u8> = [&mantissa[..at], fraction].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let scale = (fraction.len() as i64 - i64::from(exponent)).max(0);
        Some(Self { negative, digits, point: at as i64 + i64::from(exponent), scale })
    }

    /// Returns the number of digits after the decimal point, without trailing zeros.
    pub(crate) fn significant_scale(&self) -> i64 {
        match self.digits.iter().rposition(|digit| *digit != b'0') {
            Some(last) => (last as i64 + 1 - self.point).max(0),
            None => 0,
        }
    }

    /// Whether the last non-zero digit is at least `places` places before the decimal point.
    pub(crate) fn is_multiple_of_ten_to(&self, places: i64) -> bool {
        let last = self.digits.iter().rposition(|digit| *digit != b'0');
        last.is_none_or(|last| self.point - 1 - last as i64 >= places)
    }

    /// Appends the binary form; fails if PostgreSQL cannot store so many digits.
    pub(crate) fn push(&self, out: &mut Vec<u8>) -> Result<(), String> {
        let first = self.digits.iter().position(|digit| *digit != b'0');
        let whole = first.map_or(0, |first| self.point - first as i64);
        if self.significant_scale() > MOST_SCALE || whole > MOST_WHOLE {
            return Err(format!(
                "PostgreSQL keeps at most {MOST_WHOLE} digits before and {MOST_SCALE} after the point of a number"
            ));
        }
        let scale = self.scale.min(MOST_SCALE) as u16;
        let Some(first) = first else {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
            out.extend_from_slice(&scale.to_be_bytes());
            return Ok(());
        };
        let last = self.digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
        // The exponent, to the base of ten thousand, of the first digit.
        let weight = (self.point - 1 - first as i64).div_euclid(4);
        let lowest = (self.point - 1 - last as i64).div_euclid(4);
        let count = (weight - lowest + 1) as u16;
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&(weight as i16).to_be_bytes());
        out.extend_from_slice(&(if self.negative { NEGATIVE } else { 0 }).to_be_bytes());
        out.extend_from_slice(&scale.to_be_bytes());
        for group in 0..i64::from(count) {
            // The position, among all digits, of the first of these four.
            let start = self.point - 4 * (weight - group + 1);
            let four = (start..start + 4).fold(0_u16, |number, at| {
                let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at)).map_or(0, |digit| digit - b'0');
                number * 10 + u16::from(digit)
            });
            out.extend_from_slice(&four.to_be_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        let mut bytes = Vec::new();
        Decimal::parse(text.as_bytes()).expect(text).push(&mut bytes).expect(text);
        let mut back = Vec::new();
        assert!(push_text(&mut back, &bytes).is_ok(), "{text}");
        String::from_utf8(back).expect("digits")
    }

    #[test]
    fn numbers_round_trip_through_their_binary_form() {
        let long = format!("-{}.{}", "123456789".repeat(111), "987654321".repeat(111));
        for (text, back) in [
            ("0", "0"),
            ("0.00", "0.00"),
            ("-0.0", "0.0"),
            ("1", "1"),
            ("10000", "10000"),
            ("9999.9999", "9999.9999"),
            ("-12.50", "-12.50"),
            ("0.00001", "0.00001"),
            ("0.10000000", "0.10000000"),
            ("100000000", "100000000"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("1.5e3", "1500"),
            ("1e-5", "0.00001"),
            ("12345e-3", "12.345"),
            ("007", "7"),
            (long.as_str(), long.as_str()),
        ] {
            assert_eq!(round(text), back, "{text}");
        }
    }

    #[test]
    fn invalid_numbers_are_recognised() {
        for other in ["", "-", ".", "NaN", "1.2.3", "1e", "0x1", " 1", "1 "] {
            assert!(Decimal::parse(other.as_bytes()).is_none(), "{other}");
        }
        for (text, scale) in [("1.50", 1), ("100", 0), ("1e-3", 3), ("0.000", 0), ("12e2", 0)] {
            assert_eq!(Decimal::parse(text.as_bytes()).expect(text).significant_scale(), scale, "{text}");
        }
        for large in ["1e131073", "1e-16384"] {
            assert!(Decimal::parse(large.as_bytes()).expect(large).push(&mut Vec::new()).is_err(), "{large}");
        }
    }
}
