package main

import (
	"fmt"
	"strings"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

const named = 5

// What has to hold before the migration ends: an instant stands wherever one can be known, and nowhere else; where one cannot, an
// issue says so; and nobody arrives before they left.
var faults = []struct{ what, query string }{
	{"arrived no later than it left", "SELECT id FROM flights WHERE arrived_at <= departed_at"},
	{"never left, but has an instant of departure",
		"SELECT id FROM flights WHERE departed_at IS NOT NULL AND (dep_time IS NULL OR dep_delay IS NULL)"},
	{"never arrived, but has an instant of arrival",
		"SELECT id FROM flights WHERE arrived_at IS NOT NULL AND (arr_time IS NULL OR departed_at IS NULL)"},
	{"left, but has neither an instant of departure nor an issue",
		`SELECT id FROM flights f WHERE departed_at IS NULL AND dep_time IS NOT NULL AND dep_delay IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)`},
	{"arrived, but has neither an instant of arrival nor an issue",
		`SELECT id FROM flights f WHERE arrived_at IS NULL AND arr_time IS NOT NULL AND departed_at IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)`},
	{"goes to or from an airport without a time zone, but has no issue",
		`SELECT id FROM flights f
		WHERE (NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.origin AND a.tzone IS NOT NULL)
			OR NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.dest AND a.tzone IS NOT NULL))
		AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)`},
}

// Fails, and names the first flights, if something does not hold, or if a transform has not read every flight.
func check(reports ...guest.Report) error {
	flights, err := guest.QueryValue[int64]("SELECT count(*) FROM flights")
	if err != nil {
		return err
	}
	for _, report := range reports {
		if report.RowsRead != uint64(flights) {
			return fmt.Errorf("%d of %d flights were read", report.RowsRead, flights)
		}
	}
	for _, fault := range faults {
		found, err := guest.Query(fmt.Sprintf("%s ORDER BY id LIMIT %d", fault.query, named+1))
		if err != nil {
			return err
		}
		if len(found.Rows) == 0 {
			continue
		}
		var ids []string
		for _, row := range found.Rows[:min(named, len(found.Rows))] {
			ids = append(ids, fmt.Sprint(row[0]))
		}
		more := ""
		if len(found.Rows) > named {
			more = " and more"
		}
		return fmt.Errorf("%s: flights %s%s", fault.what, strings.Join(ids, ", "), more)
	}
	return nil
}

func hasColumn(name string) (bool, error) {
	columns := "information_schema.columns WHERE table_schema = %s AND table_name = 'flights' AND column_name"
	switch guest.CurrentDialect() {
	case guest.SQLite:
		columns = "pragma_table_info('flights') WHERE name"
	case guest.Postgres:
		columns = fmt.Sprintf(columns, "current_schema()")
	default:
		columns = fmt.Sprintf(columns, "DATABASE()")
	}
	found, err := guest.QueryValue[int64](fmt.Sprintf("SELECT count(*) FROM %s = '%s'", columns, name))
	return found > 0, err
}
