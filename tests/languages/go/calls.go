// Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
//
// says error: no such country: Züri
// says raised: panic: runtime error: index out of range [5] with length 0
// says raised: @FILE:@LINE)
// says batch: row id = 1: too many rows
package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "calls of everything"},
		Upgrade:     upgrade,
		Downgrade: func() error {
			return guest.ExecuteAll("DELETE FROM scalars", "DELETE FROM many", "DELETE FROM more", "DELETE FROM told")
		},
		Transforms: map[string]func(*guest.Batch) (*guest.Batch, error){"changed": changed, "halved": halved, "fails": fails},
	})
}

func main() {}

var names = []string{"id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j"}

func rows() [][]any {
	date := func(year, month, day int) guest.Date {
		return guest.DateOf(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
	}
	first := guest.UUID{0x9b, 0x2f, 0x3c, 0x1e, 0x6d, 0x0a, 0x4f, 0x58, 0x8a, 0x77, 0x1c, 0x2d, 0x3e, 0x4f, 0x5a, 0x6b}
	var last guest.UUID
	for i := range last {
		last[i] = 0xff
	}
	early, late := time.Date(2026, 3, 1, 9, 30, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return [][]any{
		{1, true, int64(math.MaxInt64), 1.25, "ünï 🦉 \U0010fffd", []byte{0, 255, 10}, guest.Decimal("12.25"), date(2026, 3, 1),
			guest.TimeOfDay(34200250000), guest.TimestampOf(early), early, first, guest.JSON(`{"a":1}`)},
		{2, false, int64(math.MinInt64), -0.1, "", []byte{}, guest.Decimal("-7.75"), date(1000, 1, 1), guest.TimeOfDay(0),
			guest.Timestamp(-1), time.UnixMicro(-1), guest.UUID{15: 1}, guest.JSON(`"text"`)},
		append([]any{3}, make([]any, 12)...),
		{4, true, 0, 1e300, strings.Repeat("x", 1000), []byte(strings.Repeat("y", 100)), guest.Decimal("12345678.91"), date(9999, 12, 31),
			guest.TimeOfDay(86399999999), guest.TimestampOf(late), late, last, guest.JSON("[1,null]")},
	}
}

// The placeholder of a parameter.
func place(number int) string {
	if guest.CurrentDialect() == guest.Postgres {
		return fmt.Sprintf("$%d", number)
	}
	return "?"
}

// A value and its kind.
func told(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint("boolean ", value)
	case int64:
		return fmt.Sprint("int64 ", value)
	case float64:
		return fmt.Sprintf("float64 %016x", math.Float64bits(value))
	case string:
		return "text " + value
	case []byte:
		return "bytes " + hex.EncodeToString(value)
	case guest.Decimal:
		return "decimal " + string(value)
	case guest.Date:
		return fmt.Sprint("date ", int32(value))
	case guest.TimeOfDay:
		return fmt.Sprint("time ", int64(value))
	case guest.Timestamp:
		return fmt.Sprint("timestamp ", int64(value))
	case time.Time:
		return fmt.Sprint("timestamptz ", value.UnixMicro())
	case guest.UUID:
		return "uuid " + value.String()
	case guest.JSON:
		return "json " + string(value)
	case guest.Native:
		return "native " + value.TypeName + " " + value.Text
	}
	return fmt.Sprintf("another kind: %T", value)
}

// The kind of an error as the contract spells it.
func kindOf(err error) string {
	var failure *guest.Error
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &failure):
		return strings.ReplaceAll(failure.Kind.String(), " ", "-")
	}
	return "not of the host: " + err.Error()
}

func good[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

type lines []string

func (l *lines) tell(format string, arguments ...any) {
	*l = append(*l, fmt.Sprintf(format, arguments...))
}

func run(l *lines) error {
	dialects := map[guest.Dialect]string{guest.SQLite: "sqlite", guest.Postgres: "postgres", guest.MySQL: "mysql", guest.MariaDB: "mariadb"}
	l.tell("dialect: %s", dialects[guest.CurrentDialect()])
	l.tell("version: %s", guest.ServerVersion())
	l.tell("time: %d", guest.RunTime().UnixMicro())
	l.tell("seed: %d", guest.Seed())
	parameters, known := guest.Parameters(), []string{}
	for name := range parameters {
		known = append(known, name)
	}
	sort.Strings(known)
	for _, name := range known {
		l.tell("parameter %s: %s", name, told(parameters[name]))
	}
	asset, err := guest.OpenAsset("deeper/words.bin")
	if err != nil {
		return err
	}
	defer asset.Close()
	bytes, err := io.ReadAll(asset)
	if err != nil {
		return err
	}
	l.tell("asset: %d, %x", asset.Size(), bytes)
	_, err = guest.OpenAsset("missing.txt")
	l.tell("no asset: %s", kindOf(err))
	guest.Debugf("debug %s", "ünï")
	guest.Infof("info 🦉")
	guest.Warnf("warning")
	guest.Progress(1, 2, "checks")
	guest.Progress(2, 0, "checks")
	return nil
}

func scalars(l *lines) error {
	places, inserted := []string{}, []string{}
	for i := range names {
		places = append(places, place(i+1))
	}
	columns := strings.Join(names, ", ")
	insert := fmt.Sprintf("INSERT INTO scalars (%s) VALUES (%s)", columns, strings.Join(places, ", "))
	for _, row := range rows() {
		changed, err := guest.Execute(insert, row...)
		if err != nil {
			return err
		}
		inserted = append(inserted, fmt.Sprint(changed))
	}
	l.tell("inserted: %s", strings.Join(inserted, ", "))
	found, err := guest.Query("SELECT " + columns + " FROM scalars ORDER BY id")
	if err != nil {
		return err
	}
	for _, row := range found.Rows {
		for i, value := range row {
			l.tell("scalar %d %s: %s", row[0], found.Columns[i], told(value))
		}
	}
	updated, err := guest.Execute("UPDATE scalars SET whole = 7 WHERE id < "+place(1), 3)
	if err != nil {
		return err
	}
	l.tell("updated: %d", updated)
	if found, err = guest.Query("SELECT id FROM scalars WHERE id > 9"); err != nil {
		return err
	}
	l.tell("no rows: %d", len(found.Rows))
	// A type that the contract has no case for.
	if guest.CurrentDialect() == guest.Postgres {
		asked, err := guest.QueryValue[guest.Native]("SELECT CAST($1 AS inet)", guest.Native{TypeName: "inet", Text: "10.0.0.1/8"})
		if err != nil {
			return err
		}
		l.tell("native: %s", told(asked))
		address := good(good(good(guest.Read("SELECT CAST('fe80::1/64' AS inet) AS address")).Next()).Column("address"))
		l.tell("native column: %s", strings.TrimPrefix(told(address.Value(0)), "native "))
	}
	return nil
}

func batch(ids, ns []int64, names []string) *guest.Batch {
	made := guest.NewBatch(len(ids))
	made.Set(guest.Int64Column("id", ids))
	if ns != nil {
		made.Set(guest.Int64Column("n", ns))
	}
	if names != nil {
		made.Set(guest.TextColumn("name", names))
	}
	return made
}

// Writes one batch, and returns what the writer says at its end.
func write(target guest.Target, rows *guest.Batch) uint64 {
	writer := good(guest.Write(target))
	good(writer.Write(rows))
	return good(writer.Finish())
}

func many(l *lines) error {
	writer := good(guest.Write(guest.Into(guest.Insert, "many")))
	written := []uint64{}
	for before := 0; before < 40000; before += 20000 {
		var ids, ns []int64
		var texts []string
		for id := before + 1; id <= before+20000; id++ {
			ids, ns, texts = append(ids, int64(id)), append(ns, int64(3*id)), append(texts, fmt.Sprintf("n%d ü🦉", id))
		}
		written = append(written, good(writer.Write(batch(ids, ns, texts))))
	}
	l.tell("many written: %d, %d, %d", written[0], written[1], good(writer.Finish()))
	source := guest.From("many", "n", "name").Where("id > "+place(1), 100)
	report := good(guest.Transform("changed", source, guest.Into(guest.Update, "many")))
	l.tell("many transformed: %d, %d, %d", report.RowsRead, report.RowsWritten, report.Chunks)
	report = good(guest.Transform("halved", guest.From("many"), guest.Into(guest.Insert, "more")))
	l.tell("more transformed: %d, %d, %d", report.RowsRead, report.RowsWritten, report.Chunks)

	read, first, sum, hash := 0, int64(0), int64(0), uint32(0)
	for rows, err := range good(guest.Read("SELECT id, n, name FROM many WHERE id > "+place(1)+" ORDER BY id DESC", 5)).Batches() {
		if err != nil {
			return err
		}
		if read == 0 {
			first = good(rows.Int64s("id"))[0]
		}
		read += rows.Rows()
		for _, n := range good(rows.Int64s("n")) {
			sum += n
		}
		for _, b := range good(rows.Texts("name")).Data {
			hash = hash*31 + uint32(b)
		}
	}
	l.tell("many read: %d, %d, %d, %d", read, first, sum, hash)

	source = guest.From("more", "n").Where("id <= "+place(1), 1000)
	source.Key, source.Descending = []string{"id"}, true
	var ids []int64
	for rows, err := range good(guest.ReadTable(source)).Batches() {
		if err != nil {
			return err
		}
		ids = append(ids, good(rows.Int64s("id"))...)
	}
	l.tell("more read: %d, %d, %d", len(ids), ids[0], ids[len(ids)-1])
	// One that is not read to its end.
	reader := good(guest.ReadTable(guest.From("many")))
	good(reader.Next())
	reader.Close()

	byID := guest.Into(guest.Update, "more")
	byID.Key = []string{"id"}
	l.tell("more updated: %d", write(byID, batch([]int64{2, 4}, []int64{-1, -2}, nil)))
	l.tell("more upserted: %d", write(guest.Into(guest.Upsert, "more"), batch([]int64{4, 5}, []int64{-3, -4}, []string{"four", "five"})))
	l.tell("more deleted: %d", write(guest.Into(guest.Delete, "more"), batch([]int64{2}, nil, nil)))
	left := good(guest.Query("SELECT count(*), min(n), max(n) FROM more")).Rows[0]
	l.tell("more left: %s, %s, %s", told(left[0]), told(left[1]), told(left[2]))
	return nil
}

func failures(l *lines) error {
	for _, statement := range []string{"SELECT FROM WHERE", "SELECT nothing FROM nowhere",
		"INSERT INTO many (id, n, name) VALUES (1, 1, 'x')", "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')", "COMMIT"} {
		rows, err := guest.Execute(statement)
		var failure *guest.Error
		if errors.As(err, &failure) {
			l.tell("error %s: %s|%s|%s|%s", statement, kindOf(err), failure.Code, failure.Message, failure.Detail)
		} else {
			l.tell("error %s: none, %d", statement, rows)
		}
	}
	first := func(source guest.Source) string {
		reader, err := guest.ReadTable(source)
		if err == nil {
			_, err = reader.Next()
		}
		return kindOf(err)
	}
	wrong := guest.From("many", "name")
	wrong.ReadAs = map[string]guest.ColumnType{"name": guest.TypeInt64}
	l.tell("conversion: %s", first(wrong))
	l.tell("no column: %s", first(guest.From("many", "missing")))
	l.tell("no table: %s", first(guest.From("nowhere")))
	return nil
}

// Fails, as the operator asks for it.
func fail(how string) error {
	if how == "error" {
		return errors.New("no such country: Züri")
	}
	if how == "batch" {
		good(guest.Execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'w'), (2, 2, 'w'), (3, 3, 'x')"))
		_, err := guest.Transform("fails", guest.From("many", "name"), guest.Into(guest.Update, "many"))
		return err
	}
	var none []string
	return errors.New(none[len(guest.Parameters())]) // raises raised
}

func upgrade() error {
	if how, err := guest.Parameter[string]("failing"); err == nil {
		return fail(how)
	}
	var told lines
	for _, part := range []func(*lines) error{run, scalars, many, failures} {
		if err := part(&told); err != nil {
			return err
		}
	}
	ids := make([]int64, len(told))
	for i := range ids {
		ids[i] = int64(i)
	}
	rows := guest.NewBatch(len(told))
	rows.Set(guest.Int64Column("id", ids))
	rows.Set(guest.TextColumn("line", told))
	write(guest.Into(guest.Insert, "told"), rows)
	return nil
}

func changed(rows *guest.Batch) (*guest.Batch, error) {
	for i := range good(rows.Int64s("n")) {
		good(rows.Int64s("n"))[i]++
	}
	return rows, rows.MapTexts("name", func(to, text []byte) []byte { return append(append(to, text...), '!') })
}

func halved(rows *guest.Batch) (*guest.Batch, error) {
	ids, ns, texts := good(rows.Int64s("id")), good(rows.Int64s("n")), good(rows.Texts("name"))
	var evenIDs, evenNs []int64
	var names []string
	for i, id := range ids {
		if id%2 == 0 {
			evenIDs, evenNs, names = append(evenIDs, id), append(evenNs, ns[i]), append(names, texts.String(i))
		}
	}
	return batch(slices.Clip(evenIDs), slices.Clip(evenNs), names), nil
}

func fails(rows *guest.Batch) (*guest.Batch, error) { return nil, rows.Errorf(0, "too many rows") }
