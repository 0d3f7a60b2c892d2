//! Conversions to and from the types of `jiff`.
//!
//! Databases have microseconds: a time of `jiff` that is finer is an error, which its method `round` takes care of. The range of years in
//! `jiff`, -9999 to 9999, is narrower than that of the contract, so conversions to `jiff` can fail.

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

/// Fails for what is finer than a microsecond.
impl TryFrom<civil::Time> for Time {
    type Error = Error;

    fn try_from(time: civil::Time) -> Result<Self> {
        let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
        Ok(Self(seconds * 1_000_000 + whole_micros(time.subsec_nanosecond(), time)?))
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

/// Fails for what is finer than a microsecond.
impl TryFrom<civil::DateTime> for Timestamp {
    type Error = Error;

    fn try_from(at: civil::DateTime) -> Result<Self> {
        Ok(Date::from(at.date()).at(at.time().try_into()?))
    }
}

impl TryFrom<Timestamp> for civil::DateTime {
    type Error = Error;

    fn try_from(at: Timestamp) -> Result<Self> {
        Ok(civil::DateTime::from_parts(at.date().try_into()?, at.time().try_into()?))
    }
}

/// Fails for what is finer than a microsecond.
impl TryFrom<jiff::Timestamp> for Timestamptz {
    type Error = Error;

    fn try_from(at: jiff::Timestamp) -> Result<Self> {
        whole_micros(at.subsec_nanosecond(), at)?;
        Ok(Self(at.as_microsecond()))
    }
}

impl TryFrom<Timestamptz> for jiff::Timestamp {
    type Error = Error;

    fn try_from(at: Timestamptz) -> Result<Self> {
        jiff::Timestamp::from_microsecond(at.0).map_err(|_| out_of_range("instant", at))
    }
}

impl From<civil::Date> for Value {
    fn from(date: civil::Date) -> Self {
        Date::from(date).into()
    }
}

macro_rules! values {
    ($($from:ty => $via:ty;)+) => {
        $(impl TryFrom<$from> for Value {
            type Error = Error;

            fn try_from(value: $from) -> Result<Self> {
                <$via>::try_from(value).map(Into::into)
            }
        })+
    };
}

values! {
    civil::Time => Time;
    civil::DateTime => Timestamp;
    jiff::Timestamp => Timestamptz;
}

fn whole_micros(nanoseconds: i32, value: impl std::fmt::Display) -> Result<i64> {
    if nanoseconds % 1_000 == 0 {
        return Ok((nanoseconds / 1_000).into());
    }
    let what =
        format!("{value} is finer than a microsecond, and databases are not: use `round(jiff::Unit::Microsecond)`");
    Err(Error::with_kind(ErrorKind::Conversion, what))
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
        let ours = Timestamp::try_from(at).unwrap();
        assert_eq!(ours.to_string(), "2013-01-01T05:17:00.000123");
        assert_eq!(civil::DateTime::try_from(ours).unwrap(), at);
        let instant: jiff::Timestamp = "1969-12-31T23:59:59.5Z".parse().unwrap();
        assert_eq!(params![Value::try_from(instant).unwrap()], [Value::Timestamptz(-500_000)]);
        assert_eq!(jiff::Timestamp::try_from(Timestamptz(-500_000)).unwrap(), instant);
        assert_eq!(civil::Date::try_from(Date(15_736)).unwrap(), civil::date(2013, 1, 31));
    }

    #[test]
    fn fails_for_what_is_finer_than_a_microsecond() {
        let instant: jiff::Timestamp = "1969-12-31T23:59:59.0000015Z".parse().unwrap();
        let error = Value::try_from(instant).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conversion);
        assert_eq!(
            error.message(),
            "1969-12-31T23:59:59.0000015Z is finer than a microsecond, and databases are not: use `round(jiff::Unit::Microsecond)`"
        );
        assert!(Value::try_from(instant.round(jiff::Unit::Microsecond).unwrap()).is_ok());
        let at: civil::DateTime = "2013-01-01T05:17:00.000000001".parse().unwrap();
        assert!(Timestamp::try_from(at).is_err() && Time::try_from(at.time()).is_err() && Value::try_from(at).is_err());
    }

    #[test]
    fn fails_beyond_its_range() {
        assert!(civil::Date::try_from(Date(i32::MAX)).is_err());
        assert!(civil::Time::try_from(Time::from_hms(24, 0, 0).unwrap()).is_err());
        assert!(jiff::Timestamp::try_from(Timestamptz(i64::MAX)).is_err());
    }
}
