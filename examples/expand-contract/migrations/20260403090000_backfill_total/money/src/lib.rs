//! Amounts of money, as people write them and as programs store them.

use std::fmt;

/// An amount in a currency, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money<'a> {
    /// The hundredths.
    pub cents: i64,
    /// Three capital letters, such as `EUR`.
    pub currency: &'a str,
}

/// Signs of currencies.
const SIGNS: [(&str, &str); 3] = [("€", "EUR"), ("$", "USD"), ("£", "GBP")];

impl<'a> Money<'a> {
    /// Reads `12.50 EUR`, `EUR 12`, `€ 1.234,50` or `$1,234.50`; `None` if it is anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (currency, number) = SIGNS
            .iter()
            .find_map(|(sign, currency)| Some((*currency, text.strip_prefix(sign)?)))
            .or_else(|| text.split_at_checked(3).filter(|(code, _)| is_code(code)))
            .or_else(|| {
                let (number, code) = text.split_at_checked(text.len().checked_sub(3)?)?;
                is_code(code).then_some((code, number))
            })?;
        Some(Self { cents: cents(number.trim())?, currency })
    }
}

impl fmt::Display for Money<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.cents < 0 { "-" } else { "" };
        let cents = self.cents.unsigned_abs();
        write!(f, "{sign}{}.{:02} {}", cents / 100, cents % 100, self.currency)
    }
}

fn is_code(code: &str) -> bool {
    code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The hundredths of a number. A point or comma before the last two digits is the decimal separator; before three
/// digits it separates groups.
fn cents(number: &str) -> Option<i64> {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (whole, hundredths) = match number.len().checked_sub(3).and_then(|at| number.split_at_checked(at)) {
        Some((whole, last)) if last.starts_with(['.', ',']) => (whole, &last[1..]),
        _ => (number, "00"),
    };
    let mut groups = whole.split(['.', ',']);
    let mut digits = groups.next()?.to_owned();
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        digits.push_str(group);
    }
    if digits.is_empty() || !(digits.bytes().chain(hundredths.bytes())).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let cents: i64 = format!("{digits}{hundredths}").parse().ok()?;
    Some(if negative { -cents } else { cents })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, cents, currency) in [
            ("12.50 EUR", 1_250, "EUR"),
            ("EUR 12", 1_200, "EUR"),
            ("€ 1.234,50", 123_450, "EUR"),
            ("$1,234.05", 123_405, "USD"),
            ("£0.99", 99, "GBP"),
            ("-3.00 CHF", -300, "CHF"),
            ("1.000 EUR", 100_000, "EUR"),
        ] {
            assert_eq!(Money::parse(text), Some(Money { cents, currency }), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in ["", "on request", "12.50", "EUR", "€", "1.2.3 EUR", "1,23,45 EUR", "12.5x EUR", "12 eur", "€ ٣"]
        {
            assert_eq!(Money::parse(text), None, "{text}");
        }
        assert_eq!(Money::parse("99999999999999999999 EUR"), None);
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["12.50 EUR", "0.05 USD", "-3.00 CHF"] {
            assert_eq!(Money::parse(text).map(|money| money.to_string()).as_deref(), Some(text));
        }
    }
}
