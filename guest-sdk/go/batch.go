package guest

import (
	"fmt"
	"strings"
	"unsafe"
)

// Column is a column of a batch: the entries of all rows.
type Column struct {
	// Name is its name.
	Name string
	// Type is the type of its entries.
	Type ColumnType
	// TypeName is the database's own name of the type TypeNative.
	TypeName string

	// One byte for each row, 1 for NULL; empty without NULLs. An entry that is NULL has no meaning.
	nulls []byte
	// The entries of the types of fixed length, one of these; those of the others are texts.
	bytes  []byte
	words  []uint64
	halves []uint32
	texts  Texts
}

// IsNull says whether the entry of a row is NULL.
func (c *Column) IsNull(row int) bool { return len(c.nulls) > row && c.nulls[row] != 0 }

// SetNull makes the entry of a row NULL, or not. Such an entry has no meaning.
func (c *Column) SetNull(row int, null bool) {
	if null && len(c.nulls) == 0 {
		c.nulls = make([]byte, c.Len())
	}
	if null {
		c.nulls[row] = 1
	} else if len(c.nulls) > row {
		c.nulls[row] = 0
	}
}

// Len is the number of entries.
func (c *Column) Len() int {
	switch {
	case c.isText():
		return c.texts.Len()
	case c.Type == TypeUUID:
		return len(c.words) / 2
	case c.Type == TypeDate:
		return len(c.halves)
	case c.Type == TypeBool:
		return len(c.bytes)
	}
	return len(c.words)
}

func (c *Column) isText() bool {
	switch c.Type {
	case TypeText, TypeBytes, TypeDecimal, TypeJSON, TypeNative:
		return true
	}
	return false
}

// Whether the column is of a type. One of nothing but NULLs becomes one of that type: a database may not know theirs.
func (c *Column) becomes(columnType ColumnType) bool {
	if c.Type == columnType {
		return true
	}
	rows := c.Len()
	for row := range rows {
		if !c.IsNull(row) {
			return false
		}
	}
	*c = Column{Name: c.Name, Type: columnType, nulls: c.nulls}
	switch {
	case c.isText():
		c.texts = Texts{Offsets: make([]uint32, rows+1)}
	case columnType == TypeUUID:
		c.words = make([]uint64, 2*rows)
	case columnType == TypeDate:
		c.halves = make([]uint32, rows)
	case columnType == TypeBool:
		c.bytes = make([]byte, rows)
	default:
		c.words = make([]uint64, rows)
	}
	return true
}

// Int64s are the entries of the types int64, time, timestamp and timestamptz, to read and to change. Here and in its siblings, a column
// of nothing but NULLs becomes one of the type that is asked for: a database may not know theirs.
func (c *Column) Int64s() ([]int64, error) {
	switch c.Type {
	case TypeInt64, TypeTime, TypeTimestamp, TypeTimestampTZ:
		return as[int64](c.words), nil
	}
	if !c.becomes(TypeInt64) {
		return nil, c.not("64-bit integers")
	}
	return as[int64](c.words), nil
}

// Float64s are the entries of the type float64, to read and to change.
func (c *Column) Float64s() ([]float64, error) {
	if !c.becomes(TypeFloat64) {
		return nil, c.not("64-bit floating-point numbers")
	}
	return as[float64](c.words), nil
}

// Bools are the entries of the type boolean, to read and to change.
func (c *Column) Bools() ([]bool, error) {
	if !c.becomes(TypeBool) {
		return nil, c.not("booleans")
	}
	return as[bool](c.bytes), nil
}

// Dates are the entries of the type date, to read and to change.
func (c *Column) Dates() ([]Date, error) {
	if !c.becomes(TypeDate) {
		return nil, c.not("dates")
	}
	return as[Date](c.halves), nil
}

// UUIDs are the entries of the type uuid: two numbers for each row, the first and the last eight bytes.
func (c *Column) UUIDs() ([]uint64, error) {
	if !c.becomes(TypeUUID) {
		return nil, c.not("UUIDs")
	}
	return c.words, nil
}

// Texts are the entries of the types text, bytes, decimal, json and native.
func (c *Column) Texts() (*Texts, error) {
	if !c.isText() && !c.becomes(TypeText) {
		return nil, c.not("texts")
	}
	return &c.texts, nil
}

// MapTexts replaces each text that is not NULL by what the function returns. The function may append to the empty slice that it is
// given: then no call allocates anything.
func (c *Column) MapTexts(function func(to, text []byte) []byte) error {
	texts, err := c.Texts()
	if err != nil {
		return err
	}
	made := MakeTexts(texts.Len(), len(texts.Data))
	for row := range texts.Len() {
		if !c.IsNull(row) {
			end := len(made.Data)
			made.Data = append(made.Data, function(made.Data[end:end], texts.At(row))...)
		}
		made.End()
	}
	*texts = made
	return nil
}

func (c *Column) not(what string) error {
	return fmt.Errorf("the column `%s` holds %s, not %s", c.Name, c.Type, what)
}

// The memory of one type of numbers as another of the same size.
func as[To, From any](from []From) []To {
	return unsafe.Slice((*To)(unsafe.Pointer(unsafe.SliceData(from))), len(from))
}

// Batch is rows as columns.
type Batch struct {
	rows    int
	columns []*Column
	// Whether it is the chunk that the host has passed, which knows the keys of its rows.
	ofChunk bool
}

// NewBatch is a batch of so many rows, without columns.
func NewBatch(rows int) *Batch { return &Batch{rows: rows} }

// Rows is the number of rows.
func (b *Batch) Rows() int { return b.rows }

// Columns are the columns.
func (b *Batch) Columns() []*Column { return b.columns }

// Column is the column of this name.
func (b *Batch) Column(name string) (*Column, error) {
	for _, column := range b.columns {
		if column.Name == name {
			return column, nil
		}
	}
	var names []string
	for _, column := range b.columns {
		names = append(names, "`"+column.Name+"`")
	}
	return nil, fmt.Errorf("the batch has no column `%s`; its columns are %s", name, strings.Join(names, ", "))
}

// Int64s are the entries of a column: see [Column.Int64s].
func (b *Batch) Int64s(name string) ([]int64, error) { return of(b, name, (*Column).Int64s) }

// Float64s are the entries of a column: see [Column.Float64s].
func (b *Batch) Float64s(name string) ([]float64, error) { return of(b, name, (*Column).Float64s) }

// Bools are the entries of a column: see [Column.Bools].
func (b *Batch) Bools(name string) ([]bool, error) { return of(b, name, (*Column).Bools) }

// Dates are the entries of a column: see [Column.Dates].
func (b *Batch) Dates(name string) ([]Date, error) { return of(b, name, (*Column).Dates) }

// UUIDs are the entries of a column: see [Column.UUIDs].
func (b *Batch) UUIDs(name string) ([]uint64, error) { return of(b, name, (*Column).UUIDs) }

// Texts are the entries of a column: see [Column.Texts].
func (b *Batch) Texts(name string) (*Texts, error) { return of(b, name, (*Column).Texts) }

// MapTexts replaces the texts of a column: see [Column.MapTexts].
func (b *Batch) MapTexts(name string, function func(to, text []byte) []byte) error {
	column, err := b.Column(name)
	if err != nil {
		return err
	}
	return column.MapTexts(function)
}

func of[T any](b *Batch, name string, entries func(*Column) (T, error)) (T, error) {
	column, err := b.Column(name)
	if err != nil {
		var none T
		return none, err
	}
	return entries(column)
}

// Set adds a column, or replaces the one of its name.
func (b *Batch) Set(column *Column) {
	for i, there := range b.columns {
		if there.Name == column.Name {
			b.columns[i] = column
			return
		}
	}
	b.columns = append(b.columns, column)
}

// Drop removes columns.
func (b *Batch) Drop(names ...string) {
	kept := b.columns[:0]
	for _, column := range b.columns {
		if !contains(names, column.Name) {
			kept = append(kept, column)
		}
	}
	b.columns = kept
}

func contains(names []string, name string) bool {
	for _, known := range names {
		if known == name {
			return true
		}
	}
	return false
}

// Errorf is an error of a row, which it names. In a batch function, the operator is told the row's key and its values; elsewhere, its number in
// the batch and its first column.
func (b *Batch) Errorf(row int, format string, arguments ...any) error {
	if b.ofChunk {
		// The host knows its key.
		return fmt.Errorf("{row %d}: %w", row, fmt.Errorf(format, arguments...))
	}
	place := fmt.Sprintf("row %d of the batch", row)
	if len(b.columns) > 0 {
		place += fmt.Sprintf(" (`%s` is %s)", b.columns[0].Name, b.columns[0].shown(row))
	}
	return fmt.Errorf("%s: %w", place, fmt.Errorf(format, arguments...))
}

// What the host would refuse, in a message that names the column.
func (b *Batch) check() error {
	for _, column := range b.columns {
		if column.Len() != b.rows {
			return fmt.Errorf("the column `%s` has %d entries, and the batch %d rows", column.Name, column.Len(), b.rows)
		}
		if len(column.nulls) != 0 && len(column.nulls) != b.rows {
			return fmt.Errorf("the column `%s` says of %d entries whether they are NULL, and the batch has %d rows", column.Name,
				len(column.nulls), b.rows)
		}
	}
	return nil
}
