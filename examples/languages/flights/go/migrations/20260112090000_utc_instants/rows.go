package main

import (
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

// What a flight's row says of its times; nil where it says nothing.
type flight struct {
	id                                                     int64
	year, month, day, scheduled, departure, delay, arrival *int64
	origin, destination                                    *time.Location
}

// The columns of a batch of flights.
type flights struct {
	ids     *guest.Column
	numbers []*guest.Column
	values  [][]int64
	zones   zones
}

func flightsOf(batch *guest.Batch) (*flights, error) {
	made := &flights{}
	for _, name := range []string{"id", "year", "month", "day", "sched_dep_time", "dep_time", "dep_delay", "arr_time"} {
		column, err := batch.Column(name)
		if err != nil {
			return nil, err
		}
		values, err := column.Int64s()
		if err != nil {
			return nil, err
		}
		made.numbers, made.values = append(made.numbers, column), append(made.values, values)
	}
	made.ids = made.numbers[0]
	var err error
	made.zones, err = zonesOf(batch)
	return made, err
}

func (f *flights) at(row int) flight {
	number := func(column int) *int64 {
		if f.numbers[column].IsNull(row) {
			return nil
		}
		return &f.values[column][row]
	}
	origin, destination := f.zones.at(row)
	return flight{f.values[0][row], number(1), number(2), number(3), number(4), number(5), number(6), number(7), origin, destination}
}

// The time zones of the airports of a batch.
type zones struct{ origins, destinations *guest.Column }

func zonesOf(batch *guest.Batch) (made zones, err error) {
	if made.origins, err = batch.Column("origin_zone"); err == nil {
		made.destinations, err = batch.Column("dest_zone")
	}
	for _, column := range []*guest.Column{made.origins, made.destinations} {
		if err == nil {
			_, err = column.Texts()
		}
	}
	return made, err
}

func (z zones) at(row int) (origin, destination *time.Location) {
	return zoneAt(z.origins, row), zoneAt(z.destinations, row)
}

// Each zone is looked up once.
var known = map[string]*time.Location{}

// The zone of a row; nil for no name, and for one that is not known.
func zoneAt(column *guest.Column, row int) *time.Location {
	texts, err := column.Texts()
	if err != nil || column.IsNull(row) {
		return nil
	}
	name := texts.At(row)
	if zone, found := known[string(name)]; found {
		return zone
	}
	var zone *time.Location
	// To Go, no name is UTC, and `Local` is the zone of the machine.
	if text := string(name); text != "" && text != "Local" {
		zone, _ = guest.LoadLocation(text)
	}
	known[string(name)] = zone
	return zone
}

func put(column *guest.Column, row int, instant *time.Time) {
	values, err := column.Int64s()
	if instant == nil || err != nil {
		column.SetNull(row, true)
		return
	}
	values[row] = instant.UnixMicro()
}
