// Expand: gives every flight the instants at which it left and arrived, beside the local times that it has.
package main

import (
	"fmt"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{
			Summary: "add the instants of departure and arrival, by the airports' time zones",
			Needs: []guest.Need{
				guest.RawSQL, guest.Alters("flights"), guest.Reads("flights"), guest.Updates("flights", "departed_at", "arrived_at"),
				guest.Reads("airports"), guest.Creates("flights_with_zones"), guest.Reads("flights_with_zones"),
				guest.Drops("flights_with_zones"), guest.Creates("flight_issues"), guest.Inserts("flight_issues"),
				guest.Drops("flight_issues"),
			},
		},
		Upgrade:    upgrade,
		Downgrade:  downgrade,
		Transforms: map[string]func(*guest.Batch) (*guest.Batch, error){"instants": instants, "issues": issues},
	})
}

func main() {}

// A view that lasts for one migration: a batch function sees nothing but its own rows, so the zones have to be in them.
const view = `CREATE VIEW flights_with_zones AS
	SELECT f.id, f.year, f.month, f.day, f.sched_dep_time, f.dep_time, f.dep_delay, f.arr_time,
		o.tzone AS origin_zone, d.tzone AS dest_zone
	FROM flights f
	LEFT JOIN airports o ON o.faa = f.origin
	LEFT JOIN airports d ON d.faa = f.dest`

const issuesTable = `CREATE TABLE flight_issues (
	flight_id INTEGER NOT NULL,
	issue VARCHAR(40) NOT NULL,
	PRIMARY KEY (flight_id, issue),
	FOREIGN KEY (flight_id) REFERENCES flights (id))`

func upgrade() error {
	instant := "DATETIME"
	switch guest.CurrentDialect() {
	case guest.SQLite:
		instant = "TEXT"
	case guest.Postgres:
		instant = "TIMESTAMPTZ"
	}
	err := guest.ExecuteAll(
		"ALTER TABLE flights ADD COLUMN departed_at "+instant,
		"ALTER TABLE flights ADD COLUMN arrived_at "+instant,
		issuesTable,
		view,
	)
	if err != nil {
		return err
	}
	flights, zones := guest.From("flights_with_zones"), guest.From("flights_with_zones", "origin_zone", "dest_zone")
	flights.Key, zones.Key = []string{"id"}, []string{"id"}
	turned, err := guest.Transform("instants", flights, guest.Into(guest.Update, "flights"))
	if err != nil {
		return err
	}
	found, err := guest.Transform("issues", zones, guest.Into(guest.Insert, "flight_issues"))
	if err != nil {
		return err
	}
	if _, err = guest.Execute("DROP VIEW flights_with_zones"); err != nil {
		return err
	}
	if err = check(turned, found); err != nil {
		return err
	}
	guest.Infof("%d flights turned, %d issues", turned.RowsWritten, found.RowsWritten)
	return nil
}

func downgrade() error {
	// Where the server commits every schema change, an upgrade that failed may have left any part of this.
	err := guest.ExecuteAll("DROP VIEW IF EXISTS flights_with_zones", "DROP TABLE IF EXISTS flight_issues")
	for _, column := range []string{"arrived_at", "departed_at"} {
		var found bool
		if err == nil {
			found, err = hasColumn(column)
		}
		if err == nil && found {
			_, err = guest.Execute("ALTER TABLE flights DROP COLUMN " + column)
		}
	}
	return err
}

// The instants of each flight.
func instants(batch *guest.Batch) (*guest.Batch, error) {
	rows, err := flightsOf(batch)
	if err != nil {
		return nil, err
	}
	departed := guest.MicrosColumn("departed_at", guest.TypeTimestampTZ, make([]int64, batch.Rows()))
	arrived := guest.MicrosColumn("arrived_at", guest.TypeTimestampTZ, make([]int64, batch.Rows()))
	for row := range batch.Rows() {
		flight := rows.at(row)
		left, come, err := flight.instants()
		if err != nil {
			return nil, fmt.Errorf("flight %d: %w", flight.id, err)
		}
		put(departed, row, left)
		put(arrived, row, come)
	}
	made := guest.NewBatch(batch.Rows())
	made.Set(rows.ids)
	made.Set(departed)
	made.Set(arrived)
	return made, nil
}

// An issue for each flight between airports of which one has no known time zone.
func issues(batch *guest.Batch) (*guest.Batch, error) {
	ids, err := batch.Int64s("id")
	if err != nil {
		return nil, err
	}
	zones, err := zonesOf(batch)
	if err != nil {
		return nil, err
	}
	var flights []int64
	var found []string
	for row, id := range ids {
		if origin, destination := zones.at(row); origin == nil || destination == nil {
			flights, found = append(flights, id), append(found, "unknown_time_zone")
		}
	}
	made := guest.NewBatch(len(flights))
	made.Set(guest.Int64Column("flight_id", flights))
	made.Set(guest.TextColumn("issue", found))
	return made, nil
}
