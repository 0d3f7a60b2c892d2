//! Dates, times and instants, in the units of the contract.

use std::fmt;

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// A calendar date: days since 1970-01-01, proleptic Gregorian.
///
/// ```
/// use runner_guest::value::Date;
///
/// let day = Date::from_ymd(2013, 1, 31).unwrap();
/// assert_eq!((day.0, day.to_string().as_str()), (15_736, "2013-01-31"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// A time of day: microseconds since midnight, 0 to 86 400 000 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A date and time without a time zone: microseconds since 1970-01-01T00:00:00.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamptz(pub i64);

impl Date {
    /// From year, month and day; `None` if there is no such date.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
        let date = Self(i32::try_from(days).ok()?);
        // An invalid date, such as 30 February, comes back as a different one.
        (date.to_ymd() == (i64::from(year), month, day)).then_some(date)
    }

    /// Year, month (1 to 12) and day of the month.
    pub fn to_ymd(self) -> (i64, u32, u32) {
        civil_from_days(i64::from(self.0))
    }

    /// This date at a time of day. Panics beyond the range of a timestamp, 292 thousand years from 1970.
    pub fn at(self, time: Time) -> Timestamp {
        let midnight = i64::from(self.0).checked_mul(DAY);
        Timestamp(midnight.and_then(|at| at.checked_add(time.0)).expect("the day is within the range of a timestamp"))
    }
}

impl Time {
    /// From hour, minute and second; `None` if there is no such time. 24:00:00 is midnight at the end of a day.
    pub fn from_hms(hour: u32, minute: u32, second: u32) -> Option<Self> {
        let valid = (hour < 24 && minute < 60 && second < 60) || (hour, minute, second) == (24, 0, 0);
        valid.then(|| Self((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000))
    }
}

impl Timestamp {
    /// The date.
    pub fn date(self) -> Date {
        // An i64 of microseconds spans at most 292 thousand years, some 107 million days.
        Date(self.0.div_euclid(DAY) as i32)
    }

    /// The time of day.
    pub fn time(self) -> Time {
        Time(self.0.rem_euclid(DAY))
    }

    /// The instant at which a clock `offset` seconds east of UTC shows this. Panics beyond the range of an instant.
    pub fn at_offset(self, offset: i32) -> Timestamptz {
        let at = self.0.checked_sub(i64::from(offset) * 1_000_000);
        Timestamptz(at.expect("the instant is within the range of one"))
    }
}

impl Timestamptz {
    /// What a clock `offset` seconds east of UTC shows at this instant. Panics beyond the range of a timestamp.
    pub fn to_offset(self, offset: i32) -> Timestamp {
        let at = self.0.checked_add(i64::from(offset) * 1_000_000);
        Timestamp(at.expect("what the clock shows is within the range of a timestamp"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_ymd();
        write!(f, "{}{:04}-{month:02}-{day:02}", if year < 0 { "-" } else { "" }, year.abs())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros > 0 { write!(f, ".{micros:06}") } else { Ok(()) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date(), self.time())
    }
}

impl fmt::Display for Timestamptz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.to_offset(0))
    }
}

// Howard Hinnant's civil calendar algorithms: years begin in March, so that the leap day ends them, and repeat every
// 400 years of 146,097 days.

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_days_as_the_calendar_does() {
        assert_eq!(Date::from_ymd(1970, 1, 1), Some(Date(0)));
        assert_eq!(Date::from_ymd(2000, 2, 29), Some(Date(11_016)));
        assert_eq!(Date::from_ymd(1900, 2, 29), None);
        assert_eq!(Date::from_ymd(2013, 13, 1), None);
        assert_eq!(Date::from_ymd(0, 3, 1), Some(Date(-719_468)));
        for days in (-1_000_000..1_000_000).step_by(97).chain([i32::MIN, i32::MAX]) {
            let (year, month, day) = Date(days).to_ymd();
            assert_eq!(days_from_civil(year, i64::from(month), i64::from(day)), i64::from(days));
        }
    }

    #[test]
    fn shows_itself_in_iso_8601() {
        let at = Date::from_ymd(2013, 1, 1).unwrap().at(Time::from_hms(5, 17, 0).unwrap());
        assert_eq!(at.to_string(), "2013-01-01T05:17:00");
        assert_eq!(at.at_offset(-5 * 3600).to_string(), "2013-01-01T10:17:00Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999");
        assert_eq!(Date(-719_529).to_string(), "-0001-12-31");
        assert_eq!((at.date().at(at.time())), at);
        assert_eq!(Time::from_hms(24, 0, 0).map(|time| time.to_string()).as_deref(), Some("24:00:00"));
        assert_eq!(Time::from_hms(23, 60, 0), None);
    }
}
