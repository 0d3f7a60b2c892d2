//! Wall-clock times of flights and the instants they stand for, both ways.
//!
//! The data write a time of day as a number: `517` is 05:17, `2400` is midnight. Which instant that is depends
//! on the day and on the airport's IANA time zone, and around a change of the clocks it needs a rule:
//!
//! * A *scheduled departure* in the hour that is skipped in spring is taken with the offset from before the change, so
//!   02:30 becomes 03:30 of summer time; in the hour that comes twice in autumn it is the first of the two. That is what
//!   RFC 5545 (calendars) prescribes.
//! * An *arrival* needs no such rule: it is the earliest instant after the departure at which the clock shows that time.
//!   In autumn that may be the second of the two; a time that is skipped on one day is next shown on another.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, civil};

use runner_guest::value::Timestamptz;

use crate::{Clock, Invalid};

/// What a flight's row says of its times; any of it may be missing.
#[derive(Clone, Copy, Debug)]
pub struct LocalTimes {
    /// The year of the scheduled departure at the origin.
    pub year: Option<i64>,
    /// Its month.
    pub month: Option<i64>,
    /// Its day.
    pub day: Option<i64>,
    /// The scheduled departure.
    pub sched_dep_time: Option<i64>,
    /// The actual departure; the flight did not leave without one.
    pub dep_time: Option<i64>,
    /// Minutes by which the departure was late.
    pub dep_delay: Option<i64>,
    /// The actual arrival.
    pub arr_time: Option<i64>,
}

/// When a flight left and arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instants {
    /// When it left; none if that is not known, or the origin's time zone is not.
    pub departed_at: Option<Timestamptz>,
    /// When it arrived; none if that is not known, or the destination's time zone is not, or it is not known when the
    /// flight left.
    pub arrived_at: Option<Timestamptz>,
}

/// The instants of a flight between airports in these time zones.
pub fn instants(
    times: LocalTimes,
    origin: Option<&TimeZone>,
    destination: Option<&TimeZone>,
) -> Result<Instants, Invalid> {
    let Some(departed) = origin.and_then(|zone| departure(times, zone).transpose()).transpose()? else {
        return Ok(Instants::default());
    };
    let arrived = match (times.arr_time, destination) {
        (Some(shown), Some(zone)) => Some(next_shown(departed, Clock::parse(shown)?, zone)?),
        _ => None,
    };
    let stored = |at: Timestamp| Timestamptz::try_from(at).map_err(|_| Invalid::OutOfRange);
    Ok(Instants { departed_at: Some(stored(departed)?), arrived_at: arrived.map(stored).transpose()? })
}

/// What the wall clock shows at an instant, as the data write it: midnight is 2400.
///
/// None if the zone is not known, or the instant is not at a full minute and so has no such number.
pub fn local_time(instant: Option<Timestamptz>, zone: Option<&TimeZone>) -> Result<Option<i64>, Invalid> {
    let (Some(instant), Some(zone)) = (instant, zone) else {
        return Ok(None);
    };
    let instant = Timestamp::try_from(instant).map_err(|_| Invalid::OutOfRange)?;
    Ok(Clock::of(zone.to_datetime(instant).time()).map(Clock::number))
}

/// The scheduled departure as an instant, plus the delay; none if a value is missing.
fn departure(times: LocalTimes, zone: &TimeZone) -> Result<Option<Timestamp>, Invalid> {
    let LocalTimes { year: Some(year), month: Some(month), day: Some(day), .. } = times else {
        return Ok(None);
    };
    let (Some(scheduled), Some(_), Some(delay)) = (times.sched_dep_time, times.dep_time, times.dep_delay) else {
        return Ok(None);
    };
    let scheduled = Clock::parse(scheduled)?;
    let mut date = date(year, month, day).ok_or(Invalid::Day(year, month, day))?;
    if scheduled.ends_the_day() {
        date = date.tomorrow().map_err(|_| Invalid::OutOfRange)?;
    }
    let delay = delay.checked_mul(60).map(SignedDuration::from_secs).ok_or(Invalid::OutOfRange)?;
    zone.to_ambiguous_timestamp(date.to_datetime(scheduled.time()))
        .compatible()
        .and_then(|instant| instant.checked_add(delay))
        .map(Some)
        .map_err(|_| Invalid::OutOfRange)
}

fn date(year: i64, month: i64, day: i64) -> Option<civil::Date> {
    civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

/// The earliest instant after another at which the wall clock comes to show a time.
fn next_shown(after: Timestamp, clock: Clock, zone: &TimeZone) -> Result<Timestamp, Invalid> {
    // From the day before, since a clock that is set back over midnight shows the end of that day again; and for a
    // week, since a change of the clocks may skip the time on one day, or a whole day, but not every day.
    const DAYS: usize = 9;
    let mut date = zone.to_datetime(after).date().yesterday().map_err(|_| Invalid::OutOfRange)?;
    for _ in 0..DAYS {
        let shown = zone.to_ambiguous_timestamp(date.to_datetime(clock.time()));
        if !matches!(shown.offset(), AmbiguousOffset::Gap { .. }) {
            // Twice the same, unless the clock was set back.
            let both = [shown.earlier(), shown.later()];
            if let Some(first) = both.into_iter().flatten().find(|instant| *instant > after) {
                return Ok(first);
            }
        }
        date = date.tomorrow().map_err(|_| Invalid::OutOfRange)?;
    }
    Err(Invalid::NeverShown(clock.number()))
}

#[cfg(test)]
mod tests;
