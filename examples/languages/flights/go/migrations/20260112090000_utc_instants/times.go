// Wall-clock times of flights, and the instants that they stand for.
//
// The data write a time of day as a number: 517 is 05:17, and 2400 is the midnight at the end of the day.
//
// A scheduled departure in the hour that is skipped in spring is taken with the offset from before the change; in the hour that
// comes twice in autumn it is the first of the two. An arrival is the earliest instant after the departure at which the clock at
// the destination shows it.
package main

import (
	"errors"
	"fmt"
	"time"
)

var errOutOfRange = errors.New("an instant lies outside of the years 1 to 9999")

// When it left and arrived; nil where that is not known.
func (f flight) instants() (departed, arrived *time.Time, err error) {
	departed, err = f.departed()
	if err != nil || departed == nil || f.arrival == nil || f.destination == nil {
		return departed, nil, err
	}
	arrived, err = nextShown(*departed, *f.arrival, f.destination)
	return departed, arrived, err
}

// The scheduled departure as an instant, plus the delay; nil if a value is missing.
func (f flight) departed() (*time.Time, error) {
	if f.origin == nil {
		return nil, nil
	}
	for _, needed := range []*int64{f.year, f.month, f.day, f.scheduled, f.departure, f.delay} {
		if needed == nil {
			return nil, nil
		}
	}
	clock, err := clockOf(*f.scheduled)
	if err != nil {
		return nil, err
	}
	if *f.year < 1 || *f.year > 9999 || *f.delay < -1e9 || *f.delay > 1e9 {
		return nil, errOutOfRange
	}
	// Go would take 30 February for 2 March.
	day := time.Date(int(*f.year), time.Month(*f.month), int(*f.day), 0, 0, 0, 0, time.UTC)
	if day.Month() != time.Month(*f.month) || day.Day() != int(*f.day) {
		return nil, fmt.Errorf("the calendar has no day %d-%d-%d", *f.year, *f.month, *f.day)
	}
	found, before := shown(day.Add(clock), f.origin)
	if len(found) > 0 {
		before = found[0]
	}
	departed := before.Add(time.Duration(*f.delay) * time.Minute)
	if departed.Year() < 1 || departed.Year() > 9999 {
		return nil, errOutOfRange
	}
	return &departed, nil
}

// The time since the beginning of the day of a number.
func clockOf(number int64) (time.Duration, error) {
	hour, minute := number/100, number%100
	if number < 0 || minute > 59 || hour > 23 && number != 2400 {
		return 0, fmt.Errorf("%d is no time of day: expected hours and minutes such as 517", number)
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, nil
}

const day = 24 * time.Hour

// The earliest instant after another at which the wall clock comes to show a time.
func nextShown(after time.Time, number int64, zone *time.Location) (*time.Time, error) {
	clock, err := clockOf(number)
	if err != nil {
		return nil, err
	}
	// From the day before, since a clock that is set back over midnight shows the end of that day again; and for a week, since a
	// change of the clocks may skip the time on one day, or a whole day, but not every day.
	today := after.UTC().Add(offsetAt(after, zone)).Truncate(day)
	for days := time.Duration(-1); days < 8; days++ {
		found, _ := shown(today.Add(days*day+clock%day), zone)
		for _, instant := range found {
			if instant.After(after) {
				return &instant, nil
			}
		}
	}
	return nil, fmt.Errorf("no clock shows %d within a week", number)
}

// The offset of a zone from UTC at an instant.
func offsetAt(instant time.Time, zone *time.Location) time.Duration {
	_, seconds := instant.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// The instants at which the clock shows a time, which is given as if it were in UTC: usually one, two where the clock is set back,
// and none where it is set forward; and what the offset from before a change makes of it. `time.Date` does not say which of two
// instants it takes, so this tries the offsets of the day before and of the day after.
func shown(local time.Time, zone *time.Location) (found []time.Time, before time.Time) {
	// More than a day: no zone is that far from UTC.
	const around = 26 * time.Hour
	earlier, later := offsetAt(local.Add(-around), zone), offsetAt(local.Add(around), zone)
	before = local.Add(-earlier)
	if offsetAt(before, zone) == earlier {
		found = append(found, before)
	}
	if after := local.Add(-later); later != earlier && offsetAt(after, zone) == later {
		found = append(found, after)
	}
	return found, before
}
