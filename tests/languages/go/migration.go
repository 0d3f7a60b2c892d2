// What every language must do, in Go. Each check that fails is an error of the migration.
package main

import (
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	// The collector runs all the time: what it must not take is found missing.
	debug.SetGCPercent(1)
	guest.Export(guest.Migration{
		Description: guest.Description{
			Summary: "conformance in Zürich", Mode: guest.Atomic, Dialects: []guest.Dialect{guest.SQLite, guest.Postgres},
			Needs: []guest.Need{guest.RawSQL, guest.Reads("*"), guest.Inserts("*"), guest.Updates("*"), guest.Creates("*"), guest.Drops("*")},
		},
		Upgrade:   upgrade,
		Downgrade: downgrade,
		Transforms: map[string]func(*guest.Batch) (*guest.Batch, error){
			"untouched": func(batch *guest.Batch) (*guest.Batch, error) { return batch, nil },
			"rebuilt":   rebuilt, "numbers": numbers, "even": even, "fails": fails, "panics": panics, "misfit": misfit,
		},
	})
}

func main() {}

var failures []string

func same(what string, found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		failures = append(failures, fmt.Sprintf("%s: %#v instead of %#v", what, found, expected))
	}
}

func good[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func failing(what string, err error, kind guest.ErrorKind, part string) {
	var failure *guest.Error
	switch {
	case err == nil:
		failures = append(failures, what+": it did not fail")
	case !strings.Contains(err.Error(), part):
		failures = append(failures, fmt.Sprintf("%s: it failed with %v", what, err))
	case !errors.As(err, &failure):
		same(what, guest.Failed, kind)
	default:
		same(what, failure.Kind, kind)
	}
}

func sqlite() bool { return guest.CurrentDialect() == guest.SQLite }

// A statement with the placeholders of the database.
func sql(text string) string {
	for number := 1; !sqlite() && strings.Contains(text, "?"); number++ {
		text = strings.Replace(text, "?", fmt.Sprintf("$%d", number), 1)
	}
	return text
}

// A column of SQLite takes values of every type; elsewhere values.go and calls.go write and read them.
func loose() {
	same("DDL", good(guest.Execute("CREATE TABLE v (id INTEGER PRIMARY KEY, x)")), uint64(0))
	values := []any{nil, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), 0.5, 1e300, 5e-324, "", "Zürich 🦉 \x00 \U0010ffff",
		strings.Repeat("x", 70000), []byte{}, []byte("\x00\xff\n")}
	for i, value := range values {
		same("insert", good(guest.Execute("INSERT INTO v VALUES (?, ?)", i, value)), uint64(1))
	}
	rows := good(guest.Query("SELECT x, id FROM v ORDER BY id"))
	same("columns", rows.Columns, []string{"x", "id"})
	for i, value := range values {
		same("value", rows.Rows[i], []any{value, int64(i)})
	}
}

func statements() {
	if sqlite() {
		loose()
	} else {
		same("DDL", good(guest.Execute("CREATE TABLE v (id INTEGER NOT NULL PRIMARY KEY, x BIGINT)")), uint64(0))
		same("insert", good(guest.Execute(sql("INSERT INTO v VALUES (?, ?)"), 1, int64(math.MinInt64))), uint64(1))
		same("value", good(guest.Query("SELECT x, id FROM v")).Rows, [][]any{{int64(math.MinInt64), int64(1)}})
	}
	same("no rows", len(good(guest.Query("SELECT id FROM v WHERE id < 0")).Rows), 0)
	for text, value := range map[string]any{
		"2026-03-01T08:30:00.000001Z": time.Date(2026, 3, 1, 9, 30, 0, 1000, time.FixedZone("", 3600)),
		"0001-12-31":                  guest.DateOf(time.Date(1, 12, 31, 23, 0, 0, 0, time.UTC)), "-12.50": guest.Decimal("-12.50"),
		"1969-12-31 23:59:59.500000": guest.TimestampOf(time.UnixMicro(-500000).UTC()), "23:59:59.000005": guest.TimeOfDay(86399000005),
		"01020304-0506-0708-090a-0b0c0d0e0f10": guest.UUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, `{"a":1}`: guest.JSON(`{"a":1}`),
		map[bool]string{true: "1", false: "true"}[sqlite()]: true,
	} {
		same("as text", good(guest.QueryValue[string](sql("SELECT CAST(? AS TEXT)"), value)), text)
	}
	same("UUID", guest.UUID{0xab}.String(), "ab000000-0000-0000-0000-000000000000")
	_, err := guest.Execute("SELEC 1")
	failing("syntax", err, guest.Syntax, "SELEC")
	_, err = guest.Execute("INSERT INTO v VALUES (1, 1)")
	failing("constraint", fmt.Errorf("wrapped: %w", err), guest.Constraint, "wrapped: ")
	_, err = guest.Query("COMMIT")
	failing("denied", err, guest.Denied, map[bool]string{true: "COMMIT", false: "transaction"}[sqlite()])
	_, err = guest.Execute(sql("SELECT ?"), struct{}{})
	failing("an object", err, guest.InvalidArgument, "parameter 1: a value of the type struct {}")
	_, err = guest.Execute(sql("SELECT ?"), uint64(math.MaxUint64))
	failing("a big number", err, guest.Conversion, "too large")
	_, err = guest.QueryValue[string]("SELECT 1")
	failing("another type", err, guest.Failed, "is a int64, not a string")
}

var types = []guest.ColumnType{guest.TypeInt64, guest.TypeBool, guest.TypeInt64, guest.TypeFloat64, guest.TypeText, guest.TypeBytes,
	guest.TypeDecimal, guest.TypeDate, guest.TypeTime, guest.TypeTimestamp, guest.TypeTimestampTZ, guest.TypeUUID, guest.TypeJSON}

func everyType() {
	columns := []guest.ColumnDefinition{
		{Name: "id", Type: guest.TypeInt64}, {Name: "truth", Type: guest.TypeBool, Default: true}, {Name: "whole", Type: guest.TypeInt64},
		{Name: "real", Type: guest.TypeFloat64, Default: 1.5}, {Name: "text", Type: guest.TypeText, Default: "x"}, {Name: "bytes", Type: guest.TypeBytes},
		{Name: "exact", Type: guest.TypeDecimalOf(10, 2)}, {Name: "day", Type: guest.TypeDate}, {Name: "time", Type: guest.TypeTime},
		{Name: "moment", Type: guest.TypeTimestamp}, {Name: "instant", Type: guest.TypeTimestampTZ, Default: guest.CurrentTimestamp},
		{Name: "uuid", Type: guest.TypeUUID}, {Name: "json", Type: guest.TypeJSON},
	}
	readAs := map[string]guest.ColumnType{}
	names := []string{}
	for i, column := range columns {
		names = append(names, column.Name)
		readAs[column.Name] = types[i]
	}
	for _, table := range []string{"every", "copies"} {
		definition := guest.TableDefinition{Table: guest.Table(table), Columns: columns, PrimaryKey: []string{"id"}, Unique: [][]string{{"whole", "id"}}}
		if table == "copies" {
			definition.ForeignKeys = []guest.ForeignKey{{Columns: []string{"id"}, References: "every", Referenced: []string{"id"},
				OnDelete: guest.Cascade}}
		}
		check(guest.CreateTable(definition))
	}
	batch := guest.NewBatch(3)
	batch.Set(guest.Int64Column("id", []int64{1, 2, 3}))
	batch.Set(guest.BoolColumn("truth", []bool{true, false, false}))
	batch.Set(guest.Int64Column("whole", []int64{math.MaxInt64, math.MinInt64, 0}))
	batch.Set(guest.Float64Column("real", []float64{1.25, -0.5, 0}))
	batch.Set(guest.TextColumn("text", []string{"ünï", "", ""}))
	batch.Set(guest.VarColumn("bytes", guest.TypeBytes, texts("\x01\x00", "", "")))
	batch.Set(guest.VarColumn("exact", guest.TypeDecimal, texts("12.25", "-7.25", "0")))
	batch.Set(guest.DateColumn("day", []guest.Date{20513, -719162, 0}))
	batch.Set(guest.MicrosColumn("time", guest.TypeTime, []int64{34200250000, 0, 0}))
	batch.Set(guest.MicrosColumn("moment", guest.TypeTimestamp, []int64{0, -1, 0}))
	batch.Set(guest.MicrosColumn("instant", guest.TypeTimestampTZ, []int64{1, -1, 0}))
	batch.Set(guest.UUIDColumn("uuid", []guest.UUID{{0x9b, 15: 1}, {15: 1}, {}}))
	batch.Set(guest.VarColumn("json", guest.TypeJSON, texts(`{"a": 1}`, `"text"`, "")))
	for _, column := range batch.Columns()[1:] {
		column.SetNull(2, true)
	}
	writer := good(guest.Write(guest.Into(guest.Insert, "every")))
	same("written", good(writer.Write(batch)), uint64(3))
	same("finished", good(writer.Finish()), uint64(3))
	_, err := writer.Finish()
	failing("finished twice", err, guest.InvalidArgument, "is finished")
	source := guest.From("every", names...)
	source.ReadAs = readAs
	back := good(good(guest.ReadTable(source)).Next())
	for i, column := range back.Columns() {
		for row := range 3 {
			same(column.Name, []any{column.Type, column.Value(row)}, []any{types[i], batch.Columns()[i].Value(row)})
		}
	}
	every := good(guest.Query("SELECT * FROM every ORDER BY id")).Rows
	for _, function := range []string{"untouched", "rebuilt"} {
		same(function, good(guest.Transform(function, source, guest.Into(guest.Insert, "copies"))).RowsWritten, uint64(3))
		same(function, good(guest.Query("SELECT * FROM copies ORDER BY id")).Rows, every)
		good(guest.Execute("DELETE FROM copies"))
	}
	misfit := guest.NewBatch(2)
	misfit.Set(guest.Int64Column("id", []int64{1}))
	writer = good(guest.Write(guest.Into(guest.Insert, "copies")))
	_, err = writer.Write(misfit)
	failing("a misfit", err, guest.Failed, "the column `id` has 1 entries, and the batch 2 rows")
	good(writer.Finish())
	check(guest.AddColumn("copies", guest.ColumnDefinition{Name: "code", Type: guest.TypeVarchar(9), NotNull: true, Default: "y"}))
	check(guest.RenameColumn("copies", "code", "codes"))
	check(guest.CreateIndex(guest.IndexDefinition{Name: "by_code", Table: "copies", Columns: []string{"codes"}}))
	check(guest.DropIndex("copies", "by_code"))
	check(guest.DropColumn("copies", "codes"))
	check(guest.RenameTable(guest.InSchema(map[bool]string{true: "main", false: "public"}[sqlite()], "copies"), "doubles"))
	check(guest.DropTable("doubles"))
	failing("no table", guest.DropTable("doubles"), guest.Syntax, "doubles")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func texts(all ...string) guest.Texts {
	made := guest.MakeTexts(len(all), 0)
	for _, text := range all {
		made.Append(text)
	}
	return made
}

// The same batch, of new columns.
func rebuilt(batch *guest.Batch) (*guest.Batch, error) {
	made := guest.NewBatch(batch.Rows())
	for _, column := range batch.Columns() {
		copied := *column
		if ints, err := column.Int64s(); err == nil && column.Type == guest.TypeInt64 {
			copied = *guest.Int64Column(column.Name, slices.Clone(ints))
		} else if err := copied.MapTexts(func(to, text []byte) []byte { return append(to, text...) }); err == nil && column.Type == guest.TypeText {
			copied.SetNull(0, false)
		}
		for row := range batch.Rows() {
			copied.SetNull(row, column.IsNull(row))
		}
		made.Set(&copied)
	}
	return made, nil
}

func numbers(batch *guest.Batch) (*guest.Batch, error) {
	ids, n := good(batch.Int64s("id")), good(batch.Int64s("n"))
	for row := range n {
		n[row]++
	}
	row := 0
	return batch, batch.MapTexts("name", func(to, text []byte) []byte {
		to = fmt.Appendf(append(to, strings.ToLower(string(text))...), " %t", guest.RandomOf(ids[row]) < 1)
		row++
		return to
	})
}

func even(batch *guest.Batch) (*guest.Batch, error) {
	kept := guest.NewBatch(0)
	ids := []int64{}
	for _, id := range good(batch.Int64s("id")) {
		if id%2 == 0 {
			ids = append(ids, id)
		}
	}
	kept = guest.NewBatch(len(ids))
	kept.Set(guest.Int64Column("id", ids))
	return kept, nil
}

func fails(batch *guest.Batch) (*guest.Batch, error) {
	return nil, batch.Errorf(1, "too many: %d", batch.Rows())
}

func panics(batch *guest.Batch) (*guest.Batch, error) {
	var none []int
	return batch, fmt.Errorf("%d", none[batch.Rows()])
}

func misfit(batch *guest.Batch) (*guest.Batch, error) {
	batch.Set(guest.Int64Column("n", []int64{1}))
	return batch, nil
}

func transforms() {
	good(guest.Execute("CREATE TABLE many (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, n INTEGER NOT NULL)"))
	good(guest.Execute("INSERT INTO many WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 40000) " +
		"SELECT i, 'Name No. ' || i, i FROM c"))
	report := good(guest.Transform("numbers", guest.From("many", "name", "n"), guest.Into(guest.Update, "many")))
	same("report", []any{report.RowsRead, report.RowsWritten, report.Chunks > 1}, []any{uint64(40000), uint64(40000), true})
	same("transformed", good(guest.Query("SELECT count(*), sum(n - id) FROM many WHERE name LIKE 'name no%'")).Rows[0],
		[]any{int64(40000), int64(40000)})
	same("a name", good(guest.QueryValue[string]("SELECT name FROM many WHERE id = 1")), "name no. 1 true")
	good(guest.Execute("CREATE TABLE evens (id INTEGER NOT NULL PRIMARY KEY)"))
	some := guest.From("many", "id").Where(sql("id <= ?"), 1000)
	same("fewer rows", good(guest.Transform("even", some, guest.Into(guest.Insert, "evens"))).RowsWritten, uint64(500))
	some.Descending = true
	same("descending", good(batchOf(some).Int64s("id"))[0], int64(1000))
	rows, last := 0, int64(0)
	for batch, err := range good(guest.Read("SELECT id, n FROM many ORDER BY id")).Batches() {
		check(err)
		rows += batch.Rows()
		last = good(batch.Int64s("id"))[batch.Rows()-1]
	}
	same("all rows", []any{rows, last}, []any{40000, int64(40000)})
	for range 1500 {
		good(guest.ReadTable(some)).Close()
	}
	writer := good(guest.Write(guest.Target{Table: "many", Mode: guest.Update, Key: []string{"id"}}))
	for batch, err := range good(guest.ReadTable(guest.From("many", "n"))).Batches() {
		check(err)
		for n := range good(batch.Int64s("n")) {
			good(batch.Int64s("n"))[n]--
		}
		good(writer.Write(batch))
	}
	same("updated", good(writer.Finish()), uint64(40000))
	same("sum", good(guest.QueryValue[int64]("SELECT sum(n - id) FROM many")), int64(0))
	_, err := guest.Transform("nothing", guest.From("many"), guest.Into(guest.Update, "many"))
	failing("nothing", err, guest.Failed, "there is no batch function `nothing`")
	// A batch function that fails ends the migration: the operator says which.
	if function, err := guest.Parameter[string]("failing"); err == nil {
		good(guest.Transform(function, guest.From("many", "name", "n").Where("id <= 1000"), guest.Into(guest.Update, "many")))
	}
}

func batchOf(source guest.Source) *guest.Batch { return good(good(guest.ReadTable(source)).Next()) }

func context() {
	same("dialect", guest.CurrentDialect().String(), map[bool]string{true: "SQLite", false: "PostgreSQL"}[sqlite()])
	same("version", guest.ServerVersion()[:2] == "3.", sqlite())
	same("parameters", guest.Parameters(), map[string]any{"country": "CH", "limit": int64(7), "rate": 1.5, "strict": true})
	same("parameter", good(guest.Parameter[int64]("limit")), int64(7))
	_, err := guest.Parameter[string]("limit")
	failing("a parameter", err, guest.InvalidArgument, "is a int64, not a string")
	same("time", []any{time.Now().UTC().Round(0), time.Now().Location().String()}, []any{guest.RunTime(), "Local"})
	same("asset", string(good(guest.ReadAsset("names.txt"))), "Zürich\n")
	_, err = guest.OpenAsset("missing.txt")
	failing("no asset", err, guest.InvalidArgument, "missing.txt")
	asset := good(guest.OpenAsset("names.txt"))
	same("size", []any{asset.Size(), string(good(io.ReadAll(asset)))}, []any{uint64(8), "Zürich\n"})
	check(asset.Close())
	same("chance", []any{guest.RandomOf(1) == guest.RandomOf(1), guest.RandomOf("1") == guest.RandomOf(1), guest.NewRand("a").Uint64() ==
		guest.NewRand("a").Uint64(), guest.NewRand("a").Uint64() == guest.NewRand("b").Uint64()}, []any{true, false, true, false})
	// What differs from run to run in an ordinary program: a verification of the run compares it.
	bytes := make([]byte, 9)
	good(cryptorand.Read(bytes))
	order := []string{}
	for key := range map[string]bool{"a": true, "b": true, "c": true, "d": true} {
		order = append(order, key)
	}
	done := make(chan string, 3)
	for i := range 3 {
		go func() { done <- fmt.Sprint("goroutine ", i) }()
	}
	for range 3 {
		order = append(order, <-done)
	}
	good(guest.Execute("CREATE TABLE chance (x TEXT, seed TEXT)"))
	good(guest.Execute(sql("INSERT INTO chance VALUES (?, ?)"), fmt.Sprintf("%x %v %v", bytes, order, time.Now()), fmt.Sprint(guest.Seed())))
	guest.Progress(1, 2, "checks")
	guest.Progress(2, 0, "checks")
	guest.Debugf("%d", 1)
	guest.Warnf("a line\nand another")
}

func upgrade() error {
	for _, part := range []func(){statements, everyType, transforms, context} {
		part()
	}
	if failures != nil {
		return &guest.Error{Kind: guest.Failed, Message: fmt.Sprintf("%d checks failed", len(failures)), Detail: strings.Join(failures, " | ")}
	}
	return nil
}

func downgrade() error {
	for _, table := range []string{"v", "every", "many", "evens", "chance"} {
		if err := guest.DropTable(guest.Table(table)); err != nil {
			return err
		}
	}
	return nil
}
