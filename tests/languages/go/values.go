// Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte.
package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "values of every type",
			Needs: []guest.Need{guest.Inserts("every"), guest.Inserts("copies"), guest.Inserts("told")}},
		Upgrade:    upgrade,
		Downgrade:  func() error { return guest.ExecuteAll("DELETE FROM every", "DELETE FROM copies", "DELETE FROM told") },
		Transforms: map[string]func(*guest.Batch) (*guest.Batch, error){"again": again},
	})
}

func main() {}

var names = []string{"id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j"}
var types = []guest.ColumnType{guest.TypeInt64, guest.TypeBool, guest.TypeInt64, guest.TypeFloat64, guest.TypeText, guest.TypeBytes,
	guest.TypeDecimal, guest.TypeDate, guest.TypeTime, guest.TypeTimestamp, guest.TypeTimestampTZ, guest.TypeUUID, guest.TypeJSON}

func texts(all ...string) guest.Texts {
	made := guest.MakeTexts(len(all), 0)
	for _, text := range all {
		made.Append(text)
	}
	return made
}

func given() *guest.Batch {
	date := func(year, month, day int) guest.Date {
		return guest.DateOf(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
	}
	micros := []int64{time.Date(2026, 3, 1, 9, 30, 0, 1000, time.UTC).UnixMicro(), -1, 0, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()}
	first := guest.UUID{0x9b, 0x2f, 0x3c, 0x1e, 0x6d, 0x0a, 0x4f, 0x58, 0x8a, 0x77, 0x1c, 0x2d, 0x3e, 0x4f, 0x5a, 0x6b}
	var last guest.UUID
	for i := range last {
		last[i] = 0xff
	}
	batch := guest.NewBatch(4)
	for _, column := range []*guest.Column{
		guest.Int64Column("id", []int64{1, 2, 3, 4}),
		guest.BoolColumn("truth", []bool{true, false, false, true}),
		guest.Int64Column("whole", []int64{math.MaxInt64, math.MinInt64, 0, 0}),
		guest.Float64Column("fraction", []float64{1.25, -0.1, 0, 1e300}),
		guest.TextColumn("words", []string{"ünï 🦉", "", "", strings.Repeat("x", 1000)}),
		guest.VarColumn("octets", guest.TypeBytes, texts("\x00\xff\n", "", "", strings.Repeat("y", 100))),
		guest.VarColumn("exact", guest.TypeDecimal, texts("12.25", "-7.75", "0", "12345678.91")),
		guest.DateColumn("d", []guest.Date{date(2026, 3, 1), date(1000, 1, 1), 0, date(9999, 12, 31)}),
		guest.MicrosColumn("clock", guest.TypeTime, []int64{34200250000, 0, 0, 86399999999}),
		guest.MicrosColumn("moment", guest.TypeTimestamp, slices.Clone(micros)),
		guest.MicrosColumn("instant", guest.TypeTimestampTZ, micros),
		guest.UUIDColumn("u", []guest.UUID{first, {15: 1}, {}, last}),
		guest.VarColumn("j", guest.TypeJSON, texts(`{"a":1}`, `"text"`, "null", "[1,null]")),
	} {
		if column.Name != "id" {
			column.SetNull(2, true)
		}
		batch.Set(column)
	}
	return batch
}

func told(value any) string {
	switch value := value.(type) {
	case nil:
		return "NULL"
	case float64:
		return fmt.Sprintf("%016x", math.Float64bits(value))
	case []byte:
		return fmt.Sprintf("%x", value)
	case guest.Date:
		return fmt.Sprint(int32(value))
	case guest.TimeOfDay:
		return fmt.Sprint(int64(value))
	case guest.Timestamp:
		return fmt.Sprint(int64(value))
	case time.Time:
		return fmt.Sprint(value.UnixMicro())
	}
	return fmt.Sprint(value)
}

func kindOf(statement string) string {
	var failure *guest.Error
	if _, err := guest.Execute(statement); errors.As(err, &failure) {
		return failure.Kind.String()
	}
	return "none"
}

func source(table guest.Table) guest.Source {
	made := guest.From(table, names...)
	made.ReadAs = map[string]guest.ColumnType{}
	for i, name := range names {
		made.ReadAs[name] = types[i]
	}
	return made
}

func upgrade() error {
	var lines []string
	tell := func(format string, arguments ...any) { lines = append(lines, fmt.Sprintf(format, arguments...)) }
	writer, err := guest.Write(guest.Into(guest.Insert, "every"))
	if err != nil {
		return err
	}
	empty := guest.NewBatch(0)
	for _, column := range given().Columns() {
		if _, err := column.Texts(); err == nil {
			empty.Set(guest.VarColumn(column.Name, column.Type, texts()))
		} else {
			empty.Set(&guest.Column{Name: column.Name, Type: column.Type})
		}
	}
	none, err := writer.Write(empty)
	if err != nil {
		return err
	}
	tell("an empty batch: %d", none)
	some, err := writer.Write(given())
	if err != nil {
		return err
	}
	all, err := writer.Finish()
	if err != nil {
		return err
	}
	tell("written: %d, %d", some, all)
	report, err := guest.Transform("again", source("every"), guest.Into(guest.Insert, "copies"))
	if err != nil {
		return err
	}
	tell("transformed: %d, %d, %d", report.RowsRead, report.RowsWritten, report.Chunks)
	for _, table := range []string{"every", "copies"} {
		reader, err := guest.ReadTable(source(guest.Table(table)))
		if err != nil {
			return err
		}
		for batch, err := range reader.Batches() {
			if err != nil {
				return err
			}
			for row := range batch.Rows() {
				for _, name := range names {
					column, err := batch.Column(name)
					if err != nil {
						return err
					}
					tell("%s %v %s: %s", table, batch.Columns()[0].Value(row), name, told(column.Value(row)))
				}
			}
		}
	}
	alone, err := guest.Read("SELECT NULL AS v FROM every ORDER BY id")
	if err != nil {
		return err
	}
	for batch, err := range alone.Batches() {
		if err != nil {
			return err
		}
		column, err := batch.Column("v")
		if err != nil {
			return err
		}
		numbers, err := column.Float64s()
		if err != nil {
			return err
		}
		nulls := 0
		for row := range numbers {
			if column.IsNull(row) {
				nulls++
			}
		}
		tell("nulls alone: %d, %d", len(numbers), nulls)
	}
	count, err := guest.QueryValue[int64]("SELECT count(*) FROM copies")
	if err != nil {
		return err
	}
	words, err := guest.QueryValue[string]("SELECT words FROM copies WHERE id = 1")
	if err != nil {
		return err
	}
	tell("asked: %d, %s", count, words)
	for _, statement := range []string{"SELECT FROM WHERE", "INSERT INTO every (id) VALUES (1)", "COMMIT"} {
		tell("%s: %s", statement, kindOf(statement))
	}
	ids := make([]int64, len(lines))
	for i := range ids {
		ids[i] = int64(i)
	}
	batch := guest.NewBatch(len(lines))
	batch.Set(guest.Int64Column("id", ids))
	batch.Set(guest.TextColumn("line", lines))
	if writer, err = guest.Write(guest.Into(guest.Insert, "told")); err != nil {
		return err
	}
	if _, err = writer.Write(batch); err != nil {
		return err
	}
	_, err = writer.Finish()
	return err
}

// The same rows in new columns.
func again(batch *guest.Batch) (*guest.Batch, error) {
	made := guest.NewBatch(batch.Rows())
	for _, column := range batch.Columns() {
		copied := *column
		if copied.MapTexts(func(to, text []byte) []byte { return append(to, text...) }) != nil && column.Type == guest.TypeInt64 {
			numbers, err := column.Int64s()
			if err != nil {
				return nil, err
			}
			copied = *guest.Int64Column(column.Name, slices.Clone(numbers))
			for row := range batch.Rows() {
				copied.SetNull(row, column.IsNull(row))
			}
		}
		made.Set(&copied)
	}
	return made, nil
}
