package guest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func batch() *Batch {
	made := NewBatch(3)
	made.Set(Int64Column("id", []int64{7, 8, 9}))
	made.Set(TextColumn("name", []string{" Ada ", "", "Zürich"}))
	return made
}

func TestTextsAreMappedWithoutNulls(t *testing.T) {
	rows := batch()
	rows.Columns()[1].SetNull(1, true)
	err := rows.MapTexts("name", func(to, text []byte) []byte { return append(append(to, text...), '!') })
	texts, _ := rows.Texts("name")
	if err != nil || !reflect.DeepEqual(texts.Offsets, []uint32{0, 6, 6, 14}) || string(texts.Data) != " Ada !Zürich!" {
		t.Fatal(err, texts)
	}
	if name := rows.Columns()[1]; name.Value(1) != nil || name.Value(2) != "Zürich!" {
		t.Fatal(name)
	}
}

func TestEntriesAreChangedInPlace(t *testing.T) {
	rows := batch()
	ids, err := rows.Int64s("id")
	ids[0] = 1
	if again, _ := rows.Int64s("id"); err != nil || again[0] != 1 {
		t.Fatal(again, err)
	}
	rows.Drop("name")
	if _, err := rows.Texts("name"); err == nil || err.Error() != "the batch has no column `name`; its columns are `id`" {
		t.Fatal(err)
	}
	if _, err := rows.Float64s("id"); err == nil || err.Error() != "the column `id` holds int64, not 64-bit floating-point numbers" {
		t.Fatal(err)
	}
}

func TestNullsAloneHaveAnyType(t *testing.T) {
	nulls := func(columnType ColumnType) *Column {
		made := &Column{Name: "v", Type: TypeText, texts: Texts{Offsets: make([]uint32, 3)}, nulls: []byte{1, 1}}
		if !made.becomes(columnType) {
			t.Fatal(columnType)
		}
		return made
	}
	for columnType := TypeBool; columnType <= TypeNative; columnType++ {
		for name, entries := range map[string]func(*Column) (int, error){
			"int64s":   func(c *Column) (int, error) { found, err := c.Int64s(); return len(found), err },
			"float64s": func(c *Column) (int, error) { found, err := c.Float64s(); return len(found), err },
			"bools":    func(c *Column) (int, error) { found, err := c.Bools(); return len(found), err },
			"dates":    func(c *Column) (int, error) { found, err := c.Dates(); return len(found), err },
			"uuids":    func(c *Column) (int, error) { found, err := c.UUIDs(); return len(found) / 2, err },
			"texts": func(c *Column) (int, error) {
				found, err := c.Texts()
				if err != nil {
					return 0, err
				}
				return found.Len(), c.MapTexts(func(to, _ []byte) []byte { return append(to, "not called"...) })
			},
		} {
			column := nulls(columnType)
			if size, err := entries(column); err != nil || size != 2 || column.Len() != 2 || column.Value(0) != nil || !column.IsNull(1) {
				t.Fatal(columnType, name, size, err)
			}
		}
	}
	one := nulls(TypeText)
	one.SetNull(1, false)
	if _, err := one.Float64s(); err == nil || one.Type != TypeText {
		t.Fatal(err)
	}
}

func TestTypesAreThoseOfColumnsThatAreRead(t *testing.T) {
	source := From("t", "id")
	source.ReadAs = map[string]ColumnType{"id": TypeText, "price": TypeDecimal, "name": TypeText}
	_, reading := ReadTable(source)
	_, transforming := Transform("f", source, Into(Update, "t"))
	for _, err := range []error{reading, transforming} {
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != InvalidArgument || failure.Message != "ReadAs has the column `name`, which is not in Columns" {
			t.Fatal(err)
		}
	}
	source.Columns = []string{"id", "name", "price"}
	// It gets as far as the host, of which there is none.
	if _, err := ReadTable(source); err == nil || !strings.Contains(err.Error(), "there is no database") {
		t.Fatal(err)
	}
}

func TestMistakesAreTold(t *testing.T) {
	rows := batch()
	if err := rows.Errorf(2, "no such %s", "city"); err.Error() != "row 2 of the batch (`id` is 9): no such city" {
		t.Fatal(err)
	}
	rows.Set(BoolColumn("short", []bool{true}))
	migration := &Migration{Transforms: map[string]func(*Batch) (*Batch, error){
		"same": func(given *Batch) (*Batch, error) { return given, nil },
		"none": func(*Batch) (*Batch, error) { return nil, nil },
	}}
	for name, part := range map[string]string{"same": "`short` has 1 entries", "none": "returned no batch", "other": "Transforms"} {
		if _, err := migration.transform(name, rows); err == nil || !strings.Contains(err.Error(), part) {
			t.Fatal(name, err)
		}
	}
	err := guarded(func() error { panic("on purpose") })
	if err == nil || !strings.HasPrefix(err.Error(), "panic: on purpose") {
		t.Fatal(err)
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("", 3600)
	at := time.Date(1969, 12, 31, 23, 30, 0, 1000, zone)
	if DateOf(at) != -1 || DateOf(at).String() != "1969-12-31" {
		t.Fatal(DateOf(at))
	}
	if shown := TimestampOf(at); shown.Time().Hour() != 23 || !shown.In(zone).Equal(at) {
		t.Fatal(shown)
	}
}

func TestTimesAreExactOrAnError(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 1500, time.FixedZone("", 3600))
	_, err := normals([]any{at})
	var failure *Error
	if !errors.As(err, &failure) || failure.Kind != Conversion || err.Error() != "parameter 1: the time 2026-03-01T09:30:00.0000015+01:00 is "+
		"finer than a microsecond, and databases are not: use Truncate(time.Microsecond) or Round" {
		t.Fatal(err)
	}
	if _, err := (ColumnDefinition{Name: "at", Default: at}).normal(); err == nil || !strings.HasPrefix(err.Error(), "the default of the column `at`: ") {
		t.Fatal(err)
	}
	if _, err := (Source{Parameters: []any{at}}).normal(); err == nil {
		t.Fatal("a parameter of a source is not looked at")
	}
	for _, good := range []time.Time{{}, at.Truncate(time.Microsecond), time.UnixMicro(math.MinInt64), time.UnixMicro(math.MaxInt64)} {
		if got, err := normals([]any{good}); err != nil || got[0] != good {
			t.Fatal(good, err)
		}
	}
	end := time.UnixMicro(math.MaxInt64)
	for name, function := range map[string]func(){
		"finer than a microsecond":            func() { TimestampOf(at) },
		"the year 300000 is beyond":           func() { TimestampOf(time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"the year 294247 is beyond":           func() { TimestampOf(end.In(time.FixedZone("", 1))) },
		"the year 6000000 is beyond those of": func() { DateOf(time.Date(6000000, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		if err := guarded(func() error { function(); return nil }); err == nil || !strings.Contains(err.Error(), name) {
			t.Error(name, err)
		}
	}
	for _, wrong := range []time.Time{time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-300000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if _, err := normals([]any{wrong}); err == nil || !strings.Contains(err.Error(), "is beyond") {
			t.Error(wrong, err)
		}
	}
	if TimestampOf(end.UTC()) != math.MaxInt64 || DateOf(time.Time{}) != -719_162 || DateOf(end.UTC()).Time().Year() != 294247 {
		t.Error("what fits is refused")
	}
}

func TestNilIsNull(t *testing.T) {
	got, err := normals([]any{[]byte(nil), []byte{}, nil})
	if empty, good := got[1].([]byte); err != nil || got[0] != nil || !good || empty == nil || got[2] != nil {
		t.Fatal(got, err)
	}
	for _, null := range []any{(*string)(nil), (*int64)(nil), (*time.Time)(nil), sql.NullString{}, &sql.NullInt64{}, (*sql.NullInt64)(nil)} {
		if values, err := normals([]any{null}); err != nil || values[0] != nil {
			t.Error(values, err)
		}
	}
	// Types over []byte may be anything.
	for _, wrong := range []any{json.RawMessage(nil), json.RawMessage("{}"), []string(nil), struct{}{}} {
		if _, err := normals([]any{wrong}); err == nil || !strings.HasSuffix(err.Error(), "is not one that a database takes") {
			t.Error(err)
		}
	}
}

func TestValuesAreThoseOfDatabaseSQL(t *testing.T) {
	type age int16
	type word string
	type flag bool
	seven, name := 7, "Ada"
	got, err := normals([]any{age(3), word("x"), flag(true), &seven, &name, sql.NullInt64{Int64: 5, Valid: true}, &sql.NullString{String: "y", Valid: true}})
	if want := []any{int64(3), "x", true, int64(7), "Ada", int64(5), "y"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Fatal(got, err)
	}
}

func TestANewColumnHasNullsInOnePass(t *testing.T) {
	at := time.UnixMicro(5).UTC()
	for columnType, value := range map[ColumnType]any{TypeBool: true, TypeInt64: int64(7), TypeFloat64: 1.5, TypeText: "Zürich", TypeDate: Date(3),
		TypeTime: TimeOfDay(4), TypeTimestamp: Timestamp(-1), TypeTimestampTZ: at} {
		column, err := NullableColumn("v", columnType, 3, func(row int) any { return []any{nil, value, nil}[row] })
		if err != nil || column.Len() != 3 || column.Value(0) != nil || column.Value(1) != value || column.Value(2) != nil {
			t.Error(columnType, column, err)
		}
		_, err = NullableColumn("v", columnType, 1, func(int) any { return struct{}{} })
		if err == nil || err.Error() != fmt.Sprintf("entry 0 of the column `v`: a struct {} is not of the type %s", columnType) {
			t.Error(err)
		}
	}
}

func TestTypesOfTablesAreNotOfBatches(t *testing.T) {
	source := From("t", "a")
	source.ReadAs = map[string]ColumnType{"a": TypeVarchar(9)}
	if _, err := source.normal(); err == nil || err.Error() != "the column `a` cannot be read as varchar(9), which is a type of tables alone" {
		t.Error(err)
	}
	for _, wrong := range []ColumnType{TypeDecimal, TypeNative, 99} {
		if _, err := (ColumnDefinition{Name: "a", Type: wrong}).normal(); err == nil || !strings.Contains(err.Error(), "cannot be of the type "+wrong.String()) {
			t.Error(err)
		}
	}
	if shown := TypeDecimalOf(10, 2).String(); shown != "decimal(10, 2)" || InSchema("s", "t").String() != "s.t" {
		t.Error(shown)
	}
}

func TestEverythingIsReadableInMessages(t *testing.T) {
	busy := &Error{Kind: Busy, Code: "55P03", Message: "the table is locked"}
	for expected, value := range map[string]any{
		"busy": busy.Kind, "invalid argument": InvalidArgument, "99": ErrorKind(99), "the table is locked": busy, "stepwise": Stepwise,
		"upsert": Upsert, "set null": SetNull, "cell_bytes": CellBytes, "MariaDB": MariaDB, "native": TypeNative,
		"1969-12-31 23:59:59.5": Timestamp(-500_000), "1970-01-01 00:00:00": Timestamp(0), "09:30:00.25": TimeOfDay(34_200_250_000),
		"24:00:00": TimeOfDay(86_400_000_000), "2026-03-01": Date(20513),
	} {
		if v, s := fmt.Sprintf("%v", value), fmt.Sprintf("%s", value); v != expected || s != expected {
			t.Error(expected, v, s)
		}
	}
	rows := NewBatch(1)
	rows.Set(MicrosColumn("at", TypeTimestamp, []int64{500_000}))
	if err := rows.Errorf(0, "too late"); err.Error() != "row 0 of the batch (`at` is 1970-01-01 00:00:00.5): too late" {
		t.Error(err)
	}
}

func TestValues(t *testing.T) {
	id := UUID{0x9b, 15: 1}
	if column := UUIDColumn("id", []UUID{id}); column.Value(0) != id || column.Len() != 1 {
		t.Fatal(column)
	}
	for _, wrong := range []any{struct{}{}, uint64(1 << 63), []int{1}} {
		if _, err := normals([]any{1, wrong}); err == nil || !strings.HasPrefix(err.Error(), "parameter 2: ") {
			t.Fatal(wrong, err)
		}
	}
	if got, err := normals([]any{int8(-1), uint32(7), float32(0.5), nil}); err != nil || !reflect.DeepEqual(got, []any{int64(-1), int64(7), 0.5, nil}) {
		t.Fatal(got, err)
	}
}
