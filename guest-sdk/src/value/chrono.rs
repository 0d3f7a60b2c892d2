//! Conversions to and from the types of `chrono`.
//!
//! Databases have microseconds: a time of `chrono` that is finer is an error, which `trunc_subsecs(6)` of its trait `SubsecRound` takes care
//! of, and so is one within a leap second. The range of years in `chrono`, 262,142 before and after our era, is narrower than that of the
//! contract, so conversions to `chrono` can fail.

use std::fmt::Display;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};

use super::{Date, Time, Timestamp, Timestamptz, Value};
use crate::{Error, ErrorKind, Result};

/// The day 1970-01-01, counted from the first of our era.
const EPOCH: i32 = 719_163;

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - EPOCH)
    }
}

impl TryFrom<Date> for NaiveDate {
    type Error = Error;

    fn try_from(date: Date) -> Result<Self> {
        let days = date.0.checked_add(EPOCH);
        days.and_then(Self::from_num_days_from_ce_opt).ok_or_else(|| out_of_range("date", date))
    }
}

/// Fails for what is finer than a microsecond.
impl TryFrom<NaiveTime> for Time {
    type Error = Error;

    fn try_from(time: NaiveTime) -> Result<Self> {
        let seconds = i64::from(time.num_seconds_from_midnight());
        Ok(Self(seconds * 1_000_000 + whole_micros(time.nanosecond(), time)?))
    }
}

/// Fails for 24:00:00, which `chrono` does not support.
impl TryFrom<Time> for NaiveTime {
    type Error = Error;

    fn try_from(time: Time) -> Result<Self> {
        let (seconds, micros) = (time.0.div_euclid(1_000_000), time.0.rem_euclid(1_000_000));
        let seconds = u32::try_from(seconds).ok();
        let made = seconds.and_then(|seconds| Self::from_num_seconds_from_midnight_opt(seconds, micros as u32 * 1_000));
        made.ok_or_else(|| out_of_range("time", time))
    }
}

/// Fails for what is finer than a microsecond.
impl TryFrom<NaiveDateTime> for Timestamp {
    type Error = Error;

    fn try_from(at: NaiveDateTime) -> Result<Self> {
        Ok(Date::from(at.date()).at(at.time().try_into()?))
    }
}

impl TryFrom<Timestamp> for NaiveDateTime {
    type Error = Error;

    fn try_from(at: Timestamp) -> Result<Self> {
        let instant = DateTime::from_timestamp_micros(at.0).ok_or_else(|| out_of_range("time", at))?;
        Ok(instant.naive_utc())
    }
}

/// Fails for what is finer than a microsecond.
impl<Z: TimeZone> TryFrom<DateTime<Z>> for Timestamptz {
    type Error = Error;

    fn try_from(at: DateTime<Z>) -> Result<Self> {
        whole_micros(at.nanosecond(), at.naive_utc())?;
        Ok(Self(at.timestamp_micros()))
    }
}

impl TryFrom<Timestamptz> for DateTime<Utc> {
    type Error = Error;

    fn try_from(at: Timestamptz) -> Result<Self> {
        Self::from_timestamp_micros(at.0).ok_or_else(|| out_of_range("instant", at))
    }
}

impl From<NaiveDate> for Value {
    fn from(date: NaiveDate) -> Self {
        Date::from(date).into()
    }
}

impl TryFrom<NaiveTime> for Value {
    type Error = Error;

    fn try_from(time: NaiveTime) -> Result<Self> {
        Time::try_from(time).map(Into::into)
    }
}

impl TryFrom<NaiveDateTime> for Value {
    type Error = Error;

    fn try_from(at: NaiveDateTime) -> Result<Self> {
        Timestamp::try_from(at).map(Into::into)
    }
}

impl<Z: TimeZone> TryFrom<DateTime<Z>> for Value {
    type Error = Error;

    fn try_from(at: DateTime<Z>) -> Result<Self> {
        Timestamptz::try_from(at).map(Into::into)
    }
}

fn whole_micros(nanoseconds: u32, value: impl Display) -> Result<i64> {
    if nanoseconds >= 1_000_000_000 {
        return Err(Error::with_kind(
            ErrorKind::Conversion,
            format!("{value} is within a leap second, and databases have none"),
        ));
    }
    if nanoseconds.is_multiple_of(1_000) {
        return Ok((nanoseconds / 1_000).into());
    }
    let what = format!(
        "{value} is finer than a microsecond, and databases are not: use `trunc_subsecs(6)` or `round_subsecs(6)`"
    );
    Err(Error::with_kind(ErrorKind::Conversion, what))
}

fn out_of_range(what: &str, value: impl Display) -> Error {
    Error::with_kind(ErrorKind::Conversion, format!("the {what} {value} is beyond the range of `chrono`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn goes_there_and_back() {
        let at: NaiveDateTime = "2013-01-01T05:17:00.000123".parse().unwrap();
        let ours = Timestamp::try_from(at).unwrap();
        assert_eq!(ours.to_string(), "2013-01-01T05:17:00.000123");
        assert_eq!(NaiveDateTime::try_from(ours).unwrap(), at);
        let instant: DateTime<chrono::FixedOffset> = "1970-01-01T00:59:59.5+01:00".parse().unwrap();
        assert_eq!(params![Value::try_from(instant).unwrap()], [Value::Timestamptz(-500_000)]);
        assert_eq!(DateTime::<Utc>::try_from(Timestamptz(-500_000)).unwrap(), instant);
        assert_eq!(NaiveDate::try_from(Date(15_736)).unwrap(), NaiveDate::from_ymd_opt(2013, 1, 31).unwrap());
        assert_eq!(Date::from(NaiveDate::MIN).0, NaiveDate::MIN.num_days_from_ce() - 719_163);
        assert_eq!(NaiveTime::try_from(Time::from_hms(23, 59, 59).unwrap()).unwrap().to_string(), "23:59:59");
    }

    #[test]
    fn fails_for_what_databases_do_not_have() {
        let finer: DateTime<Utc> = "1969-12-31T23:59:59.0000015Z".parse().unwrap();
        let error = Value::try_from(finer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conversion);
        assert!(error.message().contains("finer than a microsecond"), "{error}");
        let leap = NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap();
        assert!(Time::try_from(leap).unwrap_err().message().contains("leap second"));
    }

    #[test]
    fn fails_beyond_its_range() {
        assert!(NaiveDate::try_from(Date(i32::MAX)).is_err());
        assert!(NaiveTime::try_from(Time::from_hms(24, 0, 0).unwrap()).is_err());
        assert!(DateTime::<Utc>::try_from(Timestamptz(i64::MAX)).is_err());
    }
}
