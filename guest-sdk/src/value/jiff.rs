//! Conversions to and from the types of `jiff`.
//!
//! Nanoseconds below a microsecond are truncated. The range of years in `jiff`, -9999 to 9999, is narrower than that of the
//! contract, so conversions to `jiff` can fail.

use jiff::civil;

use super::{Date, Time, Timestamp, Timestamptz, Value};
use crate::{Error, ErrorKind, Result};

impl From<civil::Date> for Date {
    fn from(date: civil::Date) -> Self {
        let day = Self::from_ymd(date.year().into(), date.month() as u32, date.day() as u32);
        day.expect("`jiff` uses the same calendar")
    }
}

impl TryFrom<Date> for civil::Date {
    type Error = Error;

    fn try_from(date: Date) -> Result<Self> {
        let (year, month, day) = date.to_ymd();
        // Months and days are always small.
        let date = i16::try_from(year).ok().and_then(|year| civil::Date::new(year, month as i8, day as i8).ok());
        date.ok_or_else(|| out_of_range("date", year))
    }
}

impl From<civil::Time> for Time {
    fn from(time: civil::Time) -> Self {
        let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
        Self(seconds * 1_000_000 + i64::from(time.subsec_nanosecond()) / 1_000)
    }
}

/// Fails for 24:00:00, which `jiff` does not support.
impl TryFrom<Time> for civil::Time {
    type Error = Error;

    fn try_from(time: Time) -> Result<Self> {
        let seconds = time.0.div_euclid(1_000_000);
        let nanoseconds = time.0.rem_euclid(1_000_000) * 1_000;
        if !(0..86_400).contains(&seconds) {
            return Err(out_of_range("time", time));
        }
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        Ok(civil::Time::new(hour as i8, minute as i8, second as i8, nanoseconds as i32)?)
    }
}

impl From<civil::DateTime> for Timestamp {
    fn from(at: civil::DateTime) -> Self {
        Date::from(at.date()).at(at.time().into())
    }
}

impl TryFrom<Timestamp> for civil::DateTime {
    type Error = Error;

    fn try_from(at: Timestamp) -> Result<Self> {
        Ok(civil::DateTime::from_parts(at.date().try_into()?, at.time().try_into()?))
    }
}

impl From<jiff::Timestamp> for Timestamptz {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at.as_microsecond())
    }
}

impl TryFrom<Timestamptz> for jiff::Timestamp {
    type Error = Error;

    fn try_from(at: Timestamptz) -> Result<Self> {
        jiff::Timestamp::from_microsecond(at.0).map_err(|_| out_of_range("instant", at))
    }
}

macro_rules! values {
    ($($from:ty => $via:ty;)+) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                <$via>::from(value).into()
            }
        })+
    };
}

values! {
    civil::Date => Date;
    civil::Time => Time;
    civil::DateTime => Timestamp;
    jiff::Timestamp => Timestamptz;
}

fn out_of_range(what: &str, value: impl std::fmt::Display) -> Error {
    Error::with_kind(ErrorKind::Conversion, format!("the {what} {value} is beyond the range of `jiff`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn goes_there_and_back() {
        let at: civil::DateTime = "2013-01-01T05:17:00.000123".parse().unwrap();
        let ours = Timestamp::from(at);
        assert_eq!(ours.to_string(), "2013-01-01T05:17:00.000123");
        assert_eq!(civil::DateTime::try_from(ours).unwrap(), at);
        let instant: jiff::Timestamp = "1969-12-31T23:59:59.5Z".parse().unwrap();
        assert_eq!(params![instant], [Value::Timestamptz(-500_000)]);
        assert_eq!(jiff::Timestamp::try_from(Timestamptz(-500_000)).unwrap(), instant);
        assert_eq!(civil::Date::try_from(Date(15_736)).unwrap(), civil::date(2013, 1, 31));
    }

    #[test]
    fn fails_beyond_its_range() {
        assert!(civil::Date::try_from(Date(i32::MAX)).is_err());
        assert!(civil::Time::try_from(Time::from_hms(24, 0, 0).unwrap()).is_err());
        assert!(jiff::Timestamp::try_from(Timestamptz(i64::MAX)).is_err());
    }
}
