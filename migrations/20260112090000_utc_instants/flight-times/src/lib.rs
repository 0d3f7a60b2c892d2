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

mod clock;
mod zones;

pub use clock::{Clock, Invalid};
pub use zones::Zones;

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan, civil};

/// The microseconds since 1970-01-01T00:00:00Z of an instant that has left, or reached, an airport.
pub type Microseconds = i64;

/// What a flight's row says of its times.
#[derive(Clone, Copy, Debug)]
pub struct LocalTimes {
    /// The day of the scheduled departure at the origin: year, month, day.
    pub day: (i64, i64, i64),
    /// The scheduled departure.
    pub sched_dep_time: i64,
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
    pub departed_at: Option<Microseconds>,
    /// When it arrived; none if that is not known, or the destination's time zone is not, or it is not known when the
    /// flight left.
    pub arrived_at: Option<Microseconds>,
}

/// The instants of a flight between airports in these time zones.
pub fn instants(
    times: LocalTimes,
    origin: Option<&TimeZone>,
    destination: Option<&TimeZone>,
) -> Result<Instants, Invalid> {
    let (Some(_), Some(delay), Some(origin)) = (times.dep_time, times.dep_delay, origin) else {
        return Ok(Instants::default());
    };
    let departed = departure(
        times.day,
        Clock::parse(times.sched_dep_time)?,
        delay,
        origin,
    )?;
    let arrived = match (times.arr_time, destination) {
        (Some(shown), Some(zone)) => Some(next_shown(departed, Clock::parse(shown)?, zone)?),
        _ => None,
    };
    Ok(Instants {
        departed_at: Some(departed.as_microsecond()),
        arrived_at: arrived.map(Timestamp::as_microsecond),
    })
}

/// What the wall clock shows at an instant, as the data write it: midnight is 2400.
///
/// None if the zone is not known, or the instant is not at a full minute and so has no such number.
pub fn local_time(
    instant: Option<Microseconds>,
    zone: Option<&TimeZone>,
) -> Result<Option<i64>, Invalid> {
    let (Some(instant), Some(zone)) = (instant, zone) else {
        return Ok(None);
    };
    let instant = Timestamp::from_microsecond(instant).map_err(|_| Invalid::OutOfRange)?;
    Ok(Clock::of(zone.to_datetime(instant).time()).map(Clock::number))
}

/// The scheduled departure as an instant, plus the delay.
fn departure(
    day: (i64, i64, i64),
    scheduled: Clock,
    delay: i64,
    zone: &TimeZone,
) -> Result<Timestamp, Invalid> {
    let not_a_day = Invalid::Day(day.0, day.1, day.2);
    let year = day.0.try_into().map_err(|_| not_a_day)?;
    let month = day.1.try_into().map_err(|_| not_a_day)?;
    let of_month = day.2.try_into().map_err(|_| not_a_day)?;
    let mut date = civil::Date::new(year, month, of_month).map_err(|_| not_a_day)?;
    if scheduled.ends_the_day() {
        date = date.tomorrow().map_err(|_| Invalid::OutOfRange)?;
    }
    let delay = delay
        .checked_mul(60)
        .map(SignedDuration::from_secs)
        .ok_or(Invalid::OutOfRange)?;
    zone.to_ambiguous_timestamp(date.to_datetime(scheduled.time()))
        .compatible()
        .and_then(|instant| instant.checked_add(delay))
        .map_err(|_| Invalid::OutOfRange)
}

/// The earliest instant after another at which the wall clock comes to show a time.
fn next_shown(after: Timestamp, clock: Clock, zone: &TimeZone) -> Result<Timestamp, Invalid> {
    // From the day before, since a clock that is set back over midnight shows that day again. No zone leaves out
    // more than one whole day, and few days in a row lack the same time.
    const DAYS: std::ops::Range<i64> = -1..8;
    let today = zone.to_datetime(after).date();
    for days in DAYS {
        let date = today
            .checked_add(days.days())
            .map_err(|_| Invalid::OutOfRange)?;
        let local = date.to_datetime(clock.time());
        let shown = zone.to_ambiguous_timestamp(local);
        if matches!(shown.offset(), AmbiguousOffset::Gap { .. }) {
            continue;
        }
        // Twice the same, unless the clock was set back.
        let both = [shown.earlier(), shown.later()];
        if let Some(first) = both.into_iter().flatten().find(|instant| *instant > after) {
            return Ok(first);
        }
    }
    Err(Invalid::NeverShown(clock.number()))
}

#[cfg(test)]
mod tests;
