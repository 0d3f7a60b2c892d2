//! Days and microseconds as text and back, in the forms of ISO 8601 that databases without date types store.
//!
//! The calendar is that of jiff. Text is read and written here: jiff's own parsers accept other forms, and neither 24:00 nor
//! all of a column's range.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::Value;

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;

/// Days of 0001-01-01 and 9999-12-31, the first and the last that every database's text can express.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

fn push_digits(out: &mut String, number: i64, width: usize) {
    let mut digits = [b'0'; 8];
    let mut rest = number.unsigned_abs();
    for digit in digits[..width].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend(digits[..width].iter().map(|digit| char::from(*digit)));
}

/// Appends `YYYY-MM-DD`; fails outside the years 0001 to 9999.
pub fn push_date(out: &mut String, date: i64) -> Result<(), String> {
    let inside = (FIRST_DAY..=LAST_DAY).contains(&date);
    let found = inside.then(|| EPOCH.checked_add(SignedDuration::from_hours(date * 24)).ok()).flatten();
    let found = found.ok_or_else(|| format!("day {date} is outside the years 0001 to 9999"))?;
    push_digits(out, found.year().into(), 4);
    out.push('-');
    push_digits(out, found.month().into(), 2);
    out.push('-');
    push_digits(out, found.day().into(), 2);
    Ok(())
}

/// Appends `HH:MM:SS`, with `.ffffff` if there is a fraction; fails outside 0 to 24 hours.
pub fn push_time(out: &mut String, time: i64) -> Result<(), String> {
    if !(0..=DAY).contains(&time) {
        return Err(format!("{time} microseconds are not a time of day"));
    }
    let seconds = time / SECOND;
    push_digits(out, seconds / 3_600, 2);
    out.push(':');
    push_digits(out, seconds / 60 % 60, 2);
    out.push(':');
    push_digits(out, seconds % 60, 2);
    let fraction = time % SECOND;
    if fraction != 0 {
        out.push('.');
        push_digits(out, fraction, 6);
    }
    Ok(())
}

/// Appends `YYYY-MM-DD`, the separator, and the time of day.
pub fn push_timestamp(out: &mut String, timestamp: i64, separator: char) -> Result<(), String> {
    push_date(out, timestamp.div_euclid(DAY))?;
    out.push(separator);
    push_time(out, timestamp.rem_euclid(DAY))
}

/// Appends a UUID in lower case with hyphens.
pub fn push_uuid(out: &mut String, high: u64, low: u64) {
    use std::fmt::Write as _;
    let groups = (high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffff_ffff_ffff);
    // Writing to a string cannot fail.
    let _ = write!(out, "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", groups.0, groups.1, groups.2, groups.3, groups.4);
}

/// The text of a date, time, timestamp, timestamptz or UUID; fails with the reason if there is none.
pub fn value_text(value: &Value) -> Result<String, String> {
    let mut text = String::with_capacity(36);
    match value {
        Value::Date(date) => push_date(&mut text, i64::from(*date))?,
        Value::Time(time) => push_time(&mut text, *time)?,
        Value::Timestamp(timestamp) => push_timestamp(&mut text, *timestamp, ' ')?,
        Value::Timestamptz(timestamp) => {
            push_timestamp(&mut text, *timestamp, 'T')?;
            text.push('Z');
        }
        Value::Uuid(high, low) => push_uuid(&mut text, *high, *low),
        _ => return Err("has no text of this kind".to_owned()),
    }
    Ok(text)
}

/// Days since 1970-01-01 of a calendar date; `None` if the date is not valid.
pub fn days_of(year: i64, month: i64, day: i64) -> Option<i32> {
    if year < 1 {
        return None;
    }
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    (date.duration_since(EPOCH).as_hours() / 24).try_into().ok()
}

/// Reads `YYYY-MM-DD`.
pub fn parse_date(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    days_of(number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?)
}

/// Reads `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff` with one to six digits; more only if they are zeros.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else { return None };
    let hours = number(&[*h1, *h2])?;
    let minutes = number(&[*m1, *m2])?;
    let (seconds, fraction) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (number(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', digits @ ..] => (number(&[*s1, *s2])?, fraction(digits)?),
        _ => return None,
    };
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let time = ((hours * 60 + minutes) * 60 + seconds) * SECOND + fraction;
    (time <= DAY).then_some(time)
}

fn fraction(digits: &[u8]) -> Option<i64> {
    let (kept, rest) = digits.split_at(digits.len().min(6));
    if kept.is_empty() || rest.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let scale = 10_i64.pow(6 - kept.len() as u32);
    Some(number(kept)? * scale)
}

/// Reads a date, optionally with a time after `T` or a space; a time zone is refused.
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let day = i64::from(parse_date(date)?) * DAY;
    match time {
        [] => Some(day),
        [b' ' | b'T' | b't', time @ ..] => parse_time(time).filter(|time| *time < DAY).map(|time| day + time),
        _ => None,
    }
}

/// Reads a timestamp with an optional offset, `Z` or `±hh:mm`; without one it is in UTC.
pub fn parse_timestamptz(text: &[u8]) -> Option<i64> {
    if let [local @ .., b'Z' | b'z'] = text {
        return parse_timestamp(local.trim_ascii_end());
    }
    if let [local @ .., sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = text {
        // Only after a time: the `-02` of `2026-01-02` is not an offset.
        if local.len() > 10 {
            let hours = number(&[*h1, *h2])?;
            let minutes = number(&[*m1, *m2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) * 60 * SECOND;
            let local = parse_timestamp(local.trim_ascii_end())?;
            return Some(if *sign == b'-' { local + offset } else { local - offset });
        }
    }
    parse_timestamp(text)
}

/// Reads a UUID of 36 characters in any case.
pub fn parse_uuid(text: &[u8]) -> Option<(u64, u64)> {
    if text.len() != 36 {
        return None;
    }
    let mut digits: u128 = 0;
    for (at, byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
        } else {
            digits = digits << 4 | u128::from((*byte as char).to_digit(16)?);
        }
    }
    Some(((digits >> 64) as u64, digits as u64))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_round_trips() {
        let mut text = String::new();
        for day in FIRST_DAY..=LAST_DAY {
            text.clear();
            push_date(&mut text, day).expect("a day of the calendar");
            assert_eq!(parse_date(text.as_bytes()), i32::try_from(day).ok(), "{text}");
        }
        assert_eq!(parse_date(b"0001-01-01"), Some(FIRST_DAY as i32));
        assert_eq!(parse_date(b"9999-12-31"), Some(LAST_DAY as i32));
        for outside in [FIRST_DAY - 1, LAST_DAY + 1, i64::MIN / 2, i64::MAX / 2] {
            assert!(push_date(&mut text, outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn only_real_dates_and_times_are_read() {
        for wrong in
            ["2023-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "2026-1-1", "0000-01-01", "", "2026-01-0a"]
        {
            assert_eq!(parse_date(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(parse_date(b"2024-02-29").is_some());
        for (text, time) in [
            ("00:00", Some(0)),
            ("24:00:00", Some(DAY)),
            ("23:59:59.999999", Some(DAY - 1)),
            ("01:02:03.5", Some(3_723_500_000)),
            ("01:02:03.5000000", Some(3_723_500_000)),
            ("01:02:03.0000001", None),
            ("24:00:01", None),
            ("12:60", None),
            ("12:00:60", None),
            ("1:00", None),
            ("12:00:00.", None),
        ] {
            assert_eq!(parse_time(text.as_bytes()), time, "{text}");
        }
    }

    #[test]
    fn offsets_move_an_instant() {
        let noon = parse_timestamp(b"2026-03-01 12:00:00").expect("a timestamp");
        for (text, hours) in [
            ("2026-03-01T12:00:00Z", 0),
            ("2026-03-01 12:00", 0),
            ("2026-03-01 12:00+02:00", -2),
            ("2026-03-01T12:00:00.000-05:00", 5),
        ] {
            assert_eq!(parse_timestamptz(text.as_bytes()), Some(noon + hours * 3_600 * SECOND), "{text}");
        }
        assert_eq!(parse_timestamptz(b"2026-03-01"), Some(noon - 12 * 3_600 * SECOND));
        for wrong in ["2026-03-01T12:00:00+2:00", "2026-03-01+02:00", "2026-03-01T12:00:00 CET", "noon"] {
            assert_eq!(parse_timestamptz(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_timestamp(b"2026-03-01T12:00:00Z"), None);
    }

    #[test]
    fn uuids_are_written_in_lower_case() {
        let (high, low) = parse_uuid(b"123E4567-e89b-12d3-A456-426614174000").expect("a UUID");
        let mut text = String::new();
        push_uuid(&mut text, high, low);
        assert_eq!(text, "123e4567-e89b-12d3-a456-426614174000");
        assert_eq!(parse_uuid(b"123e4567e89b12d3a456426614174000"), None);
        assert_eq!(parse_uuid(b"123e4567-e89b-12d3-a456-42661417400g"), None);
    }
}
