use jiff::Timestamp;

use runner_guest::value::Timestamptz;

use super::*;
use crate::{Invalid, Zones};

const NEW_YORK: &str = "America/New_York";

fn zone(name: &str) -> Option<TimeZone> {
    Zones::bundled().get(Some(name))
}

fn instant(text: &str) -> Timestamptz {
    text.parse::<Timestamp>().expect("an instant").try_into().expect("microseconds")
}

/// The instants of a flight, as text.
fn flown(times: LocalTimes, origin: &str, destination: &str) -> (String, String) {
    let text = |instant: Option<Timestamptz>| instant.map_or("-".to_owned(), |instant| instant.to_string());
    let found = instants(times, zone(origin).as_ref(), zone(destination).as_ref()).expect("valid times");
    (text(found.departed_at), text(found.arrived_at))
}

fn times(day: (i64, i64, i64), sched_dep_time: i64, dep_delay: i64, arr_time: i64) -> LocalTimes {
    LocalTimes {
        year: Some(day.0),
        month: Some(day.1),
        day: Some(day.2),
        sched_dep_time: Some(sched_dep_time),
        // Its own number is not looked at, only whether there is one.
        dep_time: Some(0),
        dep_delay: Some(dep_delay),
        arr_time: Some(arr_time),
    }
}

#[track_caller]
fn assert_flown(times: LocalTimes, origin: &str, destination: &str, departed: &str, arrived: &str) {
    assert_eq!(flown(times, origin, destination), (departed.to_owned(), arrived.to_owned()));
}

#[test]
fn a_flight_goes_west() {
    let first = times((2013, 1, 1), 515, 2, 830);
    assert_flown(first, NEW_YORK, "America/Chicago", "2013-01-01T10:17:00Z", "2013-01-01T14:30:00Z");
}

#[test]
fn a_flight_lands_before_it_left_by_the_clocks() {
    let times = times((2013, 1, 1), 1000, 0, 930);
    assert_flown(times, "Asia/Tokyo", "Pacific/Honolulu", "2013-01-01T01:00:00Z", "2013-01-01T19:30:00Z");
}

#[test]
fn a_delay_goes_over_midnight() {
    let times = times((2013, 1, 31), 2300, 90, 340);
    assert_flown(times, NEW_YORK, "America/Los_Angeles", "2013-02-01T05:30:00Z", "2013-02-01T11:40:00Z");
}

#[test]
fn an_early_departure_goes_back_over_midnight() {
    let times = times((2013, 1, 1), 5, -10, 130);
    assert_flown(times, NEW_YORK, NEW_YORK, "2013-01-01T04:55:00Z", "2013-01-01T06:30:00Z");
}

#[test]
fn midnight_is_2400_or_0() {
    for shown in [2400, 0] {
        let times = times((2013, 1, 1), 2200, 0, shown);
        assert_flown(times, NEW_YORK, NEW_YORK, "2013-01-02T03:00:00Z", "2013-01-02T05:00:00Z");
    }
}

#[test]
fn a_departure_at_2400_ends_its_day_and_one_at_0_begins_it() {
    let ends = times((2012, 12, 31), 2400, 0, 100);
    let begins = times((2013, 1, 1), 0, 0, 100);
    for times in [ends, begins] {
        assert_flown(times, NEW_YORK, NEW_YORK, "2013-01-01T05:00:00Z", "2013-01-01T06:00:00Z");
    }
}

#[test]
fn an_arrival_at_the_minute_of_departure_is_a_day_later() {
    let times = times((2013, 1, 1), 900, 0, 900);
    assert_flown(times, NEW_YORK, NEW_YORK, "2013-01-01T14:00:00Z", "2013-01-02T14:00:00Z");
}

#[test]
fn a_skipped_departure_keeps_the_offset_from_before() {
    let times = times((2013, 3, 10), 230, 0, 500);
    assert_flown(times, NEW_YORK, NEW_YORK, "2013-03-10T07:30:00Z", "2013-03-10T09:00:00Z");
}

#[test]
fn a_repeated_departure_is_the_first() {
    let times = times((2013, 11, 3), 130, 0, 500);
    assert_flown(times, NEW_YORK, NEW_YORK, "2013-11-03T05:30:00Z", "2013-11-03T10:00:00Z");
}

#[test]
fn a_repeated_arrival_is_the_first_after_departure() {
    // 00:30 summer time, and 01:45 of summer time, when 01:30 will be shown once more.
    let before_both = times((2013, 11, 3), 30, 0, 130);
    assert_flown(before_both, NEW_YORK, NEW_YORK, "2013-11-03T04:30:00Z", "2013-11-03T05:30:00Z");
    let between = times((2013, 11, 3), 145, 0, 130);
    assert_flown(between, NEW_YORK, NEW_YORK, "2013-11-03T05:45:00Z", "2013-11-03T06:30:00Z");
}

#[test]
fn a_skipped_arrival_waits_for_the_next_day() {
    let times = times((2013, 3, 9), 2300, 0, 230);
    assert_flown(times, NEW_YORK, NEW_YORK, "2013-03-10T04:00:00Z", "2013-03-11T06:30:00Z");
}

#[test]
fn a_clock_set_back_over_midnight_shows_the_day_before_again() {
    // Newfoundland went from 00:01 back to 23:01: at 00:00 of the 7th, 23:30 of the 6th is still to come again.
    let times = times((2010, 11, 7), 0, 0, 2330);
    let zone = "America/St_Johns";
    assert_flown(times, zone, zone, "2010-11-07T02:30:00Z", "2010-11-07T03:00:00Z");
}

#[test]
fn a_whole_skipped_day_is_passed_over() {
    // Samoa had no 30 December 2011.
    let times = times((2011, 12, 29), 2300, 0, 1200);
    assert_flown(times, "Pacific/Apia", "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T22:00:00Z");
}

#[test]
fn nothing_comes_of_missing_values() {
    let whole = times((2013, 1, 1), 515, 2, 830);
    let nothing = Instants::default();
    let known = zone(NEW_YORK);
    let known = known.as_ref();
    for cancelled in [LocalTimes { dep_time: None, ..whole }, LocalTimes { dep_delay: None, ..whole }] {
        assert_eq!(instants(cancelled, known, known), Ok(nothing));
    }
    assert_eq!(instants(whole, None, known), Ok(nothing));

    let departed_only = Instants { departed_at: Some(instant("2013-01-01T10:17:00Z")), arrived_at: None };
    assert_eq!(instants(LocalTimes { arr_time: None, ..whole }, known, known), Ok(departed_only));
    assert_eq!(instants(whole, known, None), Ok(departed_only));
}

#[test]
fn invalid_values_are_errors() {
    let known = zone(NEW_YORK);
    let of = |times| instants(times, known.as_ref(), known.as_ref());
    assert_eq!(of(times((2013, 1, 1), 560, 0, 830)), Err(Invalid::Clock(560)));
    assert_eq!(of(times((2013, 1, 1), 515, 0, 2401)), Err(Invalid::Clock(2401)));
    assert_eq!(of(times((2013, 1, 1), -5, 0, 830)), Err(Invalid::Clock(-5)));
    assert_eq!(of(times((2013, 2, 29), 515, 0, 830)), Err(Invalid::Day(2013, 2, 29)));
    assert_eq!(of(times((300_000, 1, 1), 515, 0, 830)), Err(Invalid::Day(300_000, 1, 1)));
    assert_eq!(of(times((2013, 1, 1), 515, i64::MAX, 830)), Err(Invalid::OutOfRange));
    assert_eq!(of(times((9999, 12, 31), 2400, 0, 830)), Err(Invalid::OutOfRange));
}

#[test]
fn every_minute_comes_back_from_its_instant() {
    let zone = zone("America/Denver");
    let zone = zone.as_ref();
    for minute in 0..24 * 60 {
        let shown = minute / 60 * 100 + minute % 60;
        let arrived = instants(times((2013, 1, 15), 1200, 0, shown), zone, zone).expect("valid").arrived_at;
        let expected = if shown == 0 { 2400 } else { shown };
        assert_eq!(local_time(arrived, zone), Ok(Some(expected)));
    }
}

#[test]
fn no_number_stands_for_seconds_or_an_unknown_zone() {
    let known = zone(NEW_YORK);
    let whole = instant("2013-01-01T10:17:00Z");
    assert_eq!(local_time(Some(whole), known.as_ref()), Ok(Some(517)));
    assert_eq!(local_time(Some(Timestamptz(whole.0 + 1)), known.as_ref()), Ok(None));
    assert_eq!(local_time(Some(whole), None), Ok(None));
    assert_eq!(local_time(None, known.as_ref()), Ok(None));
    assert_eq!(local_time(Some(Timestamptz(i64::MAX)), known.as_ref()), Err(Invalid::OutOfRange));
}
