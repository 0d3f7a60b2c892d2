//! Revisions for new migrations.

use super::{RevisionKey, calendar_date};
use runner_base::error::{Error, Result};

/// Format of a timestamp as a revision.
const FORM: &str = "%Y%m%d%H%M%S";

/// The revision of a timestamp, in seconds since 1970-01-01T00:00:00Z: `YYYYMMDDHHMMSS`.
pub fn revision_at(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    moment.strftime(FORM).to_string()
}

/// A revision after the newest, in the given style: a time, a date, or the next number with as many digits. `now`: the time as a
/// revision.
pub fn revision_after_all(style: &str, newest: &str, now: &str) -> Result<String> {
    const DAY: usize = "20260105".len();
    let style = style.split('.').next().unwrap_or_default();
    let is_later = |revision: &str| RevisionKey::of(revision) > RevisionKey::of(newest);
    let number = RevisionKey::first_of(newest);
    let revision = match (style.len() >= now.len(), calendar_date(style)) {
        (true, _) if is_later(now) => now.to_owned(),
        (true, _) => revision_after(number),
        (false, Some(_)) if now.get(..DAY).is_some_and(is_later) => now.chars().take(DAY).collect(),
        (false, date) => {
            let newest_day = date.and_then(|_| calendar_date(newest.get(..DAY)?)?.tomorrow().ok());
            let next = || format!("{:0width$}", number + 1, width = style.len());
            newest_day.map_or_else(next, |day| day.strftime("%Y%m%d").to_string())
        }
    };
    match RevisionKey::of(&revision) {
        Some(_) => Ok(revision),
        None => Err(Error::usage(format!("no revision comes after {newest}: a number has 20 digits at most"))
            .hint("give the newest migration a lower revision by `runner renumber`, if no database has it")),
    }
}

/// The revision after another one: the next second if it is a timestamp, otherwise the next number.
pub fn revision_after(number: u128) -> String {
    let moment = |number: u128| {
        let text = number.to_string();
        jiff::civil::DateTime::strptime(FORM, &text).ok().filter(|_| text.len() == 14)
    };
    // A number such as second 64, which is not a valid time, is followed by the next valid one.
    const HOUR: u128 = 10_000;
    let after = match moment(number) {
        Some(at) => at.checked_add(jiff::SignedDuration::from_secs(1)).ok().map(|at| at.strftime(FORM).to_string()),
        None => (number + 1..number + HOUR).find(|number| moment(*number).is_some()).map(|number| number.to_string()),
    };
    after.unwrap_or_else(|| (number + 1).to_string())
}
