//! Strict parsing of dates, times and instants from text, as stored by SQLite, which has no types for them.

use std::str::FromStr;

use super::{Date, Time, Timestamp, Timestamptz};
use crate::{Error, ErrorKind};

macro_rules! from_str {
    ($($(#[$doc:meta])* $type:ty = $read:ident, $what:literal;)+) => {
        $($(#[$doc])*
        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let error = || Error::with_kind(ErrorKind::Conversion, format!("`{text}` is not {}", $what));
                $read(text.as_bytes()).ok_or_else(error)
            }
        })+
    };
}

from_str! {
    /// Parses `2013-01-31`.
    Date = date, "a date";
    /// Parses `05:17`, `05:17:00` and `05:17:00.123456`, with one to six digits.
    Time = time, "a time";
    /// Parses a date, optionally followed by `T` or a space and a time; without a time it is midnight. A zone is an error.
    Timestamp = timestamp, "a timestamp";
    /// Parses a timestamp with a zone, `Z` or `+05:30`; without one it is UTC.
    Timestamptz = timestamptz, "a timestamptz";
}

fn date(text: &[u8]) -> Option<Date> {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else { return None };
    if year.len() != 4 {
        return None;
    }
    Date::from_ymd(number(year)? as i32, number(&[*m1, *m2])?, number(&[*d1, *d2])?)
}

fn time(text: &[u8]) -> Option<Time> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else { return None };
    let (second, micros) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (number(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', digits @ ..] if digits.len() <= 6 => {
            (number(&[*s1, *s2])?, number(digits)? * 10_u32.pow(6 - digits.len() as u32))
        }
        _ => return None,
    };
    let whole = Time::from_hms(number(&[*h1, *h2])?, number(&[*m1, *m2])?, second)?;
    let time = Time(whole.0 + i64::from(micros));
    (time.0 <= 86_400_000_000).then_some(time)
}

fn timestamp(text: &[u8]) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    match rest {
        [] => Some(date(day)?.at(Time(0))),
        [b' ' | b'T' | b't', clock @ ..] => Some(date(day)?.at(time(clock)?)),
        _ => None,
    }
}

fn timestamptz(text: &[u8]) -> Option<Timestamptz> {
    match text {
        [local @ .., b'Z' | b'z'] => Some(timestamp(local)?.at_offset(0)),
        // The hyphens of a date without a time are not a zone.
        [local @ .., sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if local.len() > 10 => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let offset = (hours * 60 + minutes) as i32 * 60;
            let valid = hours < 24 && minutes < 60;
            valid.then_some(timestamp(local)?.at_offset(if *sign == b'-' { -offset } else { offset }))
        }
        _ => Some(timestamp(text)?.at_offset(0)),
    }
}

/// A number with at least one digit, and only digits.
fn number(digits: &[u8]) -> Option<u32> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_they_show() {
        for text in ["1970-01-01T00:00:00Z", "2013-12-31T23:59:59.000120Z", "0001-01-01T05:17:00Z"] {
            assert_eq!(text.parse::<Timestamptz>().unwrap().to_string(), text);
        }
        for text in ["2000-02-29T05:17:00", "1969-12-31T23:59:59.500000"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn reads_other_spellings() {
        let at = "2013-01-01T10:17:00Z".parse::<Timestamptz>().unwrap();
        for text in ["2013-01-01 05:17:00-05:00", "2013-01-01T15:47+05:30", "2013-01-01 10:17:00.0"] {
            assert_eq!(text.parse::<Timestamptz>().unwrap(), at, "{text}");
        }
        assert_eq!("2013-01-01".parse::<Timestamp>().unwrap().time(), Time(0));
        assert_eq!("24:00".parse::<Time>().unwrap(), Time(86_400_000_000));
        assert_eq!("00:00:00.5".parse::<Time>().unwrap(), Time(500_000));
    }

    #[test]
    fn refuses_what_is_not_quite_one() {
        for text in ["", "2013-02-30", "13-01-01", "2013-1-1", "2013-01-01x", "+013-01-01"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        for text in ["5:17", "05:60", "24:00:01", "05:17:00.", "05:17:00.1234567", "05:17:0"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        assert!("2013-01-01T05:17:00Z".parse::<Timestamp>().is_err());
        assert!("2013-01-01T05:17:00+24:00".parse::<Timestamptz>().is_err());
    }
}
