use std::fmt;

use jiff::civil::Time;

/// What a wall clock shows, in hours and minutes, from 00:00 to 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    hour: i8,
    minute: i8,
}

impl Clock {
    /// Reads the number that the data write for a time of day.
    pub fn parse(number: i64) -> Result<Self, Invalid> {
        match (number.div_euclid(100), number.rem_euclid(100)) {
            (hour @ 0..=23, minute @ 0..=59) => Ok(Self { hour: hour as i8, minute: minute as i8 }),
            (24, 0) => Ok(Self { hour: 24, minute: 0 }),
            _ => Err(Invalid::Clock(number)),
        }
    }

    /// What a clock shows at a time of day; none if there are seconds. Midnight is 24:00.
    pub(crate) fn of(time: Time) -> Option<Self> {
        if time.second() != 0 || time.subsec_nanosecond() != 0 {
            return None;
        }
        match (time.hour(), time.minute()) {
            (0, 0) => Some(Self { hour: 24, minute: 0 }),
            (hour, minute) => Some(Self { hour, minute }),
        }
    }

    /// The number that the data write for it.
    pub fn number(self) -> i64 {
        i64::from(self.hour) * 100 + i64::from(self.minute)
    }

    /// The time of day; of 24:00, the one of the day that it begins.
    pub(crate) fn time(self) -> Time {
        Time::constant(self.hour % 24, self.minute, 0, 0)
    }

    /// Whether it is the midnight at the end of its day.
    pub(crate) fn ends_the_day(self) -> bool {
        self.hour == 24
    }
}

/// Why a row stands for no instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// No clock shows this.
    Clock(i64),
    /// No calendar has this day.
    Day(i64, i64, i64),
    /// The zone's clock does not show this time for more than a week.
    NeverShown(i64),
    /// The years from -9999 to 9999 do not hold the instant.
    OutOfRange,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(number) => write!(f, "{number} is no time of day: expected hours and minutes such as 517"),
            Self::Day(year, month, day) => {
                write!(f, "the calendar has no day {year}-{month}-{day}")
            }
            Self::NeverShown(number) => write!(f, "no clock shows {number} within a week"),
            Self::OutOfRange => f.write_str("an instant lies outside of the years -9999 to 9999"),
        }
    }
}

impl std::error::Error for Invalid {}
