//! What is done to a row, here and in a program of its own.

use std::sync::LazyLock;

use chrono::{Datelike, Days, NaiveDate, ParseError, Weekday};
use regex::Regex;

static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(?:\+41|0041|0)\s*(?:\(0\))?(\d{2})[\s./-]*(\d{3})[\s./-]*(\d{2})[\s./-]*(\d{2})$";
    Regex::new(pattern).expect("the pattern is valid")
});

/// A phone number in one form; what is not a phone number stays as it is.
pub fn phone_number(text: &str) -> String {
    match PHONE.captures(text) {
        Some(found) => format!("+41 {} {} {} {}", &found[1], &found[2], &found[3], &found[4]),
        None => text.to_string(),
    }
}

/// 30 days later, or on the Monday that follows.
pub fn due_date(joined: &str) -> Result<String, ParseError> {
    let mut due = joined.parse::<NaiveDate>()? + Days::new(30);
    while matches!(due.weekday(), Weekday::Sat | Weekday::Sun) {
        due = due + Days::new(1);
    }
    Ok(due.to_string())
}
